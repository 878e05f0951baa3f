// Every wrapper, in the order in which a policy has them, set up as in the `sallyport` app. A new wrapper is a new
// line. `given` is what wrappers outside it would have put in the context. All let the GET pass: what is measured
// is the price of being there.
import { ALLOWED_ORIGIN, RATE_LIMIT } from '../../apps/shared/job.mjs'

const CLIENT = { clientIp: '203.0.113.7', clientNetwork: '203.0.113.7', secure: true }
const ID = { requestId: '8f0c4a3e-0d0f-4c39-9a59-3a4d1e3c7a11' }

export const WRAPPERS = [
  { name: 'a wrapper that passes on', make: () => (next) => (request, context) => next(request, context) },
  { name: 'a guard that allows', make: (s) => s.guard({ name: 'open', decide: () => s.ALLOW }) },
  { name: 'requestId', make: (s) => s.requestId() },
  { name: 'clientIp', make: (s) => s.clientIp() },
  { name: 'clientIp behind one proxy', make: (s) => s.clientIp({ hops: 1 }) },
  { name: 'accessLog to nowhere', make: (s) => s.accessLog({ write: () => {} }), given: { ...ID, ...CLIENT } },
  { name: 'securityHeaders', make: (s) => s.securityHeaders() },
  {
    name: 'securityHeaders with a nonce',
    make: (s) => s.securityHeaders({ contentSecurityPolicy: s.csp({ 'default-src': ["'self'"] }, { nonce: true }) }),
  },
  { name: 'cors', make: (s) => s.cors({ origins: [ALLOWED_ORIGIN] }) },
  { name: 'errors', make: (s) => s.errors() },
  { name: 'hosts', make: (s) => s.hosts({ allow: ['api.example'] }) },
  { name: 'methods', make: (s) => s.methods({ allow: ['GET', 'POST'] }) },
  { name: 'headerLimit', make: (s) => s.headerLimit() },
  {
    name: 'ipAccess, two networks',
    make: (s) => s.ipAccess({ deny: ['198.51.100.0/24', '10.0.0.0/8'] }),
    given: CLIENT,
  },
  { name: 'httpsRedirect', make: (s) => s.httpsRedirect({ host: 'api.example' }), given: CLIENT },
  { name: 'timeout', make: (s) => s.timeout({ after: '10s' }) },
  { name: 'bodyLimit', make: (s) => s.bodyLimit() },
  { name: 'contentType', make: (s) => s.contentType({ allow: ['application/json'] }) },
  {
    name: 'rateLimit in memory, hot key',
    make: (s) => s.rateLimit({ key: s.byClientIp, limit: RATE_LIMIT, window: '1m' }),
    given: CLIENT,
  },
  {
    name: 'rateLimit, three limits in memory, hot key',
    make: (s) =>
      s.rateLimit({
        key: s.byClientIp,
        limits: ['1s', '1m', '1h'].map((window) => ({ name: window, limit: RATE_LIMIT, window })),
      }),
    given: CLIENT,
  },
  { name: 'shed, by all three', make: (s) => s.shed({ maxInFlight: 1_000, maxDelay: '1s', maxLatency: '10s' }) },
  { name: 'bans', make: (s) => s.bans({ key: s.byClientIp }), given: CLIENT },
  { name: 'concurrency', make: (s) => s.concurrency({ key: s.byClientIp, limit: 1_000_000 }), given: CLIENT },
  {
    name: 'slowDown',
    make: (s) => s.slowDown({ key: s.byClientIp, after: 1_000_000_000, window: '1m' }),
    given: CLIENT,
  },
  { name: 'idempotency, a GET', make: (s) => s.idempotency(), given: CLIENT },
  { name: 'csrf', make: (s) => s.csrf() },
  { name: 'health, another path', make: (s) => s.health() },
  { name: 'unless, exempt', make: (s) => s.unless(s.onPath('/api/items'), s.csrf()) },
]

/** What is called on its own. `make` gets sallyport and the context of a request; it answers the call. */
export const CALLS = [
  {
    name: 'memoryStore.consume, hot key',
    make(s, context) {
      const store = s.memoryStore()
      return () => store.consume(LIMITS, CLIENT.clientIp, ONE, context)
    },
  },
  {
    name: 'memoryStore.consume, 100 k keys in random order',
    make(s, context) {
      const store = s.memoryStore({ maxKeys: 100_000 })
      const keys = Array.from(
        { length: 100_000 },
        (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      )
      let turn = 0
      // A stride that shares no factor with the length visits every key, each far from the one before.
      return () => store.consume(LIMITS, keys[turn = (turn + 61_819) % keys.length], ONE, context)
    },
  },
]

const ONE = [1]
const LIMITS = {
  id: 'bench',
  limits: [{ name: 'bench', quota: RATE_LIMIT, window: 60_000, algorithm: 'fixed-window' }],
}
