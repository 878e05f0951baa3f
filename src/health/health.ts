import type { Context } from '../core/context.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds } from '../core/quantity.ts'
import { onPath } from '../core/request.ts'
import type { StoreCall } from '../core/store.ts'
import type { Test } from '../core/when.ts'
import type { HealthFormat, HealthReport } from './bodies.ts'
import { healthJson, worst } from './bodies.ts'

/** Healthy, degraded, unhealthy: a degraded service goes on being sent requests. */
export type HealthStatus = 'pass' | 'warn' | 'fail'

/** What a check may say beyond yes and no. Other members than these are not shown. */
export interface CheckOutcome {
  readonly status: HealthStatus
  /** What was measured: the second half of the key `component:measurement`; the first is the check's name. */
  readonly measurement?: string | undefined
  /** What was observed. (how long the check took) */
  readonly observedValue?: number | string | boolean | undefined
  readonly observedUnit?: string | undefined
  /** A word on the cause. Whoever `detail` lets see the checks sees it. */
  readonly output?: string | undefined
  /** `'component'`, `'datastore'` or `'system'`. */
  readonly componentType?: string | undefined
  readonly componentId?: string | undefined
}

/** What was found of one measurement, as it is shown. */
export type CheckResult = Omit<CheckOutcome, 'measurement'> & {
  readonly observedValue: number | string | boolean
}

/**
 * Looks at one thing that the service depends on, and should stop when `signal` aborts.
 *
 * It is well unless the check rejects or gives `false`, a {@link CheckOutcome} that says otherwise, or a list of them. An
 * object whose `status` is another text than the three is `fail`; a `Response` is well whatever its status (`httpProbe` looks
 * at it). What a check throws is never shown.
 */
export type HealthCheck = (signal: AbortSignal, call: StoreCall) => unknown

/** A check, and how much it matters. */
export interface WeighedCheck {
  readonly check: HealthCheck
  /** `false`: without it the service is degraded, not unhealthy. (true) */
  readonly critical?: boolean | undefined
  /** How long it may take. (that of {@link HealthOptions}) */
  readonly timeout?: Duration | undefined
  /** Degraded, if it takes longer than this. (no bound) */
  readonly slow?: Duration | undefined
}

/** Options of {@link health}. */
export interface HealthOptions {
  /** What must be well for `ready`, by name; a name with a colon is `component:measurement`. (nothing) */
  readonly checks?: Readonly<Record<string, HealthCheck | WeighedCheck>> | undefined
  /** Is the process alive? Never looks at anything else. (`'/health/live'`) */
  readonly live?: string | undefined
  /** May it be sent requests? (`'/health/ready'`) */
  readonly ready?: string | undefined
  /** As `ready`, with each check named for those whom `detail` lets see it. (`'/health'`) */
  readonly full?: string | undefined
  /** Who may see the checks by name, and the four texts below. (nobody) */
  readonly detail?: Test | undefined
  /** How long one check may take. (`'1s'`) */
  readonly timeout?: Duration | undefined
  /** How long an answer of the checks is kept. (`'5s'`) */
  readonly cache?: Duration | undefined
  /** How answers look: `healthJson`, `healthComponents()`, `healthSections()`, or yours. (`healthJson`) */
  readonly format?: HealthFormat | undefined
  /** The public version of the service, e.g. `'1'`. (not told) */
  readonly version?: string | undefined
  /** The exact release, e.g. of its commit. (not told) */
  readonly releaseId?: string | undefined
  /** Which service this is. (not told) */
  readonly serviceId?: string | undefined
  /** For people who read it. (not told) */
  readonly description?: string | undefined
}

/** What {@link health} knows, for `opsPage` or a page of yours. */
export interface ReportsHealth {
  /** All that there is to say, from the run of the checks that also answers `ready` and `full`. Never rejects. */
  readonly report: (context: Context) => Promise<HealthReport>
}

