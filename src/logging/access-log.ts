import type { AttributeValue, Context, End } from '../core/context.ts'
import { onEnd } from '../core/context.ts'
import type { HasClientIp, HasPrincipal, HasRequestId } from '../core/facts.ts'
import { fieldName } from '../core/fields.ts'
import type { Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { LineSink, LogLevel } from '../core/log.ts'
import { consoleLines } from '../core/log.ts'
import { jsonLine, jsonString, REDACTED, secretKeys } from '../core/redact.ts'
import { rawPath } from '../core/request.ts'
import type { Test } from '../core/when.ts'
import { exemption } from '../core/when.ts'

/** Options of {@link accessLog}. */
export interface AccessLogOptions {
  /** Takes each line. (`console.log`) */
  readonly write?: LineSink | undefined
  /** Request headers to log, by name: what is not named here cannot leak. (`['user-agent']`) */
  readonly headers?: readonly string[] | undefined
  /** Log the query, with the values of secret-looking parameters redacted. (false) */
  readonly query?: boolean | undefined
  /** Requests not to log. Health checks that `health` answered never are. (none) */
  readonly skip?: Test | undefined
  /** More names or words that make a key secret, beside the built-in ones, e.g. `['iban', 'customerId']`. (none) */
  readonly redact?: readonly string[] | undefined
}

/**
 * Writes one JSON line per request, when its response has been sent, has broken, or was left behind.
 *
 * The line names what happened: time, level (by status), id, method, path, status, duration, bytes where the runtime tells,
 * client, principal, the chosen headers, the request's attributes, and what guards recorded. Headers are listed, not
 * excluded, and secrets are redacted by key, so a new header cannot leak; nothing in it can start a second line.
 *
 * Needs:   nothing; logs `requestId`, `clientIp` and `principal` where they are there.
 * Adds:    nothing.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `headers` holds no token, or `write` or `skip` is no function.
 * Fails:   a sink that throws is ignored; a request is never delayed.
 * Costs:   0.7 to 1.5 µs, and what the sink costs.
 * Source:  ASVS 5 16.2.1 to 16.2.5, 16.4.1.
 *
 * @example
 * accessLog({ write: fileLines('access.log'), skip: onPath('/static/*') })
 */
export function accessLog(options: AccessLogOptions = {}): Wrapper {
  const { write = consoleLines, query = false } = options
  if (typeof write !== 'function') throw new TypeError('accessLog: write must be a function')
  if (options.skip !== undefined && typeof options.skip !== 'function') {
    throw new TypeError('accessLog: skip must be a function')
  }
  const skip = options.skip && exemption(options.skip)
  const secret = secretKeys()
  const more = secretKeys((options.redact ?? []).flatMap(wordsOf))
  const isSecret = (key: string): boolean => secret(key) || more(key)
  const headers = (options.headers ?? ['user-agent']).map((header) => {
    const name = fieldName(header)
    return { name, label: `,${jsonString(name === 'user-agent' ? 'userAgent' : name)}:`, hidden: isSecret(name) }
  })
  const iso = isoTimes()

  const line = (request: Request, context: Context, started: number, { status, bytes, outcome }: End): string => {
    const { requestId, clientIp, principal } = context as Partial<HasRequestId & HasClientIp & HasPrincipal>
    const duration = Math.max(0, context.clock.monotonic() - started)
    let out = `{"time":"${iso(context.clock.now())}","level":"${levelOf(status)}","message":"request"`
    if (requestId !== undefined) out += `,"requestId":${jsonString(requestId)}`
    out += `,"method":${jsonString(request.method, 32)},"path":${jsonString(rawPath(request))}`
    if (query) out += queryField(request.url, isSecret)
    out += `,"status":${status},"durationMs":${Math.round(duration * 1_000) / 1_000}`
    if (bytes !== undefined) out += `,"bytes":${bytes}`
    if (outcome !== 'complete') out += `,"outcome":"${outcome === 'aborted' ? 'client_closed' : 'failed'}"`
    if (clientIp !== undefined) out += `,"client":${jsonString(clientIp)}`
    if (principal !== undefined) out += `,"principal":${jsonString(String(principal.id))}`
    for (const { name, label, hidden } of headers) {
      const value = request.headers.get(name)
      if (value !== null) out += label + (hidden ? `"${REDACTED}"` : jsonString(value, 512))
    }
    for (const name in context.attributes) out += attribute(name, context.attributes[name]!, isSecret)
    if (context.events.length > 0) out += `,"events":${jsonLine(context.events, isSecret)}`
    return out + '}'
  }

  return (next) => (request, context) => {
    if (skip?.(request, context)) return next(request, context)
    const started = context.clock.monotonic()
    onEnd(context, (end) => {
      if (context.attributes['health.check'] === true) return
      const written: unknown = write(line(request, context, started, end))
      // An async function passes for a sink; its rejection would end the process.
      if (isPromise(written)) written.then(undefined, () => {})
    })
    return next(request, context)
  }
}

/** `customerId` as the words that keys are split into, and as one. */
function wordsOf(name: string): string[] {
  const words = name.replace(/([a-z\d])([A-Z])/g, '$1 $2').toLowerCase().split(/[^\p{L}\d]+/u)
  return [words.join(' '), words.join('')]
}

function attribute(name: string, value: AttributeValue, secret: (key: string) => boolean): string {
  if (secret(name)) return `,${jsonString(name)}:"${REDACTED}"`
  return `,${jsonString(name)}:${typeof value === 'string' ? jsonString(value) : jsonLine(value)}`
}

function levelOf(status: number): LogLevel {
  return status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info'
}

/** ISO times, made once per millisecond. */
function isoTimes(): (ms: number) => string {
  let last = Number.NaN
  let text = ''
  return (ms) => {
    if (ms !== last) {
      last = ms
      text = new Date(ms).toISOString()
    }
    return text
  }
}

/** The query as an object, values of secret keys replaced; bounded by what it reads. */
function queryField(url: string, secret: (key: string) => boolean): string {
  const start = url.indexOf('?')
  if (start < 0) return ''
  const parameters = new URLSearchParams(url.slice(start + 1, start + 2_049))
  return `,"query":${jsonLine(new Map(parameters), secret)}`
}
