import { describe, expect, test } from 'vitest'
import type { HeaderLimitOptions } from '../../src/request/header-limit.ts'
import { headerLimit } from '../../src/request/header-limit.ts'
import { contextOf, requestTo, send } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

async function statusOf(options: HeaderLimitOptions, headers: HeadersInit): Promise<number> {
  const inner = spy()
  const response = await send(headerLimit(options)(inner.handler), new Request('http://service.test/', { headers }))
  expect(inner.calls).toHaveLength(response.status === 200 ? 1 : 0)
  return response.status
}

const many = (count: number, value = 'v'): [string, string][] =>
  Array.from({ length: count }, (_, i) => [`x-${String(i).padStart(6, '0')}`, value])

describe('lets the good through', () => {
  test('an ordinary header', async () => {
    expect(await statusOf({}, { accept: '*/*', cookie: 'a=b; c=d', 'user-agent': 'x'.repeat(300) })).toBe(200)
  })

  test('exactly the limit of bytes, and of fields', async () => {
    expect(await statusOf({ max: '10b' }, { abc: 'defghij' })).toBe(200)
    expect(await statusOf({ max: '10b' }, { abc: 'defghijk' })).toBe(431)
    expect(await statusOf({ fields: 3 }, many(3))).toBe(200)
    expect(await statusOf({ fields: 3 }, many(4))).toBe(431)
  })

  test('undefined is the default for every option', async () => {
    const options = { max: undefined, fields: undefined, mode: undefined, share: undefined }
    expect(await statusOf(options, many(100))).toBe(200)
    expect(await statusOf(options, many(101))).toBe(431)
    expect(await statusOf(options, { x: 'x'.repeat(16_383) })).toBe(200)
    expect(await statusOf(options, { x: 'x'.repeat(16_384) })).toBe(431)
  })
})

describe('refuses the bad', () => {
  test('fault 6: 100 headers of 8 KB are a 431 before anything reads them', async () => {
    const context = contextOf()
    const request = requestTo('/', { headers: many(100, 'x'.repeat(8_192)) })
    const inner = spy()
    const started = performance.now()
    const response = await send(headerLimit()(inner.handler), request, context)
    expect(performance.now() - started).toBeLessThan(500)
    expect(response.status).toBe(431)
    expect(await codeOf(response)).toBe('headers-too-large')
    expect(inner.calls).toHaveLength(0)
    expect(context.events).toEqual([{ kind: 'refused', guard: 'header-limit', code: 'headers-too-large', status: 431 }])
  })

  test.each<[string, HeadersInit]>([
    ['3,000 small ones', many(3_000)],
    ['one of 20 KB', { cookie: 'x'.repeat(20_000) }],
    ['one name of 20 KB', { ['x'.repeat(20_000)]: '' }],
    ['one field sent 10,000 times', Array.from({ length: 10_000 }, (): [string, string] => ['x-a', 'b'])],
    ['10,000 Cookie fields', Array.from({ length: 10_000 }, (): [string, string] => ['cookie', 'a=b'])],
    ['a megabyte of obs-text', { 'x-a': '\xff'.repeat(1_000_000) }],
  ])('fault 6: %s', async (_what, headers) => {
    expect(await statusOf({}, headers)).toBe(431)
  })
})

describe('survives the broken', () => {
  test.each<[HeaderLimitOptions, ...string[]]>([
    [{ max: 16_384 as never }, 'headerLimit: max', '16384'],
    [{ max: '0kb' }, 'headerLimit: max'],
    [{ max: '-1kb' as never }, 'headerLimit: max'],
    [{ max: '16 kb' as never }, 'headerLimit: max'],
    [{ max: '1e3b' as never }, 'headerLimit: max'],
    [{ max: 'kb' as never }, 'headerLimit: max'],
    [{ max: '16KB' as never }, 'headerLimit: max'],
    [{ fields: 0 }, 'headerLimit: fields'],
    [{ fields: 1.5 }, 'headerLimit: fields'],
    [{ fields: '100' as never }, 'headerLimit: fields'],
    [{ fields: Infinity }, 'headerLimit: fields'],
    [{ mode: 'x' as never }, 'header-limit: mode'],
    [{ share: -1 }, 'header-limit: share'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => headerLimit(options), ...words)
  })

  test('report mode lets pass and records', async () => {
    const context = contextOf()
    expect(
      (await send(
        headerLimit({ fields: 1, mode: 'report' })(spy().handler),
        requestTo('/', { headers: many(5) }),
        context,
      )).status,
    )
      .toBe(200)
    expect(context.events[0]!.kind).toBe('would-refuse')
  })
})

test('leaves streams alone', () => leavesStreamsAlone(headerLimit()))
