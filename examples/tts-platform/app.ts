/** The first report's service: text to speech, and training of voices. The same file on every runtime. */
import {
  accessLog,
  api,
  compose,
  consoleLines,
  cors,
  type Edge,
  errors,
  type Handler,
  health,
  legacyEnvelope,
  type LineSink,
  policy,
  requestId,
  type Store,
  type Wrapper,
} from '../../src/index.ts'
import { createData, type Data, VOICES } from './data.ts'
import { authenticate, type Caller } from './identity.ts'
import { createLimits } from './limits.ts'
import { createRoutes } from './routes.ts'
import { violationLog } from './violations.ts'

/** Options of {@link createApp}. */
export interface AppOptions {
  /** Origins whose scripts may call the API. (`http://localhost:5173`) */
  readonly origins?: readonly string[] | undefined
  /** Takes one line per request. (the console) */
  readonly access?: LineSink | undefined
  /** Where the limits count. (memory) */
  readonly store?: Store | undefined
  /** Takes one line per rate-limit violation and security event. (the console) */
  readonly violations?: LineSink | undefined
}

/** The service, with data and limits of its own. */
export function createApp(options: AppOptions = {}): Handler {
  const data = createData()
  return createDoor(data, options)(createRoutes(data))
}

function createDoor(data: Data, options: AppOptions): Wrapper<Edge & Caller> {
  const { origins = ['http://localhost:5173'], access = consoleLines, violations = consoleLines } = options
  const limits = createLimits(options.store)
  return policy({
    ...api,
    requestId: requestId({ generate: () => `req_${crypto.randomUUID()}` }),
    accessLog: compose(violationLog(violations), accessLog({ write: access })),
    cors: cors({ origins }),
    errors: errors({ format: legacyEnvelope }),
    health: health({ checks: { voices: () => VOICES.length > 0 } }),
    rateLimit: limits.byAddress,
    authenticate: authenticate(data),
    quota: limits.byCaller,
  })
}
