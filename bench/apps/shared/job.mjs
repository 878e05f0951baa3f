// The one job every app does, in values: what is answered, what is sent, what is allowed.

export const PATH = '/api/items'

/** Not part of the load: a route that throws, so that the smoke check can see each error handler at work. */
export const CRASH_PATH = '/api/crash'
export const CRASH_DETAIL = 'connection string of the database'

export const ITEMS = Array.from({ length: 10 }, (_, index) => ({
  id: index + 1,
  name: `Item number ${index + 1}`,
  quantity: (index + 1) * 7,
  price: 9.5 + index,
}))

/** What a POST answers with 201. */
let created = 0
export const createItem = (input) => ({ id: ++created, name: input.name })

export const ALLOWED_ORIGIN = 'https://app.example'
export const EXPOSED_HEADERS = ['X-Request-Id', 'RateLimit', 'RateLimit-Policy']
export const BODY_LIMIT = 100 * 1024

/** High enough that nothing is ever refused: the bench pays for the decision, not for the refusal. */
export const RATE_LIMIT = 100_000_000
export const RATE_WINDOW_MS = 60_000

export const POLICY_DIRECTIVES = {
  defaultSrc: ["'self'"],
  baseUri: ["'self'"],
  objectSrc: ["'none'"],
  frameAncestors: ["'none'"],
}

export const PERMISSIONS_POLICY = 'camera=(), geolocation=(), microphone=()'

/** The twelve every stack sends. HSTS is left out: the bench is plain HTTP. */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'permissions-policy': PERMISSIONS_POLICY,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
}

/** What the load generator and the smoke check send with every request. */
export const REQUEST_HEADERS = {
  origin: ALLOWED_ORIGIN,
  authorization: 'Bearer secret-token',
  cookie: 'session=secret-cookie',
  accept: 'application/json',
  'user-agent': 'sallyport-bench/1.0',
}

/** About 300 bytes of JSON that pass the five rules. */
export const REQUEST_BODY = JSON.stringify({
  name: 'A well made oak table for the dining room, seats eight',
  email: 'orders@furniture.example',
  quantity: 12,
  price: 849.5,
  tags: [
    'furniture',
    'solid oak',
    'dining room',
    'made by hand',
    'eight seats',
    'delivered in May',
    'local timber',
    'oiled twice',
    'extensible',
    'new this year',
  ],
})
