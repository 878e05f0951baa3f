import { afterEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { type Context, extend } from '../../src/core/context.ts'
import type { HasClientIp, HasPrincipal } from '../../src/core/facts.ts'
import { guard, refusal } from '../../src/core/guard.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { Problem, problem } from '../../src/core/problem.ts'
import { run } from '../../src/core/response.ts'
import type { RecordStore } from '../../src/core/store.ts'
import { clientIp } from '../../src/request/client-ip.ts'
import { timeout } from '../../src/request/timeout.ts'
import { type MemoryRecords, memoryRecords } from '../../src/stores/memory-records.ts'
import { idempotency, type IdempotencyOptions, type Scoped } from '../../src/traffic/idempotency.ts'
import { byPrincipal } from '../../src/traffic/keys.ts'
import {
  contextOf,
  recorder,
  requestTo,
  send,
  settled,
  source,
  upload,
  type VirtualClock,
  virtualClock,
} from '../helpers.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** The runtime's own, since only Bun's strings have no type. */
const name = 'Bun' in globalThis ? 'bun' : 'fetch'
const json = Response.json({}).headers.get('content-type')
/** A busy machine is no outage. */
const silent: IdempotencyOptions = { log: () => {}, deadline: '30s' }
const here = (): string => 'here'

type Options = Partial<IdempotencyOptions & Scoped<{}>>

/** A handler that counts how often it runs, and answers with the count. */
function counting(answer: (run: number, request: Request, context: Context) => Response | Promise<Response>) {
  const out = {
    runs: 0,
    handler: ((request, context) => answer(++out.runs, request, context)) as Handler,
  }
  return out
}

const created = () =>
  counting((run) => Response.json({ order: run }, { status: 201, headers: { location: `/orders/${run}` } }))

function once(handler: Handler, options: Options = {}): Handler {
  return idempotency({ scope: here, ...silent, ...options })(handler)
}

interface Post {
  readonly key?: string | null | undefined
  readonly body?: BodyInit | null | undefined
  readonly path?: string | undefined
  readonly method?: string | undefined
  readonly headers?: Record<string, string> | undefined
  readonly context?: Context | undefined
  readonly clock?: VirtualClock | undefined
}

function post(handler: Handler, one: Post = {}): Promise<Response> {
  const { key = 'k-1', body = '{"a":1}', path = '/orders', method = 'POST', headers } = one
  const request = requestTo(path, {
    method,
    ...(method === 'GET' || method === 'HEAD' ? {} : { body }),
    headers: {
      'content-type': 'application/json',
      ...(key === null ? {} : { 'idempotency-key': key }),
      ...headers,
    },
  })
  return send(handler, request, one.context ?? contextOf({ clock: one.clock, platform: { name } }))
}

/** What a client sees: status, code or body, and whether it is a replay. */
async function seen(response: Response | Promise<Response>): Promise<unknown[]> {
  const one = await response
  const text = await one.text()
  const isProblem = one.headers.get('content-type') === 'application/problem+json'
  const said: unknown = isProblem ? (JSON.parse(text) as { code: string }).code : text
  return [one.status, said, ...(one.headers.get('idempotent-replayed') === 'true' ? ['again'] : [])]
}

/** A store far away. */
function far(store: RecordStore = memoryRecords()): RecordStore {
  const later = async <T>(answer: () => T): Promise<Awaited<T>> => {
    await settled()
    return await answer()
  }
  return {
    claim: (...given) => later(() => store.claim(...given)),
    replace: (...given) => later(() => store.replace(...given)),
    remove: (...given) => later(() => store.remove(...given)),
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('lets the good through', () => {
  test('the first runs the handler, the next get the same again', async () => {
    const orders = created()
    const handler = once(orders.handler)
    const first = await post(handler)
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    expect(await seen(first)).toEqual([201, '{"order":1}'])
    for (let i = 0; i < 3; i++) {
      const context = contextOf()
      const again = await post(handler, { context })
      expect(Object.fromEntries(again.headers)).toEqual({
        'content-type': json,
        'idempotent-replayed': 'true',
        location: '/orders/1',
      })
      expect(await seen(again)).toEqual([201, '{"order":1}', 'again'])
      expect(context.attributes).toEqual({ 'idempotency.replayed': true })
      expect(context.events).toEqual([])
    }
    expect(orders.runs).toBe(1)
    expect(await seen(post(handler, { key: 'k-2' }))).toEqual([201, '{"order":2}'])
  })

  test('a key is kept for a day, then it is new', async () => {
    const clock = virtualClock()
    const handler = once(created().handler)
    await post(handler, { clock })
    clock.advance(24 * HOUR - 1)
    expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":1}', 'again'])
    clock.advance(1)
    expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":2}'])
  })

  const keys: [spelling: string, key: string][] = [
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['" "', ''],
    [String.raw`"a\"b\\c"`, String.raw``],
    ['"a, b"', ''],
    ['a:b/c+d=e;f~|{}', 'a:b/c+d=e;f~|{}'],
    ['x'.repeat(255), 'x'.repeat(255)],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
    [`"${String.raw`\"`.repeat(255)}"`, ''],
    ['1', '1'],
  ]
  test.each(keys)('takes %s for a key', async (spelling, bare) => {
    const orders = created()
    const handler = once(orders.handler)
    expect((await post(handler, { key: spelling })).status).toBe(201)
    expect((await post(handler, { key: bare === '' ? spelling : bare })).headers.get('idempotent-replayed')).toBe(
      'true',
    )
    expect(orders.runs).toBe(1)
  })

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('%s is not touched', async (method) => {
    const orders = created()
    const handler = once(orders.handler)
    for (let i = 1; i < 4; i++) expect((await post(handler, { method, key: null })).status).toBe(201)
    for (let i = 1; i < 4; i++) expect((await post(handler, { method })).status).toBe(201)
    expect(orders.runs).toBe(6)
    expect(handler(requestTo(), contextOf())).toBeInstanceOf(Response) // and synchronous
  })

  test('methods are yours', async () => {
    const orders = created()
    const handler = once(orders.handler, { methods: ['PUT'] })
    for (let i = 0; i < 3; i++) await post(handler, { method: 'PUT' })
    expect(orders.runs).toBe(1)
    for (let i = 0; i < 3; i++) await post(handler)
    expect(orders.runs).toBe(4)
  })

  test('where it is not required, a request without a key passes, and one with a key is done once', async () => {
    const orders = created()
    const handler = once(orders.handler, { required: false })
    for (let i = 0; i < 3; i++) expect((await post(handler, { key: null })).status).toBe(201)
    for (let i = 0; i < 3; i++) await post(handler)
    expect(orders.runs).toBe(4)
    expect(await seen(post(handler, { key: '"' }))).toEqual([400, 'idempotency-key-invalid'])
  })

  test('a request without a scope passes', async () => {
    const orders = created()
    const handler = once(orders.handler, { scope: () => undefined })
    for (let i = 0; i < 3; i++) expect((await post(handler)).status).toBe(201)
    expect(orders.runs).toBe(3)
  })

  test('the handler reads the body that was read before, and so does whoever tries again need none of it', async () => {
    const handler = once(async (request) => Response.json(await request.json()))
    expect(await seen(post(handler))).toEqual([200, '{"a":1}'])
    expect(await seen(post(handler))).toEqual([200, '{"a":1}', 'again'])
    const empty = once(async (request) => Response.json({ length: (await request.text()).length }))
    expect(await seen(post(empty, { body: null }))).toEqual([200, '{"length":0}'])
    expect(await seen(post(empty, { body: null }))).toEqual([200, '{"length":0}', 'again'])
  })

  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
  const answers: [what: string, answer: () => Response, status: number, body: string | Uint8Array][] = [
    ['a string', () => new Response('tschüß 🚪 \u2028 "\\'), 200, 'tschüß 🚪 \u2028 "\\'],
    ['a string that starts with a byte-order mark', () => new Response('\ufeffx'), 200, '\ufeffx'],
    ['nothing', () => new Response(null, { status: 201 }), 201, ''],
    ['an empty string', () => new Response(''), 200, ''],
    ['a 204', () => new Response(null, { status: 204 }), 204, ''],
    ['a redirect', () => Response.redirect('http://service.test/there', 303), 303, ''],
    ['a 404 of the handler', () => Response.json({ no: 1 }, { status: 404 }), 404, '{"no":1}'],
    ['other JSON', () => new Response('{}', { headers: { 'content-type': 'application/hal+json' } }), 200, '{}'],
    ['bytes that tell their length', () => new Response(bytes, { headers: { 'content-length': '256' } }), 200, bytes],
    [
      'an image that tells its length',
      () => new Response(bytes, { headers: { 'content-type': 'image/png', 'content-length': '256' } }),
      200,
      bytes,
    ],
  ]
  test.each(answers)('%s can be had again, byte for byte', async (_what, answer, status, body) => {
    const handler = once(answer)
    const all: [number, Uint8Array, string | null][] = []
    for (let i = 0; i < 3; i++) {
      const response = await post(handler)
      const type = response.headers.get('content-type')
      all.push([response.status, new Uint8Array(await response.arrayBuffer()), type])
    }
    const whole = typeof body === 'string' ? new TextEncoder().encode(body) : body
    for (const one of all) expect(one.slice(0, 2)).toEqual([status, whole])
    expect(all[2]![2]).toBe(all[1]![2])
    // Bun gives a string its type when it is sent; the replay says it at once.
    if (name !== 'bun' || all[0]![2] !== null) expect(all[1]![2]).toBe(all[0]![2])
  })

  test('exactly maxBody is kept, a byte more is not', async () => {
    const handler = (length: number): Handler => once(() => Response.json('x'.repeat(length - 2)), { maxBody: '1kb' })
    const [fits, not] = [handler(1_024), handler(1_025)]
    await post(fits)
    expect((await post(fits)).headers.get('idempotent-replayed')).toBe('true')
    expect(await (await post(not)).json()).toHaveLength(1_023)
    expect(await seen(post(not))).toEqual([409, 'response-not-replayable'])
  })

  test('keeps the fields of the handler, save cookies and what belongs to one exchange', async () => {
    const handler = once(() => {
      const headers = new Headers({ 'x-own': 'ä', link: '</a>; rel=a', 'cache-control': 'no-store', etag: '"1"' })
      headers.append('link', '</b>; rel=b')
      headers.append('set-cookie', 'session=secret')
      headers.append('date', 'Thu, 01 Jan 2026 00:00:00 GMT')
      return Response.json({}, { headers })
    })
    const first = await post(handler)
    expect(first.headers.getSetCookie()).toEqual(['session=secret'])
    expect(Object.fromEntries((await post(handler)).headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': json,
      etag: '"1"',
      'idempotent-replayed': 'true',
      link: '</a>; rel=a, </b>; rel=b',
      'x-own': 'ä',
    })
  })

  test('the head of a replay is that of its own request', async () => {
    let request = 0
    const head: Wrapper = (next) => (given, context) => {
      context.head.set('x-request', String(++request))
      return next(given, context)
    }
    const handler = head(once(created().handler))
    expect((await post(handler)).headers.get('x-request')).toBe('1')
    expect((await post(handler)).headers.get('x-request')).toBe('2')
  })

  const again: [what: string, answer: Handler, expected: number][] = [
    ['a 500', () => new Response('no', { status: 500 }), 500],
    ['a 503', () => new Response('no', { status: 503 }), 503],
    ['a 429', () => new Response('no', { status: 429 }), 429],
    [
      'what a guard inside refused',
      guard({ name: 'own', decide: () => refusal(problem('forbidden')) })(() => new Response()),
      403,
    ],
    ['a problem that is thrown', () => {
      throw new Problem(402, 'unpaid')
    }, 402],
    ['a bug', () => {
      throw new Error('bug')
    }, 500],
    ['a bug that comes later', () => Promise.reject(new Error('bug')), 500],
    ['no response at all', (() => undefined) as unknown as Handler, 500],
    ['a network error', () => Response.error(), 500],
    ['one that has been read', async () => {
      const used = Response.json({})
      await used.text()
      return used
    }, 200],
    ['one that is being read', () => {
      const locked = new Response(source(3, 1).stream, { headers: { 'content-type': 'application/json' } })
      locked.body!.getReader()
      return locked
    }, 500],
  ]
  test.each(again)('%s leaves the key free', async (_what, answer, expected) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    let ill = true
    const store = memoryRecords()
    const handler = once((request, context) => ill ? answer(request, context) : Response.json('done'), { store })
    const context = contextOf()
    expect((await post(handler, { context })).status).toBe(expected)
    expect(context.events.filter(({ kind }) => kind === 'degraded')).toEqual([])
    ill = false
    // Even with another body: nothing was done.
    expect(await seen(post(handler, { body: '{"a":2}' }))).toEqual([200, '"done"'])
    expect(await seen(post(handler, { body: '{"a":2}' }))).toEqual([200, '"done"', 'again'])
  })

  test('release is yours: with () => false a 500 stays the answer', async () => {
    const failing = counting(() => new Response('half done', { status: 500 }))
    const handler = once(failing.handler, { release: () => false })
    await post(handler)
    expect(await seen(post(handler))).toEqual([500, 'half done', 'again'])
    expect(failing.runs).toBe(1)
    const choosy = counting(() => Response.json({}, { status: 404 }))
    const other = once(choosy.handler, { release: (status) => status === 404 })
    await post(other)
    await post(other)
    expect(choosy.runs).toBe(2)
  })

  test('what outer guards have said before does not free the key', async () => {
    const orders = created()
    const handler = once(orders.handler)
    for (let i = 0; i < 2; i++) {
      const context = contextOf()
      context.events.push({ kind: 'refused', guard: 'own', code: 'earlier' })
      await post(handler, { context })
    }
    expect(orders.runs).toBe(1)
  })

  test('mounted twice around one handler, the outer one counts', async () => {
    const orders = created()
    const store = memoryRecords()
    const wrapper = idempotency({ scope: here, store, ...silent })
    for (const inner of [wrapper, idempotency({ scope: here, store, ...silent })]) {
      const handler = wrapper(inner(orders.handler))
      expect((await post(handler, { key: `k${orders.runs}` })).status).toBe(201)
    }
    expect(orders.runs).toBe(2)
  })

  test('an outer one that does without a key leaves it to the inner one', async () => {
    const handler = idempotency({ scope: here, required: false, ...silent })(once(created().handler))
    expect(await seen(post(handler, { key: null }))).toEqual([400, 'idempotency-key-missing'])
    expect(await seen(post(handler))).toEqual([201, '{"order":1}'])
  })

  test('by default it asks for the client and tells users from addresses', async () => {
    const orders = created()
    const user: Wrapper = (next) => (request, context) => {
      const id = request.headers.get('x-user')
      return next(request, id === null ? context : extend(context, { principal: { id } }))
    }
    const handler = compose(clientIp(), user, idempotency(silent))(orders.handler)
    const from = (address: string, id?: string): Promise<Response> =>
      post(handler, { context: contextOf({ address }), headers: id === undefined ? {} : { 'x-user': id } })
    await from('203.0.113.1')
    await from('203.0.113.1')
    await from('203.0.113.2')
    await from('203.0.113.1', 'ada')
    await from('203.0.113.2', 'ada')
    expect(orders.runs).toBe(3)
  })
})

describe('refuses the bad', () => {
  test('without a key: 400', async () => {
    const orders = created()
    const context = contextOf()
    const response = await post(once(orders.handler), { key: null, context })
    expect(await response.json()).toMatchObject({
      status: 400,
      code: 'idempotency-key-missing',
      detail: 'This needs an Idempotency-Key: a unique text such as a UUID, the same whenever you try again.',
    })
    expect(context.events).toEqual([
      { kind: 'refused', guard: 'idempotency', code: 'idempotency-key-missing', status: 400 },
    ])
    expect(orders.runs).toBe(0)
  })

  const malformed = [
    '',
    '""',
    '"',
    '"a',
    'a"',
    '"a"b"',
    '"a" "b"',
    '"a", "b"',
    'a, b',
    'a,b',
    'a b',
    'a\tb',
    String.raw`"\a"`,
    String.raw`"a\"`,
    '"a";x=1',
    ':YWJj:x y:',
    'schlüssel',
    '"schl\u00fcssel"',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
    'x'.repeat(16_000),
    `"${'\\"'.repeat(8_000)}`,
  ]
  test.each(malformed)('a key such as %j: 400', async (key) => {
    const orders = created()
    expect(await seen(post(once(orders.handler), { key }))).toEqual([400, 'idempotency-key-invalid'])
    expect(orders.runs).toBe(0)
  })

  test('two fields are no key', async () => {
    const request = requestTo('/', { method: 'POST' })
    request.headers.append('idempotency-key', 'a')
    request.headers.append('idempotency-key', 'a')
    expect(await seen(send(once(created().handler), request))).toEqual([400, 'idempotency-key-invalid'])
  })

  test('a line break cannot be part of one, and none comes back in a header', async () => {
    expect(() => requestTo('/', { headers: { 'idempotency-key': 'a\r\nset-cookie: x=1' } })).toThrow()
    const request = requestTo('/orders', { method: 'POST' })
    const headers = {
      get: (field: string) => field === 'idempotency-key' ? 'a\r\nset-cookie: x=1' : null,
      has: () => false,
    }
    Object.defineProperty(request, 'headers', { value: headers })
    expect(await seen(send(once(created().handler), request))).toEqual([400, 'idempotency-key-invalid'])
  })

  test.each<[string, Post]>([
    ['body', { body: '{"a":2}' }],
    ['body, empty', { body: null }],
    ['body, by one byte', { body: '{"a":1} ' }],
    ['query', { path: '/orders?x=1' }],
    ['media type', { headers: { 'content-type': 'text/plain' } }],
    ['spelling of the path', { path: '/Orders/' }],
  ])('the same key with another %s: 422, while it runs and after', async (_what, other) => {
    const orders = created()
    let release: (() => void) | undefined
    const handler = once(async (request, context) => {
      await new Promise<void>((resolve) => release = resolve)
      return orders.handler(request, context)
    })
    const first = post(handler)
    await vi.waitFor(() => expect(release).toBeDefined())
    expect(await seen(post(handler, other))).toEqual([422, 'idempotency-key-reused'])
    release!()
    await first
    expect(await seen(post(handler, other))).toEqual([422, 'idempotency-key-reused'])
    expect(await seen(post(handler))).toEqual([201, '{"order":1}', 'again'])
    expect(orders.runs).toBe(1)
  })

  test('while the first runs: 409 with Retry-After', async () => {
    const orders = created()
    let release: (() => void) | undefined
    const handler = once(async (request, context) => {
      await new Promise<void>((resolve) => release = resolve)
      return orders.handler(request, context)
    })
    const first = post(handler)
    await vi.waitFor(() => expect(release).toBeDefined())
    const context = contextOf()
    const second = await post(handler, { context })
    expect(second.headers.get('retry-after')).toBe('1')
    expect(await seen(second)).toEqual([409, 'idempotency-key-in-use'])
    expect(context.events).toMatchObject([{ kind: 'refused', guard: 'idempotency', status: 409 }])
    release!()
    expect(await seen(first)).toEqual([201, '{"order":1}'])
    expect(await seen(post(handler))).toEqual([201, '{"order":1}', 'again'])
  })

  test.each<[string, () => RecordStore]>([['near', memoryRecords], ['far', far]])(
    '50 at once with a store that is %s: the handler runs once, the others wait or get the same',
    async (_where, store) => {
      const orders = counting(async (run) => {
        await settled()
        return Response.json({ order: run }, { status: 201 })
      })
      const handler = once(orders.handler, { store: store() })
      const all = await Promise.all(Array.from({ length: 50 }, () => seen(post(handler))))
      expect(orders.runs).toBe(1)
      const plain = all.filter(([status, , again]) => status === 201 && again === undefined)
      expect(plain).toHaveLength(1)
      expect(all.every(([status, said]) => status === 409 ? said === 'idempotency-key-in-use' : said === '{"order":1}'))
        .toBe(true)
      expect(await Promise.all(Array.from({ length: 50 }, () => seen(post(handler)))))
        .toEqual(Array(50).fill([201, '{"order":1}', 'again']))
    },
  )

  test('50 clients at once with the same key: each gets its own', async () => {
    const handler = once(async (request) => Response.json(await request.json()), {
      scope: (_context, request) => request.headers.get('x-user') ?? undefined,
      store: far(),
    })
    const as = (user: number): Promise<unknown[]> =>
      seen(post(handler, { body: JSON.stringify({ user }), headers: { 'x-user': String(user) } }))
    const users = Array.from({ length: 50 }, (_, i) => i)
    expect(await Promise.all(users.map(as))).toEqual(users.map((user) => [200, `{"user":${user}}`]))
    expect(await Promise.all(users.map(as))).toEqual(users.map((user) => [200, `{"user":${user}}`, 'again']))
  })

  test("no scope, method, path and key runs into another: nobody gets another's response", async () => {
    const store = memoryRecords()
    const orders = created()
    const handler = once(orders.handler, { store, scope: (_context, request) => request.headers.get('x-user') ?? '' })
    const parts: [user: string, path: string, key: string, method?: string][] = [
      ['a', '/b', 'c'],
      ['a', '/b', 'c', 'PATCH'],
      ['a', '/bc', 'c'],
      ['a', '/b/c', 'c'],
      ['a', '/b', '/c'],
      ['a:b', '/c', 'd'],
      ['a', '/c', 'b:d'],
      ['aPOST 2:/b', '/b', 'c'],
      ['', '/b', 'c'],
      ['1:a', '/b', 'c'],
      ['id:a', '/b', 'c'],
      ['a', '/b', '__proto__'],
      ['__proto__', '/b', 'c'],
      ['a', '/b', '*'],
      ['a', '/b', 'C'],
      ['a', '/', '2:/bc'],
    ]
    const all: unknown[][] = []
    for (const [user, path, key, method] of parts) {
      all.push(await seen(post(handler, { path, key, method, headers: { 'x-user': user } })))
    }
    expect(all).toEqual(parts.map((_part, i) => [201, `{"order":${i + 1}}`]))
    for (const [i, [user, path, key, method]] of parts.entries()) {
      const again = await seen(post(handler, { path, key, method, headers: { 'x-user': user } }))
      expect(again).toEqual([201, `{"order":${i + 1}}`, 'again'])
    }
  })

  test("another principal's key, path and body are of no use", async () => {
    const orders = counting((_run, _request, context) =>
      Response.json({ secretOf: (context as Context & HasPrincipal).principal.id })
    )
    const user: Wrapper<HasPrincipal> = (next) => (request, context) =>
      next(request, extend(context, { principal: { id: request.headers.get('x-user') ?? '' } }))
    const handler = compose(user, idempotency({ scope: byPrincipal, ...silent }))(orders.handler)
    expect(await seen(post(handler, { headers: { 'x-user': 'ada' } }))).toEqual([200, '{"secretOf":"ada"}'])
    expect(await seen(post(handler, { headers: { 'x-user': 'eve' } }))).toEqual([200, '{"secretOf":"eve"}'])
  })

  test('a guard outside of it decides about replays, too', async () => {
    let allowed = true
    const door: Wrapper = (next) => (request, context) =>
      allowed ? next(request, context) : new Response(null, { status: 403 })
    const handler = door(once(created().handler))
    await post(handler)
    allowed = false
    expect((await post(handler)).status).toBe(403)
  })

  test('a body that is too large is refused and claims nothing', async () => {
    const orders = created()
    const store = memoryRecords()
    const claim = vi.spyOn(store, 'claim')
    const handler = once(orders.handler, { store, maxRequest: '1kb' })
    expect(await seen(post(handler, { body: 'x'.repeat(1_025) }))).toEqual([413, 'body-too-large'])
    const endless = source(512)
    const context = contextOf()
    expect(await seen(send(handler, upload(endless.stream, { 'idempotency-key': 'a' }), context)))
      .toEqual([413, 'body-too-large'])
    expect([endless.cancelled, endless.pulled]).toEqual([true, 3])
    expect(context.events).toMatchObject([{ kind: 'refused', guard: 'idempotency', code: 'body-too-large' }])
    const broken = source(8, 1, 'error')
    expect(await seen(send(handler, upload(broken.stream, { 'idempotency-key': 'a' }))))
      .toEqual([400, 'body-unreadable'])
    expect([orders.runs, claim.mock.calls.length]).toEqual([0, 0])
  })

  const bad: [option: string, options: Record<string, unknown>][] = [
    ...[null, 'ip', {}].map((scope): [string, Record<string, unknown>] => ['scope', { scope }]),
    ...[null, {}, 'memory'].map((store): [string, Record<string, unknown>] => ['store', { store }]),
    ...[null, [], 'POST', ['post'], ['PO ST'], [5]].map((methods): [string, Record<string, unknown>] => [
      'methods',
      { methods },
    ]),
    ...[null, 'yes', 1].map((required): [string, Record<string, unknown>] => ['required', { required }]),
    ...[60, '60', '0s', ''].map((keepFor): [string, Record<string, unknown>] => ['keepFor', { keepFor }]),
    ...[60, '60', '0s', ''].map((lease): [string, Record<string, unknown>] => ['lease', { lease }]),
    ...[64, '64', '0kb', ''].map((maxBody): [string, Record<string, unknown>] => ['maxBody', { maxBody }]),
    ...[64, '64', '0kb', ''].map((maxRequest): [string, Record<string, unknown>] => ['maxRequest', { maxRequest }]),
    ...[null, true, 500].map((release): [string, Record<string, unknown>] => ['release', { release }]),
    ...['open', null, true].map((onOutage): [string, Record<string, unknown>] => ['onOutage', { onOutage }]),
    ...['0s', 250].map((deadline): [string, Record<string, unknown>] => ['deadline', { deadline }]),
  ]
  test.each(bad)('throws when made for a bad %s: %j', (option, options) => {
    const make = (): Wrapper => idempotency({ scope: here, ...options } as unknown as IdempotencyOptions & Scoped<{}>)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(`^idempotency: ${option} `))
  })

  test.each([null, 5, {}, ['a']])('a scope of %j is a bug: 500, not one scope for all', async (scope) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const orders = created()
    expect((await post(once(orders.handler, { scope: () => scope as unknown as string }))).status).toBe(500)
    expect(orders.runs).toBe(0)
  })
})

describe('survives the broken', () => {
  const down = (): never => {
    throw new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')
  }
  const stores: Record<string, () => unknown> = {
    'throws': down,
    'rejects': () => Promise.reject(new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')),
    'answers null': () => null,
    'answers a number later': () => Promise.resolve(5),
    'answers an error text': () => 'MOVED 3999 10.0.0.6:6381',
    'answers of another version': () => '{"v":2,"print":"x","lease":"y"}',
    'answers half': () => '{"v":1,"print":"x"}',
    'answers an impossible status': () => '{"v":1,"print":"x","status":1e9,"headers":[]}',
  }
  const cases = Object.entries(stores).map(([how, claim]): [string, RecordStore] => [
    how,
    { claim, replace: down, remove: down } as unknown as RecordStore,
  ])

  test.each(cases)('a store that %s: 503 with Retry-After, and the handler does not run', async (_how, store) => {
    const orders = created()
    const context = contextOf()
    const response = await post(once(orders.handler, { store }), { context })
    expect(response.headers.get('retry-after')).toBe('1')
    const text = await response.text()
    expect([response.status, text]).toEqual([503, expect.stringContaining('guard-unavailable')])
    expect(text).not.toMatch(/hunter2|10\.0/)
    expect(orders.runs).toBe(0)
    expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'idempotency', code: 'guard-unavailable' }])
    expect(JSON.stringify(context.events)).not.toMatch(/hunter2|10\.0/)
  })

  test.each(cases)("onOutage 'allow': a store that %s lets pass, and things are done twice", async (_how, store) => {
    const orders = created()
    const handler = once(orders.handler, { store, onOutage: 'allow' })
    const context = contextOf()
    expect(await seen(post(handler, { context }))).toEqual([201, '{"order":1}'])
    expect(await seen(post(handler))).toEqual([201, '{"order":2}'])
    expect(context.events).toMatchObject([{ kind: 'degraded' }])
  })

  test('a store that is silent costs one request its deadline, the next is not to wait; one alarm', async () => {
    const { log, records } = recorder()
    const claim = vi.fn((key: string) => new Promise<undefined>(() => key))
    const store: RecordStore = { claim, replace: down, remove: down }
    const handler = once(created().handler, { store, deadline: '30ms', log })
    for (let i = 0; i < 3; i++) expect((await post(handler)).status).toBe(503)
    expect(claim.mock.calls.filter(([key]) => key.endsWith('k-1'))).toHaveLength(1)
    expect(records.map(({ code }) => code)).toEqual(['store-outage'])
  })

  test('what the store holds under the key but cannot be a response is an outage', async () => {
    const memory = memoryRecords()
    let forged: unknown
    const store: RecordStore = {
      ...memory,
      claim: (...given) => {
        const there = memory.claim(...given)
        return there === undefined ? undefined : JSON.stringify({ ...JSON.parse(there) as object, ...forged as object })
      },
    }
    const handler = once(created().handler, { store })
    await post(handler)
    for (
      const broken of [{ headers: [['a\r\n', 'b']] }, { headers: 5 }, { headers: [['a', 'b\r\nc: d']] }, {
        status: 199,
      }]
    ) {
      forged = broken
      expect(await seen(post(handler))).toEqual([503, 'guard-unavailable'])
    }
    forged = {}
    expect(await seen(post(handler))).toEqual([201, '{"order":1}', 'again'])
  })

  test('a store that goes out while the handler runs does not touch the response; the lease runs out', async () => {
    const clock = virtualClock()
    const memory = memoryRecords()
    const store: RecordStore = { ...memory, replace: down }
    const orders = created()
    const handler = once(orders.handler, { store })
    const context = contextOf({ clock })
    expect(await seen(post(handler, { context }))).toEqual([201, '{"order":1}'])
    expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'idempotency', code: 'response-not-kept' }])
    expect(await seen(post(handler, { clock }))).toEqual([409, 'idempotency-key-in-use'])
    clock.advance(MINUTE)
    expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":2}'])
  })

  test('a store that goes out before what failed is released does not hide the failure', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const store: RecordStore = { ...memoryRecords(), remove: () => Promise.reject(new Error('down')) }
    const context = contextOf()
    const handler = once(() => {
      throw new Problem(402, 'unpaid')
    }, { store })
    expect(await seen(post(handler, { context }))).toEqual([402, 'unpaid'])
    expect(context.events).toMatchObject([{ kind: 'degraded', code: 'response-not-kept' }])
  })

  test('a response that the store cannot take is at least not done again', async () => {
    const memory = memoryRecords()
    const store: RecordStore = {
      ...memory,
      replace: (key, expected, value, ...rest) =>
        value.length > 500 ? Promise.reject(new Error('too long')) : memory.replace(key, expected, value, ...rest),
    }
    const orders = counting(() => Response.json('x'.repeat(1_000)))
    const handler = once(orders.handler, { store })
    expect((await post(handler)).status).toBe(200)
    expect(await seen(post(handler))).toEqual([409, 'response-not-replayable'])
    expect(orders.runs).toBe(1)
  })

  test('a memory without room refuses new keys, and forgets none that it has', async () => {
    const store = memoryRecords({ maxRecords: 2 })
    const handler = once(created().handler, { store })
    await post(handler, { key: 'a' })
    await post(handler, { key: 'b' })
    expect((await post(handler, { key: 'c' })).status).toBe(503)
    expect(await seen(post(handler, { key: 'a' }))).toEqual([201, '{"order":1}', 'again'])
  })

  test('a memory without room for the response remembers that it was given', async () => {
    const store: MemoryRecords = memoryRecords({ maxCharacters: 500 })
    const orders = counting(() => Response.json('x'.repeat(1_000)))
    const handler = once(orders.handler, { store })
    expect((await post(handler)).status).toBe(200)
    expect(await seen(post(handler))).toEqual([409, 'response-not-replayable'])
    expect(orders.runs).toBe(1)
  })

  test('after a crash the key can be taken again when the lease is over', async () => {
    const clock = virtualClock()
    const store = memoryRecords()
    const dying = vi.fn(() => new Promise<Response>(() => {}))
    void post(once(dying, { store, lease: '30s' }), { clock })
    await vi.waitFor(() => expect(dying).toHaveBeenCalled())
    const handler = once(created().handler, { store, lease: '30s' })
    clock.advance(29_999)
    expect(await seen(post(handler, { clock }))).toEqual([409, 'idempotency-key-in-use'])
    clock.advance(1)
    expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":1}'])
    expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":1}', 'again'])
  })

  describe('who is late', () => {
    const late = async (store: RecordStore) => {
      const clock = virtualClock()
      const releases: (() => void)[] = []
      const orders = created()
      const handler = once(async (request, context) => {
        await new Promise<void>((resolve) => releases.push(resolve))
        return orders.handler(request, context)
      }, { store })
      const first = post(handler, { clock })
      await vi.waitFor(() => expect(releases).toHaveLength(1))
      clock.advance(MINUTE)
      return { clock, releases, handler, first }
    }

    test.each([['near', memoryRecords()], ['far', far()]])(
      'and alone keeps its response (%s)',
      async (_where, store) => {
        const { clock, releases, handler, first } = await late(store)
        releases[0]!()
        expect(await seen(first)).toEqual([201, '{"order":1}'])
        expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":1}', 'again'])
      },
    )

    test('gives its client its own, and leaves the key to who took it', async () => {
      const { clock, releases, handler, first } = await late(memoryRecords())
      const second = post(handler, { clock })
      await vi.waitFor(() => expect(releases).toHaveLength(2))
      releases[0]!()
      expect(await seen(first)).toEqual([201, '{"order":1}'])
      expect(await seen(post(handler, { clock }))).toEqual([409, 'idempotency-key-in-use'])
      releases[1]!()
      expect(await seen(second)).toEqual([201, '{"order":2}'])
      expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":2}', 'again'])
    })

    test('and failed does not free the key of who took it', async () => {
      vi.spyOn(console, 'error').mockImplementation(() => {})
      const clock = virtualClock()
      const ends: ((response: Response) => void)[] = []
      const handler = once(() => new Promise<Response>((resolve) => ends.push(resolve)))
      const first = post(handler, { clock })
      await vi.waitFor(() => expect(ends).toHaveLength(1))
      clock.advance(MINUTE)
      const second = post(handler, { clock })
      await vi.waitFor(() => expect(ends).toHaveLength(2))
      ends[0]!(new Response('no', { status: 500 }))
      expect((await first).status).toBe(500)
      expect(await seen(post(handler, { clock }))).toEqual([409, 'idempotency-key-in-use'])
      ends[1]!(Response.json('done'))
      await second
      expect(await seen(post(handler, { clock }))).toEqual([200, '"done"', 'again'])
    })
  })

  test('who has the response can have it again at once: the store is waited for', async () => {
    const handler = once(created().handler, { store: far() })
    for (let i = 0; i < 5; i++) {
      await post(handler, { key: `k${i}` })
      expect((await post(handler, { key: `k${i}` })).headers.get('idempotent-replayed')).toBe('true')
    }
  })

  test('PITFALLS 17: work goes on when the client leaves, is known to waitUntil, and can be had afterwards', async () => {
    const orders = created()
    let release = (): void => {}
    const handler = once(async (request, context) => {
      await new Promise<void>((resolve) => release = resolve)
      return orders.handler(request, context)
    })
    const work: Promise<unknown>[] = []
    const gone = new AbortController()
    const request = requestTo('/orders', {
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'k-1' },
      signal: gone.signal,
    })
    void run(handler, request, contextOf({ waitUntil: (one) => void work.push(one) }))
    await vi.waitFor(() => expect(work).toHaveLength(1))
    gone.abort()
    release()
    await Promise.all(work)
    expect(await seen(post(handler))).toEqual([201, '{"order":1}', 'again'])
  })

  test('work that fails in waitUntil surfaces nowhere', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const work: Promise<unknown>[] = []
    const context = contextOf({ waitUntil: (one) => void work.push(one) })
    const handler = once(() => Promise.reject(new Error('bug')))
    expect((await post(handler, { context })).status).toBe(500)
    await expect(Promise.all(work)).resolves.toBeDefined()
  })

  test('a deadline outside answers first; what was done all the same can be had when it is done', async () => {
    let release: (() => void) | undefined
    const inner = idempotency({ scope: here, ...silent })
    const handler = timeout({ after: '200ms' })(inner(async () => {
      await new Promise<void>((resolve) => release = resolve)
      return Response.json('done')
    }))
    const first = post(handler)
    await vi.waitFor(() => expect(release).toBeDefined())
    expect((await first).status).toBe(504)
    expect(await seen(post(handler))).toEqual([409, 'idempotency-key-in-use'])
    release!()
    await vi.waitFor(async () => expect(await seen(post(handler))).toEqual([200, '"done"', 'again']))
  })

  test.each([-24 * HOUR, 24 * HOUR])('PITFALLS 19: a wall clock that jumps %d ms frees no key', async (jump) => {
    const clock = virtualClock()
    const handler = once(created().handler)
    await post(handler, { clock })
    clock.jump(jump)
    expect(await seen(post(handler, { clock }))).toEqual([201, '{"order":1}', 'again'])
  })

  test('processes that share a store share keys', async () => {
    const store = memoryRecords()
    const [one, two] = [created(), created()]
    await post(once(one.handler, { store }))
    expect((await post(once(two.handler, { store }))).headers.get('idempotent-replayed')).toBe('true')
    expect([one.runs, two.runs]).toEqual([1, 0])
  })

  test('keeps nothing of the request but its key and a hash', async () => {
    const kept: string[] = []
    const memory = memoryRecords()
    const store: RecordStore = {
      claim(key, value, ...rest) {
        kept.push(key, value)
        return memory.claim(key, value, ...rest)
      },
      replace(key, expected, value, ...rest) {
        kept.push(value)
        return memory.replace(key, expected, value, ...rest)
      },
      remove: memory.remove,
    }
    await post(once(created().handler, { store }), {
      body: '{"card":"4111"}',
      path: '/pay?token=hunter2',
      headers: { authorization: 'Bearer hunter3' },
    })
    expect(kept).toHaveLength(3)
    expect(kept.join()).not.toMatch(/4111|hunter/)
    expect(kept[0]).toBe('4:herePOST 4:/payk-1')
  })
})

