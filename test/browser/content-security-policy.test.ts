import { describe, expect, test } from 'vitest'
import type { CspDirectives } from '../../src/browser/content-security-policy.ts'
import { API_CSP, csp, WEBSITE_CSP } from '../../src/browser/content-security-policy.ts'
import { refusesToBeMade } from '../request/support.ts'

const text = (directives: CspDirectives): string => csp(directives).parts.join('')

/** A policy in text, as a browser takes it apart (CSP3 §2.2.1). */
function parsed(policy: string): Map<string, string[]> {
  const out = new Map<string, string[]>()
  for (const directive of policy.split(';')) {
    const [name, ...sources] = directive.trim().split(/\s+/)
    expect(out.has(name!)).toBe(false)
    out.set(name!, sources)
  }
  return out
}

describe('lets the good through', () => {
  test.each<[CspDirectives, string]>([
    [{ 'default-src': ["'self'"] }, "default-src 'self'"],
    [
      { 'script-src': ["'self'", 'https://cdn.example', "'sha256-abc+/='"] },
      "script-src 'self' https://cdn.example 'sha256-abc+/='",
    ],
    [{ 'default-src': ["'none'"], 'upgrade-insecure-requests': true }, "default-src 'none'; upgrade-insecure-requests"],
    [{ sandbox: ['allow-scripts', 'allow-forms'] }, 'sandbox allow-scripts allow-forms'],
    [{ sandbox: true }, 'sandbox'],
    [{ 'img-src': ['data:', 'blob:', '*.example:*'] }, 'img-src data: blob: *.example:*'],
    [
      { 'require-trusted-types-for': ["'script'"], 'trusted-types': ['default', "'allow-duplicates'"] },
      "require-trusted-types-for 'script'; trusted-types default 'allow-duplicates'",
    ],
    [{ 'report-to': ['csp'], 'report-uri': ['/reports'] }, 'report-to csp; report-uri /reports'],
    [{ 'script-src': ["'nonce-abc'", "'strict-dynamic'"] }, "script-src 'nonce-abc' 'strict-dynamic'"],
    [{ 'script-src': [] }, 'script-src'],
  ])('%o', (directives, expected) => {
    expect(text(directives)).toBe(expected)
  })

  test('the ready-made ones are what csp would make of them', () => {
    for (const ready of [API_CSP, WEBSITE_CSP]) {
      const directives = Object.fromEntries(
        [...parsed(ready.parts.join(''))].map((
          [name, sources],
        ) => [name, sources.length === 0 ? true as const : sources]),
      )
      expect(csp(directives)).toEqual(ready)
    }
  })

  test('PITFALLS 23: the ready-made ones keep out what ASVS 3.4.3 and PITFALLS name', () => {
    expect(API_CSP.parts).toEqual(["default-src 'none'; frame-ancestors 'none'; base-uri 'none'"])
    const website = parsed(WEBSITE_CSP.parts.join(''))
    expect(website.get('object-src')).toEqual(["'none'"])
    expect(website.get('base-uri')).toEqual(["'none'"])
    expect(website.get('frame-ancestors')).toEqual(["'none'"])
    expect(WEBSITE_CSP.parts.join('')).not.toMatch(/unsafe|\*|http:/)
  })

  test.each<[CspDirectives, string]>([
    [{ 'default-src': ["'self'"] }, "default-src 'self'; script-src 'self' N; style-src 'self' N"],
    [{ 'default-src': ["'none'"] }, "default-src 'none'; script-src N; style-src N"],
    [{ 'script-src': ["'strict-dynamic'"] }, "script-src 'strict-dynamic' N; style-src N"],
    [{ 'default-src': ["'none'"], 'style-src': ["'self'"] }, "default-src 'none'; style-src 'self' N; script-src N"],
    [{ 'img-src': ["'self'"] }, "img-src 'self'; script-src N; style-src N"],
    [{ 'script-src': true }, 'script-src N; style-src N'],
    [
      { 'script-src': ["'self'"], 'script-src-elem': ["'self'"] },
      "script-src 'self' N; script-src-elem 'self' N; style-src N",
    ],
  ])(
    'with nonce, %o lets scripts and styles with the nonce in, wherever elements are decided',
    (directives, expected) => {
      const made = csp(directives, { nonce: true })
      expect(made.nonce).toBe(true)
      expect(made.parts.join('N')).toBe(expected)
    },
  )

  test('what is given is not changed', () => {
    const directives = Object.freeze({ 'default-src': Object.freeze(["'self'"]) })
    csp(directives, { nonce: true })
    expect(directives).toEqual({ 'default-src': ["'self'"] })
  })
})

