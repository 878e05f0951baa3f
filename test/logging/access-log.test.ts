import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { type Context, extend } from '../../src/core/context.ts'
import { record } from '../../src/core/event.ts'
import { errors } from '../../src/core/errors.ts'
import { ALLOW, guard, refusal } from '../../src/core/guard.ts'
import type { Handler } from '../../src/core/handler.ts'
import type { LogRecord } from '../../src/core/log.ts'
import { redaction } from '../../src/core/redact.ts'
import { onPath } from '../../src/core/request.ts'
import { health } from '../../src/health/health.ts'
import { accessLog, type AccessLogOptions } from '../../src/logging/access-log.ts'
import { contextOf, recorder, requestTo, send, settled, source, upload, virtualClock } from '../helpers.ts'

const ok: Handler = () => Response.json('ok') // of a type that every runtime knows to be short

interface Logged {
  readonly handler: Handler
  readonly lines: string[]
  /** The one line, read; it must be one. */
  line(): Record<string, unknown>
}

function logged(inner: Handler = ok, options: AccessLogOptions = {}): Logged {
  const lines: string[] = []
  return {
    handler: accessLog({ write: (line) => void lines.push(line), ...options })(inner),
    lines,
    line() {
      expect(lines).toHaveLength(1)
      return lineOf(lines[0]!)
    },
  }
}

/** Reads a line, which must be one line of JSON that no terminal and no reader can take for more. */
function lineOf(line: string): Record<string, unknown> {
  // deno-lint-ignore no-control-regex
  expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029]/)
  const parsed: unknown = JSON.parse(line)
  expect(parsed).toBeTypeOf('object')
  return parsed as Record<string, unknown>
}

