/**
 * Wrappers that write to the audit log. Two, because no place sees all: inside every guard it is known who did what
 * ({@link auditTrail}, in the slot `audit`); what guards turned away never gets there, and is seen from outside
 * ({@link auditEvents}, beside the access log).
 */
import type { Context } from '../core/context.ts'
import { onEnd } from '../core/context.ts'
import type { SecurityEvent } from '../core/event.ts'
import type { MaybePromise, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import { Problem } from '../core/problem.ts'
import { count } from '../core/quantity.ts'
import type { AuditLog } from './audit.ts'
import type { AuditEvent, AuditOutcome } from './audit-event.ts'

type Described<E> = E extends AuditEvent ? Omit<E, 'outcome'> & { readonly outcome?: AuditOutcome | undefined } : never

/** An event whose outcome, reason and status the response tells, where it does not itself. */
export type DescribedEvent = Described<AuditEvent>

/** Options of {@link auditTrail}. */
export interface AuditTrailOptions<Needs> {
  readonly log: AuditLog
  /**
   * What the request did, or `undefined` if nobody need know. Called when the handler has answered; `response` is
   * `undefined` where it threw. Must not read a body.
   */
  readonly describe: (
    request: Request,
    context: Context & Needs,
    response: Response | undefined,
  ) => DescribedEvent | undefined
}

/**
 * Records what a request did, when its handler has answered: for the slot `audit`.
 *
 * The outcome is the response's: `denied` for 401 and 403, `failure` for any other status from 400 on and for what the
 * handler throws, else `success`; the reason is the problem's code. The client's name for itself is recorded as `userAgent`.
 *
 * Needs:   what `describe` reads; records `requestId`, `clientIp` and `principal` where they are there.
 * Adds:    nothing.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `log` or `describe` is no function. Per request: what the handler throws.
 * Fails:   open: `describe` that throws is recorded as `audit-description-failed`; a request is never delayed.
 * Costs:   2 to 8 µs for an event; sealing it later, off the request's path, takes 35 to 80 µs. Next to nothing without one.
 * Source:  ASVS 5 16.2.1, 16.3.1 to 16.3.4, 16.4.2.
 *
 * @example
 * auditTrail<HasInput<{ params: { id: string } }>>({
 *   log: audit,
 *   describe: ({ method }, { input }) =>
 *     method === 'DELETE'
 *       ? { type: 'data-modification', action: 'note-deleted', resource: { type: 'note', id: input.params.id } }
 *       : undefined,
 * })
 */
export function auditTrail<Needs = {}>(options: AuditTrailOptions<Needs>): Wrapper<{}, Needs> {
  const { log, describe } = options
  if (typeof log !== 'function') throw new TypeError('auditTrail: log must be an audit log')
  if (typeof describe !== 'function') throw new TypeError('auditTrail: describe must be a function')

  const tell = (
    request: Request,
    context: Context & Needs,
    response: Response | undefined,
    status: number,
    code: string | undefined,
  ): void => {
    let event: DescribedEvent | undefined
    try {
      event = describe(request, context, response)
      if (event === undefined) return
      const outcome = event.outcome ?? outcomeOf(status)
      const reason = event.reason ?? code
      log(context, { userAgent: request.headers.get('user-agent'), status, ...event, outcome, reason } as AuditEvent)
    } catch {
      log(context, { type: 'security', action: 'audit-description-failed', outcome: 'failure', status })
    }
  }
  const answered = (request: Request, context: Context & Needs, response: Response): Response => {
    const { status } = response
    const code = status < 400 ? undefined : context.attributes['problem.code']
    tell(request, context, response, status, typeof code === 'string' ? code : undefined)
    return response
  }
  const threw = (request: Request, context: Context & Needs, error: unknown): never => {
    const { status, code } = error instanceof Problem ? error : { status: 500, code: 'internal-error' }
    tell(request, context, undefined, status, code)
    throw error
  }

  return (next) => (request, context) => {
    let response: MaybePromise<Response>
    try {
      response = next(request, context)
    } catch (error) {
      return threw(request, context, error)
    }
    return isPromise(response)
      ? response.then((one) => answered(request, context, one), (error) => threw(request, context, error))
      : answered(request, context, response)
  }
}

function outcomeOf(status: number): AuditOutcome {
  return status < 400 ? 'success' : status === 401 || status === 403 ? 'denied' : 'failure'
}

/** Options of {@link auditEvents}. */
export interface AuditEventsOptions {
  readonly log: AuditLog
  /** Which events to record. (`['refused', 'would-refuse', 'suspicious', 'degraded', 'error']`) */
  readonly kinds?: readonly SecurityEvent['kind'][] | undefined
  /** Events recorded per request. (10) */
  readonly maxPerRequest?: number | undefined
  /** Events recorded per second; those beyond are counted in the next one's `details`, so that a flood fills no disk. (100) */
  readonly maxPerSecond?: number | undefined
}

/**
 * Records what guards decided, when the exchange has ended: refusals, rate-limit violations, bans, invalid input,
 * suspicious claims, and guards that failed. Stands outside the guards, beside the access log.
 *
 * The action is the event's code, `details.guard` says whose. A refusal with 401 is an `authentication` event, `forbidden` an
 * `authorization` event, all else `security`. Refused is `denied`; a guard that could not decide, or a bug, is `failure`; what
 * was only noticed is `success`: the request went through.
 *
 * Needs:   nothing; records `requestId`, `clientIp` and `principal` where they are there.
 * Adds:    nothing.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `log` is no function, or a bound is no whole number.
 * Fails:   open: a request is never delayed.
 * Costs:   one listener for a request without events; as `auditTrail` for each event.
 * Source:  ASVS 5 16.3.2 to 16.3.4, 16.4.2.
 *
 * @example
 * policy({ ...api, accessLog: compose(accessLog(), auditEvents({ log: audit })) })
 */
export function auditEvents(options: AuditEventsOptions): Wrapper {
  const { log } = options
  if (typeof log !== 'function') throw new TypeError('auditEvents: log must be an audit log')
  const kinds = new Set(options.kinds ?? ['refused', 'would-refuse', 'suspicious', 'degraded', 'error'])
  const perRequest = count(options.maxPerRequest ?? 10, 'auditEvents: maxPerRequest')
  const perSecond = count(options.maxPerSecond ?? 100, 'auditEvents: maxPerSecond')
  let second = Number.NaN
  let recorded = 0
  let suppressed = 0

  const tell = (request: Request, context: Context): void => {
    const userAgent = request.headers.get('user-agent')
    const now = Math.floor(context.clock.monotonic() / 1_000)
    if (now !== second) recorded = 0
    second = now
    let inRequest = 0
    for (const event of context.events) {
      if (!kinds.has(event.kind)) continue
      if (inRequest >= perRequest || recorded >= perSecond) {
        suppressed++
        continue
      }
      inRequest++
      recorded++
      const { kind, guard, code, status, reason } = event
      log(context, {
        type: typeOf(event),
        action: code,
        outcome: OUTCOMES[kind],
        status,
        userAgent,
        details: { kind, guard, why: reason, suppressed: suppressed || undefined },
      })
      suppressed = 0
    }
  }

  return (next) => (request, context) => {
    onEnd(context, () => {
      if (context.events.length > 0) tell(request, context)
    })
    return next(request, context)
  }
}

const OUTCOMES: Readonly<Record<SecurityEvent['kind'], AuditOutcome>> = {
  refused: 'denied',
  'would-refuse': 'success',
  degraded: 'failure',
  suspicious: 'success',
  altered: 'success',
  error: 'failure',
}

function typeOf({ kind, code, status }: SecurityEvent): 'authentication' | 'authorization' | 'security' {
  if (kind !== 'refused') return 'security'
  return status === 401 ? 'authentication' : code === 'forbidden' ? 'authorization' : 'security'
}