describe('refuses the bad', () => {
  test.each<[string, string]>([
    ['an injected directive', 'x; script-src *'],
    ['a separator alone', ';'],
    ['a comma, which starts another policy', 'https://a.example,'],
    ['a line break', "'self'\nscript-src *"],
    ['CR LF', 'a\r\nset-cookie: x=1'],
    ['a space', "'self' *"],
    ['a tab', "'self'\t*"],
    ['NUL', 'a\0'],
    ['nothing', ''],
    ['DEL', 'a\x7f'],
    ['Latin-1', 'https://b\xfccher.example'],
    ['Unicode', 'https://例え.example'],
    ['a Unicode semicolon', 'a\uff1b'],
    ['a line separator', 'a\u2028b'],
    ['self without quotes', 'self'],
    ['none without quotes', 'none'],
    ['NONE without quotes', 'NONE'],
    ['unsafe-inline without quotes', 'unsafe-inline'],
    ['strict-dynamic without quotes', 'strict-dynamic'],
    ['a nonce without quotes', 'nonce-abc'],
    ['a hash without quotes', 'sha256-abc'],
    ['an opening quote only', "'self"],
    ['a closing quote only', "self'"],
    ['quotes inside', "'se'lf'"],
    ['empty quotes', "''"],
  ])('PITFALLS 23: a source with %s throws, by directive', (_what, source) => {
    refusesToBeMade(() => csp({ 'script-src': [source] }), 'contentSecurityPolicy', 'script-src')
    refusesToBeMade(() => csp({ 'script-src': ["'self'", source] }, { nonce: true }), 'script-src')
  })

  test.each<[unknown, ...string[]]>([
    [{}, 'contentSecurityPolicy'],
    [{ 'defualt-src': ["'self'"] }, 'defualt-src'],
    [{ 'default-src; script-src *': ["'self'"] }, 'contentSecurityPolicy'],
    [{ 'Default-Src': ["'self'"] }, 'Default-Src'],
    [{ constructor: ["'self'"] }, 'constructor'],
    [JSON.parse('{"__proto__":["\'self\'"]}'), '__proto__'],
    [{ 'script-src': "'self'" }, 'script-src', 'list'],
    [{ 'script-src': false }, 'script-src'],
    [{ 'script-src': null }, 'script-src'],
    [{ 'script-src': [undefined] }, 'script-src'],
    [{ 'script-src': [["'self'"]] }, 'script-src'],
    [{ 'script-src': ["'none'", "'self'"] }, 'script-src', "'none'"],
    [{ 'script-src': ["'self'", "'none'"] }, 'script-src', "'none'"],
  ])('PITFALLS 23: %o throws', (directives, ...words) => {
    refusesToBeMade(() => csp(directives as CspDirectives), ...words)
  })

  test('what weakens a policy is on its list of risks', () => {
    const risky = csp({
      'default-src': ['*'],
      'script-src': ["'unsafe-inline'", 'data:'],
      'style-src': ["'unsafe-inline'"],
    })
    expect(risky.risks).toEqual([
      'contentSecurityPolicy: default-src *',
      "contentSecurityPolicy: script-src 'unsafe-inline'",
      'contentSecurityPolicy: script-src data:',
    ])
    expect(csp({ 'default-src': ["'self'"] }).risks).toEqual([])
  })
})

describe('survives the broken', () => {
  test('ten thousand sources and a source of a megabyte', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => `https://h${i}.example`)
    expect(text({ 'img-src': many }).split(' ')).toHaveLength(10_001)
    expect(text({ 'img-src': ['a'.repeat(1_000_000)] })).toHaveLength(1_000_008)
  })
})
