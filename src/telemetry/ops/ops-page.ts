import type { Context } from '../../core/context.ts'
import { onEnd } from '../../core/context.ts'
import { randomBase64 } from '../../core/crypto.ts'
import { record } from '../../core/event.ts'
import { refuseBy } from '../../core/guard.ts'
import type { Handler, MaybePromise, Wrapper } from '../../core/handler.ts'
import type { ProblemInit } from '../../core/problem.ts'
import { problem } from '../../core/problem.ts'
import type { Duration } from '../../core/quantity.ts'
import { count, milliseconds } from '../../core/quantity.ts'
import type { Metrics } from '../registry.ts'
import { Feed } from './feed.ts'
import { pageOf } from './page.ts'
import { Recorder } from './recorder.ts'
import type { AlertSource, BanSource, HealthSource, OpsSnapshot } from './snapshot.ts'
import { Snapshots } from './snapshot.ts'
import { viewOf } from './view.ts'

/** Options of {@link opsPage}. What is left out is not on the page. */
export interface OpsPageOptions<Needs = {}> {
  /** Who may see it: only `true` lets in. There is no default: it tells who is refused, and what is weak just now. */
  readonly authorize: (request: Request, context: Context & Needs) => MaybePromise<boolean>
  /** What `httpMetrics` counts in. */
  readonly metrics: Metrics
  /** What `createAlerts` makes. (none) */
  readonly alerts?: AlertSource | undefined
  /** What `health` makes. (none) */
  readonly health?: HealthSource | undefined
  /** A `banList()`. (none) */
  readonly bans?: BanSource | undefined
  /** The stores whose breakers to show, by the name to show: the very objects that the wrappers were given. (none) */
  readonly stores?: Readonly<Record<string, object>> | undefined
  /** What it says on top. (`'Operations'`) */
  readonly title?: string | undefined
  /** The release that runs. (not told) */
  readonly version?: string | undefined
  /** Answers strangers with a 401 by which a browser asks for a name and a password, not with a 404. (false) */
  readonly challenge?: boolean | undefined
  /** How often who watches is sent new figures. (`'2s'`) */
  readonly every?: Duration | undefined
  /** How many may watch at a time; others see the page without its changes. (5) */
  readonly viewers?: number | undefined
}

/** What {@link opsPage} makes. */
export interface OpsPage<Needs = {}> extends Handler<Needs> {
  /** For the policy's slot `metrics`, inside `httpMetrics`: records what only requests know. 0.1 µs; more where one is refused. */
  readonly observe: Wrapper
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'x-robots-tag': 'noindex, nofollow',
} as const

/** Nothing from elsewhere, nothing framed, nothing sent, and no text that becomes markup or script. */
function policyOf(nonce: string): string {
  return `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; ` +
    `img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ` +
    `require-trusted-types-for 'script'; trusted-types 'none'`
}

/**
 * Serves one page on which the state of the service can be seen, to those who may see it: load, latencies, what guards refuse
 * and whom most, bans, breakers, alerts, health and the last security events.
 *
 * Self-contained, under a Content-Security-Policy of its own that lets it do nothing but renew its figures. It renews them by
 * itself, and without JavaScript by reloading. `?json` is a snapshot as JSON, `?live` the stream that feeds the page. Who is
 * refused is shown by a hash with a salt of this process. The memory of one process, or one isolate: others have pages of
 * their own. Keep it out of `httpMetrics` with `skip`, else a viewer counts as a request that takes minutes.
 *
 * Needs:   what `authorize` reads; reads `requestId`, `clientNetwork` and `principal`.
 * Adds:    nothing.
 * Refuses: 404 `not-found` unless `authorize` gives `true`, or 401 `unauthenticated` if `challenge`; 405 `method-not-allowed`
 *          for other than GET and HEAD; 503 `overloaded` for the stream if `viewers` watch.
 * Throws:  when made: TypeError if an option is not usable.
 * Fails:   closed: an `authorize` that throws lets nobody in, with an event. A source that throws, or takes 2 seconds, is shown
 *          as unreadable.
 * Costs:   nothing until it is read; then about a millisecond, for all viewers together.
 * Source:  HTML, server-sent events; CSP Level 3; Trusted Types; WCAG 2.2.
 *
 * @example
 * const ops = opsPage({ metrics, health: checks, authorize: (_request, { principal }: HasPrincipal) => isOperator(principal) })
 */
