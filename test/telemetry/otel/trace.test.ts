import type { Span, Tracer } from '@opentelemetry/api'
import { context as active, SpanKind, SpanStatusCode, trace as tracing } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../../src/core/compose.ts'
import type { Context } from '../../../src/core/context.ts'
import { ended } from '../../../src/core/context.ts'
import { errors } from '../../../src/core/errors.ts'
import { record } from '../../../src/core/event.ts'
import { ALLOW, guard, refusal } from '../../../src/core/guard.ts'
import type { Handler } from '../../../src/core/handler.ts'
import { redaction } from '../../../src/core/redact.ts'
import { clientIp } from '../../../src/request/client-ip.ts'
import type { TraceOptions } from '../../../src/telemetry/otel/trace.ts'
import { trace } from '../../../src/telemetry/otel/trace.ts'
import { spanOf } from '../../../src/telemetry/otel/traced.ts'
import { contextOf, requestTo, send, settled, source } from '../../helpers.ts'
import { contextManager, recording } from './spans.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const hello: Handler = () => new Response('hello')
const from = (value: string, more: Record<string, string> = {}): Request =>
  requestTo('/', { headers: { traceparent: value, ...more } })

/** Sends a request and takes all of the response: on Bun a body of any kind may be tapped. */
async function exchange(handler: Handler, request = requestTo('/'), context = contextOf()): Promise<void> {
  await (await send(handler, request, context)).arrayBuffer()
}

/** Sends one request through `trace` and gives its span. */
async function spanFrom(
  request: Request,
  options: TraceOptions = {},
  handler: Handler = hello,
  context: Context = contextOf(),
): Promise<ReadableSpan> {
  const { tracer, spans } = recording()
  const response = await send(trace({ tracer, ...options })(handler), request, context)
  await response.arrayBuffer().catch(() => {})
  expect(spans()).toHaveLength(1)
  return spans()[0]!
}

afterEach(() => {
  tracing.disable()
  active.disable()
})

