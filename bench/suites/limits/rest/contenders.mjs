// Who decides in Redis over REST, as Upstash serves it. `make` gets the front's URL and token.
import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis'
import { upstashStore } from '../../../../src/stores/upstash.ts'
import { byRateLimit, byStore } from '../limiters.mjs'
import { QUOTA } from '../sallyport.mjs'

const clientOf = (url, token, more) => new Redis({ url, token, retry: { retries: 0 }, enableTelemetry: false, ...more })
const SIGNAL = { signal: () => AbortSignal.timeout(1_000) }

const theirs = (limiter) => ({ url, token }) => {
  const ratelimit = new Ratelimit({ redis: clientOf(url, token), limiter, enableTelemetry: false })
  return (key) => ratelimit.limit(key)
}

const ours = (decider, which, more) => ({ url, token }) =>
  decider(upstashStore(clientOf(url, token, more)), which)

export const contenders = [
  { name: '@upstash/ratelimit, fixed window', reference: true, make: theirs(Ratelimit.fixedWindow(QUOTA, '1 m')) },
  { name: '@upstash/ratelimit, sliding window', make: theirs(Ratelimit.slidingWindow(QUOTA, '1 m')) },
  { name: 'sallyport, one limit', make: ours(byStore, 'fixed') },
  { name: 'sallyport, three limits', make: ours(byStore, 'three') },
  { name: 'sallyport, three algorithms', make: ours(byStore, 'mixed') },
  { name: 'sallyport rateLimit, three limits', make: ours(byRateLimit, 'three') },
  { name: 'sallyport, three limits, client with a signal', make: ours(byStore, 'three', SIGNAL) },
]
