import { AsyncLocalStorage } from 'node:async_hooks'
import { context as active, trace as tracing, TraceFlags } from '@opentelemetry/api'
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OpenTelemetry, OpenTelemetryOptions } from '../../../src/telemetry/otel/setup.ts'
import { openTelemetry } from '../../../src/telemetry/otel/setup.ts'
import { trace } from '../../../src/telemetry/otel/trace.ts'
import { requestTo, send } from '../../helpers.ts'
import { type Collector, startCollector } from '../otlp-collector.ts'

let collector: Collector
let all: OpenTelemetry[] = []
beforeEach(async () => {
  collector = await startCollector()
})
afterEach(async () => {
  await Promise.all(all.map(({ close }) => close()))
  all = []
  active.disable()
  tracing.disable()
  await collector.close()
  expect(collector.complaints).toEqual([])
})

function set(options: Partial<OpenTelemetryOptions> = {}): OpenTelemetry {
  const telemetry = openTelemetry({ url: collector.url, service: 'tts', every: '20ms', log: () => {}, ...options })
  all.push(telemetry)
  return telemetry
}

const CALLER = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }

describe('lets the good through', () => {
  test('the resource says what the process is, and each has an id of its own', async () => {
    const resource = { 'cloud.region': 'eu', 'service.version': '3' }
    const first = set({ version: '2', environment: 'test', resource })
    const second = set({ resource: { 'service.instance.id': 'mine' } })
    first.tracer.startSpan('a').end()
    await first.settled()
    second.tracer.startSpan('b').end()
    await second.settled()
    const [a, b] = collector.spans.map((one) => one.resource)
    expect(a).toEqual({
      'service.name': 'tts',
      'service.version': '3', // what is said by hand counts
      'deployment.environment.name': 'test',
      'cloud.region': 'eu',
      'service.instance.id': expect.stringMatching(/^[\da-f-]{36}$/),
    })
    expect(b).toEqual({ 'service.name': 'tts', 'service.instance.id': 'mine' })
  })

  test.each(['', '/', '/otlp', '/otlp/'])(
    'the paths of the signals are added to a base that ends in "%s"',
    async (end) => {
      const asked: string[] = []
      const telemetry = set({
        url: `http://collector.test${end}`,
        fetch(url) {
          asked.push(url)
          return Promise.resolve(new Response('{}'))
        },
      })
      telemetry.tracer.startSpan('a').end()
      await telemetry.settled()
      expect(asked).toEqual([`http://collector.test${end.replace(/\/$/, '')}/v1/traces`])
    },
  )

  test('a ratio is of the traces that begin here; a trusted caller who records is followed', async () => {
    const never = set({ ratio: 0 })
    await call(trace({ ...never })(() => new Response()), requestTo('/', { headers: CALLER }))
    await call(trace({ ...never, trust: () => true })(() => new Response()), requestTo('/', { headers: CALLER }))
    await never.settled()
    expect(collector.spans.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([
      ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'],
    ])
    const half = set({ ratio: 0.5 })
    for (let i = 0; i < 400; i++) half.tracer.startSpan('x').end()
    await half.settled()
    expect(collector.spans.length).toBeGreaterThan(100)
    expect(collector.spans.length).toBeLessThan(300)
  })

  test('a sampler of yours decides instead', async () => {
    const telemetry = set({ sampler: new AlwaysOffSampler() })
    telemetry.tracer.startSpan('x').end()
    await telemetry.settled()
    expect(collector.requests).toEqual([])
  })

  test('spans with a storage find their parent, across await; without one nothing is registered', async () => {
    set()
    expect(tracing.getTracer('x').startSpan('x').spanContext().traceFlags).toBe(TraceFlags.NONE)
    const telemetry = set({ storage: new AsyncLocalStorage() })
    const bound: unknown[] = []
    const handler = trace({ ...telemetry })(async () => {
      await Promise.resolve()
      const later = active.bind(active.active(), function (this: unknown, one: string): void {
        bound.push(this, one)
        telemetry.tracer.startSpan('late').end()
      })
      await telemetry.tracer.startActiveSpan('outer', async (span) => {
        await new Promise((resolve) => setTimeout(resolve, 1))
        telemetry.tracer.startSpan('inner').end()
        span.end()
      })
      active.with(active.active(), later, 'self' as never, 'argument')
      return new Response('hello')
    })
    await call(handler)
    await telemetry.settled()
    const by = Object.fromEntries(collector.spans.map((span) => [span.name, span]))
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1)
    expect(by['inner']?.parentSpanId).toBe(by['outer']?.spanId)
    expect(by['outer']?.parentSpanId).toBe(by['GET']?.spanId)
    expect(by['late']?.parentSpanId).toBe(by['GET']?.spanId)
    expect(bound).toEqual(['self', 'argument'])
    expect(active.bind(active.active(), 7)).toBe(7)
  })

  test('the provider may be registered for instrumentation', async () => {
    const telemetry = set()
    tracing.setGlobalTracerProvider(telemetry.provider)
    tracing.getTracer('pg', '8').startSpan('SELECT').end()
    await telemetry.settled()
    expect(collector.spans.map(({ scope, name }) => [scope, name])).toEqual([['pg', 'SELECT']])
  })

  test('what is long is cut', async () => {
    const telemetry = set()
    telemetry.tracer.startSpan('x', { attributes: { long: 'x'.repeat(1_000_000) } }).end()
    await telemetry.settled()
    expect(String(collector.spans[0]?.attributes['long']).length).toBe(4_096)
  })
})

