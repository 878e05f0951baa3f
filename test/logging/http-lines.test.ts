import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { accessLog } from '../../src/logging/access-log.ts'
import type { HttpLinesOptions } from '../../src/logging/http-lines.ts'
import { httpLines } from '../../src/logging/http-lines.ts'
import type { WaitingSink } from '../../src/logging/losses.ts'
import { recorder, send, settled } from '../helpers.ts'

/** A real collector: what it got, and how it answers. */
interface Collector {
  readonly url: string
  readonly got: { readonly body: string; readonly headers: IncomingMessage['headers']; readonly at: number }[]
  readonly lines: () => string[]
  connections: number
}
type Answer = (response: ServerResponse, n: number) => void

const open: { server?: Server; sink?: WaitingSink }[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const { server, sink } of open.splice(0)) {
    await sink?.close()
    server?.closeAllConnections()
    server?.close()
  }
})

async function collector(answer: Answer = (response) => response.end('{}')): Promise<Collector> {
  const got: Collector['got'] = []
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      got.push({ body: new TextDecoder().decode(join(chunks)), headers: request.headers, at: performance.now() })
      answer(response, got.length)
    })
  })
  server.on('connection', () => made.connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({ server })
  const made: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs`,
    got,
    lines: () => got.flatMap(({ body }) => body.split('\n').slice(0, -1)),
    connections: 0,
  }
  return made
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

function sinkTo(url: string, options: Omit<HttpLinesOptions, 'url'> = {}): WaitingSink {
  const sink = httpLines({ url, log: () => {}, ...options })
  open.push({ sink })
  return sink
}

const status = (code: number, headers: Record<string, string> = {}): Answer => (response) =>
  void response.writeHead(code, headers).end('no')
async function until(test: () => boolean, ms = 3_000): Promise<boolean> {
  for (let left = ms; left > 0 && !test(); left -= 10) await new Promise((resolve) => setTimeout(resolve, 10))
  return test()
}

describe('lets the good through', () => {
  test('lines go in one batch, a line each, with the headers that were given', async () => {
    const { url, got } = await collector()
    const write = sinkTo(url, { headers: { Authorization: 'Bearer t0ken' } })
    for (let i = 0; i < 3; i++) write(`{"i":${i},"ä":"\u{1f600}"}`)
    await write.flush()
    expect(got).toHaveLength(1)
    expect(got[0]!.body).toBe('{"i":0,"ä":"\u{1f600}"}\n{"i":1,"ä":"\u{1f600}"}\n{"i":2,"ä":"\u{1f600}"}\n')
    expect(got[0]!.headers).toMatchObject({ authorization: 'Bearer t0ken', 'content-type': 'application/x-ndjson' })
    expect(write.dropped).toBe(0)
    await write.flush()
    expect(got).toHaveLength(1)
  })

  test('as one array, or as a function writes it, with its own type', async () => {
    const { url, got } = await collector()
    const array = sinkTo(url, { body: 'json' })
    const loki = sinkTo(url, {
      body: (lines) => JSON.stringify({ streams: [{ stream: { app: 'a' }, values: lines.map((one) => ['1', one]) }] }),
      headers: () => Promise.resolve({ 'Content-Type': 'application/vnd.loki' }),
    })
    for (const write of [array, loki]) {
      write('{"i":1}')
      write('{"i":2}')
      await write.flush()
    }
    expect(got.map(({ headers }) => headers['content-type'])).toEqual(['application/json', 'application/vnd.loki'])
    expect(JSON.parse(got[0]!.body)).toEqual([{ i: 1 }, { i: 2 }])
    expect(JSON.parse(got[1]!.body)).toEqual({
      streams: [{ stream: { app: 'a' }, values: [['1', '{"i":1}'], ['1', '{"i":2}']] }],
    })
  })

  test('by time: a line waits no longer than flushEvery', async () => {
    const server = await collector()
    const write = sinkTo(server.url, { flushEvery: '50ms' })
    write('one')
    write('two')
    expect(server.got).toEqual([])
    expect(await until(() => server.got.length === 1)).toBe(true)
    expect(server.lines()).toEqual(['one', 'two'])
    write('three')
    expect(await until(() => server.got.length === 2)).toBe(true)
  })

  test('by count and by size: a full batch does not wait', async () => {
    const server = await collector()
    const write = sinkTo(server.url, { flushEvery: '1h' })
    for (let i = 0; i < 2_500; i++) write(String(i))
    expect(await until(() => server.lines().length === 2_000)).toBe(true)
    expect(server.got.map(({ body }) => body.split('\n').length - 1)).toEqual([1_000, 1_000])
    await write.flush()
    expect(server.lines()).toEqual(Array.from({ length: 2_500 }, (_, i) => String(i)))
    for (let i = 0; i < 6; i++) write('x'.repeat(100_000))
    expect(await until(() => server.got.length === 4)).toBe(true)
    await write.close()
    expect(server.got.slice(3).map(({ body }) => body.length)).toEqual([500_005, 100_001])
  })

  test('connections are kept', async () => {
    const server = await collector()
    const write = sinkTo(server.url)
    for (let i = 0; i < 5; i++) {
      write('line')
      await write.flush()
    }
    expect(server.got).toHaveLength(5)
    expect(server.connections).toBeLessThan(5)
  })

  test('close sends what waits, and lines that come later are dropped', async () => {
    const server = await collector()
    const write = sinkTo(server.url)
    write('one')
    expect(write.close()).toBe(write.close())
    write('two')
    await write.close()
    expect(server.lines()).toEqual(['one'])
    expect(write.dropped).toBe(1)
  })

  test('PITFALLS 18: making one starts no timer and asks nobody', async () => {
    const server = await collector()
    const set = vi.spyOn(globalThis, 'setTimeout')
    const headers = vi.fn(() => ({}))
    const write = sinkTo(server.url, { headers })
    expect(set).not.toHaveBeenCalled()
    expect(headers).not.toHaveBeenCalled()
    set.mockRestore()
    await write.flush()
    await write.close()
    expect(server.got).toEqual([])
  })
})

describe('survives the broken', () => {
  test('5xx, 429 and 408 are tried again, each later than the one before', async () => {
    const codes = [500, 429, 408]
    const server = await collector((response, n) => void response.writeHead(codes[n - 1] ?? 204).end())
    const write = sinkTo(server.url)
    write('one')
    await write.flush()
    expect(server.got.map(({ body }) => body)).toEqual(['one\n', 'one\n', 'one\n', 'one\n'])
    const pauses = server.got.slice(1).map(({ at }, i) => at - server.got[i]!.at)
    for (const [i, least] of [250, 500, 1_000].entries()) {
      expect(pauses[i]).toBeGreaterThan(least - 20)
      expect(pauses[i]).toBeLessThan(least * 2 + 800)
    }
    expect(write.dropped).toBe(0)
  }, 10_000)

  test('Retry-After is waited for, by batches that come meanwhile, too', async () => {
    const server = await collector((response, n) =>
      void (n === 1 ? response.writeHead(429, { 'retry-after': '2' }) : response.writeHead(202)).end()
    )
    const write = sinkTo(server.url)
    write('one')
    const one = write.flush()
    expect(await until(() => server.got.length === 1)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 100))
    write('two')
    await Promise.all([one, write.flush()])
    expect(server.lines().sort()).toEqual(['one', 'one', 'two'])
    for (const { at } of server.got.slice(1)) expect(at - server.got[0]!.at).toBeGreaterThan(1_950)
  }, 10_000)

  test('what stays broken is given up after so many tries, counted, and complained of once per outage', async () => {
    let code = 503
    const server = await collector((response) => void response.writeHead(code).end())
    const { log, records } = recorder()
    const write = sinkTo(server.url, { tries: 2, log, headers: { 'x-token': 's3cret' } })
    for (let i = 0; i < 2; i++) {
      write('one')
      write('two')
      await write.flush()
    }
    expect(server.got).toHaveLength(4)
    expect(write.dropped).toBe(4)
    expect(records).toMatchObject([{ level: 'error', code: 'log-lines-dropped', message: /answered 503/ }])
    code = 200
    write('three')
    await write.flush()
    code = 403
    write('four')
    await write.flush()
    expect(server.got).toHaveLength(6) // A 403 is final.
    expect(write.dropped).toBe(5)
    expect(records).toHaveLength(2)
    expect(JSON.stringify(records)).not.toContain('s3cret')
  }, 20_000)

  test('a collector that hangs, resets or is not there costs its deadline and is tried again', async () => {
    const server = await collector((response, n) => {
      if (n === 1) return
      if (n === 2) response.destroy()
      else response.end()
    })
    const write = sinkTo(server.url, { deadline: '200ms' })
    write('one')
    await write.flush()
    expect(server.lines()).toEqual(['one', 'one', 'one'])
    expect(server.got[1]!.at - server.got[0]!.at).toBeGreaterThan(200)
    expect(write.dropped).toBe(0)
    const { log, records } = recorder()
    const nobody = sinkTo('http://127.0.0.1:1/logs?token=s3cret', { tries: 1, log })
    nobody('one')
    await nobody.flush()
    expect(nobody.dropped).toBe(1)
    expect(records).toMatchObject([{ message: /could not be asked/ }])
    expect(JSON.stringify(records)).not.toContain('s3cret')
  }, 10_000)

  test('a redirect is not followed: the token is for one collector', async () => {
    const other = await collector()
    const server = await collector(status(307, { location: other.url }))
    const write = sinkTo(server.url, { headers: { 'x-token': 's3cret' } })
    write('one')
    await write.flush()
    expect([server.got.length, other.got.length, write.dropped]).toEqual([1, 0, 1])
  })

  test('headers that throw, reject, hang or cannot be sent count as no answer, and are not shown', async () => {
    const server = await collector()
    const cases: HttpLinesOptions['headers'][] = [
      () => {
        throw new Error('s3cret')
      },
      () => Promise.reject(new Error('s3cret')),
      () => ({ authorization: 's3cret\nx: y' }),
      () => new Promise<never>(() => {}),
    ]
    for (const headers of cases) {
      const { log, records } = recorder()
      const write = sinkTo(server.url, { headers, tries: 1, deadline: '50ms', log })
      write('one')
      await write.flush()
      expect(write.dropped).toBe(1)
      expect(JSON.stringify(records)).not.toContain('s3cret')
    }
    expect(server.got).toEqual([])
  })

  test('fault 45: no request waits for a collector that hangs, memory is bounded, and drops are counted', async () => {
    const server = await collector(() => {})
    const { log, records } = recorder()
    const write = sinkTo(server.url, { maxBuffered: '10kb', flushEvery: '1ms', deadline: '2s', log })
    const handler = accessLog({ write })(() => Response.json('hello'))
    for (let i = 0; i < 300; i++) {
      const response = await send(handler)
      expect(await response.json()).toBe('hello')
    }
    await settled()
    expect(write.dropped).toBeGreaterThan(200)
    expect(records).toMatchObject([{ message: /too slow/ }])
    expect(await until(() => server.got.length === 1)).toBe(true)
    const dropped = write.dropped
    await send(handler)
    await settled()
    expect(write.dropped).toBe(dropped + 1)
    // Even now closing has an end.
    await write.close()
    expect(write.dropped).toBe(301)
  }, 30_000)

  test('close tries each batch once more, and none after one that failed', async () => {
    const server = await collector(status(503))
    const { log } = recorder()
    const write = sinkTo(server.url, { log })
    write('first')
    const first = write.flush()
    expect(await until(() => server.got.length === 1)).toBe(true)
    for (let i = 0; i < 3_000; i++) write('more')
    const began = performance.now()
    await Promise.all([write.close(), first])
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(server.got.length).toBeLessThanOrEqual(4)
    expect(write.dropped).toBe(3_001)
  }, 10_000)

  test('on Workers what died with its request is counted as lost, and makes room', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const asked: string[] = []
    const write = httpLines({
      url: 'http://collector.test',
      maxBuffered: '100b',
      log: () => {},
      fetch: (_url, init) => {
        asked.push(String(init.body))
        return asked.length === 1 ? new Promise(() => {}) : Promise.resolve(new Response())
      },
    })
    write('x'.repeat(90))
    const dead = write.flush()
    await new Promise((resolve) => setTimeout(resolve, 5))
    write('y'.repeat(90))
    expect(write.dropped).toBe(1)
    now = 20_000
    write('z'.repeat(90))
    expect(write.dropped).toBe(2)
    await write.flush()
    expect(asked[1]).toBe(`${'z'.repeat(90)}\n`)
    void dead
  })
})

test('options are checked when it is made', () => {
  const url = 'https://logs.example/in'
  for (const bad of ['logs.example', 'file:///x', 'https://user:s3cret@logs.example', '']) {
    expect(() => httpLines({ url: bad })).toThrow(/httpLines: url/)
    expect(() => httpLines({ url: bad })).not.toThrow(/s3cret/)
  }
  const cases: [Partial<HttpLinesOptions>, RegExp][] = [
    [{ headers: { 'a b': 'c' } }, /token/],
    [{ headers: { a: 's3cret\n' } }, /header a/],
    [{ body: 'xml' as 'json' }, /body/],
    [{ flushEvery: '0s' }, /flushEvery/],
    [{ maxBuffered: '0b' }, /maxBuffered/],
    [{ deadline: '30d' }, /deadline/],
    [{ tries: 0 }, /tries/],
    [{ fetch: 'fetch' as never }, /fetch/],
  ]
  for (const [options, words] of cases) expect(() => httpLines({ url, ...options })).toThrow(words)
})
