import { pinoHttp } from 'pino-http'
import { serveExpress } from './shared/express.mjs'
import { createPino } from './shared/log.mjs'

// pino-http logs every header unless told otherwise. Naming the fields is safer and faster than redacting them.
const req = ({ id, method, url, raw }) => ({
  id,
  method,
  path: url,
  client: raw.socket.remoteAddress,
  userAgent: raw.headers['user-agent'],
})
const res = ({ statusCode }) => ({ status: statusCode })

serveExpress(pinoHttp({ logger: createPino(), serializers: { req, res } }))
