import type { Context } from '../core/context.ts'
import { extend, onEnd } from '../core/context.ts'
import { described } from '../core/description.ts'
import type { HasSignal } from '../core/facts.ts'
import { refuseBy } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { ProblemInit } from '../core/problem.ts'
import { problem } from '../core/problem.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds } from '../core/quantity.ts'

/** Options of {@link timeout}. */
export interface TimeoutOptions {
  /** How long the handler may take to its first byte. */
  readonly after: Duration
  /** Keep the deadline until the last byte: then `signal` aborts in the middle of a stream, too. (false) */
  readonly total?: boolean | undefined
}

/**
 * Gives the handler a deadline, and the signal to obey it.
 *
 * `context.signal` aborts when the deadline passes or the client leaves; give it to `fetch` and whatever can stop. The
 * client gets its 504 at once; what the handler does after that is caught and recorded, so a late rejection cannot take
 * the process down. A stream is not cut once it has begun, unless `total`.
 *
 * Needs:   nothing.
 * Adds:    `signal`; attribute `timeout.late` when the handler settles after its deadline.
 * Refuses: 504 `deadline-exceeded`.
 * Throws:  when made: TypeError if `after` is not a duration.
 * Fails:   a handler that ignores the signal goes on running, unseen by the client.
 * Costs:   a timer, an AbortController and the request's own signal per request: 2 to 5 µs.
 * Source:  RFC 9110 §15.6.5.
 *
 * @example
 * timeout({ after: '10s' })
 */
export function timeout(options: TimeoutOptions): Wrapper<HasSignal> {
  const after = milliseconds(options.after, 'timeout: after')
  if (after > 2_147_483_647) throw new TypeError(`timeout: after must be at most 24 days, got '${options.after}'`)
  const { total = false } = options
  const wrapper: Wrapper<HasSignal> = (next) => (request, context) => {
    const deadline = new AbortController()
    const signal = AbortSignal.any([request.signal, deadline.signal])
    let late: (() => void) | undefined
    const timer = setTimeout(() => {
      deadline.abort(new DOMException('The deadline has passed', 'TimeoutError'))
      late?.()
    }, after)
    const clear = (): void => clearTimeout(timer)
    if (total) onEnd(context, clear)
    try {
      const response = next(request, extend(context, { signal }))
      if (!isPromise(response)) {
        if (!total) clear()
        return response
      }
      return new Promise<Response>((resolve, reject) => {
        let answered = false
        late = () => {
          answered = true
          // So that the end of the exchange is noticed, for whoever asks for it below when it is over.
          onEnd(context, () => {})
          // In a promise: a format of the user's that throws is for the error boundary, not for the timer.
          resolve(Promise.resolve().then(() => refuseBy(context, 'timeout', LATE)))
        }
        const settle = (act: () => void, drop?: () => void): void => {
          if (!total) clear()
          late = undefined
          if (!answered) return act()
          context.attributes['timeout.late'] = true
          drop?.()
        }
        response.then(
          (one: Response | undefined) => settle(() => resolve(one!), () => void one?.body?.cancel().catch(() => {})),
          (error: unknown) => settle(() => reject(error)),
        )
      })
    } catch (error) {
      clear()
      throw error
    }
  }
  return described(wrapper, { name: 'timeout' })
}

const LATE: ProblemInit = /* @__PURE__ */ problem('deadline-exceeded', { detail: 'The answer took too long.' })

/** The signal of {@link timeout} where there is one, else the request's own: for helpers that work under both. */
export function signalOf(request: Request, context: Context): AbortSignal {
  return (context as Partial<HasSignal>).signal ?? request.signal
}
