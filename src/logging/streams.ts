/**
 * Sorts lines into several sinks: what a defender, an auditor or whoever is on call reads should not lie among all
 * else.
 */
import { isPromise } from '../core/handler.ts'
import type { LineSink, LogRecord } from '../core/log.ts'

/** Where lines go. A line goes to each sink it belongs to, once. */
export interface Streams {
  /** Lines of level `error`: among them every response with a status of 500 or more. (nowhere of their own) */
  readonly error?: LineSink | undefined
  /**
   * Lines of level `security`, and of requests about which a guard recorded something: refused, would refuse, could not
   * decide, suspicious, altered. What limits recorded only if there is no `rateLimit`. (nowhere of their own)
   */
  readonly security?: LineSink | undefined
  /**
   * Lines of requests about which a limit recorded something: `rate-limit`, `reserve`, `slow-down`, `concurrency` and
   * `shed`. (nowhere of their own)
   */
  readonly rateLimit?: LineSink | undefined
  /** Lines of level `audit`. (nowhere of their own) */
  readonly audit?: LineSink | undefined
  /** Lines of level `performance`. (nowhere of their own) */
  readonly performance?: LineSink | undefined
  /** Every line. (nowhere) */
  readonly all?: LineSink | undefined
  /** Lines that belong to none of the others but `all`. (nowhere) */
  readonly rest?: LineSink | undefined
}

const NAMES: readonly (keyof Streams)[] = ['error', 'security', 'rateLimit', 'audit', 'performance', 'all', 'rest']
const LIMITS: readonly unknown[] = ['rate-limit', 'reserve', 'slow-down', 'concurrency', 'shed']

/**
 * A sink that sorts lines by the records they were made of. One that throws does not keep a line from the others. A
 * line that comes without its record goes to `all` and `rest`.
 *
 * Throws a TypeError if one is no function, or its name is unknown.
 *
 * @example
 * accessLog({
 *   write: streams({
 *     error: fileLines('logs/error.log'),
 *     rateLimit: fileLines('logs/rate-limit.log'),
 *     all: fileLines('logs/app.log', { rotate: true }),
 *   }),
 * })
 */
export function streams(sinks: Streams): LineSink {
  for (const [name, sink] of Object.entries(sinks)) {
    if (!NAMES.includes(name as keyof Streams)) {
      throw new TypeError(`streams: '${name}' must be one of ${NAMES.join(', ')}`)
    }
    if (sink !== undefined && typeof sink !== 'function') throw new TypeError(`streams: ${name} must be a function`)
  }
  const { error, security, rateLimit, audit, performance, all, rest } = sinks

  const belongs = (record: LogRecord | undefined): LineSink[] => {
    const to = new Set<LineSink | undefined>()
    if (record !== undefined) {
      const { level } = record
      if (level === 'error') to.add(error)
      else if (level === 'audit') to.add(audit)
      else if (level === 'performance') to.add(performance)
      const about = recorded(record['events'])
      if (about.limit) to.add(rateLimit)
      if (level === 'security' || about.guard || (about.limit && rateLimit === undefined)) to.add(security)
    }
    to.delete(undefined)
    if (to.size === 0) to.add(rest)
    to.add(all)
    to.delete(undefined)
    return [...to] as LineSink[]
  }

  return (line, record) => {
    const waiting: Promise<unknown>[] = []
    for (const sink of belongs(record)) {
      try {
        const returned: unknown = sink(line, record)
        if (isPromise(returned)) waiting.push(returned)
      } catch (error) {
        waiting.push(Promise.reject(error))
      }
    }
    // Who calls counts what is lost.
    return waiting.length === 0 ? undefined : Promise.all(waiting)
  }
}

/** Did a limit record something, or another guard? */
function recorded(events: unknown): { readonly limit: boolean; readonly guard: boolean } {
  let limit = false
  let guard = false
  if (Array.isArray(events)) {
    for (const event of events as readonly (Readonly<Record<string, unknown>> | null | undefined)[]) {
      // A bug is no decision of a guard.
      if (typeof event?.['guard'] !== 'string' || event['kind'] === 'error') continue
      if (LIMITS.includes(event['guard'])) limit = true
      else guard = true
    }
  }
  return { limit, guard }
}
