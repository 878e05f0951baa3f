import { systemClock } from '../core/clock.ts'
import type { End } from '../core/context.ts'
import { onEnd } from '../core/context.ts'
import type { Wrapper } from '../core/handler.ts'
import type { LineSink, LogLevel } from '../core/log.ts'
import { consoleLines } from '../core/log.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds, show } from '../core/quantity.ts'
import type { Redaction } from '../core/redact.ts'
import { standardRedaction } from '../core/redact.ts'
import type { Test } from '../core/when.ts'
import { exemption } from '../core/when.ts'
import { AccessLine } from './access-line.ts'
import { GuardedSink } from './guarded-sink.ts'

/** Options of {@link accessLog}. */
export interface AccessLogOptions {
  /** Takes each line; a list takes it in turn. (`console.log`) */
  readonly write?: LineSink | readonly LineSink[] | undefined
  /** Request headers to log, by name, URLs without their query: what is not named here cannot leak. (`['user-agent']`) */
  readonly headers?: readonly string[] | undefined
  /** Log the query, with the values of secret-looking parameters redacted. (false) */
  readonly query?: boolean | undefined
  /** Requests not to log. Health checks that `health` answered never are. (none) */
  readonly skip?: Test | undefined
  /** The share, 0 to 1, of requests to log that were well: below 400, whole, not slow, and no guard said a word. (1) */
  readonly sample?: number | undefined
  /** How long a request may take before its line says that it was slow; event streams may last. `false`: for ever. (`'1s'`) */
  readonly slow?: Duration | false | undefined
  /** What may not be written. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
  /** Draws from 0 (included) to 1 (excluded), for `sample`. (`Math.random`) */
  readonly random?: (() => number) | undefined
}

/** A wrapper that logs, and knows what got lost. */
export type AccessLog = Wrapper & {
  /** Lines that sinks lost: they threw, rejected or were too slow. */
  readonly dropped: number
}

/**
 * Writes one JSON line per request, when its response has been sent, has broken, or was left behind.
 *
 * The line names what happened: time, level, id, trace, method, path, status, duration, bytes where the runtime tells,
 * client, principal, the chosen headers, the request's attributes, and what guards recorded. The level is `error` from 500,
 * `warn` from 400, `performance` for what was slow, else `info`. Headers are listed, not excluded, and secrets are redacted
 * by key and by shape, so a new header cannot leak; nothing in it can start a second line.
 *
 * Needs:   nothing; logs `requestId`, `clientIp` and `principal` where they are there.
 * Adds:    nothing.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `headers` holds no token, or another option is not usable.
 * Fails:   a sink that throws, rejects or hangs loses lines, which `dropped` counts and standard error is told of once per
 *          outage; a request is never delayed.
 * Costs:   0.7 to 1.7 µs, by the number of headers, and what the sinks cost.
 * Source:  ASVS 5 16.2.1 to 16.2.5, 16.4.1.
 *
 * @example
 * accessLog({ write: fileLines('access.log'), skip: onPath('/static/*'), sample: 0.1 })
 */
export function accessLog(options: AccessLogOptions = {}): AccessLog {
  const { write = consoleLines, sample = 1, slow = '1s', redaction = standardRedaction, random = Math.random } = options
  const sinks = typeof write === 'function' ? [write] : write
  if (!Array.isArray(sinks) || sinks.length === 0 || sinks.some((sink) => typeof sink !== 'function')) {
    throw new TypeError('accessLog: write must be a function, or a list of them')
  }
  if (options.skip !== undefined && typeof options.skip !== 'function') {
    throw new TypeError('accessLog: skip must be a function')
  }
  if (!(sample >= 0 && sample <= 1)) {
    throw new TypeError(`accessLog: sample must be a number from 0 to 1, got ${show(sample)}`)
  }
  if (typeof random !== 'function') throw new TypeError('accessLog: random must be a function')
  if (typeof redaction?.string !== 'function') {
    throw new TypeError('accessLog: redaction must be what redaction() makes')
  }
  const skip = options.skip && exemption(options.skip)
  const threshold = slow === false ? Infinity : milliseconds(slow, 'accessLog: slow')
  const guarded = sinks.map((sink: LineSink) => new GuardedSink('accessLog', sink, systemClock))
  const lines = new AccessLine(redaction, options.headers ?? ['user-agent'], options.query === true)

  const wrapper: Wrapper = (next) => (request, context) => {
    // A test that forgot to be synchronous gives a promise, which lets nothing off.
    if (skip?.(request, context) === true) return next(request, context)
    const { clock } = context
    const started = clock.monotonic()
    onEnd(context, (end) => {
      const { attributes, events } = context
      if (attributes['health.check'] === true) return
      const durationMs = Math.max(0, clock.monotonic() - started)
      const isSlow = durationMs > threshold && !isEventStream(request)
      if (sample < 1 && isWell(end, isSlow) && events.length === 0 && random() >= sample) return
      const level = levelOf(end.status, isSlow)
      const exchange = { level, time: clock.now(), durationMs, slow: isSlow ? threshold : undefined, end }
      const line = lines.line(request, context, exchange)
      const record = { level, message: 'request', events }
      for (const sink of guarded) sink.write(line, record)
    })
    return next(request, context)
  }
  const dropped = { get: () => guarded.reduce((sum, sink) => sum + sink.dropped, 0) }
  return Object.defineProperty(wrapper, 'dropped', dropped) as AccessLog
}

function isWell({ status, outcome }: End, isSlow: boolean): boolean {
  return status < 400 && outcome !== 'failed' && !isSlow
}

function levelOf(status: number, isSlow: boolean): LogLevel {
  return status >= 500 ? 'error' : status >= 400 ? 'warn' : isSlow ? 'performance' : 'info'
}

/** What `EventSource` says: it waits on purpose. */
function isEventStream(request: Request): boolean {
  return request.headers.get('accept') === 'text/event-stream'
}
