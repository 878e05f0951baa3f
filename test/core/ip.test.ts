import fc from 'fast-check'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Address } from '../../src/core/ip.ts'
import { addressSet, formatAddress, networkOf, parseAddress, parseAddressAndPort } from '../../src/core/ip.ts'

const canonical = (text: string): string | undefined => {
  const address = parseAddress(text)
  return address && formatAddress(address)
}

const key = (text: string, prefix = 64): string => networkOf(parseAddress(text)!, prefix)

const octet = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map(String),
  fc.constantFrom('00', '01', '256', '999', '-1', '1e1', '0x1', '', ' 1', '１'),
)
const almostV4 = fc.array(octet, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'))
const group = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16)),
  fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16).padStart(4, '0').toUpperCase()),
  fc.constantFrom('', '0', '00000', 'g', 'ffff', '1.2.3.4', '01.2.3.4', '-1'),
)
const almostV6 = fc.array(group, { minLength: 1, maxLength: 10 }).map((parts) => parts.join(':'))
const v4 = fc.ipV4()
const v6 = fc.ipV6()

describe('parsing agrees with Node', () => {
  test.each([['almost IPv4', almostV4], ['almost IPv6', almostV6], ['IPv4', v4], ['IPv6', v6], [
    'any text',
    fc.string({ maxLength: 45 }),
  ]])(
    'on %s',
    (_name, texts) => {
      fc.assert(
        fc.property(texts, (text) => {
          fc.pre(!/[%[\]]/.test(text)) // zones and brackets go by our own rules
          expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text))
        }),
        { numRuns: 500 },
      )
    },
  )

  test('on a valid address with one character changed', () => {
    fc.assert(
      fc.property(
        fc.oneof(v4, v6),
        fc.nat(),
        fc.constantFrom(...'0123456789abcdefg:.%/ '),
        fc.boolean(),
        (text, at, char, insert) => {
          const i = at % (text.length + 1)
          const changed = text.slice(0, i) + char + text.slice(insert ? i : i + 1)
          fc.pre(!changed.includes('%'))
          expect(parseAddress(changed) !== undefined).toBe(isIPv4(changed) || isIPv6(changed))
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('PITFALLS 2: one address, one text', () => {
  test('every spelling of an address gives the same text as the URL parser’s', () => {
    fc.assert(
      fc.property(v6, (text) => {
        const [a, b, mark] = parseAddress(text)!.words
        fc.pre(!(a === 0 && b === 0 && mark === 0xffff) && URL.canParse(`http://[${text}]`)) // Bun's refuses some
        expect(`[${canonical(text)}]`).toBe(new URL(`http://[${text}]`).hostname)
      }),
      { numRuns: 500 },
    )
  })

  test('canonical text is a fixed point', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (text) => {
        const once = canonical(text)!
        expect(canonical(once)).toBe(once)
        expect(canonical(once.toUpperCase())).toBe(once)
      }),
      { numRuns: 500 },
    )
  })

  test('any words survive being written and read', () => {
    const word = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x10000, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }))
    fc.assert(
      fc.property(word, word, word, word, (a, b, c, d) => {
        fc.pre(!(a === 0 && b === 0 && c === 0xffff))
        const address: Address = { family: 6, words: [a, b, c, d] }
        expect(parseAddress(formatAddress(address))).toEqual(address)
        expect(parseAddress(formatAddress({ family: 4, words: [a] }))).toEqual({ family: 4, words: [a] })
      }),
      { numRuns: 500 },
    )
  })

  test('mapped IPv6 is IPv4, in both notations', () => {
    for (
      const text of [
        '1.2.3.4',
        '::ffff:1.2.3.4',
        '::ffff:102:304',
        '::FFFF:0102:0304',
        '[::ffff:1.2.3.4]',
        '0:0:0:0:0:ffff:1.2.3.4',
      ]
    ) {
      expect(canonical(text)).toBe('1.2.3.4')
      expect(key(text)).toBe('1.2.3.4')
    }
  })

  test('what merely ends in dotted IPv4 is not IPv4', () => {
    expect(canonical('2001:db8::1.2.3.4')).toBe('2001:db8::102:304')
    expect(canonical('::1.2.3.4')).toBe('::102:304')
    expect(canonical('::fffe:1.2.3.4')).toBe('::fffe:102:304')
    expect(canonical('64:ff9b::1.2.3.4')).toBe('64:ff9b::102:304')
    expect(canonical('1::ffff:1.2.3.4')).toBe('1::ffff:102:304')
  })

  test('two addresses of one /64 share a key, adjacent /64 do not', () => {
    expect(key('2001:db8:0:1::1')).toBe(key('2001:db8:0:1:ffff:ffff:ffff:ffff'))
    expect(key('2001:db8:0:1::1')).not.toBe(key('2001:db8:0:2::1'))
    expect(key('2001:db8:0:1::1')).toBe('2001:db8:0:1::/64')
    expect(key('2001:db8:0:1::1', 48)).toBe('2001:db8::/48')
    expect(key('2001:db8:0:1::1', 128)).toBe('2001:db8:0:1::1/128')
    expect(key('2001:db8:0:1::1', 0)).toBe('::/0')
  })

  test.each([
    '010.1.1.1',
    '1.2.3.04',
    '0x1.2.3.4',
    '1.2.3',
    '16909060',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '１.2.3.4',
    '1.2.3.4%eth0',
    '[1.2.3.4]',
    '',
    'localhost',
    ':',
    ':::',
    '::1::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::00001',
    '::g',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '[::1',
    '::1]',
    '[[::1]]',
    '::1%',
    '::1%a b',
    '::1%a%b',
    '::1/64',
    `::1%${'z'.repeat(65)}`,
    `${'0:'.repeat(50)}1`,
  ])(
    'refuses %j',
    (text) => expect(parseAddress(text)).toBeUndefined(),
  )

  test.each([
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]', 'fe80::1'],
    ['[fe80::1%en-0.1]', 'fe80::1'],
    ['[::1]', '::1'],
    ['2001:0DB8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['0:0:1:0:0:0:1:1', '0:0:1::1:1'],
    ['1:0:1:0:1:0:1:0', '1:0:1:0:1:0:1:0'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::', '::'],
    ['255.255.255.255', '255.255.255.255'],
    ['0000:0000:0000:0000:0000:abcd:255.255.255.255', '::abcd:ffff:ffff'],
  ])('%s is %s', (text, expected) => expect(canonical(text)).toBe(expected))
})

