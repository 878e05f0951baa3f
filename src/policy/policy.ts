/**
 * A policy: what guards a service, not in which order. The order is here, once, and is the same for everybody.
 *
 * Outermost first: what observes sees every outcome; what decorates (headers, CORS) lies outside everything that refuses,
 * so no refusal or error can lose it; then refusals from cheap to costly, so that a flood is turned away before a body is
 * read; then who is calling, what they may do, and what they send.
 */
import { fold } from '../core/compose.ts'
import { described, descriptionsOf } from '../core/description.ts'
import { errors } from '../core/errors.ts'
import type { HasClientIp, HasRequestId } from '../core/facts.ts'
import type { AnyWrapper, Wrapper } from '../core/handler.ts'
import { warnOnce } from '../core/log.ts'
import { bodyLimit } from '../request/body-limit.ts'
import { byPeer } from '../request/client-ip.ts'
import { requestId } from '../request/request-id.ts'
import { securityHeaders } from '../browser/security-headers.ts'

/** What every handler under a policy can count on. */
export type Edge = HasRequestId & HasClientIp

/**
 * The slots, outermost first: a slot may need what the slots above it add.
 * `undefined` is the default where there is one, `false` is off, a wrapper is that one; `compose` puts two in one slot.
 */
export interface Policy<Browser = {}, Signal = {}, Auth = {}, Input = {}, Own = {}, Clean = {}, Logged = {}> {
  /** The span covers everything. (off) */
  readonly trace?: Wrapper | false | undefined
  /** Everything below may log it. (`requestId()`, fixed) */
  readonly requestId?: Wrapper<HasRequestId> | undefined
  /** Limits, logs and audit read it. (`clientIp()`: trusts no header; fixed) */
  readonly clientIp?: Wrapper<HasClientIp, HasRequestId> | undefined
  /** Sees every outcome, refusals and bugs too. (off) */
  readonly metrics?: Wrapper<{}, Edge> | false | undefined
  /** One line per request; may add `log`. (off) */
  readonly accessLog?: Wrapper<Logged, Edge> | false | undefined
  /** On every response. (`securityHeaders()`) */
  readonly securityHeaders?: Wrapper<Browser, Edge> | false | undefined
  /** Browsers must be able to read a 401, 429 or 500; answers preflights before any limit. (off) */
  readonly cors?: Wrapper<{}, Edge> | false | undefined
  /** What is thrown below becomes a problem. (`errors()`, fixed) */
  readonly errors?: Wrapper<{}, Edge> | undefined
  /** Probes are answered before any limit. (off) */
  readonly health?: Wrapper<{}, Edge> | false | undefined
  /** From the header alone. (off: Node bounds it by itself) */
  readonly headerLimit?: Wrapper<{}, Edge> | false | undefined
  /** (off) */
  readonly hosts?: Wrapper<{}, Edge> | false | undefined
  /** (off) */
  readonly methods?: Wrapper<{}, Edge> | false | undefined
  /** (off) */
  readonly ipAccess?: Wrapper<{}, Edge> | false | undefined
  /** Before anything is spent. (off) */
  readonly httpsRedirect?: Wrapper<{}, Edge> | false | undefined
  /** Protects the process. (off) */
  readonly shed?: Wrapper<{}, Edge> | false | undefined
  /** Gives handlers `signal`. (off) */
  readonly timeout?: Wrapper<Signal, Edge> | false | undefined
  /** (`bodyLimit()`: 1 MB) */
  readonly bodyLimit?: Wrapper<{}, Edge> | false | undefined
  /** (off) */
  readonly contentType?: Wrapper<{}, Edge> | false | undefined
  /** One look-up. (off) */
  readonly bans?: Wrapper<{}, Edge> | false | undefined
  /** By address, before costly work. (off) */
  readonly rateLimit?: Wrapper<{}, NoInfer<Edge & Logged & Signal>> | false | undefined
  /** (off) */
  readonly slowDown?: Wrapper<{}, NoInfer<Edge & Logged & Signal>> | false | undefined
  /** (off) */
  readonly csrf?: Wrapper<{}, Edge> | false | undefined
  /** Adds who is calling. (off) */
  readonly authenticate?: Wrapper<Auth, NoInfer<Edge & Logged & Signal>> | false | undefined
  /** (off) */
  readonly authorize?: Wrapper<{}, NoInfer<Edge & Logged & Signal & Auth>> | false | undefined
  /** By principal. (off) */
  readonly quota?: Wrapper<{}, NoInfer<Edge & Logged & Signal & Auth>> | false | undefined
  /** Knows who, before work is done. (off) */
  readonly idempotency?: Wrapper<{}, NoInfer<Edge & Logged & Signal & Auth>> | false | undefined
  /** May read the body. (off) */
  readonly threats?: Wrapper<{}, NoInfer<Edge & Logged & Signal & Auth>> | false | undefined
  /** Cleans what `validate` is about to see. (off) */
  readonly sanitize?: Wrapper<Clean, NoInfer<Edge & Logged & Signal & Auth>> | false | undefined
  /** Adds what the handler receives. (off) */
  readonly validate?: Wrapper<Input, NoInfer<Edge & Logged & Signal & Auth & Clean>> | false | undefined
  /** Knows who, what and, after the handler, the outcome. (off) */
  readonly audit?: Wrapper<{}, NoInfer<Edge & Logged & Signal & Auth & Clean & Input>> | false | undefined
  /** Yours, innermost. (none) */
  readonly own?: Wrapper<Own, NoInfer<Edge & Logged & Browser & Signal & Auth & Clean & Input>> | false | undefined
}

