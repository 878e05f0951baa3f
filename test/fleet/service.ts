/** A service with a limit on some store, and how it fares while the store is out. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { Handler } from '../../src/core/handler.ts'
import type { LogRecord } from '../../src/core/log.ts'
import type { Store } from '../../src/core/store.ts'
import type { Local } from '../../src/traffic/limiter.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { contextOf, recorder, requestTo, send } from '../helpers.ts'
import { freshKey } from '../stores/contract.ts'

const QUOTA = 1_000_000

/** One answer of a service, and how long it took. */
export interface Answer {
  readonly status: number
  readonly ms: number
  readonly limited: boolean
}

/** A service with a limit on some store. */
export interface Service {
  readonly records: readonly LogRecord[]
  /** Calls of the store that are not answered. */
  readonly open: number
  /** Calls of the store, ever. */
  readonly asked: number
  ask(): Promise<Answer>
}

/** Makes one, with a key of its own. */
export function serviceOn(store: Store, onOutage: 'allow' | 'refuse' | Local, limit: number = QUOTA): Service {
  const { log, records } = recorder()
  let open = 0
  let asked = 0
  const counted: Store = {
    async consume(...call) {
      open++
      asked++
      try {
        return await store.consume(...call)
      } finally {
        open--
      }
    },
  }
  const key = freshKey()
  const limited = rateLimit({ key: () => key, limit, window: '1h', store: counted, onOutage, log })
  const app: Handler = limited(() => new Response('fine'))
  return {
    records,
    get open() {
      return open
    },
    get asked() {
      return asked
    },
    async ask() {
      const from = performance.now()
      const response = await send(app, requestTo(), contextOf({ clock: systemClock }))
      const ms = performance.now() - from
      const fields = [...response.headers.keys()].filter((name) => name.startsWith('ratelimit'))
      await response.body?.cancel()
      return { status: response.status, ms, limited: fields.length > 0 }
    },
  }
}

/** Asks one after the other, all of which must be degraded. */
export async function degraded(service: Service, times: number, status = 503): Promise<number[]> {
  const durations: number[] = []
  for (let i = 0; i < times; i++) {
    const answer = await service.ask()
    expect([answer.status, answer.limited]).toEqual([status, false])
    durations.push(answer.ms)
    await sleep(1)
  }
  return durations
}

/** Nineteen of twenty, so that a pause of this machine is not taken for one of the service. */
export function usual(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.95)]!
}

/** The store is back: how long until it is used. */
export async function recovery(service: Service): Promise<number> {
  const from = performance.now()
  while (!(await service.ask()).limited) {
    if (performance.now() - from > 5_000) throw new Error('not used again')
    await sleep(10)
  }
  return performance.now() - from
}
