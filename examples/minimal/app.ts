// The same file on every runtime: security headers, CORS, limits, a request id, an access log, problems for errors.
import { api, byClientIp, cors, type Edge, type Handler, policy, rateLimit, type Wrapper } from '../../src/index.ts'

export const secure: Wrapper<Edge> = policy({
  ...api,
  cors: cors({ origins: ['https://app.example'] }),
  rateLimit: rateLimit({ key: byClientIp, limit: 100, window: '1m' }),
})

export const app: Handler = secure((_request, context) =>
  Response.json({ hello: context.clientIp, request: context.requestId })
)
