/** Checks for `health` of the machine and the process, on Node, Bun and Deno. None looks, or starts a timer, before it is asked. */
import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { availableParallelism, freemem, totalmem } from 'node:os'
import process from 'node:process'
import { clearInterval, setInterval } from 'node:timers'
import { getHeapStatistics } from 'node:v8'
import type { Duration } from '../../src/core/quantity.ts'
import { count, milliseconds, show } from '../../src/core/quantity.ts'
import type { CheckOutcome, HealthCheck, HealthStatus } from '../../src/health/health.ts'

/** Options of {@link diskProbe}. */
export interface DiskProbeOptions {
  /** More per cent in use than this: degraded. (90) */
  readonly warn?: number | undefined
  /** More per cent in use than this: unhealthy. (98) */
  readonly fail?: number | undefined
  /** Whether this process must be allowed to write there. (true) */
  readonly writable?: boolean | undefined
}

/**
 * Is the folder there and writable, and how full is its file system, as `df` counts? Writes nothing.
 *
 * While one look has not come back, none is added: a network disk that hangs holds a thread of the runtime for each.
 *
 * @example
 * health({ checks: { uploads: diskProbe('uploads') } })
 */
export function diskProbe(path: string, options: DiskProbeOptions = {}): HealthCheck {
  if (typeof path !== 'string' || path === '') throw new TypeError('diskProbe: path must be that of a folder')
  const { warn = 90, fail = 98, writable = true } = options
  const levelOf = levels('diskProbe', warn, fail)
  if (typeof writable !== 'boolean') throw new TypeError('diskProbe: writable must be true or false')
  const look = async (): Promise<CheckOutcome> => {
    const { blocks, bfree, bavail } = await statfs(path)
    if (writable) await access(path, constants.W_OK)
    const used = blocks - bfree
    // What is kept for root is neither used nor to be had. A file system of no blocks (/proc) is not full.
    return observed(levelOf, 'utilization', percent(used, used + bavail))
  }
  let pending: Promise<CheckOutcome> | undefined
  return () => {
    pending ??= look().finally(() => {
      pending = undefined
    })
    return pending
  }
}

/** Options of {@link memoryProbe}. */
export interface MemoryProbeOptions {
  /** More per cent in use than this, of the heap or of the system: degraded. (80) */
  readonly warn?: number | undefined
  /** More per cent in use than this: unhealthy. (no bound: what is sent elsewhere fills memory there) */
  readonly fail?: number | undefined
}

/**
 * How full are the heap (of what the engine lets it grow to; on Bun, which has no such bound, of the system) and the system
 * (of the container's limit, if it has one; where that counts the cache of files, so does this)? Tells the process's
 * `current` and `peak` resident memory besides, in bytes.
 *
 * @example
 * health({ checks: { memory: memoryProbe() } })
 */
export function memoryProbe(options: MemoryProbeOptions = {}): HealthCheck {
  const { warn = 80, fail = Infinity } = options
  const levelOf = levels('memoryProbe', warn, fail)
  return () => {
    const { heapUsed, rss } = process.memoryUsage()
    // Unlimited is 0, or more than there is.
    const total = Math.min(totalmem(), process.constrainedMemory() || Infinity)
    // Bun tells what the host has left, also in a container: at least what this process holds is gone.
    const free = Math.max(0, Math.min(process.availableMemory?.() ?? freemem(), total - rss))
    const most = process.versions['bun'] === undefined ? getHeapStatistics().heap_size_limit : total
    const outcomes: readonly CheckOutcome[] = [
      observed(levelOf, 'heap', percent(heapUsed, most)),
      observed(levelOf, 'system', percent(total - free, total)),
      { ...system, measurement: 'current', observedValue: rss, observedUnit: 'bytes' },
      {
        ...system,
        measurement: 'peak',
        observedValue: Math.max(rss, process.resourceUsage().maxRSS * 1_024),
        observedUnit: 'bytes',
      },
    ]
    return outcomes
  }
}

/** Options of {@link eventLoopProbe}. */
export interface EventLoopProbeOptions {
  /** Later than this: degraded. (`'100ms'`) */
  readonly warn?: Duration | undefined
  /** Later than this: unhealthy. (no bound) */
  readonly fail?: Duration | undefined
}

const TICK = 20
const FORGOTTEN = 60_000

