/** A policy with every slot filled, made at module scope as users of Workers do. */
import { object, string } from 'valibot'
import { uploads, videos } from '../../src/input/uploads.ts'
import { cleanHtml } from '../../src/input/html.ts'
import * as schemas from '../../src/input/schemas.ts'
import { type HasBindings, toCloudflare, type WorkerLike } from '../../adapters/cloudflare.ts'
import {
  accessLog,
  api,
  bans,
  bodyLimit,
  byClientIp,
  clientIp,
  compose,
  concurrency,
  contentType,
  cors,
  csrf,
  errors,
  formBody,
  fromPeers,
  guard,
  type Handler,
  headerLimit,
  health,
  hosts,
  httpsRedirect,
  idempotency,
  ipAccess,
  jsonBody,
  legacyEnvelope,
  local,
  memoryStore,
  methods,
  multipartBody,
  openapi,
  policy,
  rateLimit,
  requestId,
  reserve,
  sanitize,
  securityHeaders,
  shed,
  slowDown,
  tiered,
  timeout,
  validate,
  website,
} from '../../src/index.ts'
import { denoKvStore } from '../../src/stores/deno-kv.ts'
import { durableObjectStore } from '../../src/stores/durable-object.ts'
import { bindingStore } from '../../src/stores/rate-limit-binding.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { upstashStore } from '../../src/stores/upstash.ts'

// Made here, as users do; only the first is asked, and says that there is no such binding.
const objects = durableObjectStore(() => {
  throw new Error('no binding')
})
bindingStore(() => ({ limit: () => Promise.resolve({ success: true }) }))
denoKvStore(() => Promise.reject(new Error('no Deno')))
redisStore({ evalsha: () => Promise.reject(new Error('no Redis')), eval: () => Promise.reject(new Error('no Redis')) })
upstashStore({
  evalsha: () => Promise.reject(new Error('no Redis')),
  eval: () => Promise.reject(new Error('no Redis')),
})
const log = (): void => {}

policy()
policy(api)
policy(website)

const secure = policy({
  requestId: requestId({ accept: fromPeers('10.0.0.0/8') }),
  clientIp: clientIp({ hops: 1 }),
  accessLog: accessLog(),
  securityHeaders: securityHeaders(),
  cors: cors({ origins: ['https://app.example'], credentials: true }),
  errors: errors({ format: legacyEnvelope }),
  health: health({ checks: { itself: () => Promise.resolve() } }),
  headerLimit: headerLimit(),
  hosts: hosts({ allow: ['worker.test', '127.0.0.1'] }), // miniflare says the latter in Host
  methods: methods({ allow: ['GET', 'POST'] }),
  ipAccess: ipAccess({ deny: ['192.0.2.0/24'] }),
  httpsRedirect: httpsRedirect({ host: 'worker.test' }),
  shed: shed({ maxInFlight: 100, maxDelay: '1s', maxLatency: '10s' }),
  timeout: timeout({ after: '5s' }),
  bodyLimit: bodyLimit({ max: '16kb' }),
  contentType: contentType({ allow: ['application/json'] }),
  rateLimit: compose(
    rateLimit({ key: byClientIp, limit: 100, window: '1m', name: 'minute' }),
    rateLimit({ key: byClientIp, limit: 1000, window: '1h', name: 'hour', store: tiered(memoryStore()) }),
    rateLimit({ key: byClientIp, limit: 1000, window: '1h', name: 'out', store: objects, onOutage: local(0.5), log }),
    concurrency({ key: byClientIp, limit: 100 }),
  ),
  bans: bans({ key: byClientIp }),
  slowDown: slowDown({ key: byClientIp, after: 50, window: '1h' }),
  csrf: csrf({ origins: ['https://app.example'] }),
  authenticate: guard({
    name: 'anyone',
    decide: () => ({ outcome: 'allow', adds: { principal: { id: 'anyone' } } }),
  }),
  idempotency: idempotency({ required: false }),
  sanitize: sanitize({ fields: { html: cleanHtml() } }),
  validate: validate({ body: object({ note: string() }) }, { codecs: [jsonBody(), formBody(), multipartBody()] }),
  own: reserve({ key: byClientIp, limits: [{ name: 'units', limit: 1_000, window: '1h' }], estimate: 10 }),
})

const upload = uploads({ files: { video: videos } })(() => new Response())
const train = validate({ body: schemas.training }, { response: { 200: object({}) } })(() => new Response())
openapi({
  info: { title: 'a', version: '1' },
  routes: { 'POST /a': upload, 'POST /b': train },
  policy: secure,
  jsonSchema: Object,
})

const answer: Handler<HasBindings<unknown> & { readonly input: { readonly body: { readonly note: string } } }> = (
  _request,
  { input },
) => new Response(`through the door: ${input.body.note}`)

export const app: WorkerLike<unknown> = toCloudflare(secure(answer))
