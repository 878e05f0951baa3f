/**
 * Checks for {@link health} that run everywhere. None opens anything, or looks, before it is asked; none follows, keeps or
 * shows what the other side sends. How long they may take is for `health` to say: it aborts their signal.
 */
import type { MaybePromise } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import { show } from '../core/quantity.ts'
import type { LimitSet, Store } from '../core/store.ts'
import { limitSet } from '../core/store.ts'
import type { CheckOutcome, HealthCheck, HealthStatus } from './health.ts'

/** Options of {@link httpProbe}. */
export interface HttpProbeOptions {
  /** The status or statuses that are well, or a function that looks at the response. (200 to 299) */
  readonly expect?: number | readonly number[] | ((response: Response) => MaybePromise<boolean>) | undefined
  /** Sent along, e.g. `{ authorization: … }`. (none) */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Asks. (`fetch`) */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
}

/**
 * Asks another service by GET. Follows no redirect, for it would be asking somebody else, and drops the body.
 *
 * Throws: when made: TypeError if the URL is not http(s) or holds a password, or an option is not usable.
 *
 * @example
 * health({ checks: { speech: httpProbe('http://speech.internal/health/ready') } })
 */
export function httpProbe(url: string | URL, options: HttpProbeOptions = {}): HealthCheck {
  const { expect, headers, fetch: given } = options
  const target = URL.canParse(url) ? new URL(url) : undefined
  if (target === undefined || !/^https?:$/.test(target.protocol)) {
    throw new TypeError('httpProbe: url must be an absolute http or https URL')
  }
  if (target.username !== '' || target.password !== '') {
    throw new TypeError('httpProbe: url must hold no credentials; send them in headers')
  }
  if (given !== undefined && typeof given !== 'function') throw new TypeError('httpProbe: fetch must be a function')
  const expects = expectation(expect)
  const init: RequestInit = { method: 'GET', redirect: 'manual', headers: { ...headers } }
  new Headers(init.headers) // Throws now on what no request can carry.
  return async (signal) => {
    const send = given ?? ((href: string, how: RequestInit) => fetch(href, how))
    const response = await send(target.href, { ...init, signal })
    try {
      const well = (await expects(response)) === true
      const outcome: CheckOutcome = {
        status: well ? 'pass' : 'fail',
        measurement: 'responseTime',
        componentType: 'component',
        output: well ? undefined : `unexpected answer, status ${response.status}`,
      }
      return outcome
    } finally {
      if (!response.bodyUsed) void response.body?.cancel().catch(() => {})
    }
  }
}

function expectation(expect: HttpProbeOptions['expect']): (response: Response) => MaybePromise<boolean> {
  if (expect === undefined) return ({ ok }) => ok
  if (typeof expect === 'function') return expect
  const statuses = new Set(typeof expect === 'number' ? [expect] : expect)
  if (statuses.size === 0 || ![...statuses].every((one) => Number.isInteger(one) && one >= 200 && one <= 599)) {
    throw new TypeError(`httpProbe: expect must be statuses from 200 to 599, or a function, got ${show(expect)}`)
  }
  return ({ status }) => statuses.has(status)
}

/** What has a `ping`: the Redis clients, and many more. */
export interface Pingable {
  ping(): unknown
}

/**
 * Pings: a client that has a `ping`, or whatever the function does. Well unless it throws, rejects or gives `false`.
 *
 * @example
 * health({ checks: { cache: { check: pingProbe(redis), critical: false } } })
 */
export function pingProbe(client: Pingable | ((signal: AbortSignal) => unknown)): HealthCheck {
  if (typeof client === 'function') return datastore(client)
  if (typeof client?.ping !== 'function') throw new TypeError('pingProbe: needs a function, or a client with a ping')
  return datastore(() => client.ping())
}

/** What has a `query` that answers with a promise: `pg`, `mysql2/promise`, and others. */
export interface Queryable {
  query(text: string): PromiseLike<unknown>
}

/** Options of {@link sqlProbe}. */
export interface SqlProbeOptions {
  /** What to ask. (`'SELECT 1'`) */
  readonly statement?: string | undefined
}

