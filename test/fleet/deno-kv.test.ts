import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import type { SharedStore } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import { binary, type Running, start, stop } from '../runtimes/processes.ts'
import { contract, freshKey, limitOf, MINUTE } from '../stores/contract.ts'
import { remote, type RemoteStore } from './remote.ts'

const call = createContext()
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Kv {
  readonly file: string
  readonly processes: readonly Running[]
  readonly stores: readonly RemoteStore[]
  readonly stop: () => Promise<void>
}

/** So many Deno processes on one file. */
async function denos(count: number): Promise<Kv> {
  const folder = await mkdtemp(join(tmpdir(), 'kv-'))
  const file = join(folder, 'kv.sqlite')
  const deno = binary('@deno/*/deno', 'deno')
  const flags = ['run', '--no-lock', '--cached-only', '--unstable-kv', '--allow-net=127.0.0.1']
  const args = [...flags, `--allow-read=${folder}`, `--allow-write=${folder}`, 'test/fleet/kv-server.ts', file]
  const processes = await Promise.all(
    Array.from({ length: count }, (_, i) => start(`deno ${i}`, deno, args, /LISTENING (\d+) (\d+)/)),
  )
  const stores = processes.map(({ ready }) =>
    remote((body) => fetch(`http://127.0.0.1:${ready[1]}`, { method: 'POST', body }))
  )
  return {
    file,
    processes,
    stores,
    stop: async () => {
      await Promise.all(processes.map(stop))
      await rm(folder, { recursive: true })
    },
  }
}

/** Reads from the file itself when entries expire: -1 is never. */
function expectAllToExpire(file: string): void {
  const db = new DatabaseSync(file, { readOnly: true })
  const all = db.prepare('SELECT expiration_ms AS at FROM kv').all().map(({ at }) => Number(at))
  db.close()
  expect(all.length).toBeGreaterThan(10)
  expect(all.filter((at) => at <= 0)).toEqual([])
}

contract('deno kv', async () => {
  const kv = await denos(1)
  return {
    store: kv.stores[0]!,
    pass,
    stop: async () => {
      expectAllToExpire(kv.file)
      await kv.stop()
    },
  }
})

