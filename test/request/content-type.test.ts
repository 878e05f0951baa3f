import { describe, expect, test } from 'vitest'
import type { ContentTypeOptions } from '../../src/request/content-type.ts'
import { contentType } from '../../src/request/content-type.ts'
import { contextOf, requestTo, send, source, upload } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

const json = { allow: ['application/json'] }

/** The status for a body of this type, its source untouched whatever the answer. */
async function statusOf(
  options: ContentTypeOptions,
  type: string | undefined,
  more: Record<string, string> = {},
): Promise<number> {
  const inner = spy()
  const bytes = source(10, 1)
  const headers = type === undefined ? more : { 'content-type': type, ...more }
  const response = await send(contentType(options)(inner.handler), upload(bytes.stream, headers))
  expect(inner.calls).toHaveLength(response.status === 200 ? 1 : 0)
  expect(bytes.pulled).toBe(0)
  return response.status
}

describe('lets the good through', () => {
  test.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json; charset=utf8',
    'application/json; charset=us-ascii',
    'application/json ; version=1;q="a,b"',
    'application/json;',
    'application/problem+json',
    'application/vnd.api+json; ext=bulk',
    'APPLICATION/LD+JSON',
  ])('PITFALLS 13: %s is JSON', async (type) => {
    expect(await statusOf(json, type)).toBe(200)
  })

  test('other types as listed', async () => {
    const options = { allow: ['multipart/form-data', 'Text/CSV; header=present'] }
    expect(await statusOf(options, 'multipart/form-data; boundary=abc')).toBe(200)
    expect(await statusOf(options, 'text/csv')).toBe(200)
    expect(await statusOf(options, 'application/json')).toBe(415)
    expect(await statusOf(options, 'application/problem+json')).toBe(415)
  })

  test('fault 15: what has no body needs no type, even if it names a wrong one', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']) {
      const request = requestTo('/', { method, headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' } })
      expect((await send(contentType(json)(spy().handler), request)).status).toBe(200)
    }
  })

  test('Content-Encoding: identity', async () => {
    expect(await statusOf(json, 'application/json', { 'content-encoding': 'identity' })).toBe(200)
    expect(await statusOf(json, 'application/json', { 'content-encoding': 'Identity' })).toBe(200)
  })

  test('undefined is the default of mode and share', async () => {
    expect(await statusOf({ ...json, mode: undefined, share: undefined }, 'text/plain')).toBe(415)
  })
})