async function lineFor(
  request: Request,
  options: AccessLogOptions = {},
  context: Context = contextOf(),
  inner: Handler = ok,
) {
  const log = logged(inner, options)
  await (await send(log.handler, request, context)).text()
  return log.line()
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('lets the good through', () => {
  test('L6: one line names what happened', async () => {
    const clock = virtualClock()
    const context = extend(contextOf({ clock }), {
      requestId: 'req-12345678',
      clientIp: '203.0.113.9',
      clientNetwork: '203.0.113.9',
      secure: true,
      principal: { id: 'ada' },
    })
    const line = await lineFor(
      requestTo('/notes/7?page=2', { method: 'DELETE', headers: { 'user-agent': 'test/1.0', 'accept': '*/*' } }),
      {},
      context,
      () => {
        clock.advance(12.3456)
        context.attributes['notes.count'] = 3
        return Response.json('gone', { status: 404 })
      },
    )
    expect(line).toEqual({
      'time': '2026-01-01T00:00:00.012Z',
      'level': 'warn',
      'message': 'request',
      'requestId': 'req-12345678',
      'method': 'DELETE',
      'path': '/notes/7',
      'status': 404,
      'durationMs': 12.346,
      'client': '203.0.113.9',
      'principal': 'ada',
      'userAgent': 'test/1.0',
      'notes.count': 3,
    })
  })

  test.each([[200, 'info'], [204, 'info'], [302, 'info'], [304, 'info'], [400, 'warn'], [429, 'warn'], [499, 'warn'], [
    500,
    'error',
  ], [503, 'error']])(
    'L7: a %i is logged as %s',
    async (status, level) => {
      const inner: Handler = () => new Response(null, { status })
      expect(await lineFor(requestTo(), {}, contextOf(), inner)).toMatchObject({ status, level })
    },
  )

  test('L8: skips what it is told to, and what passes it in disguise it logs', async () => {
    const log = logged(ok, { skip: onPath('/static/*') })
    await send(log.handler, requestTo('/static/app.js'))
    expect(log.lines).toEqual([])
    for (const path of ['/api', '/admin/x%5C..%5C..%5Cstatic', '/static/%2e%2e/admin', '/staticfiles', '/x//static']) {
      await send(log.handler, requestTo(path))
    }
    expect(log.lines).toHaveLength(5)
  })

  test('PITFALLS 25, L8: health checks are not logged, what else asks for their path is', async () => {
    const log = logged(health()(ok))
    for (const path of ['/health', '/health/live', '/health/ready']) {
      expect(await (await send(log.handler, requestTo(path))).text()).toContain('pass')
    }
    expect(log.lines).toEqual([])
    await send(log.handler, requestTo('/health', { method: 'POST' }))
    expect(log.line()).toMatchObject({ method: 'POST', path: '/health' })
  })

  test('logs only the headers named, and their names once', async () => {
    const request = requestTo('/', {
      headers: { 'user-agent': 'x', 'x-tenant': 'acme', 'authorization': 'Bearer hunter2' },
    })
    expect(await lineFor(request, { headers: ['X-Tenant', 'x-missing'] })).toMatchObject({ 'x-tenant': 'acme' })
    const line = JSON.stringify(await lineFor(request, { headers: ['X-Tenant'] }))
    expect(line).not.toMatch(/hunter2|userAgent|x-missing|authorization/)
    expect(await lineFor(request, { headers: [] })).not.toHaveProperty('userAgent')
  })

  test('tells what guards decided', async () => {
    const context = contextOf()
    const closed = guard({ name: 'gate', decide: () => refusal({ status: 403, code: 'gate-closed' }) })
    expect(await lineFor(requestTo(), {}, context, closed(ok))).toMatchObject({
      'status': 403,
      'problem.code': 'gate-closed',
      'events': [{ kind: 'refused', guard: 'gate', code: 'gate-closed', status: 403 }],
    })
    const open = guard({ name: 'gate', mode: 'report', decide: () => refusal({ status: 403, code: 'gate-closed' }) })
    expect(await lineFor(requestTo(), {}, contextOf(), open(ok))).toMatchObject({
      status: 200,
      events: [{ kind: 'would-refuse', guard: 'gate' }],
    })
    expect(await lineFor(requestTo(), {}, contextOf(), guard({ name: 'gate', decide: () => ALLOW })(ok))).not
      .toHaveProperty('events')
  })

  test('L6: the trace and the span stand at one place, once', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const spanId = 'b7ad6b7169203331'
    const context = extend(contextOf(), { requestId: 'req-12345678' })
    Object.assign(context.attributes, { 'trace.id': traceId, 'span.id': spanId, 'notes.count': 3 })
    const log = logged()
    await send(log.handler, requestTo(), context)
    expect(log.lines[0]).toContain(`"requestId":"req-12345678","traceId":"${traceId}","spanId":"${spanId}","method"`)
    expect(log.lines[0]!.split(traceId)).toHaveLength(2)
    expect(log.line()).not.toHaveProperty(['trace.id'])
    expect(log.line()).toHaveProperty(['notes.count'], 3)
  })

  test('a sink gets a record to sort by; a list of sinks gets the line in turn', async () => {
    const taken: [string, string, LogRecord | undefined][] = []
    const sink = (name: string) => (line: string, record?: LogRecord): void => void taken.push([name, line, record])
    const gate = guard({ name: 'gate', decide: () => refusal({ status: 429, code: 'rate-limited' }) })
    const context = contextOf()
    await send(accessLog({ write: [sink('one'), sink('two')] })(gate(ok)), requestTo(), context)
    expect(taken.map(([name]) => name)).toEqual(['one', 'two'])
    expect(taken[0]![1]).toBe(taken[1]![1])
    expect(taken[0]![2]).toEqual({
      level: 'warn',
      message: 'request',
      events: [{ kind: 'refused', guard: 'gate', code: 'rate-limited', status: 429 }],
    })
    expect(taken[0]![2]!['events']).toBe(context.events)
  })

  test('a test for skipping that forgot to be synchronous lets nothing off', async () => {
    const log = logged(ok, { skip: (() => Promise.resolve(true)) as unknown as () => boolean })
    await send(log.handler)
    expect(log.lines).toHaveLength(1)
  })

  test('is not async: a synchronous handler stays one', () => {
    expect(logged().handler(requestTo(), contextOf())).toBeInstanceOf(Response)
  })
})

