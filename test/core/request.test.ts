import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isSecure, onPath, pathOf, rawPath } from '../../src/core/request.ts'
import { exemption } from '../../src/core/when.ts'
import { contextOf } from '../helpers.ts'

/** A request as a fast adapter has it: its `url` need not have gone through the URL parser. */
const at = (path: string, origin = 'http://service.test'): Request => ({ url: origin + path }) as Request
const context = contextOf()

describe('rawPath', () => {
  test.each([
    ['http://a.test/x/y?q=/z#h', '/x/y'],
    ['http://a.test', '/'],
    ['http://a.test?x=/admin', '/'],
    ['http://a.test#/admin', '/'],
    ['http://a.test/', '/'],
    ['http://a.test/x#/y?z', '/x'],
    ['http://[::1]:80/x', '/x'],
    ['http://user:pw@a.test/x', '/x'],
    ['http://a.test//evil.test/x', '//evil.test/x'],
    ['http://a.test/a://b/c', '/a://b/c'],
  ])('of %s is %s', (url, path) => expect(rawPath({ url } as Request)).toBe(path))

  test('agrees with the URL parser on what it made', () => {
    const part = fc.constantFrom(
      '/',
      '?',
      '#',
      'a',
      '..',
      '.',
      '%2f',
      '\\',
      'é',
      ' ',
      ':',
      '@',
      '//',
      '%',
      ';',
      '&x=/y',
    )
    const origin = fc.constantFrom('http://a.test', 'https://a.test:8443', 'http://[::1]', 'http://192.0.2.1:80')
    fc.assert(
      fc.property(origin, fc.array(part, { maxLength: 8 }), (start, parts) => {
        const { href, pathname } = new URL(`${start}/${parts.join('')}`)
        expect(rawPath({ url: href } as Request)).toBe(pathname)
      }),
      { numRuns: 500 },
    )
  })
})

describe('PITFALLS 33: pathOf has one form for what any router takes for the same path', () => {
  test.each([
    '/api/login',
    '/API/Login',
    '/api/login/',
    '/api//login',
    '//api/login',
    '/api/./login',
    '/api/x/../login',
    '/api/%6Cogin',
    '/api%2flogin',
    '/api%2Flogin',
    '/api%5Clogin',
    '/api\\login',
    '/%61pi/login',
    '/api/%2e/login',
    '/api/x/%2E%2e/login',
    '/../api/login',
    '/api/login/.',
    '/api/login/x/..',
    '///api///login///',
    '/api/login?x=1',
    '/api/login#x',
    '/./api/login',
  ])('%s is /api/login', (path) => expect(pathOf(at(path))).toBe('/api/login'))

  test.each([
    ['/', '/'],
    ['', '/'],
    ['/.', '/'],
    ['/..', '/'],
    ['/%2e%2e', '/'],
    ['/a/..', '/'],
    ['/..a', '/..a'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a...', '/a...'],
    ['/%252e', '/%2e'],
    ['/%', '/%'],
    ['/%zz', '/%zz'],
    ['/caf%C3%A9', '/caf%c3%a9'],
    ['/a%00', '/a\0'],
    ['/a%0a', '/a\n'],
    ['/a.b', '/a.b'],
    ['/a;b=c', '/a;b=c'],
    ['/a%3Bb', '/a;b'],
  ])('%s is %s', (path, expected) => expect(pathOf(at(path))).toBe(expected))

  test('the short cut for ordinary paths changes nothing', () => {
    const odd = fc.constantFrom(
      'a',
      'B',
      '7',
      '-',
      '_',
      '.',
      '..',
      '/',
      '//',
      '%2f',
      '%2E',
      '\\',
      '%5c',
      '~',
      '%41',
      'x.y',
    )
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 12 }).map((parts) => `/${parts.join('')}`), (path) => {
        const form = pathOf(at(path))
        expect(form).toMatch(/^\//)
        expect(form).toBe(form.toLowerCase())
        expect(form === '/' || !form.endsWith('/')).toBe(true)
        expect(form.split('/').slice(1).some((segment) => segment === '.' || segment === '..')).toBe(false)
        expect(form).not.toMatch(/\/\/|\\/)
        // Once decoded, it is its own form.
        if (!form.includes('%')) expect(pathOf(at(form))).toBe(form)
      }),
      { numRuns: 500 },
    )
  })

  test('fault 28: a long hostile path takes linear time', () => {
    const start = performance.now()
    for (const unit of ['/', '/a', '%2f', '/..', '/.', '\\', '%', '/%2e%2e', '/a-']) {
      pathOf(at(`${'/x'}${unit.repeat(65_536 / unit.length)}!`))
      onPath('/a/*', '/:x/:y/z')(at(`/x${unit.repeat(65_536 / unit.length)}!`), context)
    }
    expect(performance.now() - start).toBeLessThan(500)
  })
})

