import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { forwarded, forwardedFor } from '../../src/request/forwarded.ts'

const nodes = (hops: readonly { node: string }[]): string[] => hops.map(({ node }) => node)
const latin1 = fc.string({
  unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
})
/** What matters to the grammar, thick. */
const grammar = fc.array(
  fc.constantFrom(
    '"',
    '\\',
    ',',
    ';',
    '=',
    ' ',
    'for',
    'by',
    'proto',
    '203.0.113.9',
    '[::1]',
    'https',
    'a'.repeat(700),
  ),
  { maxLength: 24 },
).map((parts) => parts.join(''))
const claim = fc.oneof(latin1, grammar)

describe('lets the good through', () => {
  test.each([
    ['1.1.1.1', null, ['1.1.1.1'], [undefined]],
    ['1.1.1.1, 2.2.2.2 ,\t3.3.3.3', null, ['1.1.1.1', '2.2.2.2', '3.3.3.3'], [undefined, undefined, undefined]],
    ['1.1.1.1, 2.2.2.2', 'https', ['1.1.1.1', '2.2.2.2'], ['https', 'https']],
    ['1.1.1.1, 2.2.2.2', 'HTTPS, http', ['1.1.1.1', '2.2.2.2'], ['https', 'http']],
    ['1.1.1.1', 'http, https', ['1.1.1.1'], ['https']],
    ['[2001:db8::1]:443', null, ['[2001:db8::1]:443'], [undefined]],
  ])('X-Forwarded-For: %s with X-Forwarded-Proto: %s', (value, protos, expected, schemes) => {
    const hops = forwardedFor(value, protos)
    expect(nodes(hops)).toEqual(expected)
    expect(hops.map(({ proto }) => proto)).toEqual(schemes)
  })

  // RFC 7239 §4, §7.1 and §7.4.
  test.each([
    ['for="_gazonk"', ['_gazonk'], [undefined]],
    ['For="[2001:db8:cafe::17]:4711"', ['[2001:db8:cafe::17]:4711'], [undefined]],
    ['for=192.0.2.60;proto=http;by=203.0.113.43', ['192.0.2.60'], ['http']],
    ['for=192.0.2.43, for=198.51.100.17', ['192.0.2.43', '198.51.100.17'], [undefined, undefined]],
    ['for=192.0.2.43, for="[2001:db8:cafe::17]", for=unknown', ['192.0.2.43', '[2001:db8:cafe::17]', 'unknown'], [
      undefined,
      undefined,
      undefined,
    ]],
    ['for=_hidden, for=_SEVKISEK', ['_hidden', '_SEVKISEK'], [undefined, undefined]],
    ['proto=HTTPS ; for = 192.0.2.1', ['192.0.2.1'], ['https']],
    ['by=203.0.113.43', [''], [undefined]],
    ['for="a\\"b"', ['a"b'], [undefined]],
    ['for="1.1.1.1, 2.2.2.2"', ['1.1.1.1, 2.2.2.2'], [undefined]],
    ['for=192.0.2.1;ext="a;b,c";proto=https', ['192.0.2.1'], ['https']],
    [',, for=192.0.2.1 ,', ['192.0.2.1'], [undefined]],
  ])('Forwarded: %s', (value, expected, schemes) => {
    const hops = forwarded(value)
    expect(nodes(hops)).toEqual(expected)
    expect(hops.map(({ proto }) => proto)).toEqual(schemes)
  })
})

describe('refuses the bad', () => {
  test.each([
    ['for=203.0.113.9;x=", for=192.0.2.1'],
    ['for=203.0.113.9;x="\\, for=192.0.2.1'],
    ['for=203.0.113.9;x=", for="[2001:db8::1]"'],
    ['"'],
    ['for="'],
  ])('an unclosed quote swallows what our proxy adds, so nothing is believed: %s', (value) => {
    expect(forwarded(value)).toEqual([])
  })

  test('whatever a client claims, what two proxies add after it is what the two last hops say, or nothing is believed', () => {
    const added: [string, string][] = [
      ['for=192.0.2.1', '192.0.2.1'],
      ['for="[2001:db8::1]:80";proto=https', '[2001:db8::1]:80'],
      ['by=_p;for=192.0.2.1;host="a,b;c"', '192.0.2.1'],
    ]
    fc.assert(
      fc.property(
        claim,
        fc.constantFrom(...added),
        fc.constantFrom(...added),
        (left, [first, client], [second, proxy]) => {
          const hops = nodes(forwarded(`${left}, ${first}, ${second}`))
          if (hops.length > 0) expect(hops.slice(-2)).toEqual([client, proxy])
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('whatever a client claims in X-Forwarded-For, the right end is what the proxies added', () => {
    fc.assert(
      fc.property(claim, (left) => {
        expect(nodes(forwardedFor(`${left}, 192.0.2.1, 10.0.0.1`, null)).slice(-2)).toEqual(['192.0.2.1', '10.0.0.1'])
      }),
      { numRuns: 500 },
    )
  })

  test('a scheme counts where there is one for all hops or one for each: a shorter list is not stretched to the left', () => {
    expect(forwardedFor('9.9.9.9, 1.1.1.1, 2.2.2.2', 'https, http').map(({ proto }) => proto)).toEqual([
      undefined,
      'https',
      'http',
    ])
  })
})

describe('survives the broken', () => {
  test('never throws', () => {
    fc.assert(fc.property(claim, claim, (value, other) => {
      forwarded(value)
      forwardedFor(value, other)
    }))
  })

  test.each([
    ['commas', ','.repeat(1_000_000)],
    ['hops', 'for=1.1.1.1,'.repeat(100_000)],
    ['quotes', '"'.repeat(999_999)],
    ['escapes', `"${'\\'.repeat(1_000_000)}`],
    ['one name', 'a'.repeat(1_000_000)],
    ['equals', '='.repeat(1_000_000)],
  ])('a megabyte of %s takes no time, and its right end still counts', (_what, junk) => {
    const started = performance.now()
    const hops = nodes(forwarded(`${junk}, for=192.0.2.1`))
    if (hops.length > 0) expect(hops.at(-1)).toBe('192.0.2.1')
    expect(nodes(forwardedFor(`${junk}, 192.0.2.1`, junk)).at(-1)).toBe('192.0.2.1')
    expect(performance.now() - started).toBeLessThan(500)
  })
})