describe('says what was slow', () => {
  const taking = (ms: number, options: AccessLogOptions = {}, status = 200, request = requestTo()) => {
    const clock = virtualClock()
    const inner: Handler = () => {
      clock.advance(ms)
      return new Response(null, { status })
    }
    return lineFor(request, options, contextOf({ clock }), inner)
  }

  test('L11: beyond 1,000 ms, or what you say, a request is slow, and its line is about performance', async () => {
    expect(await taking(1_001)).toMatchObject({ level: 'performance', slow: true, thresholdMs: 1_000 })
    expect(await taking(251, { slow: '250ms' })).toMatchObject({ level: 'performance', slow: true, thresholdMs: 250 })
    for (
      const line of [await taking(1_000), await taking(250, { slow: '250ms' }), await taking(1e9, { slow: false })]
    ) {
      expect(line).toMatchObject({ level: 'info' })
      expect(line).not.toHaveProperty('slow')
    }
  })

  test('L11: a slow request that failed keeps the level of its status', async () => {
    expect(await taking(2_000, {}, 404)).toMatchObject({ level: 'warn', slow: true })
    expect(await taking(2_000, {}, 500)).toMatchObject({ level: 'error', slow: true })
  })

  test('L11: an event stream lasts, and is not slow', async () => {
    const events = requestTo('/', { headers: { accept: 'text/event-stream' } })
    expect(await taking(60_000, {}, 200, events)).not.toHaveProperty('slow')
  })
})

describe('thins out what was well', () => {
  test('sample: a share of it, chosen per request, whatever number of sinks', async () => {
    const draws = [0.09, 0.1, 0.999, 0]
    const lines: string[] = []
    const write = (line: string): void => void lines.push(line)
    const handler = accessLog({ write: [write, write], sample: 0.1, random: () => draws.shift()! })(ok)
    for (const path of ['/a', '/b', '/c', '/d']) await send(handler, requestTo(path))
    expect(lines.map((line) => lineOf(line)['path'])).toEqual(['/a', '/a', '/d', '/d'])
    expect(draws).toEqual([])
  })

  test('sample: 0 keeps what was not well, and asks no one', async () => {
    const clock = virtualClock()
    const kept: unknown[] = []
    const options: AccessLogOptions = {
      write: (line) => void kept.push(lineOf(line)['path']),
      sample: 0,
      random: () => expect.unreachable(),
    }
    const answering = (inner: Handler): Handler => accessLog(options)(inner)
    const all: Record<string, Handler> = {
      '/warn': answering(() => new Response(null, { status: 404 })),
      '/error': answering(() => new Response(null, { status: 503 })),
      '/slow': answering(() => {
        clock.advance(1_001)
        return Response.json('late')
      }),
      '/told': answering((request, context) => {
        record(context, { kind: 'would-refuse', guard: 'gate', code: 'gate-closed' })
        return ok(request, context)
      }),
      '/broken': answering(() => new Response(source(10, 2, 'error').stream)),
    }
    for (const [path, handler] of Object.entries(all)) {
      const response = await send(handler, requestTo(path), contextOf({ clock }))
      await response.text().catch(() => {})
    }
    expect(kept).toEqual(Object.keys(all))
    const log = logged(ok, { sample: 0 })
    await send(log.handler)
    expect(log.lines).toEqual([])
  })

  test('sample: of a thousand requests a tenth', async () => {
    let seed = 7
    const random = (): number => (seed = seed * 16_807 % 2_147_483_647) / 2_147_483_647
    const log = logged(ok, { sample: 0.1, random })
    for (let i = 0; i < 1_000; i++) await send(log.handler)
    expect(log.lines.length).toBeGreaterThan(60)
    expect(log.lines.length).toBeLessThan(140)
  })
})

