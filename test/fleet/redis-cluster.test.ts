import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import { limitSet } from '../../src/core/store.ts'
import { contract, freshKey, limitOf } from '../stores/contract.ts'
import { connectedCluster, immortal } from './clients.ts'
import type { RedisServer } from './redis-server.ts'
import { startRedis } from './redis-server.ts'

let servers: RedisServer[] = []
let admins: Redis[] = []

async function cluster(): Promise<string> {
  if (servers.length > 0) return servers[0]!.url
  servers = await Promise.all([0, 1].map(() => startRedis({ args: ['--cluster-enabled', 'yes'] })))
  admins = servers.map(({ url }) => new Redis(url))
  await admins[0]!.call('CLUSTER', 'ADDSLOTSRANGE', 0, 8_191)
  await admins[1]!.call('CLUSTER', 'ADDSLOTSRANGE', 8_192, 16_383)
  await admins[0]!.call('CLUSTER', 'MEET', '127.0.0.1', servers[1]!.port)
  await vi.waitFor(async () => {
    for (const admin of admins) expect(await admin.call('CLUSTER', 'INFO')).toContain('cluster_state:ok')
  }, { timeout: 30_000, interval: 100 })
  return servers[0]!.url
}

afterEach(async () => {
  for (const admin of admins) expect(await immortal(admin)).toEqual([])
})
afterAll(async () => {
  for (const admin of admins) admin.disconnect()
  for (const server of servers) await server.stop()
})

for (const name of ['redis', 'ioredis'] as const) {
  contract(`redis cluster by ${name}`, async () => {
    const { store, close } = await connectedCluster(name, await cluster())
    return { store, pass: (ms) => sleep(ms), stop: close }
  })
}

test.each(['redis', 'ioredis'] as const)('%s: calls of one turn may go to both nodes', async (name) => {
  const { store, close } = await connectedCluster(name, await cluster())
  const set = limitSet([limitOf(1)])
  const all = await Promise.all(Array.from({ length: 40 }, () => store.consume(set, freshKey(), [1], createContext())))
  expect(all.filter((verdict) => verdict?.allowed)).toHaveLength(40)
  close()
})

test('the keys are on both nodes', async () => {
  for (const admin of admins) expect(await admin.dbsize()).toBeGreaterThan(10)
})