/** The one right order, outermost first. */
export const ORDER: readonly (keyof Policy)[] = [
  'trace',
  'requestId',
  'clientIp',
  'metrics',
  'accessLog',
  'securityHeaders',
  'cors',
  'errors',
  'health',
  'headerLimit',
  'hosts',
  'methods',
  'ipAccess',
  'httpsRedirect',
  'shed',
  'timeout',
  'bodyLimit',
  'contentType',
  'bans',
  'rateLimit',
  'slowDown',
  'csrf',
  'authenticate',
  'authorize',
  'quota',
  'idempotency',
  'threats',
  'sanitize',
  'validate',
  'audit',
  'own',
]

/**
 * Composes the slots in the one right order.
 *
 * Knows no options: its values are wrappers. Options that weaken security are listed once, at the first request, as a
 * warning on standard error.
 *
 * Needs:   nothing.
 * Adds:    `requestId`, `clientIp`, `clientNetwork`, `secure`, and what the slots add.
 * Refuses: what the slots refuse.
 * Throws:  when made: TypeError for an unknown slot, a value that is no wrapper, or `false` in a slot that is always on.
 * Fails:   as its slots do.
 * Costs:   the sum of its slots; composed once.
 * Source:  ASVS 5 16.5.3.
 *
 * @example
 * policy({ ...api, cors: cors({ origins: ['https://app.example'] }) })((request, context) => Response.json(context.clientIp))
 */
export function policy<Browser = {}, Signal = {}, Auth = {}, Input = {}, Own = {}, Clean = {}, Logged = {}>(
  slots: Policy<Browser, Signal, Auth, Input, Own, Clean, Logged> = {},
): Wrapper<Edge & Logged & Browser & Signal & Auth & Clean & Input & Own> {
  const given = slots as Readonly<Record<string, AnyWrapper | false | undefined>>
  for (const [slot, value] of Object.entries(given)) {
    if (!ORDER.includes(slot as keyof Policy)) throw new TypeError(`policy: there is no slot '${slot}'`)
    if (value !== undefined && value !== false && typeof value !== 'function') {
      throw new TypeError(`policy: ${slot} must be a wrapper, or false`)
    }
    if (value === false && ALWAYS.has(slot)) {
      throw new TypeError(`policy: ${slot} is always on; give another wrapper, not false`)
    }
  }
  const defaults: Policy = {
    requestId: requestId(),
    clientIp: byPeer(),
    securityHeaders: securityHeaders(),
    errors: errors(),
    bodyLimit: bodyLimit(),
  }
  const wrappers: AnyWrapper[] = []
  for (const slot of ORDER) {
    const wrapper = given[slot] ?? defaults[slot]
    if (wrapper) wrappers.push(named(slot, wrapper as AnyWrapper))
  }
  const folded = fold(wrappers)
  const risks = folded['~risks']
  return risks === undefined ? folded : fold([announceRisks(risks), folded])
}

/** What stands in a slot is known by the slot's name, unless it says more itself; a guard of whatever name, too, that signs in. */
function named(slot: string, wrapper: AnyWrapper): AnyWrapper {
  const says = descriptionsOf(wrapper)
  const isKnown = /^auth/.test(slot) ? says.some((one) => one.says) : says.length > 0
  return isKnown ? wrapper : described(wrapper, { name: slot })
}

const ALWAYS: ReadonlySet<string> = new Set(['requestId', 'clientIp', 'errors'])

/** Once per server, at its first request: nothing may be written while a pipeline is made. */
function announceRisks(risks: readonly string[]): Wrapper {
  const message = `this policy is weaker than its defaults: ${risks.join('; ')}`
  return (next) => (request, context) => {
    warnOnce(context, 'policy-weakened', message)
    return next(request, context)
  }
}
