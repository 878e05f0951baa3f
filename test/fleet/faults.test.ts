/** What a service does when its Redis does not: real servers, real clients, a network that can be made bad. */
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { memoryStore } from '../../src/stores/memory.ts'
import { local } from '../../src/traffic/limiter.ts'
import type { ClientName, Connected } from './clients.ts'
import { connected, immortal, overRest } from './clients.ts'
import type { RedisServer } from './redis-server.ts'
import { freePort, startRedis } from './redis-server.ts'
import type { RestFront } from './rest-front.ts'
import { startRestFront } from './rest-front.ts'
import type { Service } from './service.ts'
import { degraded, recovery, serviceOn, usual } from './service.ts'
import type { Proxy } from './tcp-proxy.ts'
import { startProxy } from './tcp-proxy.ts'

const DEADLINE = 250
// Times are those of the requirement, with no room for whatever else this machine does.
const again = { retry: 2 }

const codes = ({ records }: Service): unknown[] => records.map(({ code }) => code)

beforeAll(async () => {
  // So that what is measured is not the compiler.
  const service = serviceOn({ consume: () => Promise.reject(new Error('out')) }, 'refuse')
  const healthy = serviceOn(memoryStore(), 'refuse')
  for (let i = 0; i < 300; i++) {
    await service.ask()
    await healthy.ask()
  }
})

