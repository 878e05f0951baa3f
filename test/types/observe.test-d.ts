import { describe, test } from 'vitest'
import type { Context, Handler, HasLog, HasPrincipal, Logger, Secret, Wrapper } from '../../src/index.ts'
import {
  accessLog,
  compose,
  createLogger,
  createMetrics,
  extend,
  policy,
  requestLogger,
  secret,
} from '../../src/index.ts'
import { opsPage } from '../../src/telemetry/ops.ts'
import { type Equal, type IsAny, no, yes } from './assert.ts'
import { authenticate, bearer, tag, type User, verify } from './wrappers.ts'

const logger = createLogger()
const metrics = createMetrics()
const logged = compose(accessLog(), requestLogger({ logger }))

/** A user's own wrapper that logs. */
declare function noting(): Wrapper<{}, HasLog>

describe('log', () => {
  test('is there for handlers under a policy whose accessLog adds it', () => {
    const handler: Handler = policy({ accessLog: logged })((_request, context) => {
      no<IsAny<typeof context.log>>()
      yes<Equal<typeof context.log, Logger>>()
      yes<Equal<typeof context.requestId, string>>()
      context.log.security('seen', { note: 7 })
      // @ts-expect-error there is no such level
      context.log.fatal('seen')
      // @ts-expect-error fields are an object
      context.log.info('seen', 7)
      return new Response()
    })
    void handler
  })

  test('is not there without it', () => {
    void policy({ accessLog: accessLog() })((_request, context) => {
      // @ts-expect-error an access log is no logger
      void context.log
      return new Response()
    })
    void policy()((_request, context) => {
      // @ts-expect-error nobody adds it
      void context.log
      return new Response()
    })
  })

  test('may be needed by what lies further in', () => {
    void policy({ accessLog: logged, own: noting() })(() => new Response())
    const handler: Handler = policy({
      accessLog: logged,
      authenticate: authenticate(bearer(verify)),
      own: compose(noting(), tag('mine')),
    })((_request, context) => {
      yes<Equal<typeof context.log, Logger>>()
      yes<Equal<typeof context.mine, 'mine'>>()
      yes<Equal<typeof context.principal, User>>()
      return new Response()
    })
    void handler
    // @ts-expect-error nobody adds it
    void policy({ own: noting() })
    // @ts-expect-error an access log adds nothing
    void policy({ accessLog: accessLog(), own: noting() })
    // @ts-expect-error nor does it lie outside of its own slot
    void policy({ accessLog: compose(noting(), requestLogger({ logger })) })
  })

  test('of a child and of a request is a logger again; what is wrapped twice is not', () => {
    const context = {} as Context
    yes<Equal<ReturnType<typeof logger.child>, Logger>>()
    yes<Equal<ReturnType<typeof logger.of>, Logger>>()
    void requestLogger({ logger: logger.child({ module: 'notes' }) })
    void extend(context, { log: logger.of(context) }).log.info('one')
    // @ts-expect-error the console is no logger
    void requestLogger({ logger: console })
    void createLogger({ level: process.env['LOG_LEVEL'], write: [(line) => line.length] })
    // @ts-expect-error a sink is a function
    void createLogger({ write: 'app.log' })
  })
})

describe('secret', () => {
  test('is no text, and gives one only when it is asked to', () => {
    const key = secret('x')
    yes<Equal<typeof key, Secret<string>>>()
    yes<Equal<ReturnType<typeof key.reveal>, string>>()
    // @ts-expect-error that is what it is for
    const text: string = key
    // @ts-expect-error nor where a text is taken
    void encodeURIComponent(key)
    // @ts-expect-error nor is a text a secret
    const other: Secret<string> = 'x'
    void [text, other]
  })
})

describe('opsPage', () => {
  test('needs what its authorize reads', () => {
    const page = opsPage({
      metrics,
      authorize: (_request, context: Context & HasPrincipal<User>) => context.principal.tenant === 'a',
    })
    void (policy({ authenticate: authenticate(bearer(verify)) })(page) satisfies Handler)
    void (policy({ metrics: page.observe })(() => new Response()) satisfies Handler)
    // @ts-expect-error nobody authenticated
    void policy()(page)
    // @ts-expect-error nor here
    const handler: Handler = page
    void handler
  })

  test('that reads the request alone is a handler for everybody', () => {
    const page: Handler = opsPage({ metrics, authorize: (request) => request.headers.get('x-ops') === 'yes' })
    void page
    // @ts-expect-error there is no default
    void opsPage({ metrics })
    // @ts-expect-error yes or no
    void opsPage({ metrics, authorize: () => 'yes' })
  })
})

describe('createMetrics', () => {
  test('labels are those that the metric was given', () => {
    const notes = metrics.counter('notes.created', { help: 'Notes.', labels: ['kind', 'source'] })
    notes.add(1, { kind: 'short' })
    notes.add(1, { kind: 'short', source: 'api' })
    notes.series({ kind: 'short', source: 'api' }).add()
    // @ts-expect-error there is no such label
    notes.add(1, { user: 'ada' })
    // @ts-expect-error a label is no object
    notes.add(1, { kind: {} })
    const depth = metrics.gauge('queue.depth', { help: 'Waiting.' })
    depth.set(7)
    const took = metrics.histogram('notes.took', { help: 'Duration.', labels: ['kind'] })
    took.observe(0.1, { kind: 'short' }, '0af7651916cd43dd8448eb211c80319c')
    // @ts-expect-error nor has this
    took.observe(0.1, { source: 'api' })
    const add = metrics.timed('sum.took', (a: number, b: number) => Promise.resolve(a + b))
    yes<Equal<typeof add, (a: number, b: number) => Promise<number>>>()
  })
})