/**
 * Asks a database for as little as can be. What it answers is not looked at. Give it the pool that requests use: a pool with
 * no connection left is not well. A client that is a template tag is called as one: () => sql`SELECT 1`.
 *
 * @example
 * health({ checks: { database: sqlProbe(pool) } })
 * health({ checks: { database: sqlProbe((text) => env.DB.prepare(text).first()) } })
 */
export function sqlProbe(
  query: Queryable | ((text: string, signal: AbortSignal) => unknown),
  options: SqlProbeOptions = {},
): HealthCheck {
  const { statement = 'SELECT 1' } = options
  if (typeof statement !== 'string' || statement === '') throw new TypeError('sqlProbe: statement must be a text')
  if (typeof query === 'function') return datastore((signal) => query(statement, signal))
  if (typeof query?.query !== 'function') throw new TypeError('sqlProbe: needs a function, or a client with a query')
  return datastore(() => {
    const answer: unknown = query.query(statement)
    // A client that wants a callback has only begun.
    return isPromise(answer) && answer
  })
}

function datastore(ask: (signal: AbortSignal) => unknown): HealthCheck {
  return async (signal) => {
    const answer = await ask(signal)
    const outcome: CheckOutcome = {
      status: answer === false ? 'fail' : 'pass',
      measurement: 'responseTime',
      componentType: 'datastore',
    }
    return outcome
  }
}

/** Options of {@link countProbe}. */
export interface CountProbeOptions {
  /** Above this: degraded. (no bound) */
  readonly warn?: number | undefined
  /** Above this: unhealthy. (no bound) */
  readonly fail?: number | undefined
  /** What is counted: the second half of the key. (`'count'`) */
  readonly measurement?: string | undefined
  /** What one of them is, e.g. `'connections'`. (not told) */
  readonly unit?: string | undefined
}

/**
 * Observes a number: clients of a WebSocket server, jobs that wait, a rate of errors. Without a bound it only tells; what is
 * no number is `fail`.
 *
 * @example
 * health({ checks: { sockets: countProbe(() => server.clients.size, { warn: 8_000, fail: 10_000 }) } })
 */
export function countProbe(
  read: (signal: AbortSignal) => MaybePromise<number>,
  options: CountProbeOptions = {},
): HealthCheck {
  const { warn = Infinity, fail = Infinity, measurement = 'count', unit } = options
  if (typeof read !== 'function') throw new TypeError('countProbe: needs a function that gives a number')
  for (const [name, bound] of Object.entries({ warn, fail })) {
    if (typeof bound !== 'number' || Number.isNaN(bound)) {
      throw new TypeError(`countProbe: ${name} must be a number, got ${show(bound)}`)
    }
  }
  if (options.warn !== undefined && warn > fail) throw new TypeError('countProbe: warn must not be above fail')
  for (const [name, text] of Object.entries({ measurement, unit })) {
    if (text !== undefined && typeof text !== 'string') throw new TypeError(`countProbe: ${name} must be a text`)
  }
  return async (signal) => {
    const value = await read(signal)
    if (!Number.isFinite(value)) return false
    const status: HealthStatus = value > fail ? 'fail' : value > warn ? 'warn' : 'pass'
    const outcome: CheckOutcome = { status, measurement, observedValue: value, observedUnit: unit }
    return outcome
  }
}

const PROBE: LimitSet = /* @__PURE__ */ limitSet([
  { name: 'sallyport-health', quota: 1_000_000_000, window: 1_000, algorithm: 'fixed-window' },
])

/**
 * Counts once in a {@link Store}, under a name of its own, so it counts against nobody. Make it not `critical` where the
 * limits let pass while their store is out.
 *
 * @example
 * health({ checks: { limits: { check: storeProbe(store), critical: false } } })
 */
export function storeProbe(store: Store): HealthCheck {
  if (typeof store?.consume !== 'function') throw new TypeError('storeProbe: needs a store')
  return async (_signal, call) => {
    const verdict = await store.consume(PROBE, 'probe', [1], call)
    const outcome: CheckOutcome = {
      // `undefined` is a table that is full: an answer.
      status: verdict === undefined || typeof verdict?.allowed === 'boolean' ? 'pass' : 'fail',
      measurement: 'responseTime',
      componentType: 'datastore',
    }
    return outcome
  }
}