describe('the span of a request', () => {
  test('says who asked what, by the conventions for HTTP servers', async () => {
    const request = new Request('https://api.example:8443/notes/7?a=1', { headers: { 'user-agent': 'curl/8' } })
    const span = await spanFrom(request, {}, hello, contextOf({ address: '203.0.113.7' }))
    expect(span.name).toBe('GET')
    expect(span.kind).toBe(SpanKind.SERVER)
    expect(span.status).toEqual({ code: SpanStatusCode.UNSET })
    expect(span.attributes).toEqual({
      'http.request.method': 'GET',
      'url.scheme': 'https',
      'url.path': '/notes/7',
      'server.address': 'api.example',
      'server.port': 8443,
      'user_agent.original': 'curl/8',
      'http.response.status_code': 200,
    })
  })

  test('has the usual port where the URL has none, and IPv6 without brackets', async () => {
    const attributes = async (url: string) => (await spanFrom(new Request(url))).attributes
    expect(await attributes('https://api.example/')).toMatchObject({ 'server.port': 443 })
    expect(await attributes('http://[::1]/')).toMatchObject({ 'server.address': '::1', 'server.port': 80 })
    expect(await attributes('http://[::1]:8080/')).toMatchObject({ 'server.address': '::1', 'server.port': 8080 })
  })

  test('has the path as it came, without query and fragment', async () => {
    const pathOf = async (url: string) => (await spanFrom(new Request(url))).attributes['url.path']
    expect(await pathOf('https://api.example')).toBe('/')
    expect(await pathOf('https://api.example?a=/b')).toBe('/')
    expect(await pathOf('https://api.example/a%2Fb#c?d')).toBe('/a%2Fb')
    expect(await pathOf('https://api.example.evil/a?b#c')).toBe('/a')
    expect(await pathOf(`https://api.example/${'a'.repeat(5_000)}`)).toHaveLength(1_024)
  })

  test('has the client that `clientIp` finds inside it, and the scheme that a trusted proxy saw', async () => {
    const request = requestTo('/', { headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' } })
    const { attributes } = await spanFrom(request, {}, clientIp({ hops: 1 })(hello), contextOf({ address: '10.0.0.1' }))
    expect(attributes).toMatchObject({ 'client.address': '203.0.113.9', 'url.scheme': 'https', 'server.port': 443 })
  })

  test('is named by the route, never by the path', async () => {
    const path = '/notes/7'
    expect((await spanFrom(requestTo(path), { route: () => '/notes/:id' })).name).toBe('GET /notes/:id')
    const byAttribute = await spanFrom(requestTo(path), {}, (_request, context) => {
      context.attributes['http.route'] = '/notes/:id'
      return new Response()
    })
    expect(byAttribute.name).toBe('GET /notes/:id')
    expect(byAttribute.attributes['http.route']).toBe('/notes/:id')
    const broken = await spanFrom(requestTo(path), {
      route: () => {
        throw new Error('no route')
      },
    })
    expect(broken.name).toBe('GET')
    expect(broken.attributes['http.response.status_code']).toBe(200)
  })

  test('has no method that a client made up', async () => {
    // Bun's constructor makes a GET of it; its server does not.
    const request = Object.defineProperty(requestTo('/'), 'method', { value: 'BREW' })
    const span = await spanFrom(request, { route: () => '/pots/:id' })
    expect(span.name).toBe('HTTP /pots/:id')
    expect(span.attributes).toMatchObject({ 'http.request.method': '_OTHER', 'http.request.method_original': 'BREW' })
  })

  test('shows the query and headers if asked, without secrets', async () => {
    const request = requestTo('/?page=2&api_key=hunter2&access%5Ftoken=hunter2&flag&q=a%20b#token=hunter2', {
      headers: { accept: 'text/html', 'x-api-key': 'hunter2', 'x-other': 'hunter2' },
    })
    const { attributes } = await spanFrom(request, { query: true, headers: ['Accept', 'X-Api-Key', 'X-Missing'] })
    expect(attributes).toMatchObject({
      'url.query': 'page=2&api_key=REDACTED&access%5Ftoken=REDACTED&flag&q=a%20b',
      'http.request.header.accept': ['text/html'],
      'http.request.header.x-api-key': ['[redacted]'],
    })
    expect(JSON.stringify(attributes)).not.toContain('hunter2')
    const usual = (await spanFrom(request)).attributes
    expect(Object.keys(usual).filter((name) => name.includes('query') || name.includes('header'))).toEqual([])
  })

  test('shows no secret, wherever it is sent and whatever it is called', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('token', 'apiKey', 'X-Secret', 'pass%77ord', 'session_id', 'customer.iban'),
        fc.stringMatching(/^[a-z]{12,20}$/),
        async (key, secret) => {
          const request = requestTo(`/?a=1&${key}=${secret}&b=2`, { headers: { 'x-iban': secret, cookie: secret } })
          const span = await spanFrom(
            request,
            { query: true, headers: ['x-iban', 'cookie'], redaction: redaction({ keys: ['iban'] }) },
            (_request, context) => {
              context.attributes['user.token'] = secret
              context.attributes['iban'] = secret
              return new Response()
            },
          )
          const { name, attributes, events, links } = span
          expect(JSON.stringify({ name, attributes, events, links })).not.toContain(secret)
        },
      ),
      { numRuns: 25 },
    )
  })

  test('has the attributes of the request and what guards recorded', async () => {
    const handler: Handler = (_request, context) => {
      context.attributes['problem.code'] = 'not-here'
      context.attributes['rate_limit.remaining'] = 4
      record(context, { kind: 'would-refuse', guard: 'rate-limit', code: 'rate-limit-exceeded', status: 429 })
      record(context, { kind: 'degraded', guard: 'bans', code: 'guard-unavailable', reason: 'the store is down' })
      return new Response(null, { status: 404 })
    }
    const span = await spanFrom(requestTo('/'), {}, handler)
    expect(span.attributes).toMatchObject({ 'problem.code': 'not-here', 'rate_limit.remaining': 4 })
    expect(span.attributes).not.toHaveProperty('trace.id')
    expect(span.events.map(({ name, attributes }) => [name, attributes])).toEqual([
      ['sallyport.would-refuse', {
        'sallyport.guard': 'rate-limit',
        'sallyport.code': 'rate-limit-exceeded',
        'http.response.status_code': 429,
      }],
      ['sallyport.degraded', {
        'sallyport.guard': 'bans',
        'sallyport.code': 'guard-unavailable',
        'sallyport.reason': 'the store is down',
      }],
    ])
  })

  test('can be added to by the handler', async () => {
    const span = await spanFrom(requestTo('/'), {}, (_request, context) => {
      spanOf(context)?.setAttribute('notes.count', 3)
      return new Response()
    })
    expect(span.attributes['notes.count']).toBe(3)
    expect(spanOf(contextOf())).toBeUndefined()
  })

  test('samplers see what is known at the start', async () => {
    const seen: unknown[] = []
    const { tracer } = recording({
      shouldSample(_context, _trace, name, kind, attributes, links) {
        seen.push({ name, kind, attributes: { ...attributes }, links: links.length })
        return { decision: 2 }
      },
      toString: () => 'spy',
    })
    await exchange(trace({ tracer, query: true })(hello), requestTo('/a?b=1', { headers: { 'user-agent': 'x' } }))
    expect(seen).toEqual([{
      name: 'GET',
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': 'GET',
        'url.scheme': 'http',
        'url.path': '/a',
        'url.query': 'b=1',
        'server.address': 'service.test',
        'server.port': 80,
        'user_agent.original': 'x',
      },
      links: 0,
    }])
  })
})

