import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OpenTelemetry, OpenTelemetryOptions } from '../../../src/telemetry/otel/setup.ts'
import { openTelemetry } from '../../../src/telemetry/otel/setup.ts'
import { trace } from '../../../src/telemetry/otel/trace.ts'
import { contextOf, recorder, requestTo, send } from '../../helpers.ts'
import { type Collector, startCollector } from '../otlp-collector.ts'

let collector: Collector
let all: OpenTelemetry[] = []
beforeEach(async () => {
  collector = await startCollector()
})
afterEach(async () => {
  await Promise.all(all.map(({ close }) => close()))
  all = []
  await collector.close()
  expect(collector.complaints).toEqual([])
})

function set(options: Partial<OpenTelemetryOptions> = {}): OpenTelemetry {
  const telemetry = openTelemetry({ url: collector.url, service: 'tts', every: '20ms', log: () => {}, ...options })
  all.push(telemetry)
  return telemetry
}

function spans({ tracer }: OpenTelemetry, many: number, name = 'work'): void {
  for (let i = 0; i < many; i++) tracer.startSpan(`${name} ${i}`).end()
}

async function until(test: () => boolean): Promise<void> {
  await collector.until(test)
}

describe('lets the good through', () => {
  test('the spans of a thousand requests arrive, each exactly once', async () => {
    const telemetry = set()
    const handler = trace({ ...telemetry })(() => new Response('hello'))
    for (let i = 0; i < 1_000; i++) await call(handler, requestTo(`/${i}`))
    await telemetry.settled()
    expect(collector.spans.length).toBe(1_000)
    expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(1_000)
    expect(new Set(collector.spans.map(({ attributes }) => attributes['url.path'])).size).toBe(1_000)
    expect(telemetry.dropped).toBe(0)
    // In batches, not each by itself.
    expect(collector.requests.length).toBeLessThan(100)
  })

  test('a span that is alone goes after the delay, without anybody asking', async () => {
    const { tracer } = set()
    const span = tracer.startSpan('alone', { attributes: { a: 'x', b: 2, c: 1.5, d: true, e: ['y', 'z'] } })
    span.addEvent('seen', { by: 'me' }).end()
    await until(() => collector.spans.length === 1)
    const [one] = collector.spans
    expect(one).toMatchObject({ name: 'alone', kind: 1, status: 0, parentSpanId: undefined, scope: 'sallyport' })
    expect(one?.attributes).toEqual({ a: 'x', b: 2, c: 1.5, d: true, e: ['y', 'z'] })
    expect(one?.events).toEqual([{ name: 'seen', attributes: { by: 'me' } }])
  })

  test('a full batch does not wait for the delay', async () => {
    const telemetry = set({ every: '1h' })
    spans(telemetry, 255)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(collector.requests).toEqual([])
    spans(telemetry, 1)
    await until(() => collector.spans.length === 256)
    expect(collector.requests.length).toBe(1)
  })

  test('close exports what waits, and what ends after it is dropped', async () => {
    const telemetry = set({ every: '1h' })
    spans(telemetry, 600)
    const { close } = telemetry
    await close()
    expect(collector.spans.length).toBe(600)
    spans(telemetry, 2)
    await close()
    expect([collector.spans.length, telemetry.dropped]).toEqual([600, 2])
  })

  test('provider.forceFlush and shutdown do as the SDK has it', async () => {
    const telemetry = set({ every: '1h' })
    spans(telemetry, 1)
    await telemetry.provider.forceFlush()
    expect(collector.spans.length).toBe(1)
    spans(telemetry, 1)
    await telemetry.provider.shutdown()
    expect(collector.spans.length).toBe(2)
  })

  test('headers are sent, and a function is asked each time', async () => {
    const fixed = set({ headers: { 'x-api-key': 'secret-1' } })
    spans(fixed, 1)
    await fixed.settled()
    let asked = 0
    const fresh = set({ headers: () => Promise.resolve({ authorization: `Bearer ${++asked}` }) })
    for (let i = 0; i < 2; i++) {
      spans(fresh, 1)
      await fresh.settled()
    }
    const seen = collector.requests.map(({ headers }) => headers['x-api-key'] ?? headers['authorization'])
    expect(seen).toEqual(['secret-1', 'Bearer 1', 'Bearer 2'])
  })
})

