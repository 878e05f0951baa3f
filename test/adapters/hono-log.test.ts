import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { toHono } from '../../adapters/hono.ts'
import { compose } from '../../src/core/compose.ts'
import type { Context } from '../../src/core/context.ts'
import type { HasLog } from '../../src/core/facts.ts'
import type { Wrapper } from '../../src/core/handler.ts'
import type { Logger } from '../../src/core/log.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { createLogger } from '../../src/logging/logger.ts'
import { requestLogger } from '../../src/logging/request-logger.ts'
import { policy } from '../../src/policy/policy.ts'
import { tracedFetch } from '../../src/telemetry/otel/outgoing.ts'
import { trace } from '../../src/telemetry/otel/trace.ts'
import { spanOf } from '../../src/telemetry/otel/traced.ts'
import { settled } from '../helpers.ts'
import { recording } from '../telemetry/otel/spans.ts'

type Line = Readonly<Record<string, unknown>>

function logged() {
  const lines: Line[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line) as Line)
  const { tracer, spans } = recording()
  const secure = policy({
    trace: trace({ tracer }),
    accessLog: compose(accessLog({ write }), requestLogger({ logger: createLogger({ write }) })),
  })
  return { secure, lines, spans }
}

test('L3, L15: `log` is a typed variable, and what a route writes carries the request’s id and its trace id', async () => {
  const { secure, lines } = logged()
  const app = new Hono().use(toHono(secure)).get('/', (c) => {
    const log: Logger = c.get('log')
    log.info('by get', { note: 7 })
    c.var.log.child({ module: 'notes' }).warn('by var')
    // @ts-expect-error there is no such level
    void c.var.log.fatal
    return c.text(c.var.requestId)
  })
  const responses = await Promise.all([app.request('/'), app.request('/')])
  const ids = await Promise.all(responses.map((one) => one.text()))
  expect(new Set(ids).size).toBe(2)
  const traces = new Set<unknown>()
  for (const [at, id] of ids.entries()) {
    expect(responses[at]!.headers.get('x-request-id')).toBe(id)
    const mine = lines.filter(({ requestId }) => requestId === id)
    const { traceId } = mine[0]!
    traces.add(traceId)
    expect(traceId).toMatch(/^[\da-f]{32}$/)
    expect(mine).toMatchObject([
      { level: 'info', message: 'by get', note: 7, traceId },
      { level: 'warn', message: 'by var', module: 'notes', traceId },
      { level: 'info', message: 'request', path: '/', status: 200, traceId },
    ])
  }
  expect(traces.size).toBe(2)
})

test('a wrapper on a route finds the span of the request in its context, and calls out within its trace', async () => {
  const { secure, lines, spans } = logged()
  const seen: (string | null)[] = []
  const upstream = (_input: unknown, init?: RequestInit): Promise<Response> => {
    seen.push(new Headers(init?.headers).get('traceparent'))
    return Promise.resolve(Response.json({ name: 'ada' }))
  }
  interface HasName {
    readonly name: string
  }
  const looked: Wrapper<HasName> = (next) => async (request, context) => {
    spanOf(context)?.setAttribute('looked', true)
    const response = await tracedFetch(context, upstream as typeof fetch)('https://names.test/?token=hunter2')
    return await next(request, Object.assign(context, await response.json() as HasName))
  }
  const app = new Hono().use(toHono(secure)).get('/hello', toHono(looked), (c) => {
    c.var.log.info('found')
    return c.text(c.var.name)
  })
  expect(await (await app.request('/hello')).text()).toBe('ada')
  const [line] = lines
  const traceId = line?.['traceId']
  expect(line).toMatchObject({ message: 'found', traceId: expect.stringMatching(/^[\da-f]{32}$/) })
  expect(seen[0]?.split('-')[1]).toBe(traceId)
  expect(seen[0]?.split('-')[2]).not.toBe(line?.['spanId'])
  expect(JSON.stringify(lines)).not.toContain('hunter2')
  const [call] = spans().filter(({ attributes }) => attributes['url.full'] !== undefined)
  expect(call?.attributes['url.full']).toBe('https://names.test/?token=REDACTED')
  expect(call?.parentSpanContext?.spanId).toBe(line?.['spanId'])
})

test('a second policy on a route writes to its own logger, with the one id of the request', async () => {
  const outer = logged()
  const inner: Line[] = []
  const write = (text: string): void => void inner.push(JSON.parse(text) as Line)
  const route: Wrapper<HasLog> = requestLogger({ logger: createLogger({ write }) })
  let context: Context | undefined
  const noting: Wrapper = (next) => (request, given) => next(request, context = given)
  const app = new Hono().use(toHono(outer.secure)).get('/', toHono(compose(route, noting)), (c) => {
    c.var.log.info('inner')
    return c.text('')
  })
  const response = await app.request('/')
  await response.text()
  await settled()
  expect(inner).toMatchObject([{ message: 'inner', traceId: context?.attributes['trace.id'] }])
  expect(outer.lines).toMatchObject([{ message: 'request', requestId: response.headers.get('x-request-id') }])
})
