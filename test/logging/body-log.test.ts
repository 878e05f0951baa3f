import { afterEach, describe, expect, test, vi } from 'vitest'
import fc from 'fast-check'
import { fail, rebuild } from '../../src/core/body.ts'
import { compose } from '../../src/core/compose.ts'
import type { Context } from '../../src/core/context.ts'
import { extend } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import type { Handler } from '../../src/core/handler.ts'
import type { LogRecord } from '../../src/core/log.ts'
import { redaction } from '../../src/core/redact.ts'
import { onPath } from '../../src/core/request.ts'
import type { StandardSchema } from '../../src/input/standard-schema.ts'
import { validate } from '../../src/input/validate.ts'
import type { BodyLogOptions } from '../../src/logging/body-log.ts'
import { bodyLog } from '../../src/logging/body-log.ts'
import { policy } from '../../src/policy/policy.ts'
import { bodyLimit } from '../../src/request/body-limit.ts'
import { contextOf, recorder, requestTo, send, settled, source, upload } from '../helpers.ts'

const reading: Handler = async (request) => Response.json({ got: (await request.text()).length })
const JSON_TYPE = { 'content-type': 'application/json' }
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }

afterEach(() => {
  vi.restoreAllMocks()
})

function post(body: BodyInit | null, headers: Record<string, string> = JSON_TYPE, path = '/'): Request {
  return requestTo(path, { method: 'POST', body, headers })
}

/** Sends it, reads the answer, and gives the one record; `undefined` if there is none. */
async function recordOf(
  request: Request,
  options: BodyLogOptions = {},
  handler: Handler = reading,
  context: Context = contextOf(),
): Promise<LogRecord | undefined> {
  const { log, records } = recorder()
  const response = await send(bodyLog({ log, ...options })(handler), request, context)
  await response.text().catch(() => {})
  await settled()
  expect(records.length).toBeLessThanOrEqual(1)
  return records[0]
}

/** A stream of these texts, one chunk each. */
function streamOf(...texts: string[]): ReadableStream<Uint8Array> {
  const chunks = texts.map((text) => new TextEncoder().encode(text))
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift()
      if (chunk === undefined) controller.close()
      else controller.enqueue(chunk)
    },
  }, { highWaterMark: 0 })
}