describe('how it ends', () => {
  test.each([[200], [304], [404], [429]])('a %i is no error', async (status) => {
    const span = await spanFrom(requestTo('/'), {}, () => new Response(null, { status }))
    expect(span.status.code).toBe(SpanStatusCode.UNSET)
    expect(span.attributes).not.toHaveProperty('error.type')
  })

  test('a 5xx is an error', async () => {
    const span = await spanFrom(requestTo('/'), {}, () => new Response(null, { status: 503 }))
    expect(span.status.code).toBe(SpanStatusCode.ERROR)
    expect(span.attributes['error.type']).toBe('503')
  })

  test('a bug that the error boundary caught is an error, and its words stay inside', async () => {
    const log = () => {}
    const broken: Handler = () => {
      throw new Error('password=hunter2')
    }
    const span = await spanFrom(requestTo('/'), {}, compose(errors({ log }))(broken))
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR })
    expect(span.events.map(({ name }) => name)).toEqual(['sallyport.error'])
    expect(JSON.stringify([span.attributes, span.events])).not.toContain('hunter2')
  })

  test('PITFALLS 10: with the stream, not with the head, and once', async () => {
    const { tracer, spans } = recording()
    const { stream } = source(8, 3)
    const response = await send(trace({ tracer })(() => new Response(stream)))
    const reader = response.body!.getReader()
    await reader.read()
    await settled()
    expect(spans()).toHaveLength(0)
    while (!(await reader.read()).done);
    await settled()
    expect(spans()).toHaveLength(1)
    expect(spans()[0]!.status.code).toBe(SpanStatusCode.UNSET)
  })

  test('PITFALLS 10: with the client that leaves, which is no error', async () => {
    const { tracer, spans } = recording()
    const upstream = source(8)
    const response = await send(trace({ tracer })(() => new Response(upstream.stream)))
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    await settled()
    expect(upstream.cancelled).toBe(true)
    expect(spans()).toHaveLength(1)
    expect(spans()[0]!.events.map(({ name }) => name)).toEqual(['client_closed'])
    expect(spans()[0]!.status.code).toBe(SpanStatusCode.UNSET)
    expect(spans()[0]!.attributes).not.toHaveProperty('error.type')
  })

  test('PITFALLS 10: with a body that breaks, which is one', async () => {
    const { tracer, spans } = recording()
    const response = await send(trace({ tracer })(() => new Response(source(8, 1, 'error').stream)))
    await expect(response.text()).rejects.toThrow()
    await settled()
    expect(spans()[0]!.status.code).toBe(SpanStatusCode.ERROR)
    expect(spans()[0]!.attributes['error.type']).toBe('body_failed')
  })

  test('flushes once, when the span has ended, and only if it was recorded', async () => {
    const { tracer, spans } = recording()
    const flushed: [Context, number][] = []
    const flush = (context: Context): void => void flushed.push([context, spans().length])
    const context = contextOf()
    const { stream } = source(8, 2)
    const response = await send(trace({ tracer, flush })(() => new Response(stream)), requestTo('/'), context)
    expect(flushed).toEqual([])
    await response.text()
    await settled()
    expect(flushed).toEqual([[context, 1]])
    ended(context, { status: 200, bytes: 0, outcome: 'complete' })
    await exchange(trace({ tracer: recording(new AlwaysOffSampler()).tracer, flush })(hello))
    await exchange(trace({ flush })(hello))
    expect(flushed).toHaveLength(1)
  })
})

