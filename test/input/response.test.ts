import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { errors } from '../../src/core/errors.ts'
import { validate, type ValidateOptions } from '../../src/input/validate.ts'
import { contextOf, recorder, requestTo, send, source } from '../helpers.ts'

const user = v.strictObject({ id: v.number(), name: v.string() })
const MARKER = 'mArk3r-s3cret'

async function result(
  response: Response | (() => Response),
  options: ValidateOptions = { response: user },
  method = 'GET',
) {
  const context = contextOf()
  const { log, records } = recorder()
  const handler = compose(errors({ log }), validate({}, options))(() =>
    typeof response === 'function' ? response() : response
  )
  const out = await send(handler, requestTo('/', { method }), context)
  return { out, text: await out.text(), context, records }
}

describe('lets the good through', () => {
  test('byte for byte, with its head', async () => {
    const headers = new Headers({ 'content-type': 'application/json; charset=utf-8', 'x-own': '1' })
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2')
    const { out, text } = await result(new Response('{ "id": 1,\n"name":"Ä" }', { status: 201, headers }))
    expect([out.status, text]).toEqual([201, '{ "id": 1,\n"name":"Ä" }'])
    expect([out.headers.get('x-own'), out.headers.getSetCookie()]).toEqual(['1', ['a=1', 'b=2']])
  })

  test('a single schema is for every 2xx; others pass', async () => {
    for (
      const response of [
        new Response('x', { status: 404 }),
        Response.redirect('http://service.test/'),
      ]
    ) {
      const { out, context } = await result(response)
      expect([out.status, context.events]).toEqual([response.status, []])
    }
  })

  test('by status', async () => {
    const options: ValidateOptions = { response: { 200: user, 404: v.object({ gone: v.literal(true) }) } }
    expect((await result(Response.json({ gone: true }, { status: 404 }), options)).out.status).toBe(404)
    expect((await result(Response.json({ gone: 1 }, { status: 404 }), options)).out.status).toBe(500)
    expect((await result(Response.json({ anything: 1 }, { status: 201 }), options)).out.status).toBe(201)
  })

  test('no body is undefined', async () => {
    const options: ValidateOptions = { response: { 204: v.undefined(), 205: user } }
    expect((await result(new Response(null, { status: 204 }), options)).out.status).toBe(204)
    expect((await result(new Response(null, { status: 205 }), options)).out.status).toBe(500)
  })

  test('HEAD has nothing to look at', async () => {
    expect((await result(Response.json({ wrong: 1 }), { response: user }, 'HEAD')).out.status).toBe(200)
  })
})

describe('refuses the bad', () => {
  test.each<[what: string, response: () => Response, found: string]>([
    ['a member too many', () => Response.json({ id: 1, name: 'A', hash: MARKER }), '#/* strict_object'],
    ['a wrong value', () => Response.json({ id: MARKER, name: 'A' }), '#/id number'],
    ['what is no JSON', () => new Response(MARKER), '# not-json'],
    [
      'broken JSON',
      () => new Response(`{"${MARKER}`, { headers: { 'content-type': 'application/json' } }),
      '# not-json',
    ],
    [
      'what is no UTF-8',
      () => new Response(new Uint8Array([255]), { headers: { 'content-type': 'application/json' } }),
      '# not-json',
    ],
    ['nothing', () => new Response(null), '# strict_object'],
  ])('PITFALLS 14: %s is a 500 that tells nothing; the log learns where', async (_what, response, found) => {
    const { out, text, context, records } = await result(response)
    expect([out.status, out.headers.get('content-type')]).toEqual([500, 'application/problem+json'])
    expect(JSON.parse(text)).toMatchObject({ code: 'response-invalid' })
    expect(context.attributes['response.errors']).toBe(found)
    expect(context.events).toEqual([{ kind: 'refused', guard: 'validate', code: 'response-invalid', status: 500 }])
    expect(text + JSON.stringify([context.attributes, context.events, records])).not.toContain(MARKER)
  })

  test('one that is too large to look at', async () => {
    const { out, context } = await result(Response.json({ id: 1, name: 'x'.repeat(2_000) }), {
      response: user,
      max: '1kb',
    })
    expect([out.status, context.attributes['response.errors']]).toEqual([500, '# too-large'])
  })
})

describe('reports', () => {
  const report: ValidateOptions = { response: user, onInvalidResponse: 'report', max: '1kb' }

  test('an invalid response is sent as it is, and recorded', async () => {
    const { out, text, context } = await result(Response.json({ id: 'x', name: 'A' }), report)
    expect([out.status, text]).toEqual([200, '{"id":"x","name":"A"}'])
    expect(context.events).toEqual([{ kind: 'would-refuse', guard: 'validate', code: 'response-invalid', status: 500 }])
  })

  test('one that is too large is sent whole', async () => {
    const chunks = source(500, 10)
    const { out, text } = await result(
      new Response(chunks.stream, { headers: { 'content-type': 'application/json' } }),
      report,
    )
    expect([out.status, text.length]).toEqual([200, 5_000])
  })

  test('leaves streams alone: of one that is too large only the start is read ahead', async () => {
    const chunks = source(500, 1_000)
    const handler = validate({}, report)(() =>
      new Response(chunks.stream, { headers: { 'content-type': 'application/json' } })
    )
    const out = await send(handler)
    const reader = out.body!.getReader()
    await reader.read()
    expect(chunks.pulled).toBeLessThan(10)
    await reader.cancel()
    expect(chunks.cancelled).toBe(true)
  })
})

describe('survives the broken', () => {
  test('a schema that throws, and a body that breaks, are a 500', async () => {
    const broken = v.pipe(
      v.unknown(),
      v.check(() => {
        throw new Error(MARKER)
      }),
    )
    const { out, text } = await result(Response.json(1), { response: broken })
    expect([out.status, text.includes(MARKER)]).toEqual([500, false])
    const stream = new ReadableStream({ pull: (controller) => controller.error(new Error(MARKER)) })
    expect((await result(new Response(stream))).out.status).toBe(500)
  })

  test('what the handler throws is still its own', async () => {
    const { out } = await result(() => {
      throw new Error('x')
    })
    expect(out.status).toBe(500)
  })
})