describe('exactly one line, when the exchange has ended', () => {
  test('a short response: at once', async () => {
    const log = logged(() => Response.json({ a: 1 }))
    await send(log.handler)
    expect(log.line()).toMatchObject({ status: 200 })
  })

  test('a stream: at its last byte, with its length and the whole time', async () => {
    const clock = virtualClock()
    const body = source(1_000, 3)
    const log = logged(() => new Response(body.stream))
    const response = await send(log.handler, requestTo(), contextOf({ clock }))
    const reader = response.body!.getReader()
    await reader.read()
    clock.advance(5_000)
    expect(log.lines).toEqual([])
    while (!(await reader.read()).done);
    expect(log.line()).toMatchObject({ status: 200, bytes: 3_000, durationMs: 5_000 })
    expect(log.line()).not.toHaveProperty('outcome')
  })

  test('PITFALLS 10, fault 43: a client that leaves is client_closed, not an error', async () => {
    const body = source(10)
    const log = logged(() => new Response(body.stream))
    const reader = (await send(log.handler)).body!.getReader()
    await reader.read()
    await reader.cancel('left')
    expect(log.line()).toMatchObject({ level: 'info', status: 200, outcome: 'client_closed', bytes: 10 })
    expect(body.cancelled).toBe(true)
    await reader.cancel('again')
    expect(log.lines).toHaveLength(1)
  })

  test('fault 44: a stream that breaks is failed', async () => {
    const log = logged(() => new Response(source(10, 2, 'error').stream))
    const response = await send(log.handler)
    await expect(response.arrayBuffer()).rejects.toThrow('the source broke')
    expect(log.line()).toMatchObject({ status: 200, outcome: 'failed', bytes: 20 })
  })

  test.each<[what: string, thrown: unknown]>([
    ['an Error', new Error('bug')],
    ['a string', 'bug'],
    ['null', null],
    ['undefined', undefined],
    ['a frozen object', Object.freeze({ message: 'bug' })],
    ['a cyclic cause', cyclic()],
    [
      'a trap',
      Object.defineProperty(new Error('x'), 'message', {
        get: () => {
          throw new Error('trap')
        },
      }),
    ],
    ['a Response', new Response(null, { status: 418 })],
  ])('fault 44: a handler that throws %s leaves one line', async (_what, thrown) => {
    for (const asynchronous of [false, true]) {
      const { log, records } = recorder()
      const inner = errors({ log })((): Response | Promise<Response> => {
        if (asynchronous) return Promise.reject(thrown)
        throw thrown
      })
      const line = logged(inner)
      const response = await send(line.handler)
      const text = await response.text()
      const status = thrown instanceof Response ? 418 : 500
      expect(line.line()).toMatchObject({ status, level: status === 500 ? 'error' : 'warn' })
      expect(text).not.toMatch(/bug|trap|at /)
      expect(records).toHaveLength(status === 500 ? 1 : 0)
    }
  })

  test('a handler that throws without a boundary leaves one line too', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const log = logged(() => {
      throw new Error('bug')
    })
    expect((await send(log.handler)).status).toBe(500)
    expect(log.line()).toMatchObject({ status: 500, events: [{ kind: 'error' }] })
  })

  test('a redirect, a 204 and a 304 leave one line each', async () => {
    for (
      const make of [
        () => Response.redirect('http://service.test/x'),
        () => new Response(null, { status: 204 }),
        () => new Response(null, { status: 304 }),
      ]
    ) {
      const log = logged(make)
      const { status } = await send(log.handler)
      expect(log.line()).toMatchObject({ status })
    }
  })

  test('mounted twice it writes to each of its sinks once', async () => {
    const [one, two] = [vi.fn(), vi.fn()]
    await send(compose(accessLog({ write: one }), accessLog({ write: two }))(ok))
    expect(one).toHaveBeenCalledTimes(1)
    expect(two).toHaveBeenCalledTimes(1)
  })
})