describe('whose trace', () => {
  const begins = (value: string, more: Record<string, string> = {}) => spanFrom(from(value, more))

  test('PITFALLS 21: a caller that is not trusted is linked, not continued', async () => {
    const span = await begins(`00-${TRACE}-${SPAN}-01`, { tracestate: 'a=1', baggage: 'user=7' })
    expect(span.spanContext().traceId).not.toBe(TRACE)
    expect(span.parentSpanContext).toBeUndefined()
    expect(span.spanContext().traceState).toBeUndefined()
    expect(span.links.map(({ context: { traceId, spanId, isRemote } }) => ({ traceId, spanId, isRemote }))).toEqual([
      { traceId: TRACE, spanId: SPAN, isRemote: true },
    ])
  })

  test('PITFALLS 21: its sampled flag makes us record nothing', async () => {
    const sampler = new ParentBasedSampler({ root: new AlwaysOffSampler() })
    const send1 = async (options: TraceOptions): Promise<number> => {
      const { tracer, spans } = recording(sampler)
      await exchange(trace({ tracer, ...options })(hello), from(`00-${TRACE}-${SPAN}-01`))
      return spans().length
    }
    expect(await send1({})).toBe(0)
    expect(await send1({ trust: () => true })).toBe(1)
  })

  test('and its flag that is not set does not make us blind', async () => {
    const { tracer, spans } = recording(new ParentBasedSampler({ root: new AlwaysOnSampler() }))
    await exchange(trace({ tracer })(hello), from(`00-${TRACE}-${SPAN}-00`))
    expect(spans()).toHaveLength(1)
  })

  test.each([
    ['all zero', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['54 characters', `00-${TRACE}-${SPAN}-1`],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
  ])('PITFALLS 21: %s restarts without a link, whoever sends it', async (_what, value) => {
    const span = await spanFrom(from(value), { trust: () => true })
    expect(span.spanContext().traceId).not.toBe(TRACE)
    expect(span.spanContext().traceId).toMatch(/^(?!0{32})[\da-f]{32}$/)
    expect(span.links).toEqual([])
    expect(span.parentSpanContext).toBeUndefined()
  })

  test('a caller that is trusted is continued, with its state', async () => {
    const span = await spanFrom(from(`00-${TRACE}-${SPAN}-01`, { tracestate: 'a=1,b=2' }), { trust: () => true })
    expect(span.spanContext().traceId).toBe(TRACE)
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: SPAN, isRemote: true })
    expect(span.spanContext().traceState?.serialize()).toBe('a=1,b=2')
    expect(span.links).toEqual([])
  })

  test('a state that is not right is dropped, and the trace goes on', async () => {
    const span = await spanFrom(from(`00-${TRACE}-${SPAN}-01`, { tracestate: 'a=1,a=2' }), { trust: () => true })
    expect(span.spanContext().traceId).toBe(TRACE)
    expect(span.spanContext().traceState).toBeUndefined()
  })

  test('an asynchronous test trusts nobody', async () => {
    const trust = (() => Promise.resolve(true)) as unknown as () => boolean
    expect((await spanFrom(from(`00-${TRACE}-${SPAN}-01`), { trust })).spanContext().traceId).not.toBe(TRACE)
  })

  test('whatever is active outside has no say', async () => {
    active.setGlobalContextManager(contextManager())
    const { tracer, spans } = recording()
    await tracer.startActiveSpan('start the server', () => exchange(trace({ tracer })(hello)))
    expect(spans()[0]!.parentSpanContext).toBeUndefined()
  })
})

