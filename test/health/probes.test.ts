import { describe, expect, test, vi } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { type CheckOutcome, health, type HealthCheck } from '../../src/health/health.ts'
import { countProbe, httpProbe, pingProbe, sqlProbe, storeProbe } from '../../src/health/probes.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { contextOf, requestTo, send, source } from '../helpers.ts'

/** What `health` makes of a check: its status code, and the one result it shows. */
async function look(check: HealthCheck) {
  const handler = health({ checks: { it: check }, detail: () => true, timeout: '100ms' })(() => new Response('beyond'))
  const response = await send(handler, requestTo('/health'), contextOf())
  const text = await response.text()
  const { checks } = JSON.parse(text) as { checks: Record<string, CheckOutcome[]> }
  const [[key = '', results = []] = []] = Object.entries(checks)
  return { status: response.status, key, ...results[0], code: response.status, level: results[0]?.status, text }
}

const answering = (response: Response) => (): Promise<Response> => Promise.resolve(response)
const down = (): Promise<never> => Promise.reject(new Error('postgres://user:hunter2@db'))
const hang = (): Promise<never> => new Promise(() => {})

describe('lets the good through', () => {
  test('M2: an upstream that answers is well, and its latency observed', async () => {
    const fetch = vi.fn(answering(new Response('pong')))
    const check = httpProbe('http://up.test/ping', { fetch, headers: { authorization: 'Bearer x' } })
    expect(fetch).not.toHaveBeenCalled()
    expect(await look(check)).toMatchObject({
      code: 200,
      key: 'it:responseTime',
      observedValue: 0,
      observedUnit: 'ms',
      componentType: 'component',
    })
    expect(fetch).toHaveBeenCalledWith('http://up.test/ping', {
      method: 'GET',
      redirect: 'manual',
      headers: { authorization: 'Bearer x' },
      signal: expect.any(AbortSignal) as AbortSignal,
    })
  })

  test.each<[expect: number | number[] | ((response: Response) => boolean | Promise<boolean>), status: number]>([
    [204, 204],
    [[200, 401], 401],
    [302, 302],
    [503, 503],
    [({ status }) => status < 500, 404],
    [async (response) => (await response.json() as { ok: boolean }).ok, 200],
  ])('what is expected of it is the user’s to say: %s', async (expects, status) => {
    const body = status === 204 ? null : '{"ok":true}'
    const fetch = answering(new Response(body, { status }))
    expect((await look(httpProbe('http://up.test', { fetch, expect: expects }))).code).toBe(200)
  })

  test('M2: whatever pings is well when it has answered', async () => {
    const redis = {
      answer: 'PONG',
      ping() {
        return Promise.resolve(this.answer)
      },
    }
    expect(await look(pingProbe(redis))).toMatchObject({
      code: 200,
      key: 'it:responseTime',
      observedUnit: 'ms',
      componentType: 'datastore',
    })
    expect((await look(pingProbe(() => undefined))).code).toBe(200)
  })

  test('M2: a database is asked the least there is', async () => {
    const pool = { asked: [] as string[], query: (text: string) => Promise.resolve(pool.asked.push(text)) }
    expect(await look(sqlProbe(pool))).toMatchObject({ code: 200, componentType: 'datastore' })
    await look(sqlProbe(pool, { statement: 'SELECT 1 FROM dual' }))
    expect(pool.asked).toEqual(['SELECT 1', 'SELECT 1 FROM dual'])
    const query = vi.fn(() => ({ one: 1 }))
    expect((await look(sqlProbe(query))).code).toBe(200)
    expect(query).toHaveBeenCalledWith('SELECT 1', expect.any(AbortSignal))
  })

  test.each([
    [0, 'pass'],
    [80, 'pass'],
    [80.1, 'warn'],
    [90, 'warn'],
    [91, 'fail'],
    [-5, 'pass'],
  ])('M2, M3: %d, of 80 and 90, is %s', async (value, level) => {
    const check = countProbe(() => Promise.resolve(value), { warn: 80, fail: 90, unit: 'clients' })
    expect(await look(check)).toMatchObject({ key: 'it:count', observedValue: value, observedUnit: 'clients', level })
  })

  test('a count without bounds only tells; with one of them, that one counts', async () => {
    expect(await look(countProbe(() => 1e9, { measurement: 'jobs' }))).toMatchObject({ key: 'it:jobs', level: 'pass' })
    expect((await look(countProbe(() => 2, { warn: 1 }))).level).toBe('warn')
    expect((await look(countProbe(() => 2, { fail: 1 }))).level).toBe('fail')
  })

  test('a store that counts is well, and nobody else is counted', async () => {
    expect(await look(storeProbe(memoryStore()))).toMatchObject({ code: 200, componentType: 'datastore' })
    const consume = vi.fn(() => undefined)
    expect((await look(storeProbe({ consume }))).code).toBe(200)
    expect(consume.mock.calls[0]).toMatchObject([{ limits: [{ name: 'sallyport-health' }] }, 'probe', [1], {
      clock: {},
    }])
  })
})