describe('four processes share a file', () => {
  let kv: Kv
  beforeAll(async () => {
    kv = await denos(4)
  })
  afterAll(async () => {
    expectAllToExpire(kv.file)
    await kv.stop()
  })
  const any = (): SharedStore => kv.stores[Math.floor(Math.random() * kv.stores.length)]!
  const soon = (ms: number): Promise<void> => pass(Math.random() * ms)

  for (const spread of [0, 30, 300]) {
    test(`200 within ${spread} ms, limit 50: exactly 50 pass`, async () => {
      const set = limitSet([
        limitOf(50, { name: 'burst', algorithm: 'sliding-window' }),
        limitOf(60, { name: 'day', window: 1_440 * MINUTE }),
        limitOf(70, { name: 'bucket', window: 1_440 * MINUTE, algorithm: 'token-bucket' }),
      ])
      const key = freshKey()
      const all = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
        await soon(spread)
        return kv.stores[i % 4]!.consume(set, key, [1, 1, 1], call)
      }))
      expect(all.filter((verdict) => verdict?.allowed)).toHaveLength(50)
      expect((await any().consume(set, key, [51, 1, 1], call))?.standings.map(({ remaining }) => remaining))
        .toEqual([0, 10, 20])
    })
  }

  test('costs and refunds add up', async () => {
    const set = limitSet([limitOf(1_000, { name: 'tokens' })])
    const key = freshKey()
    const used = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      await soon(100)
      const { allowed, at } = (await any().consume(set, key, [40], call))!
      if (!allowed) return 0
      await any().adjust(set, key, [i % 20 - 40], at, call)
      return i % 20
    }))
    const total = used.reduce((sum, units) => sum + units, 0)
    const { standings } = (await any().consume(set, key, [1_001], call))!
    expect(standings[0]!.remaining).toBe(1_000 - total)
  })

  test('a debt beyond all measure can be kept', async () => {
    const set = limitSet([limitOf(1, { name: 'debt', algorithm: 'token-bucket' })])
    const key = freshKey()
    await any().adjust(set, key, [Number.MAX_SAFE_INTEGER], Date.now(), call)
    expect((await any().consume(set, key, [1], call))?.allowed).toBe(false)
  })

  test('many keys at once: every call is answered, and rightly', async () => {
    const set = limitSet([limitOf(2, { name: 'many' })])
    const keys = Array.from({ length: 40 }, freshKey)
    const admitted = await Promise.all(keys.flatMap((key) =>
      kv.stores.map(async (store) => {
        await soon(200)
        return [key, (await store.consume(set, key, [1], call))?.allowed] as const
      })
    ))
    for (const key of keys) expect(admitted.filter(([one, allowed]) => one === key && allowed)).toHaveLength(2)
  })

  test('leases: never more than so many, and none is lost when they are released', async () => {
    const set = freshKey()
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
        await soon(20)
        const member = `${round}-${i}`
        return (await kv.stores[i % 4]!.lease(set, member, MINUTE, 20, call)).granted ? member : undefined
      }))
      const granted = all.filter((member) => member !== undefined)
      expect(granted).toHaveLength(20)
      expect(await any().members(set, call)).toHaveLength(20)
      const released = await Promise.all(granted.map((member) => any().release(set, member, call)))
      expect(released).toEqual(granted.map(() => true))
    }
    expect(await any().members(set, call)).toEqual([])
  })

  test('leases that are over make room, for all', async () => {
    const set = freshKey()
    const lease = (ttl: number): Promise<number> =>
      Promise.all(
        kv.stores.flatMap((store, i) =>
          Array.from({ length: 5 }, (_, j) => store.lease(set, `${ttl}-${i}-${j}`, ttl, 10, call))
        ),
      ).then((all) => all.filter(({ granted }) => granted).length)
    expect(await lease(4_000)).toBe(10)
    expect(await lease(MINUTE)).toBe(0)
    await pass(4_100)
    expect(await lease(MINUTE + 1)).toBe(10)
  })

  test('records: of many claims one is first, and long texts are never torn', async () => {
    const key = freshKey()
    const claims = await Promise.all(Array.from({ length: 40 }, (_, i) => any().claim(key, `v${i}`, MINUTE, call)))
    expect(claims.filter((there) => there === undefined)).toHaveLength(1)
    const texts = ['a', 'b', 'ü', '語'].map((letter, i) => letter.repeat([100_000, 250_000, 31_000, 20][i]!))
    let current = claims.find((there) => there !== undefined)!
    let writing = true
    const read = async (): Promise<void> => {
      while (writing) {
        const text = (await any().claim(key, 'z', MINUTE, call))!
        expect([...texts, current].includes(text)).toBe(true)
      }
    }
    const readers = [read(), read()]
    for (let i = 0; i < 16; i++) {
      const next = texts[i % texts.length]!
      expect(await any().replace(key, current, next, MINUTE, call)).toBe(true)
      current = next
    }
    writing = false
    await Promise.all(readers)
    expect(await any().remove(key, current, call)).toBe(true)
    await expect(any().claim(key, 'x'.repeat(400_000), MINUTE, call)).rejects.toThrow('390000 characters at most')
    expect(await any().claim(key, '語'.repeat(390_000), MINUTE, call)).toBeUndefined()
  })

  test('clocks that are some seconds apart give nobody more', async () => {
    for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] as const) {
      const set = limitSet([limitOf(10, { name: `skew-${algorithm}`, algorithm })])
      const key = freshKey()
      let admitted = 0
      for (let i = 0; i < 40; i++) {
        const skewed = kv.stores[i % 4]!.skewed([0, 4_000, -500, 2_500][i % 4]!)
        if ((await skewed.consume(set, key, [1], call))?.allowed) admitted++
      }
      expect([10, 11]).toContain(admitted) // a bucket of ten a minute may gain one on a slow machine
    }
  })

  test('a process that dies takes nothing with it', async () => {
    const set = limitSet([limitOf(30, { name: 'death' })])
    const key = freshKey()
    const before = Promise.allSettled(Array.from({ length: 80 }, async (_, i) => {
      await soon(100)
      return (await kv.stores[i % 4]!.consume(set, key, [1], call))?.allowed
    }))
    await pass(50)
    kv.processes[3]!.child.kill('SIGKILL')
    const settled = await before
    const told = settled.filter((one) => one.status === 'fulfilled' && one.value === true).length
    const lost = settled.filter(({ status }) => status === 'rejected').length
    expect(told).toBeLessThanOrEqual(30)
    expect(told + lost).toBeGreaterThanOrEqual(30)
    const { allowed } = (await kv.stores[0]!.consume(set, key, [1], call))!
    expect(allowed).toBe(false)
  })
})