describe('ids', () => {
  const ids = ({ attributes }: Context): readonly unknown[] => [attributes['trace.id'], attributes['span.id']]

  test('are attributes of the request before the handler runs', async () => {
    const context = contextOf()
    let seen: readonly unknown[] = []
    const span = await spanFrom(requestTo('/'), {}, (_request, inner) => {
      seen = ids(inner)
      return new Response()
    }, context)
    expect(seen).toEqual([span.spanContext().traceId, span.spanContext().spanId])
  })

  test('are there and valid without an SDK, new for each request', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, async () => {
      const context = contextOf()
      await exchange(trace()(hello), requestTo('/'), context)
      expect(spanOf(context)?.isRecording()).toBe(false)
      return ids(context)
    }))
    for (const [traceId, spanId] of all) {
      expect(traceId).toMatch(/^(?!0{32})[\da-f]{32}$/)
      expect(spanId).toMatch(/^(?!0{16})[\da-f]{16}$/)
    }
    expect(new Set(all.flat()).size).toBe(100)
  })

  test('without an SDK the trace of a trusted caller goes on too', async () => {
    const context = contextOf()
    await exchange(trace({ trust: () => true })(hello), from(`00-${TRACE}-${SPAN}-03`, { tracestate: 'a=1' }), context)
    expect(ids(context)[0]).toBe(TRACE)
    expect(ids(context)[1]).not.toBe(SPAN)
    expect(spanOf(context)!.spanContext()).toMatchObject({ traceFlags: 3 })
  })

  test('nothing that is not recorded waits for the end', async () => {
    const context = contextOf()
    await trace()(hello)(requestTo('/'), context)
    await trace({ tracer: recording(new AlwaysOffSampler()).tracer })(hello)(requestTo('/'), contextOf())
    expect(context.endListeners).toBeUndefined()
  })

  test('a provider may be registered later', async () => {
    const { provider, spans } = recording()
    const handler = trace()(hello)
    await exchange(handler)
    tracing.setGlobalTracerProvider(provider)
    await exchange(handler)
    expect(spans()).toHaveLength(1)
    tracing.disable()
    await exchange(handler)
    expect(spans()).toHaveLength(1)
  })
})

describe('what is not traced', () => {
  const traced = async (path: string, options: TraceOptions = {}): Promise<number> => {
    const { tracer, spans } = recording()
    const context = contextOf()
    await exchange(trace({ tracer, ...options })(hello), requestTo(path), context)
    expect(context.attributes['trace.id'] !== undefined).toBe(spans().length === 1)
    return spans().length
  }

  test('PITFALLS 25: health checks', async () => {
    for (const path of ['/health', '/health/live', '/health/ready?x=1']) expect(await traced(path)).toBe(0)
    for (const path of ['/healthy', '/health/other', '/HEALTH', '/x/../healthz', '/health%2flive']) {
      expect(await traced(path)).toBe(1)
    }
  })

  test('what `skip` says', async () => {
    const skip = (request: Request): boolean => request.url.endsWith('/quiet')
    expect(await traced('/quiet', { skip })).toBe(0)
    expect(await traced('/health', { skip })).toBe(1)
  })

  test('what is traced already', async () => {
    const { tracer, spans } = recording()
    await exchange(trace({ tracer })(trace({ tracer })(hello)))
    expect(spans()).toHaveLength(1)
  })
})

describe('guards', () => {
  const weekdays = guard({ name: 'weekdays', decide: () => ALLOW })
  const slow = guard({ name: 'slow', decide: () => Promise.resolve(refusal({ status: 403, code: 'no' })) })

  test('have spans of their own if asked', async () => {
    const { tracer, spans } = recording()
    await exchange(trace({ tracer, guards: true })(weekdays(slow(hello))))
    const [first, second, server] = spans()
    expect([first, second, server].map((span) => span?.name)).toEqual(['guard weekdays', 'guard slow', 'GET'])
    expect(first!.attributes).toEqual({ 'sallyport.guard': 'weekdays', 'sallyport.guard.outcome': 'allow' })
    expect(second!.attributes['sallyport.guard.outcome']).toBe('refuse')
    for (const span of [first, second]) expect(span!.parentSpanContext?.spanId).toBe(server!.spanContext().spanId)
  })

  test('have none otherwise', async () => {
    const { tracer, spans } = recording()
    await exchange(trace({ tracer })(weekdays(hello)))
    await exchange(trace({ guards: true })(weekdays(hello)))
    expect(spans()).toHaveLength(1)
  })
})