/**
 * How late was the event loop, at worst, since the last look? The first look takes 20 ms and starts a timer of as much,
 * which keeps no process alive and ends a minute after the last.
 *
 * @example
 * health({ checks: { eventLoop: eventLoopProbe({ warn: '200ms' }) } })
 */
export function eventLoopProbe(options: EventLoopProbeOptions = {}): HealthCheck {
  const warn = milliseconds(options.warn ?? '100ms', 'eventLoopProbe: warn')
  const fail = options.fail === undefined ? Infinity : milliseconds(options.fail, 'eventLoopProbe: fail')
  const levelOf = levels('eventLoopProbe', warn, fail)
  let timer: ReturnType<typeof setInterval> | undefined
  let due = 0
  let worst = 0
  let looked = 0

  const tick = (): void => {
    const now = performance.now()
    worst = Math.max(worst, now - due)
    due = now + TICK
    if (now - looked <= FORGOTTEN) return
    clearInterval(timer)
    timer = undefined
  }

  return async () => {
    looked = performance.now()
    if (timer === undefined) {
      worst = 0
      due = looked + TICK
      timer = setInterval(tick, TICK)
      timer.unref()
      await new Promise((resolve) => setTimeout(resolve, TICK))
    }
    const now = performance.now()
    // A tick that is due and has not come is late already; when it comes, only what it is later still counts.
    const delay = Math.max(worst, now - due)
    due = Math.max(due, now)
    worst = 0
    return observed(levelOf, 'delay', delay, 'ms')
  }
}

/** Options of {@link cpuProbe}. */
export interface CpuProbeOptions {
  /** More per cent than this: degraded. (80) */
  readonly warn?: number | undefined
  /** More per cent than this: unhealthy. (no bound) */
  readonly fail?: number | undefined
  /** Of how many cores; `'all'` of those there are. (1: JavaScript runs on one) */
  readonly cores?: number | 'all' | undefined
}

/**
 * How much of the processor did this process use since the last look? The first tells of its life so far. Threads of the
 * engine count too, so it may be more than 100 % of one core.
 *
 * @example
 * health({ checks: { cpu: cpuProbe() } })
 */
export function cpuProbe(options: CpuProbeOptions = {}): HealthCheck {
  const { warn = 80, fail = Infinity, cores = 1 } = options
  const levelOf = levels('cpuProbe', warn, fail)
  if (cores !== 'all') count(cores, 'cpuProbe: cores')
  let last: { readonly at: number; readonly used: number } | undefined
  let load = 0
  return () => {
    const { user, system } = process.cpuUsage()
    const used = user + system
    const at = process.uptime() * 1e6
    const elapsed = at - (last?.at ?? 0)
    // Between two looks too close to one another there is nothing to divide.
    if (elapsed >= 1_000) {
      load = percent(used - (last?.used ?? 0), elapsed * (cores === 'all' ? availableParallelism() : cores))
      last = { at, used }
    }
    return observed(levelOf, 'utilization', load)
  }
}

/**
 * For how many seconds has the process been running? Always well.
 *
 * @example
 * health({ checks: { uptime: uptimeProbe() } })
 */
export function uptimeProbe(): HealthCheck {
  return (): CheckOutcome => ({ ...system, observedValue: Math.round(process.uptime()), observedUnit: 's' })
}

const system = { status: 'pass', componentType: 'system' } as const

function observed(
  levelOf: (value: number) => HealthStatus,
  measurement: string,
  value: number,
  observedUnit = '%',
): CheckOutcome {
  return {
    status: levelOf(value),
    measurement,
    observedValue: Math.max(0, Math.round(value * 10) / 10),
    observedUnit,
    componentType: 'system',
  }
}

function percent(part: number, whole: number): number {
  return whole > 0 ? part / whole * 100 : 0
}

function levels(probe: string, warn: number, fail: number): (value: number) => HealthStatus {
  for (const [name, bound] of Object.entries({ warn, fail })) {
    if (typeof bound !== 'number' || !(bound >= 0)) {
      throw new TypeError(`${probe}: ${name} must be a number of at least 0, got ${show(bound)}`)
    }
  }
  if (warn > fail) throw new TypeError(`${probe}: warn must not be above fail`)
  return (value) => value > fail ? 'fail' : value > warn ? 'warn' : 'pass'
}
