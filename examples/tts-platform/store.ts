/** Where the limits count: in this process, in a Redis, or in one over REST. */
import { memoryStore, type Store } from '../../src/index.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { upstashStore } from '../../src/stores/upstash.ts'
import { restOptions } from './rest.ts'

/** What was asked for. */
export interface StoreChoice {
  /** `memory`, `redis` or `upstash`. */
  readonly store: string
  /** For `redis`. */
  readonly redisUrl: string
  /** For `upstash`. */
  readonly restUrl: string
  readonly restToken: string
}

/** Opens it. One that cannot be reached is opened all the same: the limits have a policy for outages. */
export async function openStore(choice: StoreChoice): Promise<Store> {
  switch (choice.store) {
    case 'redis': {
      const { Redis } = await import('ioredis')
      // A command that cannot be sent now fails now: the limits do not wait for a reconnection.
      const options = { lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 }
      const client = new Redis(choice.redisUrl, options)
      client.on('error', () => {}) // the limits raise the alarm, once per outage
      await client.connect().catch(() => {})
      return redisStore(client)
    }
    case 'upstash': {
      const { Redis } = await import('@upstash/redis')
      return upstashStore(new Redis(restOptions(choice.restUrl, choice.restToken)))
    }
    default:
      return memoryStore()
  }
}