describe('onPath', () => {
  const on = (pattern: string, path: string): boolean => onPath(pattern)(at(path), context)

  test.each([
    ['/api/login', '/api/login', true],
    ['/api/login', '/API//login/', true],
    ['/api/login', '/api/login/x', false],
    ['/api/login', '/api/loginx', false],
    ['/API/Login/', '/api/login', true],
    ['/', '/', true],
    ['/', '/x', false],
    ['/api/*', '/api', true],
    ['/api/*', '/api/', true],
    ['/api/*', '/api/x/y', true],
    ['/api/*', '/apix', false],
    ['/api/*', '/xapi/api', false],
    ['/*', '/', true],
    ['/*', '/x/y', true],
    ['/users/:id', '/users/7', true],
    ['/users/:id', '/users', false],
    ['/users/:id', '/users/7/x', false],
    ['/users/:id/*', '/users/7/x', true],
    ['/users/:Id/notes', '/users/7/notes', true],
    ['/a.b', '/axb', false],
    ['/a.b', '/a.b', true],
    ['/a+b/:x', '/a+b/1', true],
    ['/(a|b)/*', '/a/x', false],
    ['/$/*', '/$/x', true],
    ['/café', '/caf%C3%A9', true],
    ['/café/*', '/caf%c3%a9/x', true],
    ['/日本', '/%E6%97%A5%E6%9C%AC', true],
  ])('%s on %s: %s', (pattern, path, matches) => expect(on(pattern, path)).toBe(matches))

  test.each(['/admin/%0a', '/admin/x%0Ay', '/admin/%0d', '/admin/a%0Ab/c', '/admin%2f%0a'])(
    'a line break does not hide %s',
    (path) => {
      expect(on('/admin/*', path)).toBe(true)
    },
  )

  test('a line break does not hide a segment', () => {
    expect(on('/users/:id', '/users/%0a')).toBe(true)
    expect(on('/:tenant/users/*', '/%0a/users/%0a')).toBe(true)
  })

  test('several patterns are any of them; none is never', () => {
    const test_ = onPath('/a', '/b/*', '/c/:d')
    expect(['/a', '/b/x', '/c/1', '/d'].map((path) => test_(at(path), context))).toEqual([true, true, true, false])
    expect(onPath()(at('/'), context)).toBe(false)
  })

  test('a real request matches in the same way', () => {
    expect(onPath('/api/login')(new Request('http://a.test/x/%2e%2e//API\\login/?q'), context)).toBe(true)
  })

  test.each(['api', '', '*', 'http://a.test/x', 5 as never, undefined as never])(
    'refuses the pattern %j',
    (pattern) => {
      expect(() => onPath('/ok', pattern)).toThrow(/^onPath: a pattern must start with '\/'/)
    },
  )

  test.each(['/api*', '/api/*/users', '/api/**', '/*/x', '/a*/b'])(
    'refuses %s, which would never match what it seems to',
    (pattern) => {
      expect(() => onPath(pattern)).toThrow(/^onPath: '\*' goes last/)
    },
  )
})

describe('PITFALLS 33: what is let off is not taken for more than it is', () => {
  const off = (pattern: string, path: string): boolean => exemption(onPath(pattern))(at(path), context)

  test.each([
    ['/health/*', '/health'],
    ['/health/*', '/health/'],
    ['/health/*', '/health/live'],
    ['/health/*', '/health/live?x=1'],
    ['/users/:id', '/users/7'],
    ['/users/:id', '/users/a%20b'],
    ['/Static/*', '/Static/Logo.png'],
    ['/static/*', '/static/caf%C3%A9%20menu.png'],
    ['/static/*', '/static/.hidden/..a'],
    ['/café', '/caf%C3%A9'],
    ['/', '/'],
    ['/*', '/x'],
  ])(
    '%s lets off %s',
    (pattern, path) => expect(off(pattern, path)).toBe(true),
  )

  test.each([
    '/admin/x%5C..%5C..%5Chealth%5Clive',
    '/admin%2f..%2fhealth%2flive',
    '/admin/%2e%2e/health/live',
    '/health/..%2fadmin',
    '/health/%2e%2e/admin',
    '/health/../admin',
    '/health\\live',
    '//health/live',
    '/health//live',
    '/HEALTH/live',
    '/%68ealth/live',
    '/health%00/live',
    '/health%2flive',
    '/./health',
    '/healthx',
    '/health/..',
  ])(
    '/health/* does not let off %s',
    (path) => {
      expect(off('/health/*', path)).toBe(false)
      expect(off('/health/:x', path)).toBe(false)
    },
  )

  test('whatever is let off is also what would be protected, and never the reverse in doubt', () => {
    const part = fc.constantFrom(
      'health',
      'Health',
      'admin',
      '..',
      '.',
      '',
      '%2f',
      '%5c',
      '%2e%2e',
      '\\',
      '%0a',
      'x',
      '%68ealth',
    )
    const patterns = fc.constantFrom('/health', '/health/*', '/health/:x', '/admin/*', '/*')
    fc.assert(
      fc.property(
        patterns,
        fc.array(fc.array(part, { maxLength: 3 }).map((parts) => parts.join('')), { maxLength: 4 }),
        (pattern, segments) => {
          const path = `/${segments.join('/')}`
          const test_ = onPath(pattern)
          if (exemption(test_)(at(path), context)) expect(test_(at(path), context)).toBe(true)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a test of one’s own is its own exemption', () => {
    const mine = (): boolean => true
    expect(exemption(mine)).toBe(mine)
  })
})

test('isSecure: what clientIp found, else this very connection', () => {
  const encrypted = contextOf({ connection: { encrypted: true } })
  expect(isSecure(encrypted)).toBe(true)
  expect(isSecure(contextOf())).toBe(false)
  expect(isSecure(Object.assign(contextOf(), { secure: true }))).toBe(true)
  expect(isSecure(Object.assign(encrypted, { secure: false }))).toBe(false)
})
