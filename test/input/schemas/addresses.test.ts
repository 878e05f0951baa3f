import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { email, url } from '../../../src/input/schemas/addresses.ts'
import { tried, wrong } from './tried.ts'

describe('email', () => {
  test.each([
    ['ada@example.org', 'ada@example.org'],
    [' Ada.Lovelace+tag@Example.ORG ', 'Ada.Lovelace+tag@example.org'],
    ["o'brien@example.ie", "o'brien@example.ie"],
    ['a@b-c.d1.example', 'a@b-c.d1.example'],
    ['!#$%&*+/=?^_`{|}~-@example.org', '!#$%&*+/=?^_`{|}~-@example.org'],
    ['x@xn--bcher-kva.example', 'x@xn--bcher-kva.example'],
    ['x@example.XN--P1AI', 'x@example.xn--p1ai'],
    [`${'a'.repeat(64)}@example.org`, `${'a'.repeat(64)}@example.org`],
    [`a@${'b'.repeat(63)}.org`, `a@${'b'.repeat(63)}.org`],
    [`a@${'b.'.repeat(124)}org`, `a@${'b.'.repeat(124)}org`],
  ])('V4: takes %j as %j', (value, out) => {
    expect(tried(email(), value)).toEqual({ out })
  })

  test.each([
    '',
    'nowhere',
    '@example.org',
    'a@',
    'a@b',
    'a@localhost',
    'a@@example.org',
    'a b@example.org',
    '.a@example.org',
    'a.@example.org',
    'a..b@example.org',
    'a@-b.org',
    'a@b-.org',
    'a@b..org',
    'a@.org',
    'a@example.o',
    'a@example.123',
    'a@example.org.',
    'a@[127.0.0.1]',
    '"a b"@example.org',
    'a@exam_ple.org',
    'ä@example.org',
    'a@bücher.example',
    'Ada <a@example.org>',
    'a@example.org,b@example.org',
    'a@example.org\nBcc: b@example.org',
    'a@example.org\0',
    `${'a'.repeat(65)}@example.org`,
    `a@${'b'.repeat(64)}.org`,
  ])('V4: refuses %j', (value) => {
    expect(tried(email(), value)).toEqual({ no: ['email The e-mail address is not one.'] })
  })

  test('V4: 254 characters pass, one more does not', () => {
    const of = (length: number): string => `${'a'.repeat(62)}@${'b'.repeat(61)}.${'c.'.repeat((length - 128) / 2)}org`
    expect(of(254)).toHaveLength(254)
    expect(wrong(email(), of(254))).toEqual([])
    expect(wrong(email(), `a${of(254)}`)).toEqual(['max_length'])
    expect(tried(email({ name: 'The subject' }), 5)).toEqual({ no: ['string The subject must be text.'] })
  })

  test('takes what fast-check makes as addresses, and what it takes is the same the second time', () => {
    fc.assert(fc.property(fc.emailAddress(), (value) => {
      const { out } = tried(email(), value)
      expect(out).toBeDefined()
      expect(tried(email(), out)).toEqual({ out })
    }))
  })
})

describe('url', () => {
  test.each([
    ['https://example.org', 'https://example.org/'],
    [' HTTPS://Example.ORG:443/a/../b?q=1#f ', 'https://example.org/b?q=1#f'],
    ['https://bücher.example/ä', 'https://xn--bcher-kva.example/%C3%A4'],
    ['https://example.org:8443/', 'https://example.org:8443/'],
    ['https://[2001:db8::1]/', 'https://[2001:db8::1]/'],
    ['https://0x7f.1/', 'https://127.0.0.1/'],
  ])('V4: takes %j as %j, as the URL standard writes it', (value, out) => {
    expect(tried(url(), value)).toEqual({ out })
  })

  test.each([
    '',
    'example.org',
    '//example.org',
    '/path',
    'https:',
    'https:/example.org',
    'https:example.org',
    'https://',
    'https:///example.org',
    'https:\\\\example.org',
    'https://example.org\\@evil.example',
    'http://example.org',
    'ftp://example.org',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)//https://',
    'data:text/html,x',
    'https://user@example.org',
    'https://user:secret@example.org',
    'https://:secret@example.org',
    'https://exa mple.org',
    'https://example.org/a b',
    'https://exam\nple.org',
    'https://example.org/\ta',
    'https://example.org/\0x',
    'https://example.org/\ud800',
    'https://exam%zzple.org',
    'https://example.org:99999',
    'https://[::1',
  ])('V4: refuses %j', (value) => {
    expect(tried(url(), value)).toEqual({ no: ['url The address must be a URL that starts with https://.'] })
  })

  test('V4: takes http where told to, and says so', () => {
    expect(tried(url({ http: true }), 'http://example.org')).toEqual({ out: 'http://example.org/' })
    expect(tried(url({ http: true }), 'ws://example.org')).toEqual({
      no: ['url The address must be a URL that starts with https:// or http://.'],
    })
  })

  test('V4, V19: 2,048 characters pass, one more does not, and none that grow beyond it', () => {
    const of = (length: number, fill = 'a'): string => `https://example.org/${fill.repeat(length - 20)}`
    expect(wrong(url(), of(2_048))).toEqual([])
    expect(wrong(url(), of(2_049))).toEqual(['max_length'])
    expect(wrong(url(), of(2_048, 'ä'))).toEqual(['max_length'])
    expect(wrong(url({ max: 30 }), of(31))).toEqual(['max_length'])
    expect(() => url({ max: 0 })).toThrow('url: max must be')
  })

  test('what it takes is https, without a user, and the same the second time', () => {
    const parts = fc.constantFrom(
      'https://',
      'http:',
      '//',
      '/',
      '@',
      ':',
      'a',
      'user',
      '.org',
      '?',
      '#',
      '%',
      '\\',
      '[',
      ' ',
    )
    fc.assert(fc.property(fc.array(parts).map((list) => list.join('')), (value) => {
      const { out } = tried(url(), value)
      if (out === undefined) return
      const { protocol, username, password, href } = new URL(String(out))
      expect([protocol, username, password, href]).toEqual(['https:', '', '', out])
      expect(tried(url(), out)).toEqual({ out })
    }))
  })
})