describe('refuses the bad', () => {
  const HOSTILE = [
    'x\r\n{"level":"info","message":"forged"}',
    '\u001b[2J\u001b[31mred',
    'a\u2028b\u2029c',
    '\u0085\u009b31m',
    '\0\b\f\v\t',
    '","level":"debug","x":"',
    '\\',
    '"',
    '\\"',
    '</script>',
    '${jndi:ldap://x}',
    '%0d%0a',
    '\ud800',
    'ÿþ',
    '\u007f',
    '🚪'.repeat(400),
  ]

  test.each(HOSTILE)('PITFALLS 22, fault 30: %j anywhere stays in one line and forges no field', async (text) => {
    const inLatin = [...text].map((char) => char.charCodeAt(0) < 256 && !/[\0\r\n]/.test(char) ? char : '?').join('')
    const context = extend(contextOf(), {
      requestId: text,
      clientIp: text,
      clientNetwork: text,
      secure: false,
      principal: { id: text },
    })
    context.attributes['note'] = text
    context.attributes[text] = text
    record(context, { kind: 'suspicious', guard: 'test', code: text, reason: text })
    const request = requestTo(`/${encodeURIComponent(wellFormed(text))}?q=${encodeURIComponent(wellFormed(text))}`, {
      headers: { 'user-agent': inLatin, 'x-note': inLatin },
    })
    const line = await lineFor(request, { query: true, headers: ['user-agent', 'x-note'] }, context)
    expect(line).toMatchObject({ level: 'info', message: 'request', status: 200 })
  })

  test('a target that holds what a URL escapes is logged as it came', async () => {
    const line = await lineFor(requestTo('/a\r\n\u2028b/"c\\d?e="\u2028'), { query: true })
    expect(line).toMatchObject({ path: expect.stringMatching(/^\/[\x21-\x7e]+$/) as string })
  })

  test('property: whatever comes in, one line comes out', { timeout: 30_000 }, async () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.constantFrom(...HOSTILE))
    const value = fc.oneof(text, fc.double(), fc.boolean(), fc.integer())
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        text,
        fc.dictionary(text, value, { maxKeys: 5 }),
        async (id, path, query, attributes) => {
          const context = extend(contextOf(), { requestId: id, principal: { id: path } })
          Object.assign(context.attributes, attributes)
          record(context, { kind: 'suspicious', guard: id, code: path, reason: query })
          let request: Request
          try {
            request = requestTo(`/${path}?${query}`, { headers: { 'user-agent': encodeURI(wellFormed(id)) } })
          } catch {
            return // no server hands over a URL that is none
          }
          expect(await lineFor(request, { query: true }, context)).toHaveProperty('message')
        },
      ),
      { numRuns: 150 },
    )
  })

  test('PITFALLS 22: a secret header is redacted though it is named', async () => {
    const secrets = [
      'authorization',
      'cookie',
      'x-api-key',
      'x-auth-token',
      'proxy-authorization',
      'x-csrf-token',
      'x-signature',
    ]
    const headers = Object.fromEntries(secrets.map((name) => [name, `hunter2 ${name}`]))
    const line = await lineFor(requestTo('/', { headers }), { headers: secrets })
    expect(line).toMatchObject(Object.fromEntries(secrets.map((name) => [name, '[redacted]'])))
    expect(JSON.stringify(line)).not.toContain('hunter2')
  })

  test('PITFALLS 22: without query, nothing of it is logged; with it, secrets are not', async () => {
    const path =
      '/a?token=hunter2&api_key=hunter2&apiKey=hunter2&Password=hunter2&q=monkey&keyboard=qwerty&session_id=hunter2'
    expect(JSON.stringify(await lineFor(requestTo(path)))).not.toMatch(/hunter2|monkey|\?/)
    expect(await lineFor(requestTo(path), { query: true })).toMatchObject({
      path: '/a',
      query: {
        token: '[redacted]',
        api_key: '[redacted]',
        apiKey: '[redacted]',
        Password: '[redacted]',
        session_id: '[redacted]',
        q: 'monkey',
        keyboard: 'qwerty',
      },
    })
    const encoded = '/a?%74oken=hunter2&to%6Ben=hunter2&q=1&token=hunter2&token=hunter2'
    expect(JSON.stringify(await lineFor(requestTo(encoded), { query: true }))).not.toContain('hunter2')
  })

  const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'
  const CARD = '4111 1111 1111 1111'

  test.each([['a token', TOKEN], ['a card', CARD]])(
    'PITFALLS 22: %s is hidden by its shape: in path, query, headers and attributes',
    async (_what, secret) => {
      const context = contextOf()
      context.attributes['note'] = `saw ${secret}!`
      const headers = {
        'user-agent': `x/1 ${secret}`,
        'x-note': secret,
        'referer': `https://x.test/${encodeURI(secret)}`,
      }
      const path = `/reset/${secret.replaceAll(' ', '-')}?q=${encodeURIComponent(secret)}`
      const options = { query: true, headers: Object.keys(headers) }
      const log = logged(ok, options)
      for (let time = 0; time < 2; time++) { // what is remembered must not be the secret
        await send(log.handler, requestTo(path, { headers }), context)
        const line = JSON.stringify(lineOf(log.lines.pop()!))
        expect(line).not.toMatch(/dozjgNry|eyJzdWIi|4111.?1111.?1111/)
        expect(line.split('[redacted]').length).toBeGreaterThanOrEqual(7)
      }
    },
  )

  test('PITFALLS 22: a header that is a URL is logged without its query', async () => {
    const headers = {
      'referer': 'https://app.test/reset?code=hunter2',
      'x-original-url': '/reset?code=hunter2',
      'user-agent': 'bot/1.0 (what? see https://bot.test)',
    }
    expect(await lineFor(requestTo('/', { headers }), { headers: Object.keys(headers) })).toMatchObject({
      'referer': 'https://app.test/reset',
      'x-original-url': '/reset',
      'userAgent': 'bot/1.0 (what? see https://bot.test)',
    })
  })

  test('a text that comes again is logged as the first time, however many come in between', async () => {
    const log = logged()
    const agents = ['plain/1', 'quo"ted', 'é', 'x'.repeat(600)]
    const ask = async (agent: string): Promise<string> => {
      await send(log.handler, requestTo('/', { headers: { 'user-agent': agent } }))
      return JSON.stringify(lineOf(log.lines.pop()!)['userAgent'])
    }
    const first: string[] = []
    for (const agent of agents) first.push(await ask(agent))
    for (const [i, agent] of agents.entries()) expect(await ask(agent)).toBe(first[i])
    for (let i = 0; i < 600; i++) await ask(`agent/${i}`)
    for (const [i, agent] of agents.entries()) expect(await ask(agent)).toBe(first[i])
    expect(first[0]).toBe('"plain/1"')
    expect(first[3]!.length).toBeLessThan(520)
  })

  test("secret attributes are redacted, and the user's own words for secrets count", async () => {
    const context = contextOf()
    Object.assign(context.attributes, {
      'user.password': 'hunter2',
      'iban': 'hunter2',
      'bank.iban': 'hunter2',
      'customerId': 'hunter2',
      'customer_id': 'hunter2',
      'monkey': 'fine',
      'customer': 'fine',
      'pass.word': 1,
    })
    const path = '/?iban=hunter2&customer-id=hunter2&IBAN=hunter2'
    const headers = { 'x-iban': 'hunter2', 'x-customer-id': 'hunter2' }
    const options = {
      query: true,
      redaction: redaction({ keys: ['iban', 'customerId'] }),
      headers: ['x-iban', 'x-customer-id'],
    }
    const line = await lineFor(requestTo(path, { headers }), options, context)
    expect(JSON.stringify(line)).not.toContain('hunter2')
    expect(line).toMatchObject({
      'iban': '[redacted]',
      'customerId': '[redacted]',
      'monkey': 'fine',
      'customer': 'fine',
    })
  })

  test('the line is bounded', async () => {
    const long = 'x'.repeat(100_000)
    const context = extend(contextOf(), { principal: { id: long } })
    for (let i = 0; i < 100; i++) record(context, { kind: 'suspicious', guard: long, code: long })
    context.attributes['note'] = long
    const log = logged(ok, { query: true })
    await send(log.handler, requestTo(`/${long}?${long}=${long}`, { headers: { 'user-agent': long } }), context)
    log.line()
    expect(log.lines[0]!.length).toBeLessThan(24_000)
  })

  test.each<[option: string, options: Record<string, unknown>]>([
    ['write', { write: 'stdout' }],
    ['write', { write: null }],
    ['write', { write: {} }],
    ['write', { write: [] }],
    ['write', { write: [() => {}, 'stdout'] }],
    ['sample', { sample: 1.5 }],
    ['sample', { sample: -0.1 }],
    ['sample', { sample: Number.NaN }],
    ['slow', { slow: 1_000 }],
    ['slow', { slow: '0ms' }],
    ['slow', { slow: true }],
    ['random', { random: 0.5 }],
    ['redaction', { redaction: ['iban'] }],
    ['redaction', { redaction: null }],
    ['skip', { skip: '/static' }],
    ['skip', { skip: /static/ }],
    ['skip', { skip: null }],
    ['header', { headers: ['user agent'] }],
    ['header', { headers: [''] }],
    ['header', { headers: ['x\r\ny'] }],
  ])('throws when made for a bad %s: %j', (option, options) => {
    const make = (): unknown => accessLog(options as AccessLogOptions)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(option))
  })
})

