// Hono with its own middleware, hono-rate-limiter and hono-pino; what is given goes in front.
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { HTTPException } from 'hono/http-exception'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { validator } from 'hono/validator'
import { pinoLogger } from 'hono-pino'
import { rateLimiter } from 'hono-rate-limiter'
import { safeParse } from 'valibot'
import { Item } from './item.mjs'
import * as job from './job.mjs'
import { createPino } from './log.mjs'
import { runtime } from './serve.mjs'

const { getConnInfo } = await {
  node: () => import('@hono/node-server/conninfo'),
  bun: () => import('hono/bun'),
  deno: () => import('hono/deno'),
}[runtime]()
const clientAddress = (c) => getConnInfo(c).remote.address

export function honoApp(...first) {
  const app = new Hono()
  for (const middleware of first) app.use(middleware)
  app.use(requestId())
  app.use(
    pinoLogger({
      pino: createPino(),
      http: {
        onReqBindings: (c) => ({
          method: c.req.method,
          path: c.req.path,
          client: clientAddress(c),
          userAgent: c.req.header('user-agent'),
        }),
        onResBindings: (c) => ({ status: c.res.status }),
      },
    }),
  )
  app.use(
    secureHeaders({
      contentSecurityPolicy: job.POLICY_DIRECTIVES,
      permissionsPolicy: { camera: [], geolocation: [], microphone: [] },
      strictTransportSecurity: false,
    }),
  )
  app.use(cors({ origin: [job.ALLOWED_ORIGIN], exposeHeaders: job.EXPOSED_HEADERS }))
  app.use(bodyLimit({ maxSize: job.BODY_LIMIT }))
  app.use(
    rateLimiter({
      windowMs: job.RATE_WINDOW_MS,
      limit: job.RATE_LIMIT,
      standardHeaders: 'draft-7', // the newest it has
      keyGenerator: clientAddress,
    }),
  )

  const item = validator('json', (value, c) => {
    const { success, output } = safeParse(Item, value)
    return success ? output : c.json({ error: 'Bad Request' }, 400)
  })
  app.get(job.PATH, (c) => c.json(job.ITEMS))
  app.post(job.PATH, item, (c) => c.json(job.createItem(c.req.valid('json')), 201))
  app.get(job.CRASH_PATH, () => {
    throw new Error(job.CRASH_DETAIL)
  })
  app.onError((error, c) =>
    error instanceof HTTPException
      ? c.json({ error: error.message }, error.status)
      : c.json({ error: 'Internal Server Error' }, 500)
  )
  return app
}
