import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { onPath } from '../../src/core/request.ts'
import { when } from '../../src/core/when.ts'
import type { ClientIpOptions } from '../../src/request/client-ip.ts'
import { clientIp } from '../../src/request/client-ip.ts'
import type { IpAccessOptions } from '../../src/request/ip-access.ts'
import { ipAccess } from '../../src/request/ip-access.ts'
import { contextOf, requestTo, send } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

// A client without an address is warned of once per server; here every request is a server.
beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => void vi.restoreAllMocks())

async function statusOf(
  lists: IpAccessOptions,
  address: string | undefined,
  headers: Record<string, string> = {},
  trust: ClientIpOptions = {},
): Promise<number> {
  const inner = spy()
  const context = contextOf({ address })
  const response = await send(
    compose(clientIp(trust), ipAccess(lists))(inner.handler),
    requestTo('/', { headers }),
    context,
  )
  expect(inner.calls).toHaveLength(response.status === 200 ? 1 : 0)
  if (response.status === 200) return 200
  expect(await codeOf(response)).toBe('address-not-allowed')
  expect(context.events.at(-1)).toEqual({
    kind: 'refused',
    guard: 'ip-access',
    code: 'address-not-allowed',
    status: 403,
  })
  return response.status
}

const v6 = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })

describe('lets the good through', () => {
  test.each<[IpAccessOptions, string]>([
    [{ allow: ['203.0.113.0/24'] }, '203.0.113.255'],
    [{ allow: ['203.0.113.7'] }, '203.0.113.7'],
    [{ allow: ['203.0.113.7/32'] }, '::ffff:203.0.113.7'],
    [{ allow: ['::ffff:203.0.113.7'] }, '203.0.113.7'],
    [{ allow: ['2001:db8::/32'] }, '2001:DB8:ffff::1'],
    [{ allow: ['2001:db8:0:0:0:0:0:1'] }, '2001:db8::1'],
    [{ allow: ['fe80::/10'] }, 'fe80::1%eth0'],
    [{ allow: ['0.0.0.0/0'] }, '1.2.3.4'],
    [{ allow: ['::/0'] }, '2001:db8::1'],
    [{ deny: ['10.0.0.0/8'] }, '11.0.0.0'],
    [{ deny: [] }, '10.0.0.1'],
    [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.2.0.0'],
    [{ allow: undefined, deny: ['10.0.0.0/8'] }, '9.255.255.255'],
    [{ allow: ['10.0.0.0/8'], deny: undefined }, '10.0.0.0'],
  ])('%o lets %s in', async (lists, address) => {
    expect(await statusOf(lists, address)).toBe(200)
  })

  test('a client without address may enter where only some are denied', async () => {
    expect(await statusOf({ deny: ['10.0.0.0/8'] }, undefined)).toBe(200)
  })
})

describe('refuses the bad', () => {
  test.each<[string, IpAccessOptions, string | undefined]>([
    ['a denied network', { deny: ['10.0.0.0/8'] }, '10.255.255.255'],
    ['denied though allowed', { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.1.255.255'],
    ['one below the network', { allow: ['203.0.113.0/24'] }, '203.0.112.255'],
    ['one above the network', { allow: ['203.0.113.0/24'] }, '203.0.114.0'],
    ['nobody allowed', { allow: [] }, '203.0.113.1'],
    ['no address where there is an allow list', { allow: ['0.0.0.0/0', '::/0'] }, undefined],
    ['the other family', { allow: ['0.0.0.0/0'] }, '2001:db8::1'],
    ['IPv4 inside an IPv6 allow-all', { allow: ['::/0'] }, '1.2.3.4'],
    ['an embedded, unmapped IPv4 address', { allow: ['1.2.3.4'] }, '2001:db8::1.2.3.4'],
    ['the compatible form', { allow: ['1.2.3.4'] }, '::1.2.3.4'],
    ['a network whose text starts alike', { allow: ['1.2.3.4'] }, '1.2.3.40'],
  ])('PITFALLS 2: %s', async (_what, lists, address) => {
    expect(await statusOf(lists, address)).toBe(403)
  })

  test.each([
    '::ffff:10.1.2.3',
    '::ffff:0a01:0203',
    '::FFFF:A01:203',
    '0:0:0:0:0:ffff:10.1.2.3',
    '::ffff:10.1.2.3%lo',
    '[::ffff:10.1.2.3]',
  ])(
    'PITFALLS 2 (CVE-2026-47674): %s is denied as 10.1.2.3',
    async (address) => {
      expect(await statusOf({ deny: ['10.0.0.0/8'] }, address)).toBe(403)
    },
  )

  test('PITFALLS 2: no spelling of a denied IPv6 address gets past', async () => {
    await fc.assert(
      fc.asyncProperty(v6, fc.boolean(), fc.boolean(), async (groups, upper, padded) => {
        fc.pre(groups[0] !== 0)
        const plain = groups.map((group) => group.toString(16)).join(':')
        const spelt = groups.map((group) => {
          const text = padded ? group.toString(16).padStart(4, '0') : group.toString(16)
          return upper ? text.toUpperCase() : text
        }).join(':')
        const short = spelt.replace(/(?:^|:)0+(?::0+)+(?::|$)/, '::')
        for (const address of [spelt, short, `${short}%eth0`, `[${spelt}]`]) {
          expect(await statusOf({ deny: [plain] }, address)).toBe(403)
          expect(await statusOf({ allow: [plain] }, address)).toBe(200)
        }
      }),
      { numRuns: 50 },
    )
  })

  test.each([
    '/admin',
    '/admin/',
    '/admin/x',
    '/ADMIN/x',
    '//admin/x',
    '/./admin',
    '/x/../admin',
    '/x/..%2fadmin',
    '/%61dmin',
    '/admin%2fx',
    '/x%5c..%5cadmin',
    '/\\admin',
    '/admin?x',
    '/admin#x',
  ])(
    'PITFALLS 33: a door on a path is shut under every spelling of it: %s',
    async (path) => {
      const wrapped = compose(clientIp(), when(onPath('/admin/*'), ipAccess({ allow: ['10.0.0.0/8'] })))(spy().handler)
      expect((await send(wrapped, requestTo(path), contextOf({ address: '203.0.113.1' }))).status).toBe(403)
    },
  )

  test('PITFALLS 1, fault 32: a forged header neither opens nor closes the door', async () => {
    const claims = {
      'x-forwarded-for': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      'x-real-ip': '10.0.0.1',
      'cf-connecting-ip': '10.0.0.1',
    }
    expect(await statusOf({ allow: ['10.0.0.0/8'] }, '203.0.113.1', claims)).toBe(403)
    expect(await statusOf({ deny: ['10.0.0.0/8'] }, '203.0.113.1', claims)).toBe(200)
    const through = { 'x-forwarded-for': '10.0.0.1, 203.0.113.1' }
    expect(await statusOf({ allow: ['10.0.0.0/8'] }, '10.0.0.9', through, { hops: 1 })).toBe(403)
    expect(await statusOf({ allow: ['203.0.113.0/24'] }, '10.0.0.9', through, { proxies: ['10.0.0.0/8'] })).toBe(200)
  })
})

describe('survives the broken', () => {
  test.each<[IpAccessOptions, ...string[]]>([
    [{}, 'ipAccess', 'allow', 'deny'],
    [{ allow: undefined, deny: undefined }, 'ipAccess'],
    [{ allow: ['10.0.0.1/8'] }, 'ipAccess: allow', '10.0.0.1/8'],
    [{ deny: ['10.0.0.0/33'] }, 'ipAccess: deny'],
    [{ deny: ['10.0.0.0/-1'] }, 'ipAccess: deny'],
    [{ deny: ['10.0.0.0/'] }, 'ipAccess: deny'],
    [{ deny: ['10.0.0.0/8 '] }, 'ipAccess: deny'],
    [{ deny: ['010.0.0.0/8'] }, 'ipAccess: deny'],
    [{ deny: ['::ffff:10.0.0.0/104'] }, 'ipAccess: deny'],
    [{ deny: ['::ffff:10.0.0.0/8'] }, 'ipAccess: deny'],
    [{ deny: ['2001:db8::/129'] }, 'ipAccess: deny'],
    [{ deny: ['2001:db8::1::'] }, 'ipAccess: deny'],
    [{ allow: ['evil.test'] }, 'ipAccess: allow'],
    [{ allow: [''] }, 'ipAccess: allow'],
    [{ allow: ['*'] }, 'ipAccess: allow'],
    [{ allow: '10.0.0.0/8' as never }, 'ipAccess: allow'],
    [{ allow: [], mode: 'no' as never }, 'ip-access: mode'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => ipAccess(options), ...words)
  })

  test('100,000 networks do not slow it down', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `10.${i >>> 12}.${(i >>> 4) & 255}.${(i & 15) * 16}/28`)
    const wrapped = compose(clientIp(), ipAccess({ deny: [...new Set(many)] }))(spy().handler)
    const started = performance.now()
    for (let i = 0; i < 100; i++) await send(wrapped, requestTo(), contextOf({ address: `192.0.2.${i}` }))
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  test('report mode lets pass and records', async () => {
    const context = contextOf({ address: '10.0.0.1' })
    const wrapped = compose(clientIp(), ipAccess({ deny: ['10.0.0.0/8'], mode: 'report' }))(spy().handler)
    expect((await send(wrapped, requestTo(), context)).status).toBe(200)
    expect(context.events[0]!.kind).toBe('would-refuse')
  })
})

test('leaves streams alone', () => leavesStreamsAlone(compose(clientIp(), ipAccess({ allow: ['192.0.2.0/24'] }))))
