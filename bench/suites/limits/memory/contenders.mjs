// Who decides in memory. `make` gets how many keys to hold, for those who can be told, and answers how to decide on a
// key, and how often that key had been counted.
import { Ratelimit } from '@upstash/ratelimit'
import { MemoryStore as ExpressStore } from 'express-rate-limit'
import { MemoryStore as HonoStore } from 'hono-rate-limiter'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import {
  createContext,
  memoryStore,
  PATIENT_SETS,
  QUOTA,
  rateLimit,
  SETS,
  specsOf,
  tiered,
} from '../sallyport.mjs'

const HOUR = 3_600_000 // so that nothing expires while it is measured
const COSTS = [1]

export const CONTENDERS = [
  ours('sallyport, fixed window', 'fixed'),
  ours('sallyport, sliding window', 'sliding'),
  ours('sallyport, token bucket', 'bucket'),
  ours('sallyport, three fixed windows', 'three'),
  ours('sallyport, three algorithms', 'mixed'),
  whole('sallyport rateLimit, one limit', 'fixed'),
  whole('sallyport rateLimit, three limits', 'three'),
  {
    name: 'rate-limiter-flexible',
    make() {
      const limiter = new RateLimiterMemory({ points: QUOTA, duration: HOUR / 1_000 })
      return { decide: (key) => limiter.consume(key), counted: ({ consumedPoints }) => consumedPoints }
    },
  },
  { name: 'express-rate-limit', make: () => hits(new ExpressStore()) },
  { name: 'hono-rate-limiter', make: () => hits(new HonoStore()) },
  {
    name: 'sallyport tiered, refused keys',
    small: true, // made for some thousand keys: not asked to hold a million
    make(keys) {
      const refusal = { allowed: false, at: 0, standings: [{ remaining: 0, resetIn: HOUR }] }
      const store = tiered({ consume: () => refusal }, { maxKeys: keys })
      const context = createContext()
      return {
        decide: (key) =>
          store.recall(SETS.fixed, key, COSTS, context) ?? store.consume(SETS.fixed, key, COSTS, context),
      }
    },
  },
  {
    name: '@upstash/ratelimit, refused keys', // its ephemeralCache: it knows who is refused, and nobody else
    make() {
      const redis = { evalsha: () => Promise.resolve([2, -1]) }
      const limiter = new Ratelimit({ redis, limiter: Ratelimit.fixedWindow(1, '1 h'), enableTelemetry: false })
      return { decide: (key) => limiter.limit(key) }
    },
  },
]

/** The store. With `patient` limits nothing is over before it is looked at again. */
function ours(name, which) {
  return {
    name,
    make(keys, patient = false) {
      const set = (patient ? PATIENT_SETS : SETS)[which]
      const costs = set.limits.map(() => 1)
      const context = createContext()
      const store = memoryStore({ maxKeys: keys * inOneTable(set) })
      return {
        decide: (key) => store.consume(set, key, costs, context),
        counted: (verdict) => verdict === undefined ? 0 : set.limits[0].quota - verdict.standings[0].remaining,
      }
    },
  }
}

/** The wrapper, with its fields, around a handler; what `bare` costs is to be taken off. */
function whole(name, which) {
  const answer = new Response('{}')
  const handler = () => answer
  const request = new Request('https://api.example/api/items')
  return {
    name,
    make(keys, patient = false) {
      const set = (patient ? PATIENT_SETS : SETS)[which]
      const store = memoryStore({ maxKeys: keys * inOneTable(set) })
      let current = ''
      const limited = rateLimit({ key: () => current, limits: specsOf(set), store })(handler)
      return {
        decide(key) {
          current = key
          return limited(request, createContext())
        },
        bare: () => handler(request, createContext()),
      }
    },
  }
}

/** `maxKeys` counts each limit for itself: those of one algorithm share a table. */
function inOneTable({ limits }) {
  return limits.filter(({ algorithm }) => algorithm === limits[0].algorithm).length
}

function hits(store) {
  store.init({ windowMs: HOUR })
  return { decide: (key) => store.increment(key), counted: ({ totalHits }) => totalHits }
}
