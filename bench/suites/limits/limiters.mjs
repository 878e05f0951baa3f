// A decision of ours, by a store or by the whole wrapper, as the contenders of Redis and of REST have it.
import { createContext, rateLimit, SETS, specsOf } from './sallyport.mjs'

/** The store alone. */
export function byStore(store, which) {
  const set = SETS[which]
  const costs = set.limits.map(() => 1)
  const context = createContext()
  return (key) => store.consume(set, key, costs, context)
}

/** The wrapper, with its deadline, its breaker and its fields, around a handler. */
export function byRateLimit(store, which, more = {}) {
  const request = new Request('https://api.example/api/items')
  const answer = new Response('{}')
  let current = ''
  const limited = rateLimit({ key: () => current, limits: specsOf(SETS[which]), store, ...more })(() => answer)
  return (key) => {
    current = key // it is read before anything is awaited
    return limited(request, createContext())
  }
}
