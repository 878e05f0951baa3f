/**
 * Alerts: tells people when a number is beyond its threshold, and when it is no more.
 *
 * Rules are looked at, not fed: at most every few seconds, at the end of a request (`watchAlerts`) or by a timer (`start`).
 * Who is told is not flooded: the same again only after a while, a storm of rules so many a minute. Nothing here can touch a
 * request, and a channel that fails or hangs touches no other. All of it is the memory of one instance.
 */
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { createContext, onEnd } from '../core/context.ts'
import type { Wrapper } from '../core/handler.ts'
import { risky } from '../core/handler.ts'
import type { Log } from '../core/log.ts'
import { consoleLog } from '../core/log.ts'
import type { Duration } from '../core/quantity.ts'
import { count, milliseconds, show } from '../core/quantity.ts'
import type { StoreCall } from '../core/store.ts'
import { alertLog } from './alerts/channels.ts'
import { LOST } from './alerts/deadline.ts'
import { Lane } from './alerts/lane.ts'
import type { AlertChannel, AlertNotice } from './alerts/notice.ts'
import { isSeverity } from './alerts/notice.ts'
import { Reader } from './alerts/reader.ts'
import type { AlertRule } from './alerts/rules.ts'
import type { Alert, AlertChange } from './alerts/watch.ts'
import { Watch } from './alerts/watch.ts'

/** Options of {@link createAlerts}. */
export interface AlertsOptions {
  /** What to watch: `standardRules`, `errorRateRule`, `latencyRule`, `probeRule`, or yours. */
  readonly rules: readonly AlertRule[]
  /** Who is told. (`[alertLog()]`) */
  readonly channels?: readonly AlertChannel[] | undefined
  /** A rule that goes on firing, or fires again, is told once in so long; at once if it is worse than told. (`'5m'`) */
  readonly suppress?: Duration | undefined
  /** A rule is resolved when its value has been within the threshold for so long. (`'1m'`) */
  readonly resolveAfter?: Duration | undefined
  /** So many notices a minute, the worst first; the others wait. (20) */
  readonly maxPerMinute?: number | undefined
  /** Whose alerts these are: in every notice. (not told) */
  readonly service?: string | undefined
  /** Told once per outage that a rule cannot be read, or notices are lost. (`consoleLog`) */
  readonly log?: Log | undefined
  /** (the runtime's) */
  readonly clock?: Clock | undefined
}

/** What {@link createAlerts} makes. Its functions may be detached. */
export interface Alerts {
  /**
   * Looks at all rules, and resolves when what is due has been told. One look at a time: who asks meanwhile gets the same.
   * Never rejects.
   */
  readonly check: (call?: StoreCall) => Promise<void>
  /** For servers: looks now, and every so often (`'15s'`), until the function that it gives is called. Keeps no process alive. */
  readonly start: (every?: Duration) => () => void
  /** What fires, the worst first. */
  readonly active: () => readonly Alert[]
  /** The last 50 changes, the newest first. */
  readonly recent: () => readonly AlertChange[]
  /** Names of the rules of which the last look told nothing. */
  readonly unknown: () => readonly string[]
  /**
   * Tells nobody of this rule for so long, or until the function that it gives is called; what is then due is told at the
   * next look. Throws a TypeError if there is no such rule.
   */
  readonly silence: (name: string, duration: Duration) => () => void
  /** Notices that were lost: a channel failed, was too slow or hung. */
  readonly dropped: number
  /** For `watchAlerts`. */
  readonly '~risks': readonly string[]
}

const CHANGES = 50
const MINUTE = 60_000

/**
 * Makes alerts. Nothing is read, and no timer runs, until `check` or `start` is called, or a request ends in `watchAlerts`.
 *
 * A rule fires when its value is above its threshold (for as long as its `for`). It is told at once, again every `suppress`
 * while it lasts, and when it is resolved. How bad it is says by how much it is above: to 20 % `medium`, to 50 % `high`, beyond
 * that `critical`. A rule that cannot be read stays as it was. A channel is any function; each is told one notice after the
 * other, for 10 seconds at most.
 *
 * Throws a TypeError if a rule, a channel or another option is not usable.
 *
 * @example
 * const alerts = createAlerts({ rules: standardRules({ metrics }), channels: [alertLog(log), alertSlack({ url })] })
 */
