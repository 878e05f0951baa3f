// Hono with its own middleware, hono-rate-limiter and hono-pino, on each runtime's own server.
import { honoApp } from './shared/hono.mjs'
import { serveFetch } from './shared/serve.mjs'

await serveFetch(honoApp().fetch)
