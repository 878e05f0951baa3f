/** PITFALLS 14: a marker is sent in every position of a request, and must come out nowhere. */
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { compose } from '../../src/core/compose.ts'
import { extend } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import type { HasParams } from '../../src/core/facts.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { legacyEnvelope, problemDetails } from '../../src/core/problem.ts'
import { formBody } from '../../src/input/form-body.ts'
import { jsonBody } from '../../src/input/json-body.ts'
import { multipartBody } from '../../src/input/multipart-body.ts'
import { sanitize } from '../../src/input/sanitize.ts'
import * as schemas from '../../src/input/schemas.ts'
import { type FileSink, images, uploads } from '../../src/input/uploads.ts'
import { validate } from '../../src/input/validate.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { policy } from '../../src/policy/policy.ts'
import { recorder, requestTo } from '../helpers.ts'
import { toFetch } from '../../adapters/fetch.ts'

const MARKER = 'mArk3r-7f3a'
const PNG = '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'

/** A wrapper that keeps all that anybody could log, trace or count of a request. */
function watched(seen: unknown[]): Wrapper {
  return (next) => (request, context) => {
    const response = next(request, context)
    seen.push(context.events, context.attributes)
    return response
  }
}

const params: Wrapper<HasParams> = (next) => (request, context) =>
  next(request, extend(context, { params: { id: MARKER } }))

const sink: FileSink = {
  store: async ({ stream }) => void await new Response(stream).arrayBuffer(),
  remove: () => Promise.resolve(),
}

const valibot = v.strictObject({ a: v.pipe(v.string(), v.minLength(50)), b: v.optional(v.picklist(['x'])) })
const zod = z.strictObject({ a: z.string().min(50), b: z.enum(['x']).optional() })
const ark = type({ a: 'string >= 50', 'b?': "'x'", '+': 'reject' })

const parts = (name: string, value: string, more = ''): string =>
  `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n--x--\r\n`
const multipart = { 'content-type': 'multipart/form-data; boundary=x' }
const json = { 'content-type': 'application/json' }

const requests: readonly (readonly [position: string, make: () => Request])[] = [
  ['a value of the query', () => requestTo(`/?a=${MARKER}`)],
  ['a name in the query', () => requestTo(`/?${MARKER}=1`)],
  ['a repeated value of the query', () => requestTo(`/?a=${MARKER}&a=${MARKER}`)],
  ['a cookie', () => requestTo('/', { headers: { cookie: `a=${MARKER}` } })],
  ['the name of a cookie', () => requestTo('/', { headers: { cookie: `${MARKER}=1` } })],
  ['a header', () => requestTo('/', { headers: { a: MARKER } })],
  ['the name of a header', () => requestTo('/', { headers: { [MARKER]: '1' } })],
  ['the type', () => post(`{}`, { 'content-type': `text/${MARKER}` })],
  ['a parameter of the type', () => post(`{}`, { 'content-type': `application/json; charset=${MARKER}` })],
  ['the encoding', () => post(`{}`, { ...json, 'content-encoding': MARKER })],
  ['a JSON text', () => post(JSON.stringify(MARKER), json)],
  ['a JSON value', () => post(JSON.stringify({ a: MARKER, b: MARKER }), json)],
  ['a JSON value, cleaned', () => post(JSON.stringify({ a: ` ${MARKER}\0`, b: MARKER }), json)],
  ['a JSON key', () => post(JSON.stringify({ a: 'x', [MARKER]: 1 }), json)],
  ['a key beside a forbidden one', () => post(`{"__proto__":{"${MARKER}":1}}`, json)],
  ['a key that comes twice', () => post(`{"${MARKER}":1,"${MARKER}":2}`, json)],
  ['a deep value', () => post(JSON.stringify({ a: [[{ b: MARKER }]] }), json)],
  ['broken JSON', () => post(`{"a":${MARKER}`, json)],
  ['a form', () => post(`a=${MARKER}`, { 'content-type': 'application/x-www-form-urlencoded' })],
  ['a name in a form', () => post(`${MARKER}=a`, { 'content-type': 'application/x-www-form-urlencoded' })],
  ['a part', () => post(parts('a', MARKER), multipart)],
  ['the name of a part', () => post(parts(MARKER, 'a'), multipart)],
  ['the name of a file', () => post(parts('image', PNG, `; filename="${MARKER}.exe"`), multipart)],
  ['a file', () => post(parts('image', MARKER, '; filename="a.png"'), multipart)],
  ['a file that was not asked for', () => post(parts(MARKER, PNG, `; filename="${MARKER}.png"`), multipart)],
  [
    'the type of a part',
    () => post(parts('image', PNG, `; filename="a.png"\r\nContent-Type: image/${MARKER}`), multipart),
  ],
  ['a header of a part', () => post(parts('a', 'b', `\r\n${MARKER}: ${MARKER}`), multipart)],
  ['a broken header of a part', () => post(parts('a', 'b', `; ${MARKER}\r\n${MARKER}`), multipart)],
  ['the boundary', () => post('--y', { 'content-type': `multipart/form-data; boundary=${MARKER}` })],
  ['where nothing follows the boundary', () => post(`--x${MARKER}`, multipart)],
]

function post(body: string, headers: Record<string, string>): Request {
  const bytes = Uint8Array.from(body, (char) => char.charCodeAt(0))
  return requestTo('/', { method: 'POST', body: bytes, headers })
}

const codecs = [jsonBody({ duplicateKeys: 'refuse' }), formBody(), multipartBody()]
const ok: Handler = () => new Response('ok')

const doors: readonly (readonly [name: string, door: (options: { generic?: boolean }) => Handler])[] = [
  ...([['valibot', valibot], ['zod', zod], ['arktype', ark]] as const).map(([name, schema]) =>
    [name, ({ generic }: { generic?: boolean }) =>
      compose(
        params,
        validate({ params: schema, query: schema, headers: schema, cookies: schema, body: schema }, {
          generic,
          codecs,
        }),
      )(ok)] as const
  ),
  ['the body alone', ({ generic }) => validate({ body: schemas.training }, { generic, codecs })(ok)],
  ['a login', ({ generic }) => validate({ body: schemas.login }, { generic, codecs })(ok)],
  ['uploads', () =>
    uploads({ files: { image: images }, fields: valibot })(async (_request, { upload }) => {
      await upload.save(sink)
      return new Response('ok')
    })],
  [
    'a response',
    () =>
      validate({}, { response: valibot })(async (request) =>
        Response.json({ a: await request.text(), [MARKER]: [...request.headers], b: request.url })
      ),
  ],
]

describe.each(doors)('PITFALLS 14: %s', (_name, door) => {
  test.each(requests)('a marker in %s appears in no response, log, event or attribute', async (_position, make) => {
    for (const options of [{}, { generic: true }]) {
      for (const format of [problemDetails, legacyEnvelope]) {
        const { log, records } = recorder()
        const lines: string[] = []
        const seen: unknown[] = []
        const app = policy({
          accessLog: accessLog({ write: (line) => void lines.push(line) }),
          errors: errors({ log, format }),
          sanitize: sanitize(),
          own: watched(seen),
        })(door(options))
        const response = await toFetch(app)(make())
        const out = [
          await response.text(),
          JSON.stringify([...response.headers]),
          ...lines,
          JSON.stringify([records, seen]),
        ]
        expect(lines).toHaveLength(1)
        expect(out.join('\n').toLowerCase()).not.toContain(MARKER.toLowerCase())
      }
    }
  })
})