export function opsPage<Needs = {}>(options: OpsPageOptions<Needs>): OpsPage<Needs> {
  const { metrics, authorize, alerts, health, bans, stores, challenge = false } = options
  const { title = 'Operations', version } = options
  if (typeof metrics?.['~figures'] !== 'object') {
    throw new TypeError('opsPage: metrics must be what createMetrics makes')
  }
  for (
    const [option, hook] of Object.entries({
      authorize,
      'alerts.active': alerts ? alerts.active : authorize,
      'health.report': health ? health.report : authorize,
      'bans.entries': bans ? bans.entries : authorize,
    })
  ) if (typeof hook !== 'function') throw new TypeError(`opsPage: ${option} must be a function`)
  if (typeof challenge !== 'boolean') throw new TypeError('opsPage: challenge must be true or false')
  for (const [option, text] of Object.entries({ title, version })) {
    if (text !== undefined && typeof text !== 'string') throw new TypeError(`opsPage: ${option} must be a text`)
  }
  for (const [name, store] of Object.entries(stores ?? {})) {
    if (Object(store) !== store) throw new TypeError(`opsPage: stores.${name} must be a store`)
  }
  const every = milliseconds(options.every ?? '2s', 'opsPage: every')
  const recorder = new Recorder(metrics)
  const snapshots = new Snapshots({ metrics, recorder, alerts, health, bans, stores, version })
  let last: { readonly at: number; readonly snapshot: OpsSnapshot } | undefined
  let taking: Promise<OpsSnapshot> | undefined

  /** One for all who ask at about the same time. */
  const taken = (context: Context, age: number): MaybePromise<OpsSnapshot> => {
    const at = context.clock.monotonic()
    if (last !== undefined && at - last.at < age) return last.snapshot
    const kept = (snapshot: OpsSnapshot): OpsSnapshot => {
      last = { at, snapshot }
      return snapshot
    }
    // On Workers nobody may wait for what another request has begun.
    if (context.platform.ephemeral) return snapshots.take(context).then(kept)
    return taking ??= snapshots.take(context).then(kept).finally(() => {
      taking = undefined
    })
  }
  const feed = new Feed({
    every,
    viewers: count(options.viewers ?? 5, 'opsPage: viewers'),
    message: async (context) => JSON.stringify(viewOf(await taken(context, every / 2))),
  })

  const refused = (context: Context, init: ProblemInit): Response => refuseBy(context, 'ops-page', init)
  const hidden = (context: Context): Response => {
    if (!challenge) return refused(context, problem('not-found'))
    const headers = { 'www-authenticate': 'Basic realm="ops", charset="UTF-8"' }
    return refused(context, problem('unauthenticated', { headers }))
  }

  const shown = async (request: Request, context: Context): Promise<Response> => {
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD') {
      return refused(context, problem('method-not-allowed', { headers: { allow: 'GET, HEAD' } }))
    }
    const mark = request.url.indexOf('?')
    const query = new URLSearchParams(mark < 0 ? '' : request.url.slice(mark))
    const body = async (make: (snapshot: OpsSnapshot) => string): Promise<string | null> =>
      method === 'HEAD' ? null : make(await taken(context, every / 4))
    if (query.has('live')) {
      const stream = method === 'HEAD' ? null : feed.open(context)
      if (stream === undefined) return refused(context, problem('overloaded', { headers: { 'retry-after': '10' } }))
      return new Response(stream, { headers: { ...HEADERS, 'content-type': 'text/event-stream' } })
    }
    if (query.has('json')) {
      const json = await body((snapshot) => JSON.stringify(snapshot))
      return new Response(json, { headers: { ...HEADERS, 'content-type': 'application/json' } })
    }
    const nonce = randomBase64(16)
    const html = await body((snapshot) => pageOf(viewOf(snapshot), { title, every, nonce }))
    // A policy that is only on trial has no such nonce, and would be told of violations that are none.
    context.head.remove('content-security-policy-report-only')
    return new Response(html, {
      headers: { ...HEADERS, 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policyOf(nonce) },
    })
  }

  const handler: Handler<Needs> = async (request, context) => {
    let allowed: unknown
    try {
      allowed = await authorize(request, context)
    } catch (error) {
      const reason = `authorize threw ${error instanceof Error ? error.name : typeof error}`
      record(context, { kind: 'degraded', guard: 'ops-page', code: 'guard-unavailable', reason })
    }
    return allowed === true ? await shown(request, context) : hidden(context)
  }

  const observe: Wrapper = (next) => (request, context) => {
    recorder.tick(context.clock.monotonic())
    onEnd(context, () => {
      if (context.events.length > 0) recorder.decided(context)
    })
    return next(request, context)
  }
  return Object.assign(handler, { observe })
}
