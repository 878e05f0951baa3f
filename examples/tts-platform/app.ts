/** The first report's service: text to speech, and training of voices. The same file on every runtime. */
import {
  accessLog,
  api,
  bodyLimit,
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
  sanitize,
  type Store,
  unless,
  type Wrapper,
} from '../../src/index.ts'
import { createData, type Data, VOICES } from './data.ts'
import { authenticate, type Caller } from './identity.ts'
import { createLimits } from './limits.ts'
import { nowhere, type SampleSink, takesUploads } from './datasets.ts'
import { documentOf } from './document.ts'
import { createRoutes } from './routes.ts'
import { router } from './router.ts'
import { violationLog } from './violations.ts'

/** Options of {@link createApp}. */
export interface AppOptions {
  /** Origins whose scripts may call the API. (`http://localhost:5173`) */
  readonly origins?: readonly string[] | undefined
  /** Takes one line per request. (the console) */
  readonly access?: LineSink | undefined
  /** Where the limits count. (memory) */
  readonly store?: Store | undefined
  /** Where uploaded recordings go. (nowhere: they are taken and forgotten) */
  readonly samples?: SampleSink | undefined
  /** Takes one line per rate-limit violation and security event. (the console) */
  readonly violations?: LineSink | undefined
}

/** The service, with data and limits of its own. */
export function createApp(options: AppOptions = {}): Handler {
  const data = createData()
  const door = createDoor(data, options)
  const routes = createRoutes(data, options.samples ?? nowhere)
  return door(router({ ...routes, 'GET /api/openapi.json': documentOf(routes, door) }))
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
    bodyLimit: unless(takesUploads, bodyLimit()),
    contentType: unless(takesUploads, api.contentType),
    rateLimit: limits.byAddress,
    authenticate: authenticate(data),
    quota: limits.byCaller,
    sanitize: sanitize(),
  })
}
