/** Where notices go, ready made. Any function is a channel. */
import type { MaybePromise } from '../../core/handler.ts'
import type { Log, LogLevel } from '../../core/log.ts'
import { consoleLog } from '../../core/log.ts'
import type { AlertChannel, AlertNotice, AlertSeverity } from './notice.ts'
import { noticeFacts, noticeText } from './notice.ts'
import type { PostOptions } from './post.ts'
import { poster, postRisks } from './post.ts'

const LEVELS: Readonly<Record<AlertSeverity, LogLevel>> = { medium: 'warn', high: 'error', critical: 'error' }

/**
 * Writes notices to a log (`consoleLog`): medium as `warn`, high and critical as `error`, and critical as `security` too;
 * resolved as `info`.
 *
 * @example
 * createAlerts({ rules, channels: [alertLog(log), (notice) => page(notice.name)] })
 */
export function alertLog(log: Log = consoleLog): AlertChannel {
  if (typeof log !== 'function') throw new TypeError('alertLog: log must be a function')
  return function alertLog(notice) {
    // A record has a time of its own.
    const { name, time: _, ...fields } = notice
    const { event, severity } = notice
    const record = { message: noticeText(notice), alert: name, ...fields }
    const isOver = event === 'alert:resolved'
    log({ level: isOver ? 'info' : LEVELS[severity], ...record })
    if (severity === 'critical' && !isOver) log({ level: 'security', ...record })
  }
}

/** A message as mail has it. */
export interface AlertMail {
  /** One line of at most 200 characters, without control characters. */
  readonly subject: string
  readonly text: string
}

/**
 * Hands each notice to a function that sends it as mail, as plain text.
 *
 * @example
 * createAlerts({ rules, channels: [alertMail((mail) => transport.sendMail({ from, to, ...mail }))] })
 */
export function alertMail(send: (mail: AlertMail, signal: AbortSignal) => MaybePromise<unknown>): AlertChannel {
  if (typeof send !== 'function') throw new TypeError('alertMail: needs a function that sends')
  return function alertMail(notice, signal) {
    const text = noticeFacts(notice).map(([name, fact]) => `${name}: ${line(fact)}\n`).join('')
    const subject = line(noticeText(notice))
    return send({ subject: subject.slice(0, 200), text: `${subject}\n\n${text}` }, signal)
  }
}

/** On one line, so that nothing in it can become a header, or another line. */
function line(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
}

/** Options of {@link alertSlack}. */
export type AlertSlackOptions = PostOptions

/**
 * Posts notices to an incoming webhook of Slack, or of what takes the same: Mattermost, Rocket.Chat, and Discord with
 * `/slack` at the end of the address. Who has the address can post: keep it as a secret.
 *
 * Throws: when made: TypeError if `url` is no https URL, without showing it.
 *
 * @example
 * createAlerts({ rules, channels: [alertSlack({ url: process.env.SLACK_URL })] })
 */
export function alertSlack(options: AlertSlackOptions): AlertChannel {
  const post = poster('alertSlack', options)
  const alertSlack: AlertChannel = (notice, signal) => {
    const body = JSON.stringify(slackMessage(notice))
    return post(() => Promise.resolve({ headers: { 'content-type': 'application/json' }, body }), signal)
  }
  return Object.assign(alertSlack, { '~risks': postRisks('alertSlack', options) })
}

const MARKS: Readonly<Record<AlertSeverity, string>> = { medium: '🟡', high: '🟠', critical: '🔴' }

function slackMessage(notice: AlertNotice): object {
  const mark = notice.event === 'alert:resolved' ? '🟢' : MARKS[notice.severity]
  const text = `${mark} ${line(noticeText(notice))}`
  return {
    // Alone in notifications, and wherever there are no blocks.
    text: escaped(text),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: text.slice(0, 150) } },
      {
        type: 'section',
        fields: noticeFacts(notice).map(([name, fact]) => ({
          type: 'mrkdwn',
          text: escaped(`*${name}*\n${line(fact)}`).slice(0, 2_000),
        })),
      },
    ],
  }
}

/** What Slack takes for a link, a mention or an entity. */
function escaped(text: string): string {
  return text.replace(/[&<>]/g, (char) => char === '&' ? '&amp;' : char === '<' ? '&lt;' : '&gt;')
}