describe('shows what passed', () => {
  test('L9: one record of level debug, with sizes and bodies', async () => {
    const context = extend(contextOf(), { requestId: 'req-12345678' })
    context.attributes['trace.id'] = '0af7651916cd43dd8448eb211c80319c'
    const record = await recordOf(post('{"name":"é","n":1}'), { response: true }, reading, context)
    expect(record).toEqual({
      level: 'debug',
      message: 'body',
      requestId: 'req-12345678',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      request: { bytes: 19, type: 'application/json', body: { name: 'é', n: 1 } },
      response: { bytes: 10, type: 'application/json', body: { got: 18 } },
    })
  })

  test('L9: only POST, PUT and PATCH, or the methods you name, save what is skipped', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY']) {
      const request = () => requestTo('/x', { method, body: '{}', headers: JSON_TYPE })
      const isUsual = method.startsWith('P')
      expect(await recordOf(request()) !== undefined, method).toBe(isUsual)
      expect(await recordOf(request(), { methods: ['DELETE'] }) !== undefined, method).toBe(method === 'DELETE')
      expect(await recordOf(request(), { skip: onPath('/x') })).toBeUndefined()
    }
    const get = await recordOf(requestTo(), { methods: ['GET'], response: true }, () => Response.json({ a: 1 }))
    expect(get).toMatchObject({ response: { bytes: 7, body: { a: 1 } } })
    expect(get).toHaveProperty('request', undefined)
  })

  test('L9: keys only, of the top level, when that is all you want', async () => {
    const json = post('{"name":"ada","address":{"city":"London"}}')
    expect(await recordOf(json, { keysOnly: true })).toMatchObject({
      request: { bytes: 42, keys: ['name', 'address'] },
    })
    expect(JSON.stringify(await recordOf(post('a=hunter2&b=2', FORM_TYPE), { keysOnly: true }))).not.toContain(
      'hunter2',
    )
    const list = await recordOf(post('["hunter2"]'), { keysOnly: true })
    expect(list).toMatchObject({ request: { bytes: 11 } })
    expect(JSON.stringify(list)).not.toContain('hunter2')
    const text = { keysOnly: true, request: ['text'] } as const
    expect(JSON.stringify(await recordOf(post('hunter2', { 'content-type': 'text/plain' }), text))).not.toContain(
      'hunter',
    )
  })

  test.each<[string, (request: Request) => Promise<unknown>]>([
    ['text', (request) => request.text()],
    ['json', (request) => request.json()],
    ['arrayBuffer', (request) => request.arrayBuffer()],
    ['bytes', (request) => request.bytes()],
    ['blob', (request) => request.blob()],
    ['the body as a stream', (request) => new Response(request.body).text()],
    ['a request of its own', async (request) => (await rebuild(request)).text()],
  ])('whoever reads it by %s gets what was sent, and it is seen', async (_what, read) => {
    let got: unknown
    const record = await recordOf(post('{"a":[1,2]}'), {}, async (request) => {
      got = await read(request)
      return Response.json('ok')
    })
    const text = got instanceof Blob || got instanceof ArrayBuffer || got instanceof Uint8Array
      ? await new Response(got as BodyInit).text()
      : typeof got === 'string'
      ? got
      : JSON.stringify(got)
    expect(text).toBe('{"a":[1,2]}')
    expect(record).toMatchObject({ request: { bytes: 11, body: { a: [1, 2] } } })
    expect(record!['request']).not.toHaveProperty('truncated')
  })

  test('a form read as FormData is seen', async () => {
    const record = await recordOf(post('a=1&b=x+y&b=%C3%A9', FORM_TYPE), {}, async (request) => {
      const form = await request.formData()
      return Response.json([...form.keys()])
    })
    expect(record).toMatchObject({ request: { bytes: 18, body: { a: '1', b: ['x y', 'é'] } } })
  })

  test('text, XML and event streams when you name text', async () => {
    const shown = { request: ['text'] } as const
    const record = await recordOf(post('hello\nworld', { 'content-type': 'text/plain; charset=utf-8' }), shown)
    expect(record).toMatchObject({ request: { bytes: 11, body: 'hello\nworld' } })
    expect(await recordOf(post('<a>b</a>', { 'content-type': 'application/soap+xml' }), shown)).toMatchObject({
      request: { body: '<a>b</a>' },
    })
    const untold = await recordOf(post('hello', { 'content-type': 'text/plain', 'content-length': '5' }))
    expect(untold).toMatchObject({ request: { bytes: 5, type: 'text/plain' } })
    expect(untold!['request']).not.toHaveProperty('body')
  })

  test.each([
    ['multipart/form-data; boundary=x', '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nhunter2\r\n--x--\r\n'],
    ['application/octet-stream', 'hunter2'],
    ['image/png', 'hunter2'],
    ['application/json; charset=utf-16', 'hunter2'],
    ['nonsense', 'hunter2'],
  ])('of %s the size only', async (type, body) => {
    const options: BodyLogOptions = { request: ['json', 'form', 'text'] }
    const record = await recordOf(post(body, { 'content-type': type, 'content-length': String(body.length) }), options)
    expect(record).toMatchObject({ request: { bytes: body.length } })
    expect(JSON.stringify(record)).not.toContain('hunter2')
  })

  test('of what is compressed the size only', async () => {
    const packed = { ...JSON_TYPE, 'content-encoding': 'gzip', 'content-length': '9' }
    expect(JSON.stringify(await recordOf(post('"hunter2"', packed)))).not.toContain('hunter2')
    const answer: Handler = () => Response.json('hunter2', { headers: { 'content-encoding': 'br' } })
    const record = await recordOf(post('{}'), { response: true }, answer)
    expect(JSON.stringify(record)).not.toContain('hunter2')
  })

  test('no body, no record', async () => {
    const none: Handler = () => new Response(null, { status: 204 })
    expect(await recordOf(requestTo('/', { method: 'POST' }), { response: true }, none)).toBeUndefined()
    expect(await recordOf(requestTo('/', { method: 'POST', headers: { 'content-length': '0' } }), {}, none))
      .toBeUndefined()
  })

  test('what nobody reads is not read: its record has the size that was declared', async () => {
    const body = source(10)
    const request = upload(body.stream, { ...JSON_TYPE, 'content-length': '100' })
    const record = await recordOf(request, {}, () => Response.json('ok'))
    expect(record).toMatchObject({ request: { bytes: 100, type: 'application/json' } })
    expect(record!['request']).not.toHaveProperty('body')
    expect([body.pulled, request.bodyUsed]).toEqual([0, false])
  })

  test('PITFALLS 25: health checks are not logged', async () => {
    const healthy: Handler = (_request, context) => {
      context.attributes['health.check'] = true
      return Response.json('ok')
    }
    expect(await recordOf(post('{}'), {}, healthy)).toBeUndefined()
  })

  test('mounted twice, each writes its record, and the body is seen once', async () => {
    const [one, two] = [recorder(), recorder()]
    const twice = compose(bodyLog({ log: one.log, most: '10b' }), bodyLog({ log: two.log, response: true }))
    await (await send(twice(reading), post('{"name":"ada lovelace"}'))).text()
    for (const { records } of [one, two]) {
      expect(records).toHaveLength(1)
      expect(records[0]).toMatchObject({ request: { bytes: 23, body: { name: 'ada lovelace' } } })
    }
  })
})

