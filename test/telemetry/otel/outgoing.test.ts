import { context as active, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Context } from '../../../src/core/context.ts'
import type { Handler } from '../../../src/core/handler.ts'
import { tracedFetch } from '../../../src/telemetry/otel/outgoing.ts'
import type { TraceOptions } from '../../../src/telemetry/otel/trace.ts'
import { trace } from '../../../src/telemetry/otel/trace.ts'
import { contextOf, requestTo, send } from '../../helpers.ts'
import type { Recorder } from './spans.ts'
import { contextManager, recording } from './spans.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const PARENT = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

let server: Server
let origin: string

/** Says what it was sent; `/status/404` answers so, `/slow` does not answer. */
beforeAll(async () => {
  server = createServer((incoming, outgoing) => {
    let body = ''
    incoming.on('data', (chunk: unknown) => body += String(chunk))
    incoming.on('end', () => {
      const { method, url = '', headers } = incoming
      if (url === '/slow') return
      outgoing.statusCode = Number(/^\/status\/(\d+)/.exec(url)?.[1] ?? 200)
      outgoing.setHeader('content-type', 'application/json')
      outgoing.end(JSON.stringify({ method, url, headers, body }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

afterEach(() => active.disable())

/** Runs `call` in a traced handler. */
async function within(
  call: (context: Context) => Promise<unknown>,
  options: TraceOptions = {},
  request: Request = requestTo('/'),
): Promise<void> {
  const handler: Handler = async (_request, context) => {
    await call(context)
    return new Response()
  }
  const context = contextOf()
  expect((await send(trace(options)(handler), request, context)).status).toBe(200)
}

/** What the other side saw of one call. */
async function seenOf(
  call: (fetch: typeof globalThis.fetch) => Promise<Response>,
  options: TraceOptions = {},
  request?: Request,
): Promise<Seen> {
  let seen: Seen | undefined
  await within(
    async (context) => {
      seen = await (await call(tracedFetch(context))).json() as Seen
    },
    options,
    request,
  )
  return seen!
}

const idsOf = ({ headers }: Seen): readonly (string | undefined)[] =>
  PARENT.exec(headers['traceparent'] ?? '')?.slice(1) ?? []

describe('a call', () => {
  test('has a span below that of the request, and tells the other side its ids', async () => {
    const { tracer, spans } = recording()
    const seen = await seenOf((fetch) => fetch(`${origin}/notes?page=2&token=hunter2#top`), { tracer })
    const [client, root] = spans()
    expect(client!.name).toBe('GET')
    expect(client!.kind).toBe(SpanKind.CLIENT)
    expect(client!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId)
    expect(client!.attributes).toEqual({
      'http.request.method': 'GET',
      'url.full': `${origin}/notes?page=2&token=REDACTED`,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(origin).port),
      'http.response.status_code': 200,
    })
    expect(client!.status.code).toBe(SpanStatusCode.UNSET)
    expect(idsOf(seen)).toEqual([client!.spanContext().traceId, client!.spanContext().spanId, '01'])
    expect(seen.url).toBe('/notes?page=2&token=hunter2')
  })

  test('replaces what the caller set, and adds no baggage', async () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'theirs=1', accept: 'text/x' }
    const incoming = requestTo('/', { headers: { ...headers, baggage: 'user=7' } })
    for (const options of [{}, { tracer: recording().tracer }]) {
      const seen = await seenOf((fetch) => fetch(origin, { headers }), options, incoming)
      expect(idsOf(seen)[0]).toMatch(/^[\da-f]{32}$/)
      expect(idsOf(seen)[0]).not.toBe(TRACE)
      expect(seen.headers).not.toHaveProperty('tracestate')
      expect(seen.headers).not.toHaveProperty('baggage')
      expect(seen.headers['accept']).toBe('text/x')
    }
  })

  test('passes on the trace of a caller that is trusted, with its state and its random flag', async () => {
    const incoming = requestTo('/', { headers: { traceparent: `00-${TRACE}-${SPAN}-03`, tracestate: 'a=1,b=2' } })
    for (const options of [{}, { tracer: recording().tracer }]) {
      const seen = await seenOf((fetch) => fetch(origin), { ...options, trust: () => true }, incoming)
      const [traceId, spanId, flags] = idsOf(seen)
      expect([traceId, flags]).toEqual([TRACE, '03'])
      expect(spanId).not.toBe(SPAN)
      expect(seen.headers['tracestate']).toBe('a=1,b=2')
    }
  })

  test('each has ids of its own, in one trace', async () => {
    for (const options of [{}, { tracer: recording().tracer }]) {
      const all: Seen[] = []
      let own: unknown
      await within(async (context) => {
        own = context.attributes['trace.id']
        const fetch = tracedFetch(context)
        for (const response of await Promise.all([fetch(origin), fetch(origin)])) {
          all.push(await response.json() as Seen)
        }
      }, options)
      expect(all.map((seen) => idsOf(seen)[0])).toEqual([own, own])
      expect(new Set(all.map((seen) => idsOf(seen)[1])).size).toBe(2)
    }
  })

  test('begins a trace where `trace` is not mounted', async () => {
    const response = await tracedFetch(contextOf())(origin)
    expect(idsOf(await response.json() as Seen)[0]).toMatch(/^(?!0{32})[\da-f]{32}$/)
  })

  test('goes below what the handler made active, if that is in the same trace', async () => {
    active.setGlobalContextManager(contextManager())
    const { tracer, spans } = recording()
    const elsewhere = recording()
    await within((context) =>
      tracer.startActiveSpan('job', async (job) => {
        await tracedFetch(context)(origin)
        job.end()
        await elsewhere.tracer.startActiveSpan('other', { root: true }, () => tracedFetch(context)(origin))
      }), { tracer })
    const [first, job, second, root] = spans()
    expect(first!.parentSpanContext?.spanId).toBe(job!.spanContext().spanId)
    expect(second!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId)
  })

  test('shows no credentials', async () => {
    const { tracer, spans } = recording()
    const answer = () => Promise.resolve(new Response())
    await within((context) => tracedFetch(context, answer)('https://user:hunter2@api.example/a?api_key=hunter2'), {
      tracer,
    })
    expect(spans()[0]!.attributes).toMatchObject({
      'url.full': 'https://api.example/a?api_key=REDACTED',
      'server.address': 'api.example',
      'server.port': 443,
    })
  })
})

describe('whatever `fetch` takes', () => {
  const post = { method: 'POST', body: 'the body', headers: { 'content-type': 'text/plain', 'x-mine': '1' } }
  const inputs: [string, (fetch: typeof globalThis.fetch) => Promise<Response>][] = [
    ['a string', (fetch) => fetch(`${origin}/a`, post)],
    ['a URL', (fetch) => fetch(new URL('/a', origin), post)],
    ['a Request', (fetch) => fetch(new Request(`${origin}/a`, post))],
    [
      'a Request, changed',
      (fetch) => fetch(new Request(`${origin}/a`, { ...post, method: 'PUT' }), { method: 'POST' }),
    ],
    ['a URL and a Request', (fetch) => fetch(`${origin}/a`, new Request(origin, post))],
    ['Headers', (fetch) => fetch(`${origin}/a`, { ...post, headers: new Headers(post.headers) })],
    ['pairs', (fetch) => fetch(`${origin}/a`, { ...post, headers: Object.entries(post.headers) })],
  ]

  test.each(inputs)('%s', async (_what, call) => {
    const { tracer, spans } = recording()
    const seen = await seenOf(call, { tracer })
    expect(seen).toMatchObject({ method: 'POST', url: '/a', body: 'the body' })
    expect(seen.headers).toMatchObject({ 'content-type': 'text/plain', 'x-mine': '1' })
    expect(idsOf(seen)[1]).toBe(spans()[0]!.spanContext().spanId)
    expect(spans()[0]!.name).toBe('POST')
  })

  test('streams go through as they are', async () => {
    const body = new Blob(['the ', 'body']).stream()
    const seen = await seenOf((fetch) => fetch(origin, { method: 'POST', body, duplex: 'half' } as RequestInit))
    expect(seen.body).toBe('the body')
  })

  test('a signal still aborts', async () => {
    const { tracer, spans } = recording()
    await within(async (context) => {
      const controller = new AbortController()
      const calls = [
        tracedFetch(context)(`${origin}/slow`, { signal: controller.signal }),
        tracedFetch(context)(new Request(`${origin}/slow`, { signal: controller.signal })),
      ]
      controller.abort()
      for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    }, { tracer })
    for (const span of spans().slice(0, 2)) {
      expect(span.attributes['error.type']).toBe('AbortError')
      expect(span.status.code).toBe(SpanStatusCode.ERROR)
    }
  })
})

describe('how a call ends', () => {
  const client = async (
    call: (fetch: typeof globalThis.fetch) => Promise<unknown>,
    fetch?: typeof globalThis.fetch,
  ): Promise<ReturnType<Recorder['spans']>[number]> => {
    const { tracer, spans } = recording()
    await within((context) => call(tracedFetch(context, fetch)), { tracer })
    return spans()[0]!
  }

  test.each([[404], [503]])('a %i is an error of the client', async (status) => {
    const span = await client((fetch) => fetch(`${origin}/status/${status}`).then((response) => response.text()))
    expect(span.attributes).toMatchObject({ 'http.response.status_code': status, 'error.type': String(status) })
    expect(span.status.code).toBe(SpanStatusCode.ERROR)
  })

  test('what cannot be reached is one', async () => {
    const span = await client((fetch) => expect(fetch('http://127.0.0.1:1/')).rejects.toThrow())
    expect(span.attributes['error.type']).toMatch(/Error$/)
    expect(span.status.code).toBe(SpanStatusCode.ERROR)
  })

  test('what is no URL is refused by fetch, as a promise', async () => {
    const span = await client((fetch) => expect(fetch('http://')).rejects.toThrow(TypeError))
    expect(span.attributes).not.toHaveProperty('url.full')
    const bad = await client((fetch) =>
      expect(fetch(origin, { headers: { 'bad name': '1' } })).rejects.toThrow(TypeError)
    )
    expect(bad.status.code).toBe(SpanStatusCode.ERROR)
  })

  test('a fetch that throws at once rejects', async () => {
    const throws = (): never => {
      throw new RangeError('broken')
    }
    const span = await client((fetch) => expect(fetch(origin)).rejects.toThrow('broken'), throws)
    expect(span.attributes['error.type']).toBe('RangeError')
  })

  test('a method that a caller made up is not shown as one', async () => {
    const span = await client((fetch) => fetch(origin, { method: 'BREW' }), () => Promise.resolve(new Response()))
    expect(span.name).toBe('HTTP')
    expect(span.attributes).toMatchObject({ 'http.request.method': '_OTHER', 'http.request.method_original': 'BREW' })
  })

  test('a tracer that fails lets the call through', async () => {
    const fails = (): never => {
      throw new Error('broken')
    }
    const seen = await seenOf((fetch) => fetch(origin), { tracer: { startSpan: fails, startActiveSpan: fails } })
    expect(idsOf(seen)[1]).toMatch(/^(?!0{16})[\da-f]{16}$/)
  })

  test('refuses what is no fetch', () => {
    expect(() => tracedFetch(contextOf(), 1 as never)).toThrow(TypeError)
  })
})