describe('stops the bad', () => {
  test('PITFALLS 21: a collector that hangs delays no response, and close no longer than the timeout', async () => {
    const { log, records } = recorder()
    const telemetry = set({ log, timeout: '1s', every: '1ms' })
    const handler = trace({ ...telemetry })(() => new Response('hello'))
    collector.behave('hang')
    const slowest = await slowestOf(50, async () => void await call(handler))
    expect(slowest).toBeLessThan(500)
    await until(() => collector.requests.length > 0)
    const began = performance.now()
    await telemetry.close()
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(telemetry.dropped).toBe(50)
    expect(records.map(({ level, code }) => [level, code])).toEqual([['error', 'spans-lost']])
  })

  test('close gives up a try that began while it waited, and all is counted', async () => {
    const signals: (AbortSignal | null | undefined)[] = []
    const telemetry = set({
      timeout: '1s',
      every: '1ms',
      fetch(_url, { signal }) {
        signals.push(signal)
        return new Promise(() => {})
      },
    })
    spans(telemetry, 300)
    await until(() => signals.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const began = performance.now()
    await telemetry.close()
    // The second batch was tried half a second before the end.
    expect(performance.now() - began).toBeLessThan(1_400)
    expect([signals.length, signals[1]?.aborted, telemetry.dropped]).toEqual([2, true, 300])
  })

  test('a fetch that ignores its signal is left behind', async () => {
    const telemetry = set({ fetch: () => new Promise(() => {}), timeout: '50ms' })
    spans(telemetry, 3)
    await telemetry.settled()
    expect(telemetry.dropped).toBe(3)
  })

  test.each([429, 502, 503, 504])('a collector that answers %d is asked again, and nothing is lost', async (status) => {
    const { log, records } = recorder()
    const telemetry = set({ log })
    collector.behave(status, 1)
    spans(telemetry, 3)
    await telemetry.settled()
    expect([collector.spans.length, telemetry.dropped, collector.requests.length]).toEqual([3, 0, 2])
    expect(records).toEqual([])
  })

  test('a connection that is reset is made again', async () => {
    const telemetry = set()
    collector.behave('reset', 1)
    spans(telemetry, 3)
    await telemetry.settled()
    expect([collector.spans.length, telemetry.dropped]).toEqual([3, 0])
  })

  test('Retry-After is honoured, and one beyond patience is an answer', async () => {
    const telemetry = set()
    collector.behave(503, 1, { 'retry-after': '1' })
    spans(telemetry, 1)
    const began = performance.now()
    await telemetry.settled()
    expect(performance.now() - began).toBeGreaterThan(950)
    expect(collector.spans.length).toBe(1)
    collector.behave(429, 1, { 'retry-after': '86400' })
    spans(telemetry, 1)
    await telemetry.settled()
    expect([collector.requests.length, telemetry.dropped]).toEqual([3, 1])
  })

  test.each([400, 401, 404, 500, 302])('a collector that answers %d is not asked again', async (status) => {
    const { log, records } = recorder()
    const telemetry = set({ log })
    collector.behave(status, 2, { location: `${collector.url}/v1/elsewhere` })
    for (let i = 0; i < 2; i++) {
      spans(telemetry, 3)
      await telemetry.settled()
    }
    expect([collector.requests.length, telemetry.dropped]).toEqual([2, 6])
    // Once per outage.
    const message = `openTelemetry: spans are lost, the collector answered ${status}`
    if (status !== 302) expect(records.map(({ message }) => message)).toEqual([message])
    else expect(records.length).toBe(1) // What a redirect looks like differs between runtimes.
    spans(telemetry, 1)
    await telemetry.settled()
    collector.behave(status, 1)
    spans(telemetry, 1)
    await telemetry.settled()
    expect([collector.spans.length, records.length]).toEqual([1, 2])
  })

  test('spans that a collector rejects are counted', async () => {
    const { log, records } = recorder()
    const telemetry = set({ log })
    collector.behave('reject', 1)
    spans(telemetry, 5)
    await telemetry.settled()
    expect([collector.spans.length, telemetry.dropped, records.length]).toEqual([4, 1, 1])
  })

  test.each([
    ['no JSON', '<html>ok</html>', 0],
    ['null', 'null', 0],
    ['a number of another kind', '{"partialSuccess":{"rejectedSpans":"many"}}', 0],
    ['less than none', '{"partialSuccess":{"rejectedSpans":-4}}', 0],
    ['more than there were', '{"partialSuccess":{"rejectedSpans":99}}', 3],
    ['very much', `{"partialSuccess":{},"x":"${'x'.repeat(100_000)}"}`, 0],
  ])('an answer with %s is read for what it is', async (_what, body, dropped) => {
    const telemetry = set({ fetch: () => Promise.resolve(new Response(body)) })
    spans(telemetry, 3)
    await telemetry.settled()
    expect(telemetry.dropped).toBe(dropped)
  })

  test('the queue is bounded while the collector is out; what is beyond is counted, and said once', async () => {
    const { log, records } = recorder()
    const telemetry = set({ log, maxQueued: 300, every: '1ms', timeout: '2s' })
    collector.behave('hang')
    spans(telemetry, 100)
    await until(() => collector.requests.length === 1)
    spans(telemetry, 1_000)
    // A hundred are on their way and count as well.
    expect(telemetry.dropped).toBe(800)
    expect(records.map(({ message }) => message)).toEqual([
      'openTelemetry: spans are lost, too many wait for the collector',
    ])
  })

  test('nobody to connect to: nothing throws, nothing waits, all is counted', async () => {
    const { log, records } = recorder()
    const telemetry = set({ url: await nowhere(), log })
    const handler = trace({ ...telemetry })(() => new Response('hello'))
    expect(await slowestOf(20, async () => expect((await call(handler)).status).toBe(200))).toBeLessThan(500)
    await telemetry.close()
    expect(telemetry.dropped).toBe(20)
    expect(String(records[0]?.message)).toMatch(/^openTelemetry: spans are lost, the collector cannot be reached/)
  })

  test('nothing secret is logged: neither headers, nor the URL, nor what an error says', async () => {
    const { log, records } = recorder()
    const bad: Partial<OpenTelemetryOptions>[] = [
      { headers: { 'x-token': 'hunter2\nx' } },
      { headers: () => Promise.reject(new Error('no hunter2')) },
      { headers: { 'x-token': 'hunter2' }, url: `${await nowhere()}/hunter2` },
      { fetch: () => Promise.reject(Object.assign(new Error('hunter2'), { code: 'hunter2 is wrong' })) },
      {
        fetch: () => {
          throw new TypeError('hunter2')
        },
      },
    ]
    for (const options of bad) {
      const telemetry = set({ ...options, log })
      spans(telemetry, 1)
      await telemetry.close()
      expect(telemetry.dropped).toBe(1)
    }
    expect(records.length).toBe(bad.length)
    expect(JSON.stringify(records)).not.toContain('hunter2')
    expect(() => set({ url: 'http://user:hunter2@127.0.0.1' })).toThrow(/^openTelemetry: url must hold no credentials/)
  })

  test('PITFALLS 22: secrets in spans are hidden, whoever made them, and numbers are left alone', async () => {
    const telemetry = set()
    const jwt = `eyJhbGciOiJIUzI1NiJ9.${'e'.repeat(20)}.hunter2`
    const span = telemetry.tracer.startSpan('GET /login?password=hunter2', {
      attributes: {
        'db.password': 'hunter2',
        'input.tokens': 7,
        'http.headers': ['Bearer hunter2', 'x'],
        'url.path': '/a',
      },
      links: [{ context: telemetry.tracer.startSpan('x').spanContext(), attributes: { apiKey: 'hunter2' } }],
    })
    span.addEvent('sent', { 'session.id': 'hunter2' })
    span.recordException(new Error(`cannot send ${jwt}`))
    span.setStatus({ code: 2, message: 'https://me:hunter2@db.internal is down' })
    span.end()
    await telemetry.settled()
    expect(collector.bodies.join()).not.toContain('hunter2')
    expect(collector.spans[0]?.attributes).toEqual({
      'db.password': '[redacted]',
      'input.tokens': 7,
      'http.headers': ['Bearer [redacted]', 'x'],
      'url.path': '/a',
    })
  })

  test('a log that throws touches nothing', async () => {
    const telemetry = set({
      url: await nowhere(),
      log: () => {
        throw new Error('no log')
      },
    })
    spans(telemetry, 1)
    await telemetry.close()
    expect(telemetry.dropped).toBe(1)
  })
})

describe('the edge', () => {
  test('PITFALLS 21: each request exports its spans in its own waitUntil, once, and no timer is set', async () => {
    const telemetry = set({ every: '1ms' })
    const handler = trace({ ...telemetry })(() => {
      spans(telemetry, 2, 'inner')
      return new Response('hello')
    })
    for (let request = 1; request <= 3; request++) {
      const work: Promise<unknown>[] = []
      const context = contextOf({ platform: { ephemeral: true }, waitUntil: (one) => void work.push(one) })
      await call(handler, requestTo('/'), context)
      expect(work.length).toBe(1)
      await Promise.all(work)
      expect([collector.requests.length, collector.spans.length]).toEqual([request, request * 3])
    }
    // What no request takes along stays where it is: the edge is known by now.
    spans(telemetry, 1)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(collector.spans.length).toBe(9)
  })

  test('requests do not wait for one another, and what they hold is bounded', async () => {
    const telemetry = set({ maxQueued: 10, timeout: '1s' })
    const handler = trace({ ...telemetry })(() => new Response('hello'))
    collector.behave('hang')
    const work: Promise<unknown>[] = []
    const one = async (): Promise<void> => {
      const context = contextOf({ platform: { ephemeral: true }, waitUntil: (one) => void work.push(one) })
      await call(handler, requestTo('/'), context)
    }
    expect(await slowestOf(25, one)).toBeLessThan(500)
    expect([work.length, telemetry.dropped]).toEqual([10, 15])
    await Promise.all(work)
    expect(telemetry.dropped).toBe(25)
    collector.behave('take')
    await one()
    await Promise.all(work)
    expect([collector.spans.length, telemetry.dropped]).toEqual([1, 25])
  })

  test('a waitUntil that throws does not touch the response', async () => {
    const telemetry = set()
    const handler = trace({ ...telemetry })(() => new Response('hello'))
    const context = contextOf({
      platform: { ephemeral: true },
      waitUntil: () => {
        throw new TypeError('Illegal invocation')
      },
    })
    expect((await call(handler, requestTo('/'), context)).status).toBe(200)
  })
})

/** Where nobody listens. */
async function nowhere(): Promise<string> {
  const gone = await startCollector()
  await gone.close()
  return gone.url
}

async function slowestOf(times: number, run: () => Promise<void>): Promise<number> {
  let slowest = 0
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    await run()
    slowest = Math.max(slowest, performance.now() - began)
  }
  return slowest
}

/** To the end: on some runtimes a body counts as sent only when it has been read. */
async function call(...given: Parameters<typeof send>): Promise<Response> {
  const response = await send(...given)
  await response.text()
  return response
}
