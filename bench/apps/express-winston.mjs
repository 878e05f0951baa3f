import winston from 'winston'
import { serveExpress } from './shared/express.mjs'
import { LOG_FILE } from './shared/lifecycle.mjs'

const logger = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.File({ filename: LOG_FILE })],
})

serveExpress((request, response, next) => {
  const started = performance.now()
  response.on('finish', () =>
    logger.info('request', {
      requestId: request.id,
      method: request.method,
      path: request.path,
      status: response.statusCode,
      durationMs: performance.now() - started,
      client: request.ip,
      userAgent: request.headers['user-agent'],
    }))
  next()
})
