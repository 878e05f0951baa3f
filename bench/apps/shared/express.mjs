// Express 5 with the packages its users reach for. The two Express apps differ in the logger alone.
import { randomUUID } from 'node:crypto'
import cors from 'cors'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import helmet from 'helmet'
import { z } from 'zod'
import * as job from './job.mjs'
import { announce, HOST, PORT } from './lifecycle.mjs'

const Item = z.object({
  name: z.string().min(1).max(80),
  email: z.email(),
  quantity: z.number().int().min(1).max(1000),
  price: z.number().min(0),
  tags: z.array(z.string()).max(10),
})

/** Serves the job with `log`, a middleware that writes one line when the response has been sent. */
export function serveExpress(log) {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag') // nobody else makes one

  app.use((request, response, next) => {
    request.id = randomUUID()
    response.setHeader('X-Request-Id', request.id)
    response.setHeader('Permissions-Policy', job.PERMISSIONS_POLICY) // the one that helmet lacks
    next()
  })
  app.use(log)
  app.use(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: job.POLICY_DIRECTIVES },
      strictTransportSecurity: false,
    }),
  )
  app.use(cors({ origin: [job.ALLOWED_ORIGIN], exposedHeaders: job.EXPOSED_HEADERS }))
  app.use(
    rateLimit({
      windowMs: job.RATE_WINDOW_MS,
      limit: job.RATE_LIMIT,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
    }),
  )
  app.use(express.json({ limit: job.BODY_LIMIT }))

  app.get(job.PATH, (request, response) => response.json(job.ITEMS))
  app.post(job.PATH, (request, response) => {
    const { success, data } = Item.safeParse(request.body)
    if (!success) return response.status(400).json({ error: 'Bad Request' })
    response.status(201).json(job.createItem(data))
  })
  app.get(job.CRASH_PATH, () => {
    throw new Error(job.CRASH_DETAIL)
  })
  app.use((error, request, response, next) => {
    const status = error.status >= 400 && error.status < 500 ? error.status : 500
    response.status(status).json({ error: status === 500 ? 'Internal Server Error' : error.message })
  })

  const server = app.listen(PORT, HOST, () => announce(server.address().port))
}