describe('shows no secret', () => {
  const SECRETS = ['password', 'apiKey', 'api_key', 'access_token', 'X-Auth-Token', 'creditCard', 'pin']

  test('PITFALLS 22: in JSON, at any depth, in lists, and in JSON within strings', async () => {
    const deep = (secret: string): unknown => ({
      [secret]: 'hunter2',
      ok: 'fine',
      list: [{ a: { b: { [secret]: ['hunter2', { c: 'hunter2' }] } } }],
      packed: JSON.stringify({ a: JSON.stringify({ [secret]: 'hunter2' }) }),
      broken: `{"${secret}":"hunter2"`,
    })
    for (const secret of SECRETS) {
      const text = JSON.stringify(await recordOf(post(JSON.stringify(deep(secret)))))
      expect(text).not.toContain('hunter2')
      expect(text).toContain('fine')
    }
  })

  test('PITFALLS 22: in forms, whatever the name looks like, and in JSON within', async () => {
    for (const secret of SECRETS) {
      const packed = encodeURIComponent(JSON.stringify({ [secret]: 'hunter2' }))
      const form = `${secret}=hunter2&${secret}=hunter2&user%5B${secret}%5D=hunter2&ok=fine&payload=${packed}`
      const text = JSON.stringify(await recordOf(post(form, FORM_TYPE)))
      expect(text).not.toContain('hunter2')
      expect(text).toContain('fine')
    }
  })

  test('PITFALLS 22: in what is called a form and is none', async () => {
    for (
      const [body, shown] of [
        ['{"password":"hunter2","ok":"fine"}', { body: { password: '[redacted]', ok: 'fine' } }],
        ['hunter2', { malformed: true }],
        ['{"password":"hunter2"', { malformed: true }],
        ['a&hunter2=', { malformed: true }],
        ['x{"password":"hunter2"}=', { malformed: true }],
      ] as const
    ) {
      const record = await recordOf(post(body, FORM_TYPE))
      expect(record).toMatchObject({ request: shown })
      expect(JSON.stringify(record)).not.toContain('hunter2')
    }
  })

  test('PITFALLS 22: in JSON that does not parse, which is not shown at all', async () => {
    for (const body of ["{password:'hunter2'}", '{"password":"hunter2"', '{"a":1}{"password":"hunter2"}', 'hunter2']) {
      const record = await recordOf(post(body))
      expect(record).toMatchObject({ request: { bytes: body.length, malformed: true } })
      expect(JSON.stringify(record)).not.toContain('hunter2')
    }
  })

  test('PITFALLS 22: in JSON that was cut, wherever the cut goes', async () => {
    const whole = JSON.stringify({
      ok: 'fi"n\\e',
      n: 12345,
      list: [1, { password: 'hunter2 }],"', b: [true] }, ',"'],
      token: 'hunter2,hunter2',
      note: 'hello',
      deep: { a: { secret: { x: 'hunter2' } } },
    })
    for (let most = 1; most < whole.length; most++) {
      const record = await recordOf(post(whole), { most: `${most}b` })
      const { request } = record as { request?: { body?: unknown; truncated?: boolean } }
      expect(request).toMatchObject({ bytes: whole.length, truncated: true })
      expect(request).not.toHaveProperty('malformed')
      expect(JSON.stringify(record)).not.toMatch(/hunter|unter2/)
    }
    expect(await recordOf(post(whole), { most: '40b' })).toMatchObject({
      request: { body: { ok: 'fi"n\\e', n: 12345 }, truncated: true },
    })
  })

  test('PITFALLS 22: in a form that was cut', async () => {
    const whole = 'a=1&password=hunter2&b=2&token=hunter2'
    for (let most = 1; most < whole.length; most++) {
      const record = await recordOf(post(whole, FORM_TYPE), { most: `${most}b` })
      expect(record).toMatchObject({ request: { bytes: whole.length, truncated: true } })
      expect(JSON.stringify(record)).not.toMatch(/hunt|unter/)
    }
    expect(await recordOf(post(whole, FORM_TYPE), { most: '24b' })).toMatchObject({
      request: { body: { a: '1', password: '[redacted]' } },
    })
  })

  test('PITFALLS 22: in text, where it stands in JSON or shows by its shape, cut or not', async () => {
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'
    const card = '4111 1111 1111 1111'
    const lines = [
      'data: {"token":"hunter2","pin":1234,"text":"hi"}',
      `saw ${token} go`,
      `card ${card} and`,
      'password=hunter2',
    ]
    const whole = `${lines.join('\n')}\nthe end of it`
    const options = { request: ['text'] } as const
    const text = (most: number) =>
      recordOf(post(whole, { 'content-type': 'text/event-stream' }), { ...options, most: `${most}b` })
    for (let most = 1; most <= whole.length; most++) {
      expect(JSON.stringify(await text(most))).not.toMatch(/hunt|1234|eyJzdWIi|dozjg|1111/)
    }
    expect(await text(whole.length)).toMatchObject({
      request: { body: expect.stringContaining('"text":"hi"}\nsaw [redacted] go\ncard [redacted] and') as string },
    })
  })

  test('your own words for secrets count', async () => {
    const options = { redaction: redaction({ keys: ['iban'] }) }
    expect(await recordOf(post('{"iban":"CH93","a":{"myIban":"CH93"}}'), options)).toMatchObject({
      request: { body: { iban: '[redacted]', a: { myIban: '[redacted]' } } },
    })
  })

  test(
    'PITFALLS 22: property: no secret at any depth of any JSON or form, cut anywhere',
    { timeout: 30_000 },
    async () => {
      const secret = fc.constantFrom(...SECRETS)
      const tree = fc.letrec((tie) => ({
        node: fc.oneof(
          { maxDepth: 6 },
          fc.constantFrom<unknown>('x', 1, null, '"', '\\', '{', ',"', 'é'),
          fc.tuple(secret, fc.constantFrom<unknown>('hunter2', ['hunter2'], { a: 'hunter2' }, '","x":"hunter2'))
            .map(([key, value]) => ({ a: 1, [key]: value, z: 'z' })),
          fc.array(tie('node'), { maxLength: 4 }),
          fc.dictionary(fc.string({ maxLength: 5 }), tie('node'), { maxKeys: 4 }),
          tie('node').map((one) => JSON.stringify(one)),
        ),
      })).node
      await fc.assert(
        fc.asyncProperty(tree, fc.integer({ min: 1, max: 400 }), async (value, most) => {
          const whole = JSON.stringify({ value })
          const record = await recordOf(post(whole), { most: `${most}b` })
          expect(JSON.stringify(record)).not.toMatch(/hunter|unter2/)
          const form = `a=1&value=${encodeURIComponent(JSON.stringify(value))}&b=2`
          expect(JSON.stringify(await recordOf(post(form, FORM_TYPE), { most: `${most}b` }))).not.toMatch(
            /hunter|unter2/,
          )
        }),
        { numRuns: 100 },
      )
    },
  )
})

