// The policy of both sallyport apps: built as users run it, with every step that the other stacks have.
import {
  accessLog,
  bodyLimit,
  byClientIp,
  cors,
  csp,
  permissions,
  policy,
  rateLimit,
  requestId,
  securityHeaders,
  validate,
} from '../../../dist/src/index.js'
import { fileLines } from '../../../dist/adapters/file.js'
import { Item } from './item.mjs'
import * as job from './job.mjs'
import { LOG_FILE } from './lifecycle.mjs'

export const slots = {
  requestId: requestId(),
  accessLog: accessLog({ write: fileLines(LOG_FILE) }),
  securityHeaders: securityHeaders({
    contentSecurityPolicy: csp({
      'default-src': ["'self'"],
      'base-uri': ["'self'"],
      'object-src': ["'none'"],
      'frame-ancestors': ["'none'"],
    }),
    permissionsPolicy: permissions({ camera: [], geolocation: [], microphone: [] }),
  }),
  cors: cors({ origins: [job.ALLOWED_ORIGIN], exposeHeaders: job.EXPOSED_HEADERS }),
  bodyLimit: bodyLimit({ max: '100kb' }),
  rateLimit: rateLimit({ key: byClientIp, limit: job.RATE_LIMIT, window: '1m' }),
}

export const secure = policy(slots)

export const validItem = validate({ body: Item })
