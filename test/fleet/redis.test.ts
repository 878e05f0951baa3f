import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import type { SharedStore, Store } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import { contract, freshKey, limitOf, MINUTE } from '../stores/contract.ts'
import type { ClientName, Connected } from './clients.ts'
import { connected, immortal } from './clients.ts'
import { admittedBy } from './counting.ts'
import type { RedisServer } from './redis-server.ts'
import { startRedis } from './redis-server.ts'

const CLIENTS: readonly ClientName[] = ['redis', 'ioredis', 'iovalkey']
const call = createContext()
let server: RedisServer
let admin: Redis

beforeAll(async () => {
  server = await startRedis()
  admin = new Redis(server.url)
})
afterEach(async () => {
  expect(await immortal(admin)).toEqual([])
})
afterAll(async () => {
  admin?.disconnect()
  await server?.stop()
})

for (const name of CLIENTS) {
  contract(`redis by ${name}`, async () => {
    const { store, close } = await connected(name, server.url)
    return { store, pass: (ms) => sleep(ms), stop: close }
  })
}

describe.each(CLIENTS)('by %s', (name) => {
  let client: Connected
  let store: SharedStore
  beforeAll(async () => {
    client = await connected(name, server.url)
    store = client.store
  })
  afterAll(() => client.close())

  test('a server that forgets the scripts gets them again, and no call is counted twice', async () => {
    const set = limitSet([limitOf(1_000, { name: 'flushed' })])
    const key = freshKey()
    let asked = 0
    const worker = async (): Promise<void> => {
      while (asked++ < 600) {
        if (asked % 50 === 0) await admin.script('FLUSH')
        await store.consume(set, key, [1], call)
      }
    }
    await Promise.all(Array.from({ length: 32 }, worker))
    expect((await store.consume(set, key, [1], call))?.standings[0]?.remaining).toBe(399)
  })

  test('a server out of memory is an error, and what it has kept still counts', async () => {
    const set = limitSet([limitOf(2, { name: 'memory' })])
    const key = freshKey()
    await store.consume(set, key, [2], call)
    await admin.config('SET', 'maxmemory', '1')
    try {
      await expect(Promise.resolve(store.consume(set, freshKey(), [1], call))).rejects.toThrow(/OOM/)
      await expect(Promise.resolve(store.lease(freshKey(), 'a', MINUTE, 1, call))).rejects.toThrow(/OOM/)
      await expect(Promise.resolve(store.claim(freshKey(), 'a', MINUTE, call))).rejects.toThrow(/OOM/)
      expect((await store.consume(set, key, [1], call))?.allowed).toBe(false)
    } finally {
      await admin.config('SET', 'maxmemory', '0')
    }
    expect((await store.consume(set, freshKey(), [1], call))?.allowed).toBe(true)
  })

  test('what is not ours under our key is an error', async () => {
    const set = limitSet([limitOf(2, { name: 'strange' })])
    const key = freshKey()
    await store.consume(set, key, [1], call)
    const [ours = ''] = (await admin.keys('*')).filter((one) => one.endsWith(key))
    for (const value of ['hello', '99999999999999', '99999999999999 x']) {
      await admin.set(ours, value, 'PX', MINUTE)
      await expect(Promise.resolve(store.consume(set, key, [1], call))).rejects.toThrow()
    }
    await admin.del(ours)
    await admin.lpush(ours, 'a')
    await admin.expire(ours, 60)
    await expect(Promise.resolve(store.consume(set, key, [1], call))).rejects.toThrow(/WRONGTYPE/)
  })

  test('10,000 at once on one key: exactly as many as the limit', async () => {
    const set = limitSet([limitOf(1_234, { name: 'crowd', algorithm: 'sliding-window' })])
    const key = freshKey()
    const all = await Promise.all(Array.from({ length: 10_000 }, () => store.consume(set, key, [1], call)))
    expect(all.filter((verdict) => verdict?.allowed)).toHaveLength(1_234)
  })
})

test('PITFALLS 3: 200 at once from four processes, limit 50: exactly 50 pass', async () => {
  const admitted = await admittedBy(['redis', 'ioredis', 'iovalkey', 'ioredis'], server.url, '', freshKey(), 50)
  expect(admitted.reduce((sum, one) => sum + one)).toBe(50)
})