describe('leaves streams alone', () => {
  test('PITFALLS 10: the first chunk of a response arrives before the second is made', async () => {
    const body = source(10)
    const { log, records } = recorder()
    const events = () => new Response(body.stream, { headers: { 'content-type': 'text/event-stream' } })
    const response = await send(bodyLog({ log, response: ['text'] })(events), post('{}'))
    const reader = response.body!.getReader()
    expect((await reader.read()).value).toHaveLength(10)
    await settled()
    expect(body.pulled).toBeLessThanOrEqual(2)
    expect(records).toEqual([])
    await reader.cancel('left')
    expect([body.cancelled, body.reason]).toEqual([true, 'left'])
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({ response: { type: 'text/event-stream', truncated: true } })
  })

  test('PITFALLS 10: the first chunk of a request is read before the second is made, and cancelling reaches its source', async () => {
    const body = source(10)
    const record = await recordOf(upload(body.stream, JSON_TYPE), {}, async (request) => {
      const reader = request.body!.getReader()
      await reader.read()
      await settled()
      expect(body.pulled).toBeLessThanOrEqual(2)
      await reader.cancel('enough')
      return Response.json('ok')
    })
    expect([body.cancelled, body.reason]).toEqual([true, 'enough'])
    expect(record).toMatchObject({ request: { truncated: true } })
  })

  test('PITFALLS 10: of an endless stream the beginning is kept, and no more', async () => {
    const chunk = 'data: {"token":"hunter2","text":"hi"}\n\n'
    const texts = Array.from({ length: 1_000 }, () => chunk)
    const answer: Handler = () => new Response(streamOf(...texts), { headers: { 'content-type': 'text/event-stream' } })
    const record = await recordOf(post('{}'), { response: ['text'], most: '100b' }, answer)
    expect(record).toMatchObject({ response: { bytes: 1_000 * chunk.length, truncated: true } })
    const { body } = (record as unknown as { response: { body: string } }).response
    expect(body.length).toBeLessThan(150)
    expect(body).toContain('"text":"hi"')
    expect(body).not.toContain('hunter')
  })

  test('PITFALLS 10: a client that leaves, and a source that breaks, leave one record', async () => {
    const { log, records } = recorder()
    const answering = (body: ReadableStream<Uint8Array>): Handler =>
      bodyLog({ log, response: true })(() => new Response(body, { headers: JSON_TYPE }))
    const left = await send(answering(source(10).stream), post('{}'))
    await left.body!.cancel()
    const broken = await send(answering(source(10, 2, 'error').stream), post('{}'))
    await expect(broken.text()).rejects.toThrow('the source broke')
    await settled()
    expect(records).toHaveLength(2)
    expect(records[1]).toMatchObject({ response: { bytes: 20, truncated: true } })
  })

  test('a request whose source breaks breaks for its reader as it would have', async () => {
    const record = await recordOf(upload(source(10, 2, 'error').stream, JSON_TYPE), {}, async (request) => {
      await expect(new Response(request.body).text()).rejects.toThrow('the source broke')
      return Response.json('ok')
    })
    expect(record).toMatchObject({ request: { bytes: 20, truncated: true } })
  })

  test('asking whether there is a body does not use it up', async () => {
    const record = await recordOf(post('{"a":1}'), {}, async (request) => {
      expect(request.body).not.toBeNull()
      expect(request.body).toBe(request.body)
      expect(request.bodyUsed).toBe(false)
      expect(await request.json()).toEqual({ a: 1 })
      expect(request.bodyUsed).toBe(true)
      await expect(request.text()).rejects.toThrow(TypeError)
      return Response.json('ok')
    })
    expect(record).toMatchObject({ request: { bytes: 7, body: { a: 1 } } })
  })

  test('the request stays the one object; without response, so does the response', async () => {
    const request = post('{}')
    const made = Response.json('ok')
    const handler = bodyLog({ log: () => {} })((given) => {
      expect(given).toBe(request)
      expect(given).toBeInstanceOf(Request)
      expect(given.headers.get('content-type')).toBe('application/json')
      return made
    })
    expect(await handler(request, contextOf())).toBe(made)
  })

  test('a response that is seen keeps its status and its headers, every cookie of them', async () => {
    const handler = bodyLog({ log: () => {}, response: true })(() => {
      const headers = new Headers(JSON_TYPE)
      headers.append('set-cookie', 'a=1')
      headers.append('set-cookie', 'b=2')
      return new Response('{"a":1}', { status: 201, headers })
    })
    const response = await send(handler, post('{}'))
    expect([response.status, response.headers.getSetCookie()]).toEqual([201, ['a=1', 'b=2']])
    expect(await response.json()).toEqual({ a: 1 })
  })

  test('HEAD, 204 and 304 are passed on, and so is a response that cannot be sent', async () => {
    const head = requestTo('/', { method: 'HEAD' })
    const answer = Response.json('ok')
    const options: BodyLogOptions = { log: () => {}, response: true, methods: ['HEAD', 'POST'] }
    expect(await bodyLog(options)(() => answer)(head, contextOf())).toBe(answer)
    for (const status of [204, 304]) {
      const empty = new Response(null, { status, headers: JSON_TYPE })
      expect(await bodyLog(options)(() => empty)(post('{}'), contextOf())).toBe(empty)
    }
    const used = Response.json('ok')
    await used.text()
    expect(await bodyLog(options)(() => used)(post('{}'), contextOf())).toBe(used)
  })
})

