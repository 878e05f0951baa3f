// Run by ../outage.mjs: every contender with a connection of its own to a store that works, then falls silent.
import { Ratelimit } from '@upstash/ratelimit'
import { Redis as Upstash } from '@upstash/redis'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { RedisStore } from 'rate-limit-redis'
import { RateLimiterRedis, RLWrapperTimeouts } from 'rate-limiter-flexible'
import { redisStore } from '../../../../src/stores/redis.ts'
import { upstashStore } from '../../../../src/stores/upstash.ts'
import { startRedis } from '../../../../test/fleet/redis-server.ts'
import { startRestFront } from '../../../../test/fleet/rest-front.ts'
import { startProxy } from '../../../../test/fleet/tcp-proxy.ts'
import { median } from '../../../harness/stats.mjs'
import { byRateLimit } from '../limiters.mjs'
import { QUOTA } from '../sallyport.mjs'

const [DEADLINE, PATIENCE] = process.argv.slice(2).map(Number)
const GOOD_CALLS = 50
const PAUSE = 10 // so that probes of the store go out meanwhile
const QUICK_CALLS = 300
const SLOW_CALLS = 2 // of those that make each caller wait

const server = await startRedis()
const proxy = await startProxy(server.port)
const front = await startRestFront(server.port)

const client = () => new Redis({ port: proxy.port })
const rest = () => new Upstash({ url: front.url, token: front.token, retry: { retries: 0 }, enableTelemetry: false })
const outage = { deadline: `${DEADLINE}ms`, log: () => {} }
const flexible = () => new RateLimiterRedis({ storeClient: client(), points: QUOTA, duration: 60 })

const hits = new RedisStore({ sendCommand: sender(client()) })
await hits.init({ windowMs: 60_000 })
const plain = flexible()
const timed = new RLWrapperTimeouts({ limiter: flexible(), timeoutMs: DEADLINE })
const ratelimit = new Ratelimit({
  redis: rest(),
  limiter: Ratelimit.fixedWindow(QUOTA, '1 m'),
  enableTelemetry: false,
})

const contenders = [
  { app: 'sallyport rateLimit over Redis', decide: byRateLimit(redisStore(client()), 'three', outage), quick: true },
  { app: 'sallyport rateLimit over REST', decide: byRateLimit(upstashStore(rest()), 'three', outage), quick: true },
  { app: 'rate-limiter-flexible', decide: (key) => plain.consume(key) },
  { app: `rate-limiter-flexible, RLWrapperTimeouts of ${DEADLINE} ms`, decide: (key) => timed.consume(key) },
  { app: 'rate-limit-redis', decide: (key) => hits.increment(key) },
  { app: '@upstash/ratelimit', decide: (key) => ratelimit.limit(key) },
]

for (const { decide } of contenders) for (let i = 0; i < GOOD_CALLS; i++) await decide('203.0.113.7')
proxy.be('hang')
front.be('hang')
// Ours one by one, undisturbed; the others wait, so they can do it together.
const rows = []
for (const one of contenders.filter(({ quick }) => quick)) rows.push(await silent(one))
rows.push(...(await Promise.all(contenders.filter(({ quick }) => !quick).map(silent))))
console.log(JSON.stringify(rows))
await server.stop()
process.exit()

async function silent({ app, decide, quick = false }) {
  const first = await waited(decide)
  const next = []
  for (let i = 0; i < (quick ? QUICK_CALLS : SLOW_CALLS) && !next.includes(undefined); i++) {
    await sleep(PAUSE)
    next.push(await waited(decide))
  }
  const count = next.length
  if (next.includes(undefined)) return { app, first, count }
  next.sort((a, b) => a - b)
  return { app, first, then: median(next), p99: next[Math.floor(count * 0.99)], worst: next.at(-1), count }
}

/** Milliseconds until there is a decision, or an error from which to make one; `undefined` beyond patience. */
async function waited(decide) {
  const began = performance.now()
  const ended = () => performance.now() - began
  return await Promise.race([(async () => decide('203.0.113.7'))().then(ended, ended), sleep(PATIENCE)])
}

function sender(redis) {
  return (...command) => redis.call(...command)
}