describe.each<ClientName>(['redis', 'ioredis'])('by %s', again, (name) => {
  let server: RedisServer
  let proxy: Proxy
  let client: Connected
  beforeAll(async () => {
    server = await startRedis()
    proxy = await startProxy(server.port)
    client = await connected(name, `redis://127.0.0.1:${proxy.port}`)
  })
  afterEach(async () => {
    proxy.be('pass')
    await vi.waitFor(async () => {
      expect((await serviceOn(client.store, 'refuse').ask()).limited).toBe(true)
    }, { timeout: 10_000 })
  })
  afterAll(async () => {
    client.close()
    await proxy.stop()
    await server.stop()
  })

  test('fault 35: refused at start: the policy, at once, one alarm; used within a second of its coming', async () => {
    const port = await freePort()
    const late = await connected(name, `redis://127.0.0.1:${port}`, {}, false)
    const service = serviceOn(late.store, 'refuse')
    const times = await degraded(service, 100)
    expect(times[0]).toBeLessThan(DEADLINE + 50)
    expect(usual(times)).toBeLessThan(5)
    expect(codes(service)).toEqual(['store-outage'])
    const coming = await startRedis({ port })
    expect(await recovery(service)).toBeLessThan(1_000)
    expect(codes(service)).toEqual(['store-outage', 'store-recovered'])
    late.close()
    await coming.stop()
  })

  test('fault 35: killed while in use: the policy, one alarm, and used within a second of its return', async () => {
    const port = await freePort()
    let mortal = await startRedis({ port })
    const alone = await connected(name, mortal.url)
    const service = serviceOn(alone.store, 'refuse')
    for (let i = 0; i < 50; i++) expect((await service.ask()).limited).toBe(true)
    const crowd = Array.from({ length: 50 }, () => service.ask())
    mortal.kill()
    for (const { status, ms } of await Promise.all(crowd)) {
      expect([200, 503]).toContain(status)
      expect(ms).toBeLessThan(DEADLINE + 50)
    }
    const times = await degraded(service, 200)
    expect(usual(times)).toBeLessThan(5)
    expect(service.open).toBeLessThanOrEqual(1)
    expect(codes(service)).toEqual(['store-outage'])
    await mortal.stop()
    mortal = await startRedis({ port })
    expect(await recovery(service)).toBeLessThan(1_000)
    expect(codes(service)).toEqual(['store-outage', 'store-recovered'])
    alone.close()
    await mortal.stop()
  })

  test.each([10, 100])('fault 36: %i ms of latency: every request is decided, that much later', async (latency) => {
    proxy.be('pass', latency)
    const service = serviceOn(client.store, 'refuse')
    const answers = await Promise.all(Array.from({ length: 30 }, () => service.ask()))
    expect(answers.every(({ limited }) => limited)).toBe(true)
    expect(usual(answers.map(({ ms }) => ms))).toBeLessThan(DEADLINE)
    expect(Math.min(...answers.map(({ ms }) => ms))).toBeGreaterThanOrEqual(latency - 1)
    expect(codes(service)).toEqual([])
  })

  const silences: readonly [string, () => void, () => void][] = [
    ['1,000 ms of latency', () => proxy.be('pass', 1_000), () => proxy.be('pass', 0)],
    ['a network that swallows everything', () => proxy.be('hang'), () => proxy.be('pass')],
    ['a server that is stopped', () => server.pause(), () => server.resume()],
  ]
  test.each(silences)(
    'faults 36 and 37: %s: the first waits the deadline, then none; used within a second',
    async (_name, bad, good) => {
      const service = serviceOn(client.store, 'refuse')
      expect((await service.ask()).limited).toBe(true)
      bad()
      const first = await Promise.all(Array.from({ length: 20 }, () => service.ask()))
      for (const { status, ms, limited } of first) {
        expect([status, limited]).toEqual([503, false])
        expect(ms).toBeLessThan(DEADLINE + 50)
      }
      const before = service.asked
      const from = performance.now()
      const times = await degraded(service, 600)
      expect(usual(times)).toBeLessThan(5)
      // Only probes go out, two a second, and nothing piles up behind them.
      expect(service.asked - before).toBeLessThanOrEqual(Math.ceil((performance.now() - from) / 500) + 1)
      expect(service.open).toBeLessThanOrEqual(20 + 5)
      expect(proxy.connections).toBeLessThanOrEqual(2)
      expect(codes(service)).toEqual(['store-outage'])
      good()
      expect(await recovery(service)).toBeLessThan(1_000)
      expect(codes(service)).toEqual(['store-outage', 'store-recovered'])
    },
  )

  test('fault 38: garbage: no request is decided by it', async () => {
    const service = serviceOn(client.store, 'refuse')
    expect((await service.ask()).limited).toBe(true)
    proxy.be('garbage')
    const times = await degraded(service, 300)
    expect(Math.max(...times)).toBeLessThan(DEADLINE + 50)
    expect(usual(times)).toBeLessThan(5)
    expect(codes(service)).toEqual(['store-outage'])
    proxy.be('pass')
    expect(await recovery(service)).toBeLessThan(1_000)
  })

  test('fault 38: out of memory: the policy, and the alarm says why', async () => {
    const admin = new Redis(server.url)
    const service = serviceOn(client.store, 'refuse')
    await admin.config('SET', 'maxmemory', '1')
    try {
      const times = await degraded(service, 100)
      expect(usual(times)).toBeLessThan(5)
      expect(codes(service)).toEqual(['store-outage'])
      expect(String(service.records[0]?.['cause'])).toContain('OOM')
    } finally {
      await admin.config('SET', 'maxmemory', '0')
    }
    expect(await recovery(service)).toBeLessThan(1_000)
    expect(await immortal(admin)).toEqual([])
    admin.disconnect()
  })

  test("'allow' lets all pass, local(0.5) half, and neither says how things stand", async () => {
    const lenient = serviceOn(client.store, 'allow', 10)
    const halved = serviceOn(client.store, local(0.5), 10)
    proxy.be('cut')
    for (let i = 0; i < 20; i++) expect(await lenient.ask()).toMatchObject({ status: 200, limited: false })
    const statuses: number[] = []
    for (let i = 0; i < 20; i++) statuses.push((await halved.ask()).status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(5)
    expect(codes(lenient)).toEqual(['store-outage'])
  })
})

test('fault 39: a failover that loses the last second admits again what was lost, and no more', again, async () => {
  const primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
  const wire = await startProxy(primary.port)
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(wire.port)] })
  const admin = new Redis(replica.url)
  const before = new Redis(primary.url)
  before.on('error', () => {}) // it will be killed
  await vi.waitFor(async () => expect(await admin.info('replication')).toContain('master_link_status:up'), 20_000)
  const front = await startProxy(primary.port)
  const { store, close } = await connected('ioredis', `redis://127.0.0.1:${front.port}`)
  const service = serviceOn(store, 'refuse', 10)
  const admitted = async (times: number): Promise<number> => {
    let count = 0
    for (let i = 0; i < times; i++) if ((await service.ask()).status === 200) count++
    return count
  }
  expect(await admitted(4)).toBe(4)
  const [kept = ''] = await before.keys('*')
  await vi.waitFor(async () => expect(await admin.get(kept)).toBe(await before.get(kept)), 10_000)
  wire.be('hang')
  expect(await admitted(3)).toBe(3) // these are not replicated
  primary.kill()
  await degraded(service, 50)
  await admin.replicaof('NO', 'ONE')
  front.to(replica.port)
  expect(await recovery(service)).toBeLessThan(1_000) // admits one
  expect(await admitted(20)).toBe(10 - 4 - 1)
  expect(await immortal(admin)).toEqual([])
  for (const one of [admin, before]) one.disconnect()
  close()
  await Promise.all([wire.stop(), front.stop(), replica.stop(), primary.stop()])
})

describe('over REST', again, () => {
  let server: RedisServer
  let front: RestFront
  beforeAll(async () => {
    server = await startRedis()
    front = await startRestFront(server.port)
  })
  afterAll(async () => {
    await front.stop()
    await server.stop()
  })

  test.each(['hang', 'fail', 'garbage'] as const)('a front that does %s: the policy, and back', async (mood) => {
    const store = await overRest(front.url, front.token)
    await recovery(serviceOn(store, 'refuse')) // the first fetch of a process may take longer than the deadline
    const service = serviceOn(store, 'refuse')
    expect((await service.ask()).limited).toBe(true)
    front.be(mood)
    const times = await degraded(service, 300)
    expect(times[0]).toBeLessThan(DEADLINE + 50)
    expect(usual(times)).toBeLessThan(5)
    expect(codes(service)).toEqual(['store-outage'])
    front.be('answer')
    expect(await recovery(service)).toBeLessThan(1_000)
  })
})
