import type { Context } from '../core/context.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds } from '../core/quantity.ts'
import { onPath } from '../core/request.ts'
import type { Test } from '../core/when.ts'

/** Looks at one thing that the service depends on. Resolves if it is well, rejects or returns `false` if not. */
export type HealthCheck = (signal: AbortSignal) => unknown

/** Options of {@link health}. */
export interface HealthOptions {
  /** What must be well for `ready`, by name. (nothing) */
  readonly checks?: Readonly<Record<string, HealthCheck>> | undefined
  /** Is the process alive? Never looks at anything else. (`'/health/live'`) */
  readonly live?: string | undefined
  /** May it be sent requests? (`'/health/ready'`) */
  readonly ready?: string | undefined
  /** As `ready`, with each check named for those whom `detail` lets see it. (`'/health'`) */
  readonly full?: string | undefined
  /** Who may see the checks by name. (nobody) */
  readonly detail?: Test | undefined
  /** How long one check may take. (`'1s'`) */
  readonly timeout?: Duration | undefined
  /** How long an answer of the checks is kept. (`'5s'`) */
  readonly cache?: Duration | undefined
}

/**
 * Answers the questions of load balancers and orchestrators, before any limit and without a log line.
 *
 * `live` says only that the process runs: asking a database there would restart every instance when it is slow. `ready`
 * runs the checks, each with its deadline, at most once per `cache` however many ask, and fails first while the server is
 * draining.
 *
 * Needs:   nothing.
 * Adds:    nothing to the context of other requests; attribute `health.check` on its own.
 * Refuses: answers its three paths, GET and HEAD: 200 `pass`, or 503 `fail`, as `application/health+json`, `no-store`.
 * Throws:  when made: TypeError if a path, duration or check is not usable.
 * Fails:   a check that throws or hangs is `fail`; its late answer is ignored.
 * Costs:   one comparison of the path for other requests.
 * Source:  draft-inadarei-api-health-check-06.
 *
 * @example
 * health({ checks: { database: (signal) => fetch('http://db.internal/ping', { signal }) } })
 */
export function health(options: HealthOptions = {}): Wrapper {
  const { checks = {}, live = '/health/live', ready = '/health/ready', full = '/health', detail } = options
  const timeout = milliseconds(options.timeout ?? '1s', 'health: timeout')
  const keep = milliseconds(options.cache ?? '5s', 'health: cache')
  if (timeout > 2_147_483_647) throw new TypeError(`health: timeout must be at most 24 days, got '${options.timeout}'`)
  if (detail !== undefined && typeof detail !== 'function') throw new TypeError('health: detail must be a function')
  for (const [name, check] of Object.entries(checks)) {
    if (typeof check !== 'function') throw new TypeError(`health: the check '${name}' must be a function`)
  }
  for (const [name, path] of Object.entries({ live, ready, full })) {
    if (typeof path !== 'string' || !path.startsWith('/')) {
      throw new TypeError(`health: ${name} must be a path that starts with '/'`)
    }
  }
  const isOurs = onPath(live, ready, full)
  const isLive = onPath(live)
  const isFull = onPath(full)
  let current: { readonly at: number; readonly results: Promise<readonly CheckResult[]> } | undefined

  const results = (context: Context): Promise<readonly CheckResult[]> => {
    const now = context.clock.monotonic()
    if (current === undefined || now - current.at > keep) {
      current = {
        at: now,
        results: Promise.all(Object.entries(checks).map(([name, check]) => runCheck(name, check, timeout, context))),
      }
    }
    return current.results
  }

  return (next) => (request, context) => {
    if (!isOurs(request, context) || (request.method !== 'GET' && request.method !== 'HEAD')) {
      return next(request, context)
    }
    context.attributes['health.check'] = true
    if (isLive(request, context)) return respond({ status: 'pass' })
    if (context.platform.draining) return respond({ status: 'fail', output: 'draining' })
    const named = isFull(request, context) && detail?.(request, context) === true
    return results(context).then((all) => {
      const status = all.every((one) => one.status === 'pass') ? 'pass' : 'fail'
      return respond(
        named ? { status, checks: Object.fromEntries(all.map(({ name, ...one }) => [name, [one]])) } : { status },
      )
    })
  }
}

interface CheckResult {
  readonly name: string
  readonly status: 'pass' | 'fail'
  readonly observedValue: number
  readonly observedUnit: 'ms'
}

function respond(body: { readonly status: 'pass' | 'fail' } & Record<string, unknown>): Response {
  return new Response(JSON.stringify(body), {
    status: body.status === 'pass' ? 200 : 503,
    headers: { 'content-type': 'application/health+json', 'cache-control': 'no-store' },
  })
}

async function runCheck(name: string, check: HealthCheck, timeout: number, context: Context): Promise<CheckResult> {
  const started = context.clock.monotonic()
  const deadline = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort()
      resolve(false)
    }, timeout)
  })
  let well: unknown
  try {
    well = await Promise.race([Promise.resolve(check(deadline.signal)).catch(() => false), late])
  } catch {
    well = false
  } finally {
    clearTimeout(timer)
  }
  const observedValue = Math.round(context.clock.monotonic() - started)
  return { name, status: well === false ? 'fail' : 'pass', observedValue, observedUnit: 'ms' }
}
