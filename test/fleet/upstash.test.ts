import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import type { Store } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import { ratelimitStore, upstashStore } from '../../src/stores/upstash.ts'
import { contract, freshKey, limitOf, MINUTE } from '../stores/contract.ts'
import { immortal, overRest, restClient } from './clients.ts'
import { admittedBy } from './counting.ts'
import type { RedisServer } from './redis-server.ts'
import { startRedis } from './redis-server.ts'
import type { RestFront } from './rest-front.ts'
import { startRestFront } from './rest-front.ts'

const call = createContext()
let server: RedisServer
let front: RestFront
let admin: Redis

beforeAll(async () => {
  server = await startRedis()
  front = await startRestFront(server.port)
  admin = new Redis(server.url)
})
afterEach(async () => {
  front.be('answer')
  expect(await immortal(admin)).toEqual([])
})
afterAll(async () => {
  admin?.disconnect()
  await front?.stop()
  await server?.stop()
})

contract('upstash', async () => ({ store: await overRest(front.url, front.token), pass: (ms) => sleep(ms) }))

contract('@upstash/ratelimit', async () => {
  const redis = await restClient(front.url, front.token)
  const stores = new Map<number, Store>()
  // One instance has one limit; the contract asks for several.
  const storeOf = (quota: number): Store => {
    const limiter = Ratelimit.fixedWindow(quota, '60 s')
    const store = stores.get(quota) ?? ratelimitStore(new Ratelimit({ redis, limiter, prefix: `bridge-${quota}` }))
    stores.set(quota, store)
    return store
  }
  const consume: Store['consume'] = (set, ...rest) => storeOf(set.limits[0]!.quota).consume(set, ...rest)
  return { store: { consume }, pass: (ms) => sleep(ms), plain: true }
})

test('PITFALLS 3: 200 at once from four processes, limit 50: exactly 50 pass', async () => {
  const clients = ['upstash', 'upstash', 'upstash', 'upstash']
  const admitted = await admittedBy(clients, front.url, front.token, freshKey(), 50)
  expect(admitted.reduce((sum, one) => sum + one)).toBe(50)
})

describe('upstashStore', () => {
  test('calls of one turn go out in one request', async () => {
    const store = await overRest(front.url, front.token)
    const set = limitSet([limitOf(40, { name: 'turn' })])
    const key = freshKey()
    await store.consume(set, key, [1], call)
    const before = front.requests
    const all = await Promise.all(Array.from({ length: 60 }, () => store.consume(set, key, [1], call)))
    expect(all.filter((verdict) => verdict?.allowed)).toHaveLength(39)
    expect(front.requests - before).toBe(1)
  })

  test('a server that forgets the scripts gets them again', async () => {
    const store = await overRest(front.url, front.token)
    const set = limitSet([limitOf(100, { name: 'flushed' })])
    const key = freshKey()
    for (let i = 0; i < 3; i++) {
      await admin.script('FLUSH')
      await Promise.all(Array.from({ length: 10 }, () => store.consume(set, key, [1], call)))
    }
    expect((await store.consume(set, key, [1], call))?.standings[0]?.remaining).toBe(69)
  })

  test('nonsense, an error, a wrong token and an abort are errors', async () => {
    const set = limitSet([limitOf(5)])
    const fails = async (store: Store, message: RegExp): Promise<void> => {
      await expect(Promise.resolve(store.consume(set, freshKey(), [1], call))).rejects.toThrow(message)
    }
    for (const enableAutoPipelining of [true, false]) {
      const store = upstashStore(await restClient(front.url, front.token, { enableAutoPipelining }))
      front.be('garbage')
      await fails(store, /upstashStore: unexpected reply/)
      front.be('fail')
      await fails(store, /out of order/)
      front.be('hang')
      await fails(store, /abort|time/i)
      front.be('answer')
    }
    await fails(await overRest(front.url, 'another token'), /Unauthorized/)
    await admin.config('SET', 'maxmemory', '1')
    try {
      await fails(await overRest(front.url, front.token), /OOM/)
    } finally {
      await admin.config('SET', 'maxmemory', '0')
    }
  })

  test('what one turn asks is asked of the same keys as over a connection', async () => {
    const store = await overRest(front.url, front.token, { prefix: 'rest' })
    await store.consume(limitSet([limitOf(5, { name: 'a' })]), 'k', [1], call)
    await store.lease('bans', '{"a":1}', MINUTE, 5, call)
    await store.claim('k', '[1]', MINUTE, call)
    expect((await admin.keys('rest:*')).sort()).toEqual(['rest:1c:9:1:af60000:k', 'rest:1l:4:bans:', 'rest:1r:0::k'])
    expect(await admin.get('rest:1r:0::k')).toBe('=[1]')
    expect((await store.members('bans', call)).map(({ member }) => member)).toEqual(['{"a":1}'])
  })
})

describe('ratelimitStore', () => {
  const set = limitSet([limitOf(5)])

  test('what it lets pass because nobody answers is no answer', async () => {
    const redis = await restClient(front.url, front.token)
    const limiter = Ratelimit.slidingWindow(5, '60 s')
    const store = ratelimitStore(new Ratelimit({ redis, limiter, timeout: 100, prefix: 'timeout' }))
    expect((await store.consume(set, 'k', [1], call))?.allowed).toBe(true)
    front.be('hang')
    await expect(Promise.resolve(store.consume(set, 'k', [1], call))).rejects.toThrow('has timed out')
    front.be('answer')
    expect((await store.consume(set, 'k', [1], call))?.standings[0]?.remaining).toBe(3)
  })

  test('costs are its rate, and a refusal says how long', async () => {
    const redis = await restClient(front.url, front.token)
    const limiter = Ratelimit.tokenBucket(5, '60 s', 5)
    const store = ratelimitStore(new Ratelimit({ redis, limiter, prefix: 'costs' }))
    const here = createContext()
    expect((await store.consume(set, 'k', [4], here))?.standings[0]?.remaining).toBe(1)
    const refused = await store.consume(set, 'k', [3], here)
    expect(refused?.allowed).toBe(false)
    expect(refused?.standings[0]?.remaining).toBeLessThan(3)
    expect(refused?.standings[0]?.resetIn).toBeGreaterThan(50_000)
    expect(refused?.standings[0]?.resetIn).toBeLessThanOrEqual(60_000)
  })
})
