// Who decides in Redis. `make` gets its address and answers how to decide on a key.
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { RedisStore } from 'rate-limit-redis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { createClient } from 'redis'
import { redisStore } from '../../../../src/stores/redis.ts'
import { byRateLimit, byStore } from '../limiters.mjs'
import { QUOTA } from '../sallyport.mjs'

const COUNT = `local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n`

const CLIENTS = {
  ioredis: (url) => new Redis(url),
  iovalkey: (url) => new Valkey(url),
  'node-redis': (url) => createClient({ url }).connect(),
}

const ours = (client, decider, which) => async ({ url }) => decider(redisStore(await CLIENTS[client](url)), which)

const flexible = (connect, options) => async ({ url }) => {
  const limiter = new RateLimiterRedis({ storeClient: await connect(url), points: QUOTA, duration: 60, ...options })
  return (key) => limiter.consume(key)
}

export const contenders = [
  {
    name: 'bare EVALSHA',
    async make({ url }) {
      const redis = new Redis(url)
      const sha = await redis.script('LOAD', COUNT)
      return (key) => redis.evalsha(sha, 1, `bare:${key}`, '60000')
    },
  },
  {
    name: 'rate-limit-redis',
    async make({ url }) {
      const redis = new Redis(url)
      const store = new RedisStore({ sendCommand: (...command) => redis.call(...command) })
      await store.init({ windowMs: 60_000 })
      return (key) => store.increment(key)
    },
  },
  { name: 'rate-limiter-flexible', reference: true, make: flexible(CLIENTS.ioredis) },
  {
    name: 'rate-limiter-flexible, auto-pipelining',
    make: flexible((url) => new Redis(url, { enableAutoPipelining: true })),
  },
  {
    name: 'rate-limiter-flexible on node-redis',
    make: flexible(CLIENTS['node-redis'], { useRedisPackage: true }), // it sends the script's text each time
  },
  { name: 'sallyport, one limit', make: ours('ioredis', byStore, 'fixed') },
  { name: 'sallyport, three limits', make: ours('ioredis', byStore, 'three') },
  { name: 'sallyport, one sliding window', make: ours('ioredis', byStore, 'sliding') },
  { name: 'sallyport, one token bucket', make: ours('ioredis', byStore, 'bucket') },
  { name: 'sallyport, three algorithms', make: ours('ioredis', byStore, 'mixed') },
  { name: 'sallyport rateLimit, one limit', make: ours('ioredis', byRateLimit, 'fixed') },
  { name: 'sallyport rateLimit, three limits', make: ours('ioredis', byRateLimit, 'three') },
  { name: 'sallyport on iovalkey, one limit', make: ours('iovalkey', byStore, 'fixed') },
  { name: 'sallyport on iovalkey, three limits', make: ours('iovalkey', byStore, 'three') },
  { name: 'sallyport on node-redis, one limit', make: ours('node-redis', byStore, 'fixed') },
  { name: 'sallyport on node-redis, three limits', make: ours('node-redis', byStore, 'three') },
]
