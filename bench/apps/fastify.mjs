import { randomUUID } from 'node:crypto'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { ITEM_SHAPE } from './shared/item-shape.mjs'
import * as job from './shared/job.mjs'
import { announce, HOST, PORT } from './shared/lifecycle.mjs'
import { logFile, pinoOptions } from './shared/log.mjs'

const app = Fastify({
  bodyLimit: job.BODY_LIMIT,
  disableRequestLogging: true, // it writes two lines per request: the hook below writes the one
  genReqId: () => randomUUID(),
  logger: { ...pinoOptions, stream: logFile() },
  ajv: { customOptions: { coerceTypes: false } },
})

app.addHook('onRequest', (request, reply, done) => {
  reply.header('X-Request-Id', request.id)
  reply.header('Permissions-Policy', job.PERMISSIONS_POLICY) // the one that helmet lacks
  done()
})
app.addHook('onResponse', (request, reply, done) => {
  request.log.info({
    method: request.method,
    path: request.url,
    status: reply.statusCode,
    durationMs: reply.elapsedTime,
    client: request.ip,
    userAgent: request.headers['user-agent'],
  })
  done()
})
await app.register(helmet, {
  contentSecurityPolicy: { useDefaults: false, directives: job.POLICY_DIRECTIVES },
  strictTransportSecurity: false,
})
await app.register(cors, { origin: [job.ALLOWED_ORIGIN], exposedHeaders: job.EXPOSED_HEADERS })
await app.register(rateLimit, {
  max: job.RATE_LIMIT,
  timeWindow: job.RATE_WINDOW_MS,
  enableDraftSpec: true, // three RateLimit-* fields of an early draft: the newest it has
})
app.setErrorHandler((error, request, reply) => {
  const status = error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : 500
  reply.code(status).send({ error: status === 500 ? 'Internal Server Error' : error.message })
})

app.get(job.PATH, (request, reply) => reply.send(job.ITEMS))
app.post(
  job.PATH,
  { schema: { body: ITEM_SHAPE } },
  (request, reply) => reply.code(201).send(job.createItem(request.body)),
)
app.get(job.CRASH_PATH, () => {
  throw new Error(job.CRASH_DETAIL)
})

await app.listen({ port: PORT, host: HOST })
announce(app.server.address().port)
