/** The clients that people have, each over a real connection, and loaded only where it is used. */
import type { Redis as Upstash } from '@upstash/redis'
import type { Redis } from 'ioredis'
import type { SharedStore } from '../../src/core/store.ts'
import { redisStore, type RedisStoreOptions } from '../../src/stores/redis.ts'
import { upstashStore } from '../../src/stores/upstash.ts'

/** A store over a client, connected. */
export interface Connected {
  readonly store: SharedStore
  readonly close: () => void
}

export type ClientName = 'redis' | 'ioredis' | 'iovalkey'

/** Makes a client that fails fast while there is no connection, and connects it, unless nobody is there yet. */
export async function connected(
  name: ClientName,
  url: string,
  options: RedisStoreOptions = {},
  there = true,
): Promise<Connected> {
  if (name === 'redis') {
    const { createClient } = await import('redis')
    const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 100 } })
    client.on('error', () => {})
    const connecting = client.connect()
    if (there) await connecting
    else connecting.catch(() => {})
    return { store: redisStore(client, options), close: () => client.destroy() }
  }
  const fast = { lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 100 }
  const client = name === 'ioredis'
    ? new (await import('ioredis')).Redis(url, fast)
    : new (await import('iovalkey')).Redis(url, fast)
  client.on('error', () => {})
  const connecting = client.connect()
  if (there) await connecting
  else connecting.catch(() => {})
  return { store: redisStore(client, options), close: () => client.disconnect() }
}

/** Connects to all nodes of a cluster. */
export async function connectedCluster(name: 'redis' | 'ioredis', url: string): Promise<Connected> {
  if (name === 'redis') {
    const { createCluster } = await import('redis')
    const cluster = createCluster({ rootNodes: [{ url }] })
    cluster.on('error', () => {})
    await cluster.connect()
    return { store: redisStore(cluster), close: () => cluster.destroy() }
  }
  const { Cluster } = await import('ioredis')
  const cluster = new Cluster([url], { lazyConnect: true })
  await cluster.connect()
  return { store: redisStore(cluster), close: () => cluster.disconnect() }
}

/** Over REST. */
export async function overRest(
  url: string,
  token: string,
  options: RedisStoreOptions = {},
  patience = 1_000,
): Promise<SharedStore> {
  return upstashStore(await restClient(url, token, { patience }), options)
}

/** As `upstash.ts` says. */
export async function restClient(
  url: string,
  token: string,
  { patience = 1_000, enableAutoPipelining = true } = {},
): Promise<Upstash> {
  const { Redis } = await import('@upstash/redis')
  const signal = (): AbortSignal => AbortSignal.timeout(patience)
  return new Redis({ url, token, retry: { retries: 0 }, enableTelemetry: false, signal, enableAutoPipelining })
}

/** What is kept in that Redis for ever: nothing, one hopes. */
export async function immortal(redis: Redis): Promise<string[]> {
  const keys = await redis.keys('*')
  const lives = await redis.pipeline(keys.map((key) => ['pttl', key])).exec()
  return keys.filter((_key, i) => Number(lives?.[i]?.[1]) === -1)
}
