/**
 * Guards decide. A guard is one function that returns a {@link Decision}; the one piece of code here turns it into the
 * response, the event and the attributes, so every guard behaves alike: report mode, a share of traffic, and what happens
 * when it cannot decide. Adding a guard is writing its `decide`.
 */
import type { Context } from './context.ts'
import { extend } from './context.ts'
import type { Says } from './description.ts'
import { described } from './description.ts'
import { record } from './event.ts'
import type { Handler, MaybePromise, Wrapper } from './handler.ts'
import { isPromise } from './handler.ts'
import type { ProblemInit } from './problem.ts'
import { problem, refuse } from './problem.ts'

/** What a guard decided. */
export type Decision<Adds = {}> = Allow<Adds> | Refuse | Degraded

/** Let the request through, with facts for the handler. */
export interface Allow<Adds = {}> {
  readonly outcome: 'allow'
  readonly adds: Adds
}

/** Answer with this problem. */
export interface Refuse {
  readonly outcome: 'refuse'
  readonly problem: ProblemInit
}

/** It could not decide: a store is down, a deadline passed. Never mistaken for an allow. */
export interface Degraded {
  readonly outcome: 'degraded'
  /** Why, in words that hold no input. */
  readonly reason: string
  /** Seconds after which to try again. (1) */
  readonly retryAfter?: number | undefined
}

/** The decision of every guard that adds nothing and lets pass. */
export const ALLOW: Allow = { outcome: 'allow', adds: {} }

/** Refuses with a problem. */
export function refusal(problem: ProblemInit): Refuse {
  return { outcome: 'refuse', problem }
}

/** A guard that adds a fact cannot merely report: the handler needs the fact. */
export type Mode<Adds> = {} extends Adds ? 'enforce' | 'report' : 'enforce'

/** How firmly a guard acts: options of every guard that adds nothing. */
export interface Rollout {
  /** `'report'` lets pass what it would refuse, and records `would-refuse`. (`'enforce'`) */
  readonly mode?: 'enforce' | 'report' | undefined
  /** The share of requests, 0 to 1, on which a refusal is enforced; on the others it is reported. (1) */
  readonly share?: number | undefined
}

/** What {@link guard} takes. */
export interface GuardSpec<Adds, Needs> {
  /** Kebab-case, e.g. `rate-limit`: the `guard` of its events. */
  readonly name: string
  readonly mode?: Mode<Adds> | undefined
  /** See {@link Rollout}. Only for guards that add nothing. */
  readonly share?: ({} extends Adds ? number : 1) | undefined
  /** What to do with a request it could not decide: refuse it with a 503, or, if it adds nothing, let it pass. (`'refuse'`) */
  readonly onDegraded?: ({} extends Adds ? 'refuse' | 'allow' : 'refuse') | undefined
  /** Draws from 0 (included) to 1 (excluded), for `share`. (`Math.random`) */
  readonly random?: (() => number) | undefined
  /** What it means to clients, for documents such as `openapi`'s. */
  readonly says?: Says | undefined
  decide(request: Request, context: Context & Needs): MaybePromise<Decision<Adds>>
}

/**
 * Makes a wrapper that decides about requests.
 *
 * Needs:   what `decide` reads.
 * Adds:    what `decide` allows with.
 * Refuses: as `decide` says; 503 `guard-unavailable` when it is degraded.
 * Throws:  when made: TypeError if `share` is not from 0 to 1. Per request: what `decide` throws, save in report mode,
 *          where a broken guard is `degraded` and the request passes. (A guard that reads a body beyond its own limit has
 *          used it up, in report mode too.)
 * Fails:   closed, unless `onDegraded` is `'allow'` or the mode is `'report'`; always with an event.
 * Costs:   one call; stays synchronous when `decide` is.
 * Source:  —
 *
 * @example
 * const onlyWeekdays = guard({ name: 'weekdays', decide: (_request, context) =>
 *   new Date(context.clock.now()).getUTCDay() % 6 ? ALLOW : refusal({ status: 403, code: 'closed-on-weekends' }) })
 */
export function guard<Adds extends object = {}, Needs = {}>(spec: GuardSpec<Adds, Needs>): Wrapper<Adds, Needs> {
  const { name, mode = 'enforce', share = 1, onDegraded = 'refuse', random = Math.random } = spec
  if (mode !== 'enforce' && mode !== 'report') throw new TypeError(`${name}: mode must be 'enforce' or 'report'`)
  if (!(share >= 0 && share <= 1)) throw new TypeError(`${name}: share must be a number from 0 to 1, got ${share}`)
  if (onDegraded !== 'refuse' && onDegraded !== 'allow') {
    throw new TypeError(`${name}: onDegraded must be 'refuse' or 'allow'`)
  }

  const settle = <Outer extends Needs>(
    decision: Decision<Adds>,
    next: Handler<NoInfer<Outer> & Adds>,
    request: Request,
    context: Context & Outer,
  ): MaybePromise<Response> => {
    if (decision.outcome === 'allow') return next(request, extend(context, decision.adds))
    const enforced = mode === 'enforce' && (share === 1 || random() < share)
    // Where a guard may report or let pass, it adds nothing (`Mode` and `onDegraded` see to it): the context is whole.
    const pass = (): MaybePromise<Response> => next(request, context as Context & Outer & Adds)
    if (decision.outcome === 'degraded') {
      record(context, { kind: 'degraded', guard: name, code: 'guard-unavailable', reason: decision.reason })
      if (!enforced || onDegraded === 'allow') return pass()
      const seconds = Math.max(1, Math.ceil(decision.retryAfter || 1))
      const detail = 'This could not be checked just now. Please try again later.'
      return refuse(context, problem('guard-unavailable', { detail, headers: { 'retry-after': String(seconds) } }))
    }
    const { status, code } = decision.problem
    record(context, { kind: enforced ? 'refused' : 'would-refuse', guard: name, code, status })
    return enforced ? refuse(context, decision.problem) : pass()
  }

  const broken = (error: unknown): Degraded => {
    if (mode !== 'report') throw error
    return { outcome: 'degraded', reason: `the guard threw ${error instanceof Error ? error.name : typeof error}` }
  }

  const decide = (request: Request, context: Context & Needs): MaybePromise<Decision<Adds>> => {
    try {
      const decision = spec.decide(request, context)
      return mode === 'report' && isPromise(decision) ? decision.then(undefined, broken) : decision
    } catch (error) {
      return broken(error)
    }
  }

  const watched = (request: Request, context: Context & Needs): MaybePromise<Decision<Adds>> => {
    const decided = context.onGuard!(name)
    const told = (decision: Decision<Adds>): Decision<Adds> => {
      decided(decision.outcome)
      return decision
    }
    const failed = (error: unknown): never => {
      decided('degraded')
      throw error
    }
    try {
      const decision = decide(request, context)
      return isPromise(decision) ? decision.then(told, failed) : told(decision)
    } catch (error) {
      return failed(error)
    }
  }

  const wrapper: Wrapper<Adds, Needs> = (next) => (request, context) => {
    const decision = context.onGuard === undefined ? decide(request, context) : watched(request, context)
    return isPromise(decision)
      ? decision.then((decided) => settle(decided, next, request, context))
      : settle(decision, next, request, context)
  }
  return described(wrapper, spec)
}

/** Refuses and records it: for wrappers that change the request and so cannot be a {@link guard}. */
export function refuseBy(context: Context, name: string, problem: ProblemInit): Response {
  record(context, { kind: 'refused', guard: name, code: problem.code, status: problem.status })
  return refuse(context, problem)
}