describe('survives the broken', () => {
  test.each<[what: string, write: (line: string) => unknown]>([
    ['throws', () => {
      throw new Error('disk full')
    }],
    ['rejects', () => Promise.reject(new Error('disk full'))],
    ['never settles', () => new Promise(() => {})],
    ['returns nonsense', () => ({ then: 5 })],
  ])('PITFALLS 17, fault 45: a sink that %s does not touch the request', async (_what, write) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const handler = accessLog({ write: write as (line: string) => void })(ok)
    for (
      const inner of [
        handler,
        accessLog({ write: write as (line: string) => void })(() => new Response(source(2, 2).stream)),
      ]
    ) {
      const response = await send(inner)
      expect(response.status).toBe(200)
      expect((await response.text()).length).toBeGreaterThan(0)
    }
    await settled()
    await settled()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('fault 45: a broken sink silences no other, is complained of once, and what it lost is counted', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    const well = vi.fn()
    const broken = (): never => {
      throw new Error('disk full')
    }
    const log = accessLog({ write: [broken, () => Promise.reject(new Error('disk full')) as unknown as void, well] })
    for (let i = 0; i < 10; i++) await send(log(ok))
    await settled()
    expect(well).toHaveBeenCalledTimes(10)
    expect(log.dropped).toBe(20)
    expect(complaints).toHaveBeenCalledTimes(2)
    expect(accessLog().dropped).toBe(0)
  })

  test('one broken access log does not silence another', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const write = vi.fn()
    const broken = accessLog({
      write() {
        throw new Error('disk full')
      },
    })
    await send(compose(broken, accessLog({ write }))(ok))
    expect(write).toHaveBeenCalledTimes(1)
  })

  test.each([-3_600_000, 3_600_000])(
    'PITFALLS 19, fault 40: a wall clock that jumps %d ms does not show in the duration',
    async (jump) => {
      const clock = virtualClock()
      const inner: Handler = () => {
        clock.jump(jump)
        clock.advance(7)
        return new Response('ok')
      }
      expect(await lineFor(requestTo(), {}, contextOf({ clock }), inner)).toMatchObject({ durationMs: 7 })
    },
  )

  test('PITFALLS 19: a clock that stands still, or runs back, gives a duration of 0', async () => {
    const frozen = { now: () => 0, monotonic: () => 0 }
    expect(await lineFor(requestTo(), {}, contextOf({ clock: frozen }))).toMatchObject({
      durationMs: 0,
      time: '1970-01-01T00:00:00.000Z',
    })
    let elapsed = 100
    const back = { now: () => 0, monotonic: () => elapsed-- }
    expect(await lineFor(requestTo(), {}, contextOf({ clock: back }))).toMatchObject({ durationMs: 0 })
  })

  test('an attribute that is no number stays readable', async () => {
    const context = contextOf()
    Object.assign(context.attributes, { a: Number.NaN, b: -Infinity, c: -0 })
    expect(await lineFor(requestTo(), {}, context)).toMatchObject({ a: 'NaN', b: '-Infinity', c: 0 })
  })

  test('fault 29: an inbound id full of control characters is logged only if somebody took it over, and then escaped', async () => {
    const line = await lineFor(requestTo('/', { headers: { 'x-request-id': `\u001b[31m${'x'.repeat(9_999)}` } }))
    expect(line).not.toHaveProperty('requestId')
  })
})

describe('leaves streams alone', () => {
  test('passes request and response on untouched, unread', async () => {
    const upstream = source(10)
    const body = source(10)
    const made = new Response(body.stream)
    const request = upload(upstream.stream)
    const handler = logged((given) => {
      expect(given).toBe(request)
      return made
    }).handler
    expect(await handler(request, contextOf())).toBe(made)
    expect([upstream.pulled, body.pulled]).toEqual([0, 0])
  })

  test('the first chunk arrives before the second is made', async () => {
    const body = source(10)
    const reader = (await send(logged(() => new Response(body.stream)).handler)).body!.getReader()
    await reader.read()
    await settled()
    expect(body.pulled).toBeLessThanOrEqual(2)
    await reader.cancel()
  })
})

function cyclic(): Error {
  const error: Error & { cause?: unknown } = new Error('bug')
  error.cause = { error }
  return error
}

/** Without lone surrogates, of which encodeURIComponent makes an exception. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}