describe('an address with a port', () => {
  test.each([
    ['1.2.3.4', '1.2.3.4'],
    ['1.2.3.4:80', '1.2.3.4'],
    ['[::1]:80', '::1'],
    ['[::1]', '::1'],
    ['::1', '::1'],
    ['2001:db8::1:80', '2001:db8::1:80'],
    ['[::ffff:1.2.3.4]:65535', '1.2.3.4'],
    ['1.2.3.4:', undefined],
    ['1.2.3.4:http', undefined],
    ['1.2.3.4:80:80', undefined],
    ['1.2.3.4:123456', undefined],
    [':80', undefined],
    ['[]:80', undefined],
    ['[::1]x:80', undefined],
    ['unknown', undefined],
    ['_hidden:80', undefined],
  ])('%s is %s', (text, expected) => {
    const address = parseAddressAndPort(text)
    expect(address && formatAddress(address)).toBe(expected)
  })
})

describe('address sets', () => {
  const has = (set: readonly string[], address: string): boolean => addressSet(set, 'x').has(parseAddress(address)!)

  test('agree with Node on bits', () => {
    const network = fc.oneof(
      fc.tuple(v4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(v6.filter((text) => parseAddress(text)!.family === 6), fc.integer({ min: 1, max: 128 })),
    )
    fc.assert(
      fc.property(
        fc.array(network, { maxLength: 4 }),
        fc.array(fc.oneof(v4, v6), { minLength: 1, maxLength: 4 }),
        fc.nat(127),
        (networks, others, flip) => {
          // One list per family: Node's tests IPv4 against `::/1`, as mapped; ours never mixes them.
          const lists = { 4: new BlockList(), 6: new BlockList() }
          const texts = networks.map(([text, prefix]) => {
            const address = parseAddress(text)!
            const start = address.family === 4 ? v4Network(address, prefix) : networkOf(address, prefix).split('/')[0]!
            lists[address.family].addSubnet(start, prefix, address.family === 4 ? 'ipv4' : 'ipv6')
            return `${start}/${prefix}`
          })
          const set = addressSet(texts, 'x')
          // The networks' own addresses, with one bit changed, lie on their borders.
          const near = networks.map(([text]) => formatAddress(flipped(parseAddress(text)!, flip)))
          for (
            const text of [
              ...others,
              ...networks.map(([one]) => one),
              ...near,
            ]
          ) {
            const address = parseAddress(text)!
            expect(set.has(address)).toBe(
              lists[address.family].check(formatAddress(address), address.family === 4 ? 'ipv4' : 'ipv6'),
            )
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('PITFALLS 2: spelling does not get round a list', () => {
    expect(has(['1.2.3.4'], '::ffff:102:304')).toBe(true)
    expect(has(['::ffff:1.2.3.4'], '1.2.3.4')).toBe(true)
    expect(has(['10.0.0.0/8'], '::ffff:10.1.2.3')).toBe(true)
    expect(has(['2001:db8::/32'], '2001:0DB8:ffff::1%eth0')).toBe(true)
    expect(has(['1.2.3.4'], '2001:db8::1.2.3.4')).toBe(false)
    expect(has(['0.0.0.0/0'], '::1')).toBe(false)
    expect(has(['::/0'], '1.2.3.4')).toBe(false)
    expect(has([], '1.2.3.4')).toBe(false)
  })

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.1/8',
    '2001:db8::1/32',
    '::/129',
    '10.0.0.0/1e1',
    '10.0.0.0/ 8',
    '10.0.0.0/0x8',
    'example.com',
    '',
    '10',
    '*',
    '::ffff:0:0/96',
    '::ffff:10.0.0.0/104',
    '::ffff:10.0.0.0/8',
    '::ffff:0:0/0',
  ])(
    'refuse %j',
    (text) =>
      expect(() => addressSet(['::1', text], 'ipAccess: allow')).toThrow(
        /^ipAccess: allow must hold addresses or networks/,
      ),
  )
})

function v4Network({ words }: Address, prefix: number): string {
  return formatAddress({ family: 4, words: [prefix === 0 ? 0 : (words[0]! & (-1 << (32 - prefix))) >>> 0] })
}

function flipped({ family, words }: Address, bit: number): Address {
  const at = family === 4 ? 0 : Math.floor(bit / 32)
  return { family, words: words.map((word, i) => i === at ? (word ^ (1 << (bit % 32))) >>> 0 : word) }
}