export function createAlerts(options: AlertsOptions): Alerts {
  const { rules, channels = [alertLog()], service, log = consoleLog, clock = systemClock } = options
  const suppress = milliseconds(options.suppress ?? '5m', 'createAlerts: suppress')
  const resolveAfter = milliseconds(options.resolveAfter ?? '1m', 'createAlerts: resolveAfter')
  const most = count(options.maxPerMinute ?? 20, 'createAlerts: maxPerMinute')
  const watches = usableRules(rules).map((rule) => {
    const wait = rule.for === undefined ? 0 : milliseconds(rule.for, `createAlerts: for of the rule '${rule.name}'`)
    return { watch: new Watch(rule, { wait, resolveAfter, suppress }), reader: new Reader(rule, log) }
  })
  if (!Array.isArray(channels) || channels.some((channel) => typeof channel !== 'function')) {
    throw new TypeError('createAlerts: channels must be a list of functions')
  }
  if (service !== undefined && !isPlain(service)) {
    throw new TypeError(`createAlerts: service must be a short name, got ${show(service)}`)
  }
  const lanes = channels.map((channel, at) =>
    new Lane(channel, `channel ${at + 1}${channel.name === '' ? '' : ` (${channel.name})`}`, clock, log)
  )
  const recent: AlertChange[] = []
  let current: { readonly since: number; readonly done: Promise<void> } | undefined
  let minute = -Infinity
  let told = 0

  /** What there is to tell, the worst first, and no more than may be told this minute. */
  const notices = (now: number, time: string): readonly AlertNotice[] => {
    if (now - minute >= MINUTE) {
      minute = now
      told = 0
    }
    const due = watches.map(({ watch }) => watch).filter((watch) => watch.due(now) !== undefined)
      .sort((a, b) => b.urgency - a.urgency)
    const telling = due.slice(0, most - told)
    told += telling.length
    const withheld = due.length - telling.length
    return telling.map((watch) => watch.tell(now, { id: crypto.randomUUID(), time, withheld, service }))
  }

  const look = async (mine: object, call: StoreCall): Promise<void> => {
    const values = await Promise.all(watches.map(({ reader }) => reader.read(call)))
    if (current !== mine) return // given up: another look has taken its place
    current = undefined
    const now = clock.monotonic()
    const time = new Date(clock.now()).toISOString()
    for (const [at, { watch }] of watches.entries()) {
      const change = watch.look(values[at], now, time)
      if (change !== undefined && recent.unshift(change) > CHANGES) recent.pop()
    }
    const telling = notices(now, time)
    await Promise.all(lanes.map((lane) => lane.send(telling)))
  }

  const check: Alerts['check'] = (call) => {
    const since = clock.monotonic()
    if (current !== undefined && since - current.since < LOST) return current.done
    const { platform, waitUntil } = call ?? createContext()
    const done: Promise<void> = Promise.resolve().then(() => look(mine, { clock, platform, waitUntil }))
    const mine = { since, done }
    current = mine
    return done
  }

  return {
    check,
    start(every = '15s') {
      const ms = milliseconds(every, 'alerts.start: every')
      if (ms > 2_147_483_647) throw new TypeError(`alerts.start: every must be at most 24 days, got '${every}'`)
      const timer = setInterval(() => void check(), ms) as { unref?: () => void } | number
      if (typeof timer === 'object') timer.unref?.()
      void check()
      return () => clearInterval(timer as number)
    },
    active: () => {
      const now = clock.monotonic()
      return watches.toSorted((a, b) => b.watch.urgency - a.watch.urgency).flatMap(({ watch }) =>
        watch.alert(now) ?? []
      )
    },
    recent: () => [...recent],
    unknown: () => watches.flatMap(({ watch }) => watch.known ? [] : [watch.rule.name]),
    silence(name, duration) {
      const watch = watches.find((one) => one.watch.rule.name === name)?.watch
      if (watch === undefined) throw new TypeError(`alerts.silence: there is no rule ${show(name)}`)
      watch.silence(clock.monotonic() + milliseconds(duration, 'alerts.silence: duration'))
      return () => watch.silence(-Infinity)
    },
    get dropped() {
      return lanes.reduce((sum, lane) => sum + lane.dropped, 0)
    },
    '~risks': channels.flatMap((channel) => channel['~risks'] ?? []),
  }
}

function usableRules(rules: readonly AlertRule[]): readonly AlertRule[] {
  if (!Array.isArray(rules)) throw new TypeError('createAlerts: rules must be a list')
  const names = new Set<string>()
  for (const { name, threshold, value, unit, severity } of rules as readonly AlertRule[]) {
    if (!isPlain(name)) throw new TypeError(`createAlerts: a rule's name must be a short one, got ${show(name)}`)
    if (names.has(name)) throw new TypeError(`createAlerts: there are two rules '${name}'`)
    names.add(name)
    const rule = `createAlerts: the rule '${name}'`
    if (!Number.isFinite(threshold)) throw new TypeError(`${rule}: threshold must be a number, got ${show(threshold)}`)
    if (typeof value !== 'function') throw new TypeError(`${rule}: value must be a function`)
    if (unit !== undefined && (typeof unit !== 'string' || !/^[^\p{C}]{1,20}$/u.test(unit))) {
      throw new TypeError(`${rule}: unit must be a short text, got ${show(unit)}`)
    }
    if (severity !== undefined && !isSeverity(severity)) {
      throw new TypeError(`${rule}: severity must be 'medium', 'high' or 'critical', got ${show(severity)}`)
    }
  }
  return rules
}

/** Harmless in a subject, a line of a log and a chat. */
function isPlain(name: unknown): name is string {
  return typeof name === 'string' && /^[A-Za-z][\w .:/-]{0,63}$/.test(name)
}

/** Options of {@link watchAlerts}. */
export interface WatchAlertsOptions {
  readonly alerts: Alerts
  /** Looks at most so often. (`'15s'`) */
  readonly every?: Duration | undefined
}

/**
 * Looks at alerts when a request has ended, at most every so often, after the response: no timer, so it works on Workers. It
 * does not look while there are no requests: on servers, `alerts.start()` does. Goes into the slot `metrics` of a policy.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `alerts` is none, or `every` is no {@link Duration}.
 * Fails:   touches no request, whatever rules and channels do.
 * Costs:   0.2 µs; a look at the rules, 0.1 to 0.3 ms every so often, after the response.
 * Source:  —
 *
 * @example
 * policy({ ...api, metrics: compose(httpMetrics({ metrics }), watchAlerts({ alerts })) })
 */
export function watchAlerts(options: WatchAlertsOptions): Wrapper {
  const { alerts } = options
  if (typeof alerts?.check !== 'function') throw new TypeError('watchAlerts: alerts must be what createAlerts makes')
  const every = milliseconds(options.every ?? '15s', 'watchAlerts: every')
  let due = -Infinity
  const wrapper: Wrapper = (next) => (request, context) => {
    onEnd(context, () => {
      const now = context.clock.monotonic()
      if (now < due) return
      due = now + every
      context.waitUntil(alerts.check(context))
    })
    return next(request, context)
  }
  return risky(wrapper, alerts['~risks'])
}