describe('what is in the server', () => {
  let client: Connected
  let store: SharedStore
  beforeAll(async () => {
    client = await connected('ioredis', server.url, { prefix: 'mine' })
    store = client.store
  })
  afterAll(() => client.close())
  const ours = async (): Promise<string[]> => (await admin.keys('mine:*')).sort()
  const cleared = async (): Promise<void> => {
    const keys = await ours()
    if (keys.length > 0) await admin.del(keys)
  }

  test('one key for all limits of a set, named by prefix, version, kind, set and key', async () => {
    await cleared()
    const set = limitSet([limitOf(5, { name: 'a' }), limitOf(5, { name: 'b', algorithm: 'sliding-window' })])
    await store.consume(set, '198.51.100.7', [1, 1], call)
    expect(await ours()).toEqual(['mine:1c:19:1:af60000,1:bs60000:198.51.100.7'])
    expect(await admin.get('mine:1c:19:1:af60000,1:bs60000:198.51.100.7')).toMatch(/^\d{13} 1 \d+ 1( 0){7}$/)
  })

  test('a long key is kept by its hash', async () => {
    await cleared()
    const set = limitSet([limitOf(5)])
    for (const key of ['x'.repeat(10_000), 'ü'.repeat(70), '*'.repeat(200)]) await store.consume(set, key, [1], call)
    await store.claim('y'.repeat(5_000), 'v', MINUTE, call)
    await store.lease('z'.repeat(5_000), 'm', MINUTE, 5, call)
    const keys = await ours()
    expect(keys).toHaveLength(5)
    for (const key of keys) expect(key).toMatch(/^mine:1[clr]:#[0-9a-f]{64}$/)
  })

  test('a refusal writes nothing, and neither does a cost of nothing or a refund of it', async () => {
    await cleared()
    const set = limitSet([limitOf(5), limitOf(3, { name: 'b', algorithm: 'token-bucket' })])
    await store.consume(set, 'k', [1, 3], call)
    const [key = ''] = await ours()
    const written = async (): Promise<unknown[]> => {
      const stats = await admin.info('commandstats')
      return [await admin.get(key), await admin.call('PEXPIRETIME', key), /cmdstat_set:calls=(\d+)/.exec(stats)?.[1]]
    }
    const before = await written()
    for (let i = 0; i < 10; i++) expect((await store.consume(set, 'k', [1, 1], call))?.allowed).toBe(false)
    await store.consume(set, 'k', [0, 0], call)
    expect(await written()).toEqual(before)
    await cleared()
    await store.consume(set, 'k', [9, 9], call)
    await store.consume(set, 'k', [0, 0], call)
    await store.adjust(set, 'k', [-3, 0], Date.now(), call)
    expect(await ours()).toEqual([])
  })

  test('a key lives as long as what it says', async () => {
    await cleared()
    const fixed = limitOf(10, { name: 'f', window: 5_000 })
    const sliding = limitOf(10, { name: 's', window: 7_000, algorithm: 'sliding-window' })
    const bucket = limitOf(10, { name: 'b', window: 100_000, algorithm: 'token-bucket' })
    const life = async (...limits: Parameters<typeof limitSet>): Promise<number> => {
      await cleared()
      await store.consume(limitSet(...limits), 'k', limits[0].map(() => 1), call)
      return admin.pttl((await ours())[0]!)
    }
    expect(await life([fixed])).toBeGreaterThan(4_500)
    expect(await life([fixed])).toBeLessThanOrEqual(5_000)
    expect(await life([sliding])).toBeGreaterThan(6_500)
    expect(await life([sliding])).toBeLessThanOrEqual(8_000)
    expect(await life([bucket])).toBeGreaterThan(9_500)
    expect(await life([bucket])).toBeLessThanOrEqual(10_000)
    expect(await life([fixed, sliding, bucket])).toBeGreaterThan(9_500)
    await store.consume(limitSet([fixed, sliding, bucket]), 'k', [1, 1, 4], call)
    expect(await admin.pttl((await ours())[0]!)).toBeGreaterThan(49_000)
    expect(await life([fixed])).toBeLessThanOrEqual(5_000)
    await sleep(300)
    for (let i = 0; i < 9; i++) expect((await store.consume(limitSet([fixed]), 'k', [1], call))?.allowed).toBe(true)
    expect(await admin.pttl((await ours())[0]!)).toBeLessThanOrEqual(4_700)
    await cleared()
    await store.lease('set', 'a', 60_000, 5, call)
    await store.lease('set', 'b', 1_000, 5, call)
    expect(await admin.pttl((await ours())[0]!)).toBeGreaterThan(59_000)
  })

  test('a list is cut at 10,000, and a set of leases with a member that is gone by itself is one smaller', async () => {
    for (let i = 0; i < 10_050; i += 67) {
      await Promise.all(Array.from({ length: 67 }, (_, j) => store.lease('many', `m${i + j}`, MINUTE, Infinity, call)))
    }
    const members = await store.members('many', call)
    expect(members).toHaveLength(10_000)
    expect(members.every(({ expiresIn }) => expiresIn > 0 && expiresIn <= MINUTE)).toBe(true)
    await store.lease('pair', 'a', 300, 2, call)
    await store.lease('pair', 'b', MINUTE, 2, call)
    expect(await store.lease('pair', 'c', MINUTE, 2, call)).toMatchObject({ granted: false, held: 2 })
    await sleep(400)
    expect(await store.release('pair', 'a', call)).toBe(false)
    expect(await store.lease('pair', 'c', MINUTE, 2, call)).toEqual({ granted: true, held: 2, freeIn: 0 })
    expect(await store.lease('none', 'c', MINUTE, 0, call)).toEqual({ granted: false, held: 0, freeIn: MINUTE })
  })

  test('one command per decision, whatever the number of limits', async () => {
    const set = limitSet([limitOf(5, { name: 'a' }), limitOf(5, { name: 'b' }), limitOf(5, { name: 'c' })])
    await store.consume(set, freshKey(), [1, 1, 1], call)
    const commands = async (): Promise<number> =>
      Number(/total_commands_processed:(\d+)/.exec(await admin.info('stats'))?.[1])
    const before = await commands()
    for (let i = 0; i < 10; i++) await store.consume(set, freshKey(), [1, 1, 1], call)
    // Those that scripts run are counted too: TIME, GET and SET beside each EVALSHA; and the INFO before.
    expect(await commands() - before).toBe(10 * 4 + 1)
  })
})

test('a script waits for nothing: a client that is closed rejects', async () => {
  for (const name of CLIENTS) {
    const { store, close } = await connected(name, server.url)
    close()
    const stores: Store[] = [store]
    for (const one of stores) {
      const answers = Array.from({ length: 20 }, async () => await one.consume(limitSet([limitOf(5)]), 'k', [1], call))
      for (const answer of await Promise.allSettled(answers)) expect(answer.status).toBe('rejected')
    }
  }
})