describe('refuses the bad', () => {
  test.each([301, 302, 307, 404, 429, 500, 503])('an upstream that answers %d is not well', async (status) => {
    const headers = { location: 'http://elsewhere.test/hunter2' }
    const fetch = vi.fn(answering(new Response('hunter2', { status, headers })))
    const answer = await look(httpProbe('http://up.test', { fetch }))
    expect(answer).toMatchObject({ code: 503, output: `unexpected answer, status ${status}` })
    expect(answer.text).not.toContain('hunter2')
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  test('an expectation that is not met in time, throws or is not true is not met', async () => {
    for (const expects of [() => false, () => 'yes' as never, down, hang]) {
      const fetch = answering(new Response('x'))
      expect((await look(httpProbe('http://up.test', { fetch, expect: expects }))).code).toBe(503)
    }
  })

  test.each<[string, HealthCheck]>([
    ['httpProbe', httpProbe('http://up.test', { fetch: down })],
    ['pingProbe', pingProbe({ ping: down })],
    ['pingProbe, false', pingProbe(() => false)],
    ['sqlProbe', sqlProbe({ query: down })],
    ['sqlProbe of a client that wants a callback', sqlProbe({ query: () => ({}) as Promise<void> })],
    ['countProbe', countProbe(down)],
    ['countProbe of nothing', countProbe(() => undefined as never)],
    ['countProbe of NaN', countProbe(() => Number.NaN)],
    ['countProbe of a text', countProbe(() => '5' as never)],
    ['storeProbe', storeProbe({ consume: down })],
    ['storeProbe of nonsense', storeProbe({ consume: () => 'OK' as never })],
    ['storeProbe of null', storeProbe({ consume: () => null as never })],
  ])('fault 47: what is down is a fail, and why stays here: %s', async (_name, check) => {
    const { code, text } = await look(check)
    expect(code).toBe(503)
    expect(text).not.toMatch(/hunter2|postgres/)
  })

  test.each<[message: RegExp, make: () => unknown]>([
    [/^httpProbe: url must be an absolute/, () => httpProbe('/ping')],
    [/^httpProbe: url must be an absolute/, () => httpProbe('file:///etc/passwd')],
    [/^httpProbe: url must be an absolute/, () => httpProbe(undefined as never)],
    [/^httpProbe: url must hold no credentials/, () => httpProbe('http://user:hunter2@up.test')],
    [/^httpProbe: expect/, () => httpProbe('http://up.test', { expect: [] })],
    [/^httpProbe: expect/, () => httpProbe('http://up.test', { expect: 99 })],
    [/^httpProbe: expect/, () => httpProbe('http://up.test', { expect: ['200'] as never })],
    [/^httpProbe: fetch/, () => httpProbe('http://up.test', { fetch: true as never })],
    [/./, () => httpProbe('http://up.test', { headers: { 'a b': 'x' } })],
    [/^pingProbe: /, () => pingProbe({} as never)],
    [/^pingProbe: /, () => pingProbe(undefined as never)],
    [/^sqlProbe: needs/, () => sqlProbe({} as never)],
    [/^sqlProbe: statement/, () => sqlProbe(() => 1, { statement: '' })],
    [/^countProbe: needs/, () => countProbe(5 as never)],
    [/^countProbe: warn must be a number/, () => countProbe(() => 1, { warn: '80%' as never })],
    [/^countProbe: fail must be a number/, () => countProbe(() => 1, { fail: Number.NaN })],
    [/^countProbe: warn must not be above fail/, () => countProbe(() => 1, { warn: 2, fail: 1 })],
    [/^countProbe: unit/, () => countProbe(() => 1, { unit: 5 as never })],
    [/^storeProbe: /, () => storeProbe({} as never)],
  ])('throws when made: %s', (message, make) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
    expect(make).not.toThrow(/hunter2/)
  })
})

describe('survives the broken', () => {
  test.each<[string, HealthCheck]>([
    ['httpProbe', httpProbe('http://up.test', { fetch: hang })],
    ['pingProbe', pingProbe({ ping: hang })],
    ['sqlProbe', sqlProbe({ query: hang })],
    ['countProbe', countProbe(hang)],
    ['storeProbe', storeProbe({ consume: hang } satisfies Store)],
  ])('fault 47: what hangs is a fail by the deadline: %s', async (_name, check) => {
    const started = performance.now()
    expect((await look(check)).code).toBe(503)
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  test('the deadline aborts the request', async () => {
    let aborted = false
    const fetch = (_url: string, { signal }: RequestInit): Promise<Response> =>
      new Promise((_, reject) =>
        signal?.addEventListener('abort', () => {
          aborted = true
          reject(new Error('aborted'))
        })
      )
    expect((await look(httpProbe('http://up.test', { fetch }))).code).toBe(503)
    expect(aborted).toBe(true)
  })
})

describe('leaves streams alone', () => {
  test('a body is not read but dropped, however long, well or not', async () => {
    for (const status of [200, 500]) {
      const body = source(1_000)
      await look(httpProbe('http://up.test', { fetch: answering(new Response(body.stream, { status })) }))
      expect([body.cancelled, body.pulled]).toEqual([true, 0])
    }
  })

  test('a body that is being read, or does not want to be dropped, is no concern', async () => {
    const locked = new Response(source(10).stream)
    const fetch = answering(locked)
    const expects = ({ body }: Response): boolean => body?.getReader() !== undefined
    expect((await look(httpProbe('http://up.test', { fetch, expect: expects }))).code).toBe(200)
    const stubborn = new ReadableStream({ cancel: () => Promise.reject(new Error('no')) })
    expect((await look(httpProbe('http://up.test', { fetch: answering(new Response(stubborn)) }))).code).toBe(200)
  })
})