describe('the span is active in the handler', () => {
  test('where there is a context manager, also after it waited', async () => {
    active.setGlobalContextManager(contextManager())
    const { tracer, spans } = recording()
    const handler: Handler = async () => {
      await settled()
      tracer.startSpan('query').end()
      return new Response()
    }
    await exchange(trace({ tracer })(handler))
    const [query, server] = spans()
    expect(query!.parentSpanContext?.spanId).toBe(server!.spanContext().spanId)
  })

  test('a handler that is synchronous stays so', () => {
    for (const options of [{}, { tracer: recording().tracer }, { tracer: recording().tracer, guards: true }]) {
      expect(trace(options)(hello)(requestTo('/'), contextOf())).toBeInstanceOf(Response)
    }
  })

  test('a context manager that fails leaves the handler to run once', async () => {
    const fails = (): never => {
      throw new Error('broken')
    }
    active.setGlobalContextManager({ ...contextManager(), with: fails })
    const handler = vi.fn(hello)
    expect((await send(trace({ tracer: recording().tracer })(handler))).status).toBe(200)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  test('what the handler throws is thrown once', () => {
    active.setGlobalContextManager(contextManager())
    const handler = vi.fn((): Response => {
      throw new Error('a bug')
    })
    expect(() => trace({ tracer: recording().tracer })(handler)(requestTo('/'), contextOf())).toThrow('a bug')
    expect(handler).toHaveBeenCalledTimes(1)
  })
})

describe('survives the broken', () => {
  const fails = (): never => {
    throw new Error('broken')
  }
  const { tracer } = recording()
  const brokenIn = (method: keyof Span): Tracer => ({
    ...tracer,
    startSpan: (...args) => Object.assign(tracer.startSpan(...args), { [method]: fails }),
    startActiveSpan: fails,
  })
  const tracers: [string, Tracer][] = [
    ['startSpan', { startSpan: fails, startActiveSpan: fails }],
    ['a span that is none', { startSpan: () => undefined as unknown as Span, startActiveSpan: fails }],
    ...(['spanContext', 'setAttribute', 'addEvent', 'setStatus', 'updateName', 'isRecording', 'end'] as const).map((
      method,
    ): [string, Tracer] => [method, brokenIn(method)]),
  ]

  test.each(tracers)('a tracer that fails in %s', async (_what, broken) => {
    const context = contextOf()
    const handler: Handler = (_request, inner) => {
      record(inner, { kind: 'refused', guard: 'x', code: 'y' })
      return new Response('hello', { status: 500 })
    }
    const inner = guard({ name: 'open', decide: () => ALLOW })(handler)
    const wrapped = trace({ tracer: broken, guards: true, route: () => '/x' })(inner)
    const response = await send(wrapped, requestTo('/'), context)
    expect(await response.text()).toBe('hello')
    expect(context.attributes['trace.id']).toMatch(/^[\da-f]{32}$/)
  })

  test.each<[string, () => unknown]>([
    ['throws', fails],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('a flush that %s', async (_what, flush) => {
    const span = await spanFrom(requestTo('/'), { flush: flush as () => void })
    expect(span.attributes['http.response.status_code']).toBe(200)
    await settled()
  })

  test('PITFALLS 21: an exporter that hangs or throws does not delay the response', async () => {
    const hangs = { export: () => {}, shutdown: () => Promise.resolve(), forceFlush: () => new Promise<void>(() => {}) }
    const throws = { ...hangs, export: fails }
    for (const exporter of [hangs, throws]) {
      const provider = new BasicTracerProvider({
        spanProcessors: [new SimpleSpanProcessor(exporter), new BatchSpanProcessor(exporter)],
      })
      const waiting: Promise<unknown>[] = []
      const context = contextOf({ waitUntil: (work) => void waiting.push(work) })
      const flush = (inner: Context): void => inner.waitUntil(provider.forceFlush())
      const started = performance.now()
      const response = await send(
        trace({ tracer: provider.getTracer('x'), flush })(hello),
        requestTo('/'),
        context,
      )
      expect(await response.text()).toBe('hello')
      expect(performance.now() - started).toBeLessThan(500)
      expect(waiting).toHaveLength(1)
      waiting[0]!.catch(() => {})
    }
  })

  test.each<[string, TraceOptions]>([
    ['tracer', { tracer: {} as Tracer }],
    ['flush', { flush: 1 as never }],
    ['trust', { trust: true as never }],
    ['route', { route: '/x' as never }],
    ['skip', { skip: [] as never }],
    ['header', { headers: ['not a token'] }],
  ])('refuses a bad %s when it is made', (name, options) => {
    expect(() => trace(options)).toThrow(TypeError)
    expect(() => trace(options)).toThrow(name)
  })
})
