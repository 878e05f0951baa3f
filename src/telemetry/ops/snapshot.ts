/** All figures of one moment, as data: what `?json` answers with and what the page is made of. */
import type { Context } from '../../core/context.ts'
import type { MaybePromise } from '../../core/handler.ts'
import { breakerOf } from '../../core/outage.ts'
import type { BreakerReport } from '../../core/outage.ts'
import type { StoreCall } from '../../core/store.ts'
import type { PerformanceFigures } from '../performance.ts'
import type { Metrics } from '../registry.ts'
import { Masks } from './keys.ts'
import type { OpsDecision, OpsEvent, OpsNow, OpsPoint } from './recorder.ts'
import type { Recorder } from './recorder.ts'

/** One alert that is active. */
export interface OpsAlert {
  readonly name: string
  readonly severity: string
  readonly value?: number | undefined
  readonly threshold?: number | undefined
  readonly unit?: string | undefined
  /** ISO 8601. */
  readonly since?: string | undefined
}

/** What alerts are read from. */
export interface AlertSource {
  active(): readonly OpsAlert[]
}

/** What bans are read from: a `banList()`. */
export interface BanSource {
  entries(call: StoreCall): MaybePromise<readonly { readonly key: string; readonly expiresIn: number }[]>
}

/** What was found of one check. */
export interface OpsCheck {
  readonly name: string
  readonly status: string
  readonly observed?: number | string | boolean | undefined
  readonly unit?: string | undefined
  readonly output?: string | undefined
}

/** What health is read from: what `health()` makes. */
export interface HealthSource {
  readonly report: (context: Context) => MaybePromise<{
    readonly status: string
    readonly output?: string | undefined
    readonly checks?:
      | Readonly<
        Record<
          string,
          readonly {
            readonly status: string
            readonly observedValue?: number | string | boolean | undefined
            readonly observedUnit?: string | undefined
            readonly output?: string | undefined
          }[]
        >
      >
      | undefined
  }>
}

/** Where a page's figures come from. */
export interface Sources {
  readonly metrics: Metrics
  readonly recorder: Recorder
  readonly alerts?: AlertSource | undefined
  readonly health?: HealthSource | undefined
  readonly bans?: BanSource | undefined
  readonly stores?: Readonly<Record<string, object>> | undefined
  readonly version?: string | undefined
}

/** What was asked for and did not come: `'unreadable'`. What was not asked for is absent. */
export type OpsRead<T> = T | 'unreadable' | undefined

/** Everything that the page shows. Durations are in milliseconds, moments in milliseconds since 1970. */
export interface OpsSnapshot extends PerformanceFigures {
  readonly at: number
  /** Since the first request. */
  readonly uptime: number
  readonly version?: string | undefined
  readonly runtime: string
  /** One isolate of many: others count for themselves. */
  readonly isolated: boolean
  readonly draining: boolean
  readonly now: OpsNow
  readonly points: readonly OpsPoint[]
  readonly decisions: readonly OpsDecision[]
  /** Who was answered with a 429 most often, masked. */
  readonly limited: readonly { readonly who: string; readonly least: number; readonly most: number }[]
  readonly bans?: OpsRead<{
    readonly total: number
    readonly first: readonly { readonly who: string; readonly expiresIn: number }[]
  }>
  readonly breakers?: readonly ({ readonly store: string } & BreakerReport)[] | undefined
  readonly alerts?: OpsRead<readonly OpsAlert[]>
  readonly health?: OpsRead<{
    readonly status: string
    readonly output?: string | undefined
    readonly checks: readonly OpsCheck[]
  }>
  /** The newest first. */
  readonly events: readonly OpsEvent[]
}

const TOP = 10
const LISTED = 20
const ALERTS = 50
const CHECKS = 100
const PATIENCE = 2_000

/** Makes snapshots. A source that throws or hangs is `unreadable`; the others are shown all the same. */
export class Snapshots {
  readonly #sources: Sources
  readonly #masks = new Masks()

  constructor(sources: Sources) {
    this.#sources = sources
  }

  async take(context: Context): Promise<OpsSnapshot> {
    const { metrics, recorder, alerts, health, bans, stores, version } = this.#sources
    const { clock, platform } = context
    const [limited, banned, found] = await Promise.all([
      Promise.all(
        recorder.limited.top(TOP).map(async ({ key, ...counted }) => ({
          who: await this.#masks.mask(key),
          ...counted,
        })),
      ),
      read(bans && (() => this.#bans(bans, context))),
      read(health && (() => checksOf(health, context))),
    ])
    const now = clock.monotonic()
    return {
      at: clock.now(),
      now: recorder.now(now),
      uptime: recorder.uptime(now),
      version,
      runtime: runtimeOf(context),
      isolated: platform.ephemeral,
      draining: platform.draining,
      ...metrics.performance(),
      points: recorder.points(now),
      decisions: recorder.decisions(),
      limited,
      bans: banned,
      breakers: stores && Object.entries(stores).map(([store, one]) => ({ store, ...breakerOf(one) })),
      alerts: alerts && alertsOf(alerts),
      health: found,
      events: recorder.events.toReversed(),
    }
  }

  async #bans(bans: BanSource, context: Context): Promise<OpsSnapshot['bans']> {
    const all = await bans.entries(context)
    const first = all.slice(0, LISTED).map(async ({ key, expiresIn }) => ({
      who: await this.#masks.mask(key),
      expiresIn,
    }))
    return { total: all.length, first: await Promise.all(first) }
  }
}

async function checksOf(health: HealthSource, context: Context): Promise<OpsSnapshot['health']> {
  const { status, output, checks = {} } = await health.report(context)
  const all = Object.entries(checks).flatMap(([name, results]) =>
    results.map(({ status, observedValue: observed, observedUnit: unit, output }): OpsCheck => {
      return { name, status, observed, unit, output }
    })
  )
  return { status, output, checks: all.slice(0, CHECKS) }
}

function alertsOf(alerts: AlertSource): OpsSnapshot['alerts'] {
  try {
    return alerts.active().slice(0, ALERTS).map(({ name, severity, value, threshold, unit, since }) => {
      return { name, severity, value, threshold, unit, since }
    })
  } catch {
    return 'unreadable'
  }
}

/** What a source gives, if it does in time. */
async function read<T>(source: (() => Promise<OpsRead<T>>) | undefined): Promise<OpsRead<T>> {
  if (source === undefined) return undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<'unreadable'>((resolve) => {
    timer = setTimeout(() => resolve('unreadable'), PATIENCE)
  })
  try {
    return await Promise.race([source(), late])
  } catch {
    return 'unreadable'
  } finally {
    clearTimeout(timer)
  }
}

/** `Node.js/24`, where the runtime says it; else its name. */
function runtimeOf({ platform }: Context): string {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: unknown } }
  const agent = navigator?.userAgent
  return typeof agent === 'string' ? agent.slice(0, 64) : platform.name
}
