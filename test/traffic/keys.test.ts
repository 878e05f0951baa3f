import { describe, expect, test } from 'vitest'
import { extend } from '../../src/core/context.ts'
import { byClientIp, byPrincipal, byPrincipalOrClientIp, byRoute } from '../../src/traffic/keys.ts'
import { contextOf, requestTo } from '../helpers.ts'

const from = (clientNetwork: string, principal?: string) => {
  const context = extend(contextOf(), { clientIp: clientNetwork, clientNetwork, secure: true })
  return principal === undefined ? context : extend(context, { principal: { id: principal } })
}

test('byClientIp counts by network, and all without an address together', () => {
  expect(byClientIp(from('203.0.113.9'), requestTo())).toBe('203.0.113.9')
  expect(byClientIp(from('2001:db8::'), requestTo())).toBe('2001:db8::')
  expect(byClientIp(from('unidentified'), requestTo())).toBe('unidentified')
})

test('byPrincipal counts by id', () => {
  const context = extend(from('203.0.113.9'), { principal: { id: 'ada' } })
  expect(byPrincipal(context, requestTo())).toBe('ada')
})

test('byPrincipalOrClientIp: no user id can spell an address, and none is another', () => {
  const keys = [
    from('203.0.113.9'),
    from('2001:db8::'),
    from('unidentified'),
    from('203.0.113.9', '203.0.113.9'),
    from('203.0.113.9', 'ip:203.0.113.9'),
    from('203.0.113.9', 'id:203.0.113.9'),
    from('203.0.113.9', ''),
    from('203.0.113.9', 'unidentified'),
  ].map((context) => byPrincipalOrClientIp(context, requestTo()))
  expect(new Set(keys).size).toBe(keys.length)
  expect(byPrincipalOrClientIp(from('198.51.100.1', 'ada'), requestTo()))
    .toBe(byPrincipalOrClientIp(from('203.0.113.9', 'ada'), requestTo()))
})

describe('byRoute', () => {
  const route = (path: string, method = 'GET') => byRoute(contextOf(), requestTo(path, { method }))

  test.each([
    '/api/login',
    '/API/Login',
    '/api//login',
    '/api/login/',
    '/api/%6cogin',
    '/api/./login',
    '/api/login?x=1',
  ])(
    'takes %s for the one route',
    (path) => {
      expect(route(path)).toBe('GET /api/login')
    },
  )

  test('PITFALLS 37: HEAD counts as GET, so that it is no second allowance', () => {
    expect(route('/a', 'HEAD')).toBe(route('/a'))
  })

  test("a method of the client's own making is no new allowance", () => {
    expect(route('/a', 'FOO1')).toBe(route('/a', 'FOO2'))
  })

  test('keeps methods and paths apart', () => {
    const keys = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].flatMap((
      one,
    ) => [route('/a', one), route('/b', one)])
    expect(new Set(keys).size).toBe(12)
  })
})
