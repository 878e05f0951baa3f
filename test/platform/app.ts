/** A policy with every slot filled, made at module scope as users of Workers do. */
import { object, string } from 'valibot'
import { type HasBindings, toCloudflare, type WorkerLike } from '../../adapters/cloudflare.ts'
import {
  accessLog,
  api,
  bodyLimit,
  byClientIp,
  clientIp,
  compose,
  contentType,
  cors,
  csrf,
  errors,
  fromPeers,
  guard,
  type Handler,
  headerLimit,
  health,
  hosts,
  httpsRedirect,
  ipAccess,
  legacyEnvelope,
  memoryStore,
  methods,
  policy,
  rateLimit,
  requestId,
  securityHeaders,
  timeout,
  validate,
  website,
} from '../../src/index.ts'

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
  timeout: timeout({ after: '5s' }),
  bodyLimit: bodyLimit({ max: '16kb' }),
  contentType: contentType({ allow: ['application/json'] }),
  rateLimit: compose(
    rateLimit({ key: byClientIp, limit: 100, window: '1m', name: 'minute' }),
    rateLimit({ key: byClientIp, limit: 1000, window: '1h', name: 'hour', store: memoryStore() }),
  ),
  csrf: csrf({ origins: ['https://app.example'] }),
  authenticate: guard({
    name: 'anyone',
    decide: () => ({ outcome: 'allow', adds: { principal: { id: 'anyone' } } }),
  }),
  validate: validate({ body: object({ note: string() }) }),
})

const answer: Handler<HasBindings<unknown> & { readonly input: { readonly body: { readonly note: string } } }> = (
  _request,
  { input },
) => new Response(`through the door: ${input.body.note}`)

export const app: WorkerLike<unknown> = toCloudflare(secure(answer))
