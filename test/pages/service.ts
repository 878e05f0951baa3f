/** A service with a page to look at: real guards, a store that is out, checks, bans, alerts, and a working day behind it. */
import type { Handler } from '../../src/core/handler.ts'
import type { Store } from '../../src/core/store.ts'
import { onPath } from '../../src/core/request.ts'
import { when } from '../../src/core/when.ts'
import { errors } from '../../src/core/errors.ts'
import { health } from '../../src/health/health.ts'
import { policy } from '../../src/policy/policy.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { compose } from '../../src/core/compose.ts'
import { httpMetrics } from '../../src/telemetry/http-metrics.ts'
import type { AlertSource, OpsPage, OpsPageOptions } from '../../src/telemetry/ops.ts'
import { opsPage } from '../../src/telemetry/ops.ts'
import { createMetrics } from '../../src/telemetry/registry.ts'
import { banList, bans } from '../../src/traffic/bans.ts'
import { byClientIp } from '../../src/traffic/keys.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import type { VirtualClock } from '../helpers.ts'
import { contextOf, requestTo, send } from '../helpers.ts'

/** What a test may change while the service runs. */
export interface Switches {
  storeIsOut: boolean
  mailIsOut: boolean
  alerts: ReturnType<AlertSource['active']>
}

/** Options of {@link service}. */
export interface ServiceOptions extends Partial<OpsPageOptions> {
  /** The name of a check. (`'database'`) */
  readonly check?: string | undefined
  /** Requests per minute of one client to `/limited`. (3) */
  readonly limit?: number | undefined
  /** Moved on by a request's `ms`. (the runtime's) */
  readonly clock?: VirtualClock | undefined
}

/** The service, its page at `/ops`, and its switches. */
export interface Service {
  readonly app: Handler
  readonly ops: OpsPage
  readonly switches: Switches
}

export function service({ check = 'database', limit = 3, ...options }: ServiceOptions = {}): Service {
  const quiet = (): void => {}
  const switches: Switches = { storeIsOut: false, mailIsOut: false, alerts: [] }
  const metrics = createMetrics()
  const memory = memoryStore()
  const store: Store = {
    ...memory,
    consume(...given) {
      if (switches.storeIsOut) throw new Error('out')
      return memory.consume(...given)
    },
  }
  const list = banList()
  const checks = health({
    checks: {
      [check]: () => true,
      mail: { check: () => !switches.mailIsOut, critical: false },
      disk: () => ({ status: 'pass', measurement: 'usage', observedValue: 41.25, observedUnit: '%' }),
    },
    cache: '1ms',
  })
  const ops = opsPage({
    authorize: () => true,
    metrics,
    alerts: { active: () => switches.alerts },
    health: checks,
    bans: list,
    stores: { limits: store },
    version: '1.4.2',
    every: '200ms',
    ...options,
  })
  const onOps = onPath('/ops')
  const secure = policy({
    metrics: compose(httpMetrics({ metrics, skip: onOps }), ops.observe),
    health: checks,
    errors: errors({ log: quiet }),
    bans: when(onPath('/limited'), bans({ key: byClientIp, list, after: 20, log: quiet })),
    rateLimit: compose(
      when(
        onPath('/limited'),
        rateLimit({ key: byClientIp, limit, window: '1m', store, onOutage: 'allow', log: quiet }),
      ),
      // On trial.
      when(onPath('/notes'), rateLimit({ key: byClientIp, name: 'trial', limit: 150, window: '1m', mode: 'report' })),
    ),
  })
  const app = secure((request, context) => {
    if (onOps(request, context)) return ops(request, context)
    const { searchParams } = new URL(request.url)
    if (onPath('/broken')(request, context)) throw new Error('a bug')
    const status = Number(searchParams.get('status') ?? 200)
    options.clock?.advance(Number(searchParams.get('ms') ?? 0))
    return new Response(status === 304 ? null : 'a page', { status })
  })
  return { app: app as Handler, ops, switches }
}

/** Ten minutes of traffic, always the same: a wave, a slow spell with errors, a few clients that knock too often. */
export async function traffic({ app }: Service, clock: VirtualClock): Promise<void> {
  let seed = 20_260_101
  const random = (): number => (seed = seed * 16_807 % 2_147_483_647) / 2_147_483_647
  const platform = contextOf().platform
  for (let second = 0; second < 600; second++) {
    const spell = second > 380 && second < 440
    const requests = Math.round(8 + 4 * Math.sin(second / 60) + 3 * random())
    const start = clock.monotonic()
    for (let i = 0; i < requests; i++) {
      const ms = Math.round(Math.exp(2 + 1.1 * random() + (random() > 0.96 ? 2 : 0) + (spell ? 0.8 : 0)))
      const chance = random()
      const status = spell && chance < 0.05 ? 503 : chance > 0.985 ? 404 : chance > 0.96 ? 304 : 200
      const address = `192.0.2.${1 + Math.floor(random() ** 3 * 40)}`
      const path = random() > 0.93 ? '/limited' : random() > 0.9994 ? '/broken' : `/notes?ms=${ms}&status=${status}`
      await (await send(app, requestTo(path), contextOf({ clock, platform, address }))).arrayBuffer()
    }
    clock.advance(Math.max(0, 1_000 - (clock.monotonic() - start)))
  }
}
