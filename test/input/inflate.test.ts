import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/handler.ts'
import type { StandardSchema } from '../../src/input/standard-schema.ts'
import { validate, type ValidateOptions } from '../../src/input/validate.ts'
import { requestTo, send } from '../helpers.ts'

const anything: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
const utf8 = new TextEncoder()

async function packed(format: 'gzip' | 'deflate' | 'deflate-raw', bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream(format))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

async function result(
  body: Uint8Array,
  encoding: string,
  options: ValidateOptions = { encodings: ['gzip', 'deflate'] },
) {
  const seen: unknown[] = []
  const handler: Handler = validate({ body: anything }, options)((_request, { input }) => {
    seen.push(input.body)
    return new Response()
  })
  const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
  const response = await send(handler, requestTo('/', { method: 'POST', body: body as BodyInit, headers }))
  const problem = response.status === 200 ? undefined : await response.json() as { code: string }
  return { status: response.status, code: problem?.code, seen, response }
}

describe('lets the good through', () => {
  test.each(['gzip', 'deflate'] as const)('%s, where it is allowed', async (format) => {
    const text = JSON.stringify({ a: 'ä'.repeat(1_000), b: Array.from({ length: 500 }, (_, i) => i) })
    const { seen } = await result(await packed(format, utf8.encode(text)), format.toUpperCase())
    expect(seen).toEqual([JSON.parse(text)])
  })

  test('identity is none', async () => {
    expect((await result(utf8.encode('{"a":1}'), 'identity', {})).seen).toEqual([{ a: 1 }])
  })

  test('what is small may repeat itself as it likes', async () => {
    const text = JSON.stringify(' '.repeat(60_000))
    expect((await result(await packed('gzip', utf8.encode(text)), 'gzip')).status).toBe(200)
  })
})

describe('refuses the bad', () => {
  test('compressed bodies are 415 unless enabled, and the answer says what is', async () => {
    const body = await packed('gzip', utf8.encode('{}'))
    const none = await result(body, 'gzip', {})
    expect([none.code, none.response.headers.get('accept-encoding')]).toEqual([
      'content-encoding-unsupported',
      'identity',
    ])
    const one = await result(body, 'gzip', { encodings: ['deflate'] })
    expect([one.code, one.response.headers.get('accept-encoding')]).toEqual(['content-encoding-unsupported', 'deflate'])
  })

  test.each(['br', 'zstd', 'compress', 'x', 'gzip, gzip', 'gzip, identity', 'deflate-raw', ''])(
    'fault 17: %j is 415',
    async (encoding) => {
      expect((await result(utf8.encode('{}'), encoding)).code).toBe('content-encoding-unsupported')
    },
  )

  test('fault 16: a bomb is 413 at the limit, not when it has gone off', async () => {
    const bomb = await packed('gzip', new Uint8Array(50_000_000))
    expect(bomb.byteLength).toBeLessThan(100_000)
    expect((await result(bomb, 'gzip')).code).toBe('body-too-large')
    expect((await result(bomb, 'gzip', { encodings: ['gzip'], max: '64mb' })).code).toBe('body-too-large')
  })

  test('fault 16: so is one within the limit that grows too much', async () => {
    const body = await packed('deflate', utf8.encode(JSON.stringify(' '.repeat(900_000))))
    expect((await result(body, 'deflate')).code).toBe('body-too-large')
    expect((await result(body, 'deflate', { encodings: ['deflate'], ratio: 2_000 })).status).toBe(200)
  })

  test('fault 16: a bomb in a bomb is refused by its encoding', async () => {
    const inner = await packed('gzip', new Uint8Array(10_000_000))
    expect((await result(await packed('gzip', inner), 'gzip, gzip')).status).toBe(415)
  })

  test.each<[what: string, change: (bytes: Uint8Array) => Uint8Array]>([
    ['cut off', (bytes) => bytes.slice(0, -6)],
    ['altered', (bytes) => bytes.map((byte, i) => i === 12 ? byte ^ 255 : byte)],
    ['something else', () => utf8.encode('{"a":1}')],
    ['one byte', () => new Uint8Array([31])],
  ])('fault 18: gzip that is %s is 400', async (_what, change) => {
    const body = change(await packed('gzip', utf8.encode(JSON.stringify({ a: 'some text, and more of it' }))))
    expect(await result(body, 'gzip')).toMatchObject({ status: 400, seen: [] })
  })

  test('fault 19: what is inflated must be UTF-8, without a byte-order mark', async () => {
    expect((await result(await packed('gzip', new Uint8Array([0x22, 0xff, 0x22])), 'gzip')).code).toBe(
      'encoding-invalid',
    )
    expect((await result(await packed('gzip', utf8.encode('\ufeff{}')), 'gzip')).code).toBe('encoding-invalid')
  })
})