describe('works with the others', () => {
  const schema: StandardSchema<unknown, { name: string }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) => ({ value: value as { name: string } }),
    },
  }

  test('PITFALLS 11: in front of validate it costs no copy: the body is read once, by who reads it', async () => {
    const reads = ['text', 'arrayBuffer', 'json', 'blob', 'formData', 'clone'] as const
    const spies = Object.fromEntries(reads.map((name) => [name, vi.spyOn(Request.prototype, name)]))
    const { log, records } = recorder()
    const text = '{"name":"ada","password":"hunter2"}'
    const request = post(text, { ...JSON_TYPE, 'content-length': String(text.length) })
    const handler = compose(bodyLog({ log }), validate({ body: schema }))((_request, { input }) =>
      Response.json(input.body)
    )
    const response = await send(handler, request, contextOf({ address: '203.0.113.9', platform: { framed: true } }))
    expect(await response.json()).toEqual({ name: 'ada', password: 'hunter2' })
    expect(records[0]).toMatchObject({ request: { bytes: text.length, body: { name: 'ada', password: '[redacted]' } } })
    expect(spies['text']).toHaveBeenCalledTimes(1)
    for (const name of reads.slice(1)) expect(spies[name], name).not.toHaveBeenCalled()
  })

  test('PITFALLS 11: what validate has read the handler reads again, and it is seen once', async () => {
    const { log, records } = recorder()
    const handler = compose(bodyLog({ log }), validate({ body: schema }))(async (request) =>
      Response.json([await request.json(), (await request.bytes()).byteLength])
    )
    const response = await send(handler, post('{"name":"ada"}'))
    expect(await response.json()).toEqual([{ name: 'ada' }, 14])
    expect(records[0]).toMatchObject({ request: { bytes: 14, body: { name: 'ada' } } })
  })

  const inPolicy = (options: BodyLogOptions, limit = bodyLimit({ max: '20b' })) => {
    const { log, records } = recorder()
    const handler = policy({
      accessLog: bodyLog({ log, ...options }),
      bodyLimit: limit,
      validate: validate({ body: schema }),
    })
    return { handler: handler((_request, { input }) => Response.json(input.body)), records }
  }

  test.each([true, false])(
    'PITFALLS 12: in a policy, behind which bodyLimit counts the real bytes (framed: %s)',
    async (framed) => {
      const { handler, records } = inPolicy({ response: true })
      const text = '{"name":"ada"}'
      const headers = { ...JSON_TYPE, 'content-length': String(text.length) }
      const response = await send(
        handler,
        post(text, headers),
        contextOf({ address: '203.0.113.9', platform: { framed } }),
      )
      expect(await response.json()).toEqual({ name: 'ada' })
      expect(records).toHaveLength(1)
      expect(records[0]).toMatchObject({
        requestId: expect.any(String) as string,
        request: { bytes: 14, body: { name: 'ada' } },
        response: { bytes: 14, body: { name: 'ada' } },
      })
    },
  )

  test.each(['read', 'stream'] as const)(
    'PITFALLS 12: a body of unknown length that is too large (%s) is cut, and shown as such',
    async (unknownLength) => {
      const body = source(15)
      const { handler, records } = inPolicy({ response: true }, bodyLimit({ max: '20b', unknownLength }))
      const response = await send(handler, upload(body.stream, JSON_TYPE), contextOf({ address: '203.0.113.9' }))
      expect(response.status).toBe(413)
      await response.text()
      expect(body.cancelled).toBe(true)
      expect(records).toHaveLength(1)
      expect(records[0]).toMatchObject({
        request: { bytes: 30, truncated: true },
        response: { type: 'application/problem+json', body: { status: 413, code: 'body-too-large' } },
      })
    },
  )

  test('what is thrown is answered, and its record is there', async () => {
    const { log, records } = recorder()
    const handler = compose(bodyLog({ log, response: true }), errors())(async (request) => {
      await request.text()
      return fail('body-malformed')
    })
    await (await send(handler, post('{"a":1}'))).text()
    expect(records[0]).toMatchObject({ request: { body: { a: 1 } }, response: { body: { status: 400 } } })
  })
})