/**
 * Answers the questions of load balancers and orchestrators, before any limit and without a log line.
 *
 * `live` says only that the process runs: asking a database there would restart every instance when it is slow. `ready`
 * runs the checks, each with its deadline, at most once per `cache` and never twice at a time however many ask, and fails
 * first while the server is draining. The worst check decides; one that is not `critical` is at worst a `warn`.
 *
 * Needs:   nothing.
 * Adds:    nothing to the context of other requests; attribute `health.check` on its own.
 * Refuses: answers its three paths, GET and HEAD: 200 `pass` or `warn`, or 503 `fail`, by `format`, `no-store`.
 * Throws:  when made: TypeError if an option is not usable. Per request: what `detail` and `format` throw.
 * Fails:   a check that throws or hangs is `fail`; its late answer is ignored.
 * Costs:   one comparison of the path for other requests.
 * Source:  draft-inadarei-api-health-check-06.
 *
 * @example
 * health({ checks: { database: sqlProbe(pool), mail: { check: httpProbe('http://mail.internal/ping'), critical: false } } })
 */
export function health(options: HealthOptions = {}): Wrapper & ReportsHealth {
  const { live = '/health/live', ready = '/health/ready', full = '/health', detail, format = healthJson } = options
  const { version, releaseId, serviceId, description } = options
  const timeout = deadline(options.timeout ?? '1s', 'health: timeout')
  const keep = milliseconds(options.cache ?? '5s', 'health: cache')
  const checks = Object.entries(options.checks ?? {}).map(([name, check]) => known(name, check, timeout))
  const lost = 2 * Math.max(keep, ...checks.map((check) => check.timeout))
  for (const [name, hook] of Object.entries({ detail, format })) {
    if (hook !== undefined && typeof hook !== 'function') throw new TypeError(`health: ${name} must be a function`)
  }
  for (const [name, path] of Object.entries({ live, ready, full })) {
    if (typeof path !== 'string' || !path.startsWith('/')) {
      throw new TypeError(`health: ${name} must be a path that starts with '/'`)
    }
  }
  for (const [name, text] of Object.entries({ version, releaseId, serviceId, description })) {
    if (text !== undefined && typeof text !== 'string') throw new TypeError(`health: ${name} must be a text`)
  }
  const isOurs = onPath(live, ready, full)
  const isLive = onPath(live)
  const isFull = onPath(full)
  let current: Run | undefined

  const findings = (context: Context): Promise<Findings> => {
    const now = context.clock.monotonic()
    // A run that is not over is waited for, but not for ever: on Workers it may have ended with the request that began it.
    if (current === undefined || now - current.started > (current.over ? keep : lost)) {
      const run: Run = { started: now, over: false, findings: runAll(checks, context) }
      current = run
      context.waitUntil(run.findings.then(() => {
        run.over = true
      }))
    }
    return current.findings
  }

  const report = async (context: Context): Promise<HealthReport> => {
    const { status, checks } = await findings(context)
    const said = { version, releaseId, serviceId, description, checks }
    return context.platform.draining ? { status: 'fail', output: 'draining', ...said } : { status, ...said }
  }

  const wrapper: Wrapper = (next) => (request, context) => {
    if (!isOurs(request, context) || (request.method !== 'GET' && request.method !== 'HEAD')) {
      return next(request, context)
    }
    context.attributes['health.check'] = true
    if (isLive(request, context)) return respond({ status: 'pass' }, context.clock.now(), format)
    if (context.platform.draining) {
      return respond({ status: 'fail', output: 'draining' }, context.clock.now(), format)
    }
    const named = isFull(request, context) && detail?.(request, context) === true
    return findings(context).then(({ status, checks, at }) => {
      const report = named ? { status, version, releaseId, serviceId, description, checks } : { status }
      return respond(report, at, format)
    })
  }
  return Object.assign(wrapper, { report })
}

interface Run {
  readonly started: number
  readonly findings: Promise<Findings>
  over: boolean
}

interface Findings {
  readonly status: HealthStatus
  readonly checks: Readonly<Record<string, readonly CheckResult[]>>
  /** By the wall clock. */
  readonly at: number
}

