/** The first report's service: text to speech, and training of voices. The same file on every runtime. */
import {
  api,
  bodyLimit,
  cors,
  type Edge,
  errors,
  type Handler,
  type HasLog,
  legacyEnvelope,
  memoryStore,
  policy,
  requestId,
  sanitize,
  type Store,
  unless,
  type Wrapper,
} from '../../src/index.ts'
import { createData, type Data } from './data.ts'
import { authenticate, type Caller } from './identity.ts'
import { createLimits } from './limits.ts'
import { nowhere, type SampleSink, takesUploads } from './datasets.ts'
import { documentOf } from './document.ts'
import { createRoutes } from './routes.ts'
import { createObserving, type Observing, type ObservingOptions } from './observing.ts'
import { router } from './router.ts'

/** Options of {@link createApp}. */
export interface AppOptions extends ObservingOptions {
  /** Origins whose scripts may call the API. (`http://localhost:5173`) */
  readonly origins?: readonly string[] | undefined
  /** Where the limits count. (memory) */
  readonly store?: Store | undefined
  /** Where uploaded recordings go. (nowhere: they are taken and forgotten) */
  readonly samples?: SampleSink | undefined
}

/** The service, and what it is seen by. */
export interface App {
  readonly handler: Handler
  readonly observing: Observing
}

/** The service, with data and limits of its own. */
export function createApp(options: AppOptions = {}): App {
  const data = createData()
  const observing = createObserving(options.store ?? memoryStore(), options)
  const door = createDoor(data, observing, options)
  const routes = createRoutes(data, options.samples ?? nowhere)
  const handler = door(router({ ...routes, ...observing.routes, 'GET /api/openapi.json': documentOf(routes, door) }))
  return { handler, observing }
}

function createDoor(
  data: Data,
  { slots, log, store }: Observing,
  { origins = ['http://localhost:5173'] }: AppOptions,
): Wrapper<Edge & Caller & HasLog> {
  const limits = createLimits(store)
  return policy({
    ...api,
    ...slots,
    requestId: requestId({ generate: () => `req_${crypto.randomUUID()}` }),
    cors: cors({ origins }),
    errors: errors({ format: legacyEnvelope, log }),
    bodyLimit: unless(takesUploads, bodyLimit()),
    contentType: unless(takesUploads, api.contentType),
    rateLimit: limits.byAddress,
    authenticate: authenticate(data),
    quota: limits.byCaller,
    sanitize: sanitize(),
  })
}