describe('refuses the bad', () => {
  test('415 with Accept and an event', async () => {
    const context = contextOf()
    const request = requestTo('/', { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } })
    const response = await send(
      contentType({ allow: ['application/json', 'text/csv'] })(spy().handler),
      request,
      context,
    )
    expect(response.status).toBe(415)
    expect(response.headers.get('accept')).toBe('application/json, text/csv')
    expect(await codeOf(response)).toBe('content-type-unsupported')
    expect(context.events).toEqual([{
      kind: 'refused',
      guard: 'content-type',
      code: 'content-type-unsupported',
      status: 415,
    }])
  })

  test.each([
    ['none', undefined],
    ['an empty one', ''],
    ['plain text with JSON in it', 'text/plain'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['multipart', 'multipart/form-data; boundary=application/json'],
    ['JSON in a parameter', 'text/plain; application/json'],
    ['JSON by prefix', 'application/jsonp'],
    ['JSON by suffix', 'x-application/json'],
    ['JSON of another kind', 'text/json'],
    ['+json of another kind', 'text/x+json'],
    ['nothing before +json', 'application/+json'],
    ['two types, as duplicate headers arrive', 'application/json, application/json'],
    ['two types, the first good', 'application/json, text/plain'],
    ['two types, the last good', 'text/plain, application/json'],
    ['three parts', 'application/json/x'],
    ['no subtype', 'application'],
    ['a wildcard', '*/*'],
    ['half a wildcard', 'application/*'],
    ['a space inside', 'application/ json'],
    ['a quoted type', '"application/json"'],
    ['Latin-1', 'application/j\xdfon'],
    ['a name of Object.prototype', '__proto__'],
    ['another one', 'constructor/prototype'],
    ['a megabyte', `application/${'x'.repeat(1_000_000)}`],
    ['a megabyte of slashes', '/'.repeat(1_000_000)],
  ])('PITFALLS 13: %s', async (_what, type) => {
    expect(await statusOf(json, type)).toBe(415)
  })

  test.each([
    'application/json; charset=utf-7',
    'application/json; charset=utf-16',
    'application/json;charset=UTF-16LE',
    'application/json; charset="iso-8859-1"',
    'application/json; charset = shift_jis',
    'application/json; a=b; CHARSET=utf-32',
    'application/json; charset=utf-8; charset=utf-7',
    'application/json; charset=',
    'application/vnd.api+json; charset=utf-7',
  ])('fault 20: %s', async (type) => {
    expect(await statusOf(json, type)).toBe(415)
  })

  test.each([
    'gzip',
    'br',
    'deflate',
    'zstd',
    'x-unknown',
    'gzip, identity',
    'identity, gzip',
    'identity, identity',
    '',
    '*',
    'GZIP',
  ])(
    'PITFALLS 12, fault 17: Content-Encoding %j is a 415 that says what is taken',
    async (encoding) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
      const response = await send(
        contentType(json)(spy().handler),
        requestTo('/', { method: 'POST', body: '{}', headers }),
      )
      expect(response.status).toBe(415)
      expect(response.headers.get('accept-encoding')).toBe('identity')
      expect(await codeOf(response)).toBe('content-encoding-unsupported')
    },
  )

  test('a body on DELETE is held to it too, and on any method there is', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      const request = requestTo('/', { method, body: 'x', headers: { 'content-type': 'text/plain' } })
      expect((await send(contentType(json)(spy().handler), request)).status).toBe(415)
    }
  })

  test('a chunked body on Node, where only the header tells of it', async () => {
    const request = requestTo('/', {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked', 'content-type': 'text/plain' },
    })
    const context = contextOf({ platform: { name: 'node', framed: true } })
    expect((await send(contentType(json)(spy().handler), request, context)).status).toBe(415)
  })
})

describe('survives the broken', () => {
  test.each<[ContentTypeOptions, ...string[]]>([
    [{ allow: [] }, 'contentType: allow'],
    [{} as never, 'contentType: allow'],
    [{ allow: 'application/json' as never }, 'contentType: allow'],
    [{ allow: ['json'] }, 'contentType: allow', 'json'],
    [{ allow: ['a/b', 'a/b/c'] }, 'contentType: allow', 'a/b/c'],
    [{ allow: ['image/*'] }, 'contentType: allow', 'image/*'],
    [{ allow: ['*/*'] }, 'contentType: allow'],
    [{ allow: ['application/json, text/plain'] }, 'contentType: allow'],
    [{ allow: [''] }, 'contentType: allow'],
    [{ allow: [undefined as never, 'a/b'] }, 'contentType: allow'],
    [{ ...json, mode: 'x' as never }, 'content-type: mode'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => contentType(options), ...words)
  })

  test('report mode lets pass and records', async () => {
    const context = contextOf()
    const request = requestTo('/', { method: 'POST', body: 'x' })
    expect((await send(contentType({ ...json, mode: 'report' })(spy().handler), request, context)).status).toBe(200)
    expect(context.events[0]!.kind).toBe('would-refuse')
  })
})

test('leaves streams alone', () => leavesStreamsAlone(contentType(json), { 'content-type': 'application/json' }))

test('a coding that is let through passes, others get a 415 that says what is', async () => {
  const wrapped = contentType({ allow: ['application/json'], encodings: ['GZIP'] })(() => new Response())
  const sent = (encoding: string) =>
    send(
      wrapped,
      requestTo('/', {
        method: 'POST',
        body: 'x',
        headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      }),
    )
  expect((await sent('gzip')).status).toBe(200)
  expect((await sent('identity')).status).toBe(200)
  const refused = await sent('br')
  expect([refused.status, refused.headers.get('accept-encoding')]).toEqual([415, 'gzip'])
})
