/** The part of the fixture that is seen: its log, traces, metrics, audit trail, alerts and page, each into memory or a collector. */
import type { Context, Edge, Handler, HasLog, Wrapper } from '../../src/index.ts'
import {
  accessLog,
  alertWebhook,
  api,
  auditEvents,
  auditLog,
  bodyLog,
  compose,
  createAlerts,
  createLogger,
  createMetrics,
  errorRateRule,
  guard,
  health,
  httpMetrics,
  metricsPage,
  pathOf,
  policy,
  problem,
  refusal,
  refuse,
  requestLogger,
  secret,
} from '../../src/index.ts'
import { opsPage } from '../../src/telemetry/ops.ts'
import { openTelemetry, trace, tracedFetch } from '../../src/telemetry/otel.ts'
import type { Mount } from './mounts.ts'
import { mount } from './mounts.ts'

export const PREFIX = '/observe'
/** What no output may hold, wherever it stands. */
export const MARKER = 'QmFzZTY0-the-marker-7f3a'
const AUDIT_SECRET = new TextEncoder().encode('the key of the fixture, and of its test')
const isMine = (request: Request): boolean => request.headers.get('authorization') === 'Bearer the-fixture'

/** Its doors, one for each test: the request names it, and its collector, which runs only once the fixture does. */
export function observe(): Mount {
  const doors = new Map<string, Handler>()
  const handler: Handler = (request, context) => {
    const { searchParams } = new URL(request.url)
    const otlp = searchParams.get('otlp') ?? ''
    const hook = searchParams.get('hook') ?? ''
    const key = `${otlp} ${hook} ${searchParams.get('door')}`
    let door = doors.get(key)
    if (door === undefined) doors.set(key, door = doorOf(otlp, hook))
    return door(request, context)
  }
  const through: Wrapper = (next) => (request, context) => next(request, context)
  return mount(PREFIX, through, handler)
}

function doorOf(otlp: string, hook: string): Handler {
  const lines: string[] = []
  const audited: string[] = []
  const write = (line: string): void => void lines.push(line)
  const log = createLogger({ write, level: 'debug' })
  const metrics = createMetrics()
  const audit = auditLog({ write: (line) => void audited.push(line), key: { id: 'fixture', secret: AUDIT_SECRET } })
  const telemetry = openTelemetry({ url: otlp, service: 'fixture', metrics, metricsEvery: '500ms', every: '50ms' })
  const checks = health({
    checks: { self: () => true },
    full: `${PREFIX}/health`,
    live: `${PREFIX}/live`,
    detail: isMine,
  })
  const alerts = createAlerts({
    rules: [errorRateRule({ metrics, minimum: 1 })],
    channels: hook === ''
      ? []
      : [alertWebhook({ url: hook, secret: 'whsec_dGhlIGZpeHR1cmUncyBzZWNyZXQgb2YgMzIgYnl0ZXM=' })],
  })
  const ops = opsPage({ metrics, alerts, health: checks, authorize: isMine, title: 'fixture', every: '100ms' })
  const pages: Readonly<Record<string, Handler>> = { ops, metrics: metricsPage({ metrics, authorize: isMine }) }
  const isPage = (request: Request): boolean => pathOf(request).slice(PREFIX.length + 1) in pages

  const turnsAway = guard({
    name: 'turns-away',
    decide: (request) =>
      pathOf(request).endsWith('/refused') ? refusal(problem('forbidden')) : { outcome: 'allow', adds: {} },
  })

  return policy({
    ...api,
    contentType: false,
    trace: trace({
      tracer: telemetry.tracer,
      flush: telemetry.flush,
      trust: (request) => new URL(request.url).searchParams.has('trusted'),
      query: true,
      headers: ['authorization', 'x-plain'],
      guards: true,
      skip: isPage,
    }),
    metrics: compose(httpMetrics({ metrics, skip: isPage }), ops.observe),
    accessLog: compose(
      accessLog({ write, query: true, headers: ['authorization', 'x-plain', 'user-agent'], skip: isPage }),
      bodyLog({ log, response: true }),
      auditEvents({ log: audit }),
      requestLogger({ logger: log }),
    ),
    health: checks,
    ipAccess: turnsAway,
  })(async (request, context) => {
    const page = pathOf(request).slice(PREFIX.length + 1)
    switch (page) {
      case 'said':
        return said(request, context)
      case 'relay':
        return await relayed(request, context)
      case 'slow-stream':
        return slowly()
      case 'broken':
        throw new Error(`a bug that says password=${MARKER} and https://user:${MARKER}@db.internal/`)
      case 'check':
        await alerts.check(context)
        return Response.json(alerts.active())
      case 'lines':
        await audit.settled()
        return Response.json({ lines, audited })
      default:
        return await (pages[page]?.(request, context) ?? refuse(context, problem('not-found')))
    }
  })
}

function said(request: Request, { log, attributes }: Context & Edge & HasLog): Response {
  attributes['note.count'] = 7
  log.info('said', {
    apiKey: MARKER,
    hidden: secret(MARKER),
    deep: { list: [{ refresh_token: MARKER }] },
    text: `Authorization: Bearer ${MARKER}`,
    headers: request.headers,
    monkey: 'stays',
  })
  log.child({ module: 'billing' }).security('a word to the guards')
  return Response.json({ password: MARKER, said: true })
}

async function relayed(request: Request, context: Context): Promise<Response> {
  const to = new URL(request.url).searchParams.get('to')!
  const answer = await tracedFetch(context)(to, { method: 'POST', body: JSON.stringify({ token: MARKER }) })
  return Response.json({ status: answer.status, text: await answer.text() })
}

/** Three parts, 60 ms apart. */
function slowly(): Response {
  let part = 0
  return new Response(
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 60))
        controller.enqueue(new TextEncoder().encode(`part ${++part}\n`))
        if (part === 3) controller.close()
      },
    }, { highWaterMark: 0 }),
    { headers: { 'content-type': 'text/event-stream' } },
  )
}

export { AUDIT_SECRET }