describe('survives the broken', () => {
  test.each<[what: string, log: () => unknown]>([
    ['throws', () => {
      throw new Error('disk full')
    }],
    ['rejects', () => Promise.reject(new Error('disk full'))],
    ['never settles', () => new Promise(() => {})],
  ])('PITFALLS 17, fault 45: a log that %s does not touch the request', async (_what, log) => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const handler = bodyLog({ log: log as () => void, response: true })(reading)
    const response = await send(handler, post('{}'))
    expect(await response.json()).toEqual({ got: 2 })
    await settled()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('chunks that are no bytes are their reader’s affair', async () => {
    const odd = new ReadableStream({
      start(controller) {
        for (const chunk of ['text', null, 5]) controller.enqueue(chunk)
        controller.close()
      },
    })
    const response = new Response(odd as ReadableStream<Uint8Array>, { headers: JSON_TYPE })
    const { log, records } = recorder()
    const sent = await send(bodyLog({ log, response: true })(() => response), post('{}'))
    await expect(sent.text()).rejects.toThrow(TypeError)
    await settled()
    expect(records.length).toBeLessThanOrEqual(1)
  })

  test.each<[option: string, options: Record<string, unknown>]>([
    ['log', { log: 'stdout' }],
    ['skip', { skip: '/static' }],
    ['request', { request: ['xml'] }],
    ['request', { request: 'json' }],
    ['methods', { methods: 'POST' }],
    ['methods', { methods: [1] }],
    ['most', { most: 4_096 }],
    ['redaction', { redaction: ['iban'] }],
  ])('throws when made for a bad %s: %j', (option, options) => {
    const make = (): unknown => bodyLog(options as BodyLogOptions)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(option))
  })
})
