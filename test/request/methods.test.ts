import { describe, expect, test } from 'vitest'
import { cors } from '../../src/browser/cors.ts'
import { compose } from '../../src/core/compose.ts'
import type { MethodsOptions } from '../../src/request/methods.ts'
import { methods } from '../../src/request/methods.ts'
import { contextOf, requestTo, send } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

/** A request as an adapter may make one: `Request` itself refuses some methods and rewrites others. */
function requestBy(method: string): Request {
  return new Proxy(requestTo(), {
    get: (target, key) => key === 'method' ? method : Reflect.get(target, key, target) as unknown,
  })
}

async function statusOf(allow: readonly string[], method: string): Promise<number> {
  const inner = spy()
  const response = await send(methods({ allow })(inner.handler), requestBy(method))
  expect(inner.calls).toHaveLength(response.status === 200 ? 1 : 0)
  return response.status
}

describe('lets the good through', () => {
  test.each<[string[], string]>([
    [['GET'], 'GET'],
    [['GET', 'POST'], 'POST'],
    [['OPTIONS'], 'OPTIONS'],
    [['HEAD'], 'HEAD'],
    [['PROPFIND', 'M-SEARCH'], 'M-SEARCH'],
  ])('%j takes %s', async (allow, method) => {
    expect(await statusOf(allow, method)).toBe(200)
  })

  test('PITFALLS 37: HEAD goes where GET goes, and only there', async () => {
    expect(await statusOf(['GET'], 'HEAD')).toBe(200)
    expect(await statusOf(['POST'], 'HEAD')).toBe(405)
  })

  test('PITFALLS 37: OPTIONS is refused with the Allow that it asks for, unless it is listed or a preflight', async () => {
    const response = await send(
      methods({ allow: ['GET', 'POST'] })(spy().handler),
      requestTo('/', { method: 'OPTIONS' }),
    )
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, POST, HEAD')

    const wrapped = compose(cors({ origins: ['https://app.example'] }), methods({ allow: ['GET'] }))(spy().handler)
    const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
    expect((await send(wrapped, requestTo('/', { method: 'OPTIONS', headers: preflight }))).status).toBe(204)
    expect((await send(wrapped, requestTo('/', { method: 'OPTIONS' }))).status).toBe(405)
  })
})

describe('refuses the bad', () => {
  test('405 with Allow and an event', async () => {
    const context = contextOf()
    const response = await send(
      methods({ allow: ['GET', 'POST'] })(spy().handler),
      requestTo('/', { method: 'DELETE' }),
      context,
    )
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, POST, HEAD')
    expect(await codeOf(response)).toBe('method-not-allowed')
    expect(context.events).toEqual([{ kind: 'refused', guard: 'methods', code: 'method-not-allowed', status: 405 }])
  })

  test.each([
    'PUT',
    'get',
    'Get',
    'GET ',
    ' GET',
    'GET\0',
    'TRACE',
    'TRACK',
    'CONNECT',
    'trace',
    'PRI',
    '',
    '__proto__',
    'constructor',
    'toString',
    'GE\u0422',
    'X'.repeat(1_000_000),
  ])('%.20j', async (method) => {
    expect(await statusOf(['GET', 'POST'], method)).toBe(405)
  })

  test('X-HTTP-Method-Override changes nothing', async () => {
    const headers = { 'x-http-method-override': 'POST', 'x-method-override': 'POST', 'x-http-method': 'POST' }
    expect((await send(methods({ allow: ['POST'] })(spy().handler), requestTo('/', { headers }))).status).toBe(405)
  })
})

describe('survives the broken', () => {
  test.each<[MethodsOptions, ...string[]]>([
    [{ allow: [] }, 'methods: allow'],
    [{} as never, 'methods: allow'],
    [{ allow: 'GET' as never }, 'methods: allow'],
    [{ allow: ['GET', 'TRACE'] }, 'methods: allow', 'TRACE'],
    [{ allow: ['trace'] }, 'methods: allow'],
    [{ allow: ['Track'] }, 'methods: allow'],
    [{ allow: ['CONNECT'] }, 'methods: allow'],
    [{ allow: ['GET, POST'] }, 'methods: allow', 'GET, POST'],
    [{ allow: ['GET\r\nx: y'] }, 'methods: allow'],
    [{ allow: [''] }, 'methods: allow'],
    [{ allow: [undefined as never] }, 'methods: allow'],
    [{ allow: ['GET'], mode: 'log' as never }, 'methods: mode'],
    [{ allow: ['GET'], share: Number.NaN }, 'methods: share'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => methods(options), ...words)
  })

  test('report mode and share 0 let pass', async () => {
    for (const soft of [{ mode: 'report' }, { share: 0 }] as const) {
      const context = contextOf()
      const wrapped = methods({ allow: ['POST'], ...soft })(spy().handler)
      expect((await send(wrapped, requestTo(), context)).status).toBe(200)
      expect(context.events[0]!.kind).toBe('would-refuse')
    }
  })
})

test('leaves streams alone', () => leavesStreamsAlone(methods({ allow: ['GET', 'POST'] })))