interface KnownCheck {
  readonly name: string
  readonly check: HealthCheck
  readonly critical: boolean
  readonly timeout: number
  readonly slow: number
}

function known(name: string, given: HealthCheck | WeighedCheck, usual: number): KnownCheck {
  const option = `health: the check '${name}'`
  const { check, critical = true, timeout, slow } = typeof given === 'function' ? { check: given } : given ?? {}
  if (typeof check !== 'function') throw new TypeError(`${option} must be a function, or have one as its check`)
  if (typeof critical !== 'boolean') throw new TypeError(`${option}: critical must be true or false`)
  return {
    name,
    check,
    critical,
    timeout: timeout === undefined ? usual : deadline(timeout, `${option}: timeout`),
    slow: slow === undefined ? Infinity : milliseconds(slow, `${option}: slow`),
  }
}

function deadline(duration: Duration, option: string): number {
  const ms = milliseconds(duration, option)
  if (ms <= 2_147_483_647) return ms
  throw new TypeError(`${option} must be at most 24 days, got '${duration}'`)
}

function respond(report: HealthReport, at: number, format: HealthFormat): Response {
  const { contentType, body } = format(report, new Date(at))
  return new Response(JSON.stringify(body), {
    status: report.status === 'fail' ? 503 : 200,
    headers: { 'content-type': contentType, 'cache-control': 'no-store' },
  })
}

async function runAll(checks: readonly KnownCheck[], context: Context): Promise<Findings> {
  const at = context.clock.now()
  const found = new Map<string, CheckResult[]>()
  const statuses: HealthStatus[] = []
  const all = await Promise.all(checks.map((one) => runCheck(one, context)))
  for (const [index, { name, critical }] of checks.entries()) {
    for (const { measurement, ...result } of all[index]!) {
      const key = measurement === undefined || name.includes(':') ? name : `${name}:${measurement}`
      found.set(key, [...found.get(key) ?? [], result])
      statuses.push(result.status === 'fail' && !critical ? 'warn' : result.status)
    }
  }
  return { status: worst(statuses), checks: Object.fromEntries(found), at }
}

type Measured = CheckResult & Pick<CheckOutcome, 'measurement'>

async function runCheck({ check, timeout, slow }: KnownCheck, context: Context): Promise<readonly Measured[]> {
  const { clock, platform, waitUntil } = context
  const started = clock.monotonic()
  const took = (): number => Math.round(clock.monotonic() - started)
  const deadline = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      resolve(false)
      deadline.abort()
    }, timeout)
  })
  try {
    const given: unknown = await Promise.race([check(deadline.signal, { clock, platform, waitUntil }), late])
    return measured(given, took(), slow)
  } catch {
    return measured(false, took(), slow)
  } finally {
    clearTimeout(timer)
  }
}

const TEXTS = ['measurement', 'output', 'componentType', 'componentId'] as const

/** Member by member: what a check gives may be a client or a row, with more in it than may be shown. */
function measured(given: unknown, took: number, slow: number): readonly Measured[] {
  const all: readonly unknown[] = Array.isArray(given) ? given : [given]
  const time = { observedValue: took, observedUnit: 'ms' }
  const timely = (status: HealthStatus): HealthStatus => status === 'pass' && took > slow ? 'warn' : status
  if (all.length === 0 || !all.every(isOutcome)) return [{ status: timely(given === false ? 'fail' : 'pass'), ...time }]
  return all.map((one) => {
    const { observedValue: value, observedUnit: unit } = one
    const status = one.status === 'pass' || one.status === 'warn' ? one.status : 'fail'
    const texts = Object.fromEntries(TEXTS.map((name) => [name, one[name]]).filter(([, text]) => isText(text)))
    if (!isText(value) && typeof value !== 'boolean' && !Number.isFinite(value)) {
      return { status: timely(status), ...time, ...texts }
    }
    return { status, observedValue: value!, ...(isText(unit) && { observedUnit: unit }), ...texts }
  })
}

function isOutcome(value: unknown): value is CheckOutcome {
  return isText((value as Partial<CheckOutcome> | null | undefined)?.status)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