describe('stops the bad', () => {
  const bad: [string, unknown, RegExp][] = [
    ['url', undefined, /url must be an absolute/],
    ['url', '127.0.0.1:4318', /url must be an absolute/],
    ['url', 'ftp://127.0.0.1', /url must be an absolute/],
    ['url', 'http://127.0.0.1?token=a', /url must hold no credentials/],
    ['service', '', /service must be a name/],
    ['service', undefined, /service must be a name/],
    ['ratio', 1.5, /ratio must be a number from 0 to 1/],
    ['ratio', Number.NaN, /ratio must be a number from 0 to 1/],
    ['sampler', {}, /sampler must be a Sampler/],
    ['metrics', {}, /metrics must be what createMetrics makes/],
    ['metricsEvery', '30d', /metricsEvery must be at most 24 days/],
    ['every', '5', /every must be a duration/],
    ['timeout', 0, /timeout must be a duration/],
    ['maxQueued', 0, /maxQueued must be a whole number/],
    ['storage', {}, /storage must be an AsyncLocalStorage/],
    ['fetch', 'fetch', /fetch must be a function/],
  ]
  test.each(bad)('%s may not be %s', (option, value, message) => {
    const options = { url: 'http://127.0.0.1:4318', service: 'tts', [option]: value } as OpenTelemetryOptions
    expect(() => openTelemetry(options)).toThrow(TypeError)
    expect(() => openTelemetry(options)).toThrow(message)
  })

  test('making it reads no clock, draws nothing, sets no timer and asks nobody', () => {
    const touched: string[] = []
    const watched: [object, string][] = [
      [globalThis, 'fetch'],
      [globalThis, 'setTimeout'],
      [globalThis, 'setInterval'],
      [Math, 'random'],
      [crypto, 'getRandomValues'],
      [crypto, 'randomUUID'],
      [Date, 'now'],
      [performance, 'now'],
    ]
    const real = watched.map(([owner, name]) => [owner, name, Reflect.get(owner, name)] as const)
    for (const [owner, name] of watched) {
      const forbidden = (): never => {
        touched.push(name)
        throw new Error(`${name} at module scope`)
      }
      Object.defineProperty(owner, name, { value: forbidden, configurable: true, writable: true })
    }
    try {
      openTelemetry({ url: 'http://127.0.0.1:4318', service: 'tts', storage: new AsyncLocalStorage() })
    } finally {
      for (const [owner, name, value] of real) {
        Object.defineProperty(owner, name, { value, configurable: true, writable: true })
      }
    }
    expect(touched).toEqual([])
  })
})

test('a bundle for Workers imports nothing of Node, nor the metrics SDK', async () => {
  // esbuild is a program of its own, which the test's other runtimes need not be able to start.
  if ('Bun' in globalThis || 'Deno' in globalThis) return
  const { build } = await import('esbuild')
  const { metafile, outputFiles } = await build({
    stdin: {
      contents: `export { openTelemetry } from './src/telemetry/otel/setup.ts'`,
      resolveDir: new URL('../../..', import.meta.url).pathname,
      loader: 'ts',
    },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    metafile: true,
    external: ['node:*'],
  })
  const [output] = Object.values(metafile.outputs)
  expect(output?.imports).toEqual([])
  expect(outputFiles[0]?.text).not.toMatch(/["']node:/)
  const packages = Object.keys(output?.inputs ?? {}).map((path) => /node_modules\/(@?[\w-]+\/[\w-]+)/.exec(path)?.[1])
  expect(packages).not.toContain('@opentelemetry/sdk-metrics')
  expect(outputFiles[0]?.contents.length).toBeLessThan(90_000)
})

/** To the end: on some runtimes a body counts as sent only when it has been read. */
async function call(...given: Parameters<typeof send>): Promise<Response> {
  const response = await send(...given)
  await response.text()
  return response
}