describe('leaves streams alone', () => {
  const endless = (headers: Record<string, string> = {}) => {
    const body = source(3)
    return { body, answer: () => new Response(body.stream, { status: 202, headers }) }
  }
  const unkept: [what: string, headers: Record<string, string>][] = [
    ['events', { 'content-type': 'text/event-stream' }],
    ['a stream of a model', { 'content-type': 'text/plain; charset=utf-8' }],
    ['lines of JSON', { 'content-type': 'application/x-ndjson' }],
    ['a page', { 'content-type': 'text/html' }],
    ['what is longer than it may be', { 'content-type': 'application/json', 'content-length': '1000000' }],
    ['what lies about its length', { 'content-type': 'image/png', 'content-length': '1e3' }],
    ['what is encoded', { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': '3' }],
  ]
  test.each(unkept)('%s go on untouched, and to ask again is a 409 that says so', async (_what, headers) => {
    const { body, answer } = endless(headers)
    const response = answer()
    const streaming = counting(() => response)
    const handler = once(streaming.handler)
    const request = requestTo('/', { method: 'POST', headers: { 'idempotency-key': 'a' } })
    expect(await handler(request, contextOf({ platform: { name } }))).toBe(response)
    expect(body.pulled).toBe(0)
    const context = contextOf()
    const retry = requestTo('/', { method: 'POST', headers: { 'idempotency-key': 'a' } })
    const again = await send(handler, retry, context)
    expect(await again.json()).toEqual({
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      detail: 'The request was done and answered with 202; the answer was not kept.',
      code: 'response-not-replayable',
      originalStatus: 202,
    })
    expect(streaming.runs).toBe(1)
    await response.body!.cancel()
  })

  test('a stream without a type goes on, the first chunk before the second, and cancelling reaches the source', async () => {
    const { body, answer } = endless(name === 'bun' ? { 'content-type': 'application/octet-stream' } : {})
    const response = await post(once(answer))
    const reader = response.body!.getReader()
    await reader.read()
    expect(body.pulled).toBeLessThanOrEqual(2)
    await reader.cancel('enough')
    expect([body.cancelled, body.reason]).toEqual([true, 'enough'])
  })

  test('what borrows the type of JSON and never ends is held to maxBody, then goes on whole', async () => {
    const { body, answer } = endless({ 'content-type': 'application/json' })
    const handler = once(answer, { maxBody: '10b' })
    const response = await post(handler)
    expect(response.status).toBe(202)
    expect(body.pulled).toBeLessThanOrEqual(5)
    const reader = response.body!.getReader()
    let length = 0
    while (length < 30) length += (await reader.read()).value!.byteLength
    expect(body.pulled).toBeLessThanOrEqual(12)
    await reader.cancel('enough')
    expect([body.cancelled, body.reason]).toEqual([true, 'enough'])
    expect(await seen(post(handler))).toEqual([409, 'response-not-replayable'])
  })

  test('what borrows the type of JSON and is slow goes on after a second, with nothing lost', async () => {
    const real = setTimeout
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      let more: ReadableStreamDefaultController<Uint8Array> | undefined
      const stream = new ReadableStream<Uint8Array>({ start: (controller) => void (more = controller) })
      const headers = { 'content-type': 'application/json' }
      const handler = once(() => new Response(stream, { headers }), { deadline: '1h' })
      more!.enqueue(new TextEncoder().encode('["a'))
      const pending = post(handler)
      let response: Response | undefined
      void pending.then((one) => response = one)
      while (vi.getTimerCount() === 0) await new Promise((resolve) => real(resolve, 1))
      await vi.advanceTimersByTimeAsync(999)
      expect(response).toBeUndefined()
      await vi.advanceTimersByTimeAsync(1)
      const out = await pending
      more!.enqueue(new TextEncoder().encode('b"]'))
      more!.close()
      expect(await out.text()).toBe('["ab"]')
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('what is there at once leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      expect((await post(once(created().handler))).status).toBe(201)
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('what breaks on its way breaks for the client, and was done', async () => {
    const broken = source(3, 2, 'error')
    const handler = once(() => new Response(broken.stream, { headers: { 'content-type': 'application/json' } }))
    const response = await post(handler)
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow('the source broke')
    expect(await seen(post(handler))).toEqual([409, 'response-not-replayable'])
  })

  test('an upgrade is the same object, and not to be had again', async () => {
    const upgrade = Object.assign(new Response(null), { webSocket: {} })
    const handler = once(() => upgrade)
    expect(await post(handler)).toBe(upgrade)
    expect(await seen(post(handler))).toEqual([409, 'response-not-replayable'])
  })

  test('one object for many requests stays one: it is not read', async () => {
    const NO_CONTENT = new Response(null, { status: 204, headers: { 'x-own': '1' } })
    const handler = once(() => NO_CONTENT)
    const request = (): Request => requestTo('/', { method: 'POST', headers: { 'idempotency-key': 'a' } })
    expect(await handler(request(), contextOf())).toBe(NO_CONTENT)
    const again = await send(handler, request())
    expect([again.status, again.headers.get('x-own')]).toEqual([204, '1'])
  })

  test('a HEAD has no body to keep', async () => {
    const handler = once(() => new Response('x', { headers: { 'content-type': 'text/html' } }), { methods: ['HEAD'] })
    await post(handler, { method: 'HEAD' })
    expect(await seen(post(handler, { method: 'HEAD' }))).toEqual([200, '', 'again'])
  })

  test('nothing is cloned', async () => {
    const request = vi.spyOn(Request.prototype, 'clone')
    const response = vi.spyOn(Response.prototype, 'clone')
    const handler = once(async (given) => Response.json(await given.json()))
    await post(handler)
    await post(handler)
    expect([request.mock.calls.length, response.mock.calls.length]).toEqual([0, 0])
  })

  test('an upload to other methods is not read', async () => {
    const body = source(1_024)
    const request = requestTo('/', { method: 'PUT', body: body.stream, duplex: 'half' } as RequestInit)
    await send(once(created().handler), request)
    expect(body.pulled).toBe(0)
  })
})

test('adds nothing that a handler sees', async () => {
  const before = Object.keys(contextOf())
  const context = contextOf()
  await post(once(created().handler), { context })
  expect(Object.keys(context)).toEqual(before)
})

// The type says what the scope needs.
idempotency() satisfies Wrapper<{}, HasClientIp>
idempotency({ required: false }) satisfies Wrapper<{}, HasClientIp>
idempotency({ scope: byPrincipal }) satisfies Wrapper<{}, HasPrincipal>
idempotency({ scope: here }) satisfies Wrapper
// @ts-expect-error by default it reads clientNetwork
idempotency() satisfies Wrapper
// @ts-expect-error byPrincipal reads principal
idempotency({ scope: byPrincipal }) satisfies Wrapper<{}, HasClientIp>
