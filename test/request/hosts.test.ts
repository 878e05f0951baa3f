import { describe, expect, test } from 'vitest'
import type { HostsOptions } from '../../src/request/hosts.ts'
import { hosts } from '../../src/request/hosts.ts'
import { contextOf, send } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

function requestFor(host: string | undefined, url = 'http://service.test/'): Request {
  return new Request(url, { headers: host === undefined ? {} : { host } })
}

async function allowed(allow: readonly string[], host: string | undefined, url?: string): Promise<boolean> {
  const inner = spy()
  const context = contextOf()
  const response = await send(hosts({ allow })(inner.handler), requestFor(host, url), context)
  expect(inner.calls).toHaveLength(response.status === 200 ? 1 : 0)
  if (response.status === 200) return true
  expect(response.status).toBe(421)
  expect(await codeOf(response)).toBe('host-not-allowed')
  expect(context.events).toEqual([{ kind: 'refused', guard: 'hosts', code: 'host-not-allowed', status: 421 }])
  return false
}

describe('lets the good through', () => {
  test.each<[string[], string]>([
    [['api.example'], 'api.example'],
    [['api.example'], 'API.Example'],
    [['API.Example'], 'api.example'],
    [['api.example'], 'api.example.'],
    [['api.example.'], 'api.example'],
    [['api.example'], 'api.example:8443'],
    [['api.example:8443'], 'api.example:8443'],
    [['api.example:8443'], 'api.example.:8443'],
    [['localhost', 'api.example'], 'localhost:3000'],
    [['127.0.0.1'], '127.0.0.1:3000'],
    [['[::1]'], '[::1]:3000'],
    [['[::1]:3000'], '[::1]:3000'],
    [['[2001:DB8::1]'], '[2001:db8::1]'],
    [['*.example'], 'a.example'],
    [['*.example'], 'a.b.EXAMPLE.:80'],
    [['*.example:8080'], 'a.example:8080'],
    [['my_service'], 'my_service'],
    [['xn--bcher-kva.example'], 'xn--bcher-kva.example'],
    [['__proto__'], '__proto__'],
  ])('%j takes %s', async (allow, host) => {
    expect(await allowed(allow, host)).toBe(true)
  })

  test('without Host (HTTP/2 on some runtimes) the authority of the URL decides', async () => {
    expect(await allowed(['service.test'], undefined)).toBe(true)
    expect(await allowed(['[::1]'], undefined, 'http://[::1]:3000/a?b=//evil.test')).toBe(true)
    expect(await allowed(['other.test'], undefined)).toBe(false)
  })

  test('in report mode it lets pass and records what it would do', async () => {
    const context = contextOf()
    const response = await send(
      hosts({ allow: ['a.test'], mode: 'report' })(spy().handler),
      requestFor('b.test'),
      context,
    )
    expect(response.status).toBe(200)
    expect(context.events[0]!.kind).toBe('would-refuse')
  })
})

describe('refuses the bad', () => {
  const allow = ['api.example', 'admin.example:8443', '*.apps.example', '[::1]', '127.0.0.1']

  test.each([
    ['another host', 'evil.test'],
    ['a host that ends in ours', 'evilapi.example'],
    ['a host that starts with ours', 'api.example.evil.test'],
    ['ours as user information', 'api.example@evil.test'],
    ['theirs as user information', 'evil.test@api.example'],
    ['another port', 'admin.example:443'],
    ['no port where one is listed', 'admin.example'],
    ['a port with a leading zero', 'admin.example:08443'],
    ['a port that is none', 'api.example:http'],
    ['a port of six digits', 'api.example:123456'],
    ['two ports', 'api.example:80:80'],
    ['an empty port', 'api.example:'],
    ['a negative port', 'api.example:-1'],
    ['two trailing dots', 'api.example..'],
    ['a leading dot', '.api.example'],
    ['the bare suffix of a wildcard', 'apps.example'],
    ['an empty label before a wildcard', '.apps.example'],
    ['empty labels before a wildcard', 'a..apps.example'],
    ['a wildcard, literally', '*.apps.example'],
    ['a longer suffix', 'a.apps.example.evil.test'],
    ['no dot before the suffix', 'evilapps.example'],
    ['fault 31: two Host fields', 'evil.test, api.example'],
    ['fault 31: two Host fields against a wildcard', 'evil.test, a.apps.example'],
    ['fault 31: two equal Host fields', 'api.example, api.example'],
    ['a path before a wildcard', 'evil.test/.apps.example'],
    ['a query before a wildcard', 'evil.test?.apps.example'],
    ['a fragment before a wildcard', 'evil.test#.apps.example'],
    ['user information before a wildcard', 'evil.test@a.apps.example'],
    ['a backslash before a wildcard', 'evil.test\\.apps.example'],
    ['a space before a wildcard', 'evil.test a.apps.example'],
    ['a tab before a wildcard', 'evil.test\ta.apps.example'],
    ['a percent sign', 'api%2eexample'],
    ['a scheme', 'http://api.example'],
    ['an empty Host', ''],
    ['only a dot', '.'],
    ['another spelling of loopback', '127.1'],
    ['octal loopback', '0177.0.0.1'],
    ['decimal loopback', '2130706433'],
    ['a zone id', '[::1%25eth0]'],
    ['IPv6 without brackets', '::1'],
    ['an unclosed bracket', '[::1'],
    ['mapped loopback', '[::ffff:127.0.0.1]'],
    ['Latin-1 letters', 'b\xfccher.example'],
    ['a name of Object.prototype', '__proto__'],
    ['another one', 'constructor'],
  ])('PITFALLS 34: %s', async (_what, host) => {
    expect(await allowed(allow, host)).toBe(false)
  })

  test('fault 31: Host decides, not the URL that a proxy or an absolute-form target made', async () => {
    expect(await allowed(['api.example'], 'evil.test', 'http://api.example/')).toBe(false)
    expect(await allowed(['api.example'], 'api.example', 'http://evil.test/')).toBe(true)
  })

  test.each([
    ['labels', 'a.'.repeat(500_000)],
    ['letters', 'a'.repeat(1_000_000)],
    ['brackets', '['.repeat(1_000_000)],
    ['hyphens', `${'-'.repeat(1_000_000)}!`],
    ['labels, then garbage', `${'a.'.repeat(500_000)}!`],
  ])('a megabyte of %s takes no time', async (_what, host) => {
    const started = performance.now()
    expect(await allowed(allow, host)).toBe(false)
    expect(performance.now() - started).toBeLessThan(500)
  })
})

describe('survives the broken', () => {
  test.each<[HostsOptions, ...string[]]>([
    [{ allow: [] }, 'hosts: allow'],
    [{} as never, 'hosts: allow'],
    [{ allow: 'api.example' as never }, 'hosts: allow'],
    [{ allow: [''] }, 'hosts: allow'],
    [{ allow: [undefined as never] }, 'hosts: allow'],
    [{ allow: [['a.example'] as never] }, 'hosts: allow'],
    [{ allow: ['*'] }, 'hosts: allow', '*'],
    [{ allow: ['*.'] }, 'hosts: allow'],
    [{ allow: ['*.*.example'] }, 'hosts: allow'],
    [{ allow: ['a.*.example'] }, 'hosts: allow'],
    [{ allow: ['https://api.example'] }, 'hosts: allow', 'https://api.example'],
    [{ allow: ['api.example/'] }, 'hosts: allow'],
    [{ allow: ['api.example, b.example'] }, 'hosts: allow'],
    [{ allow: ['b\xfccher.example'] }, 'hosts: allow'],
    [{ allow: ['::1'] }, 'hosts: allow'],
    [{ allow: ['api.example:port'] }, 'hosts: allow'],
    [{ allow: ['ok.example', 'a b'] }, 'hosts: allow', 'a b'],
    [{ allow: ['a.example'], mode: 'off' as never }, 'hosts: mode'],
    [{ allow: ['a.example'], share: 2 }, 'hosts: share'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => hosts(options), ...words)
  })

  test('undefined is the default of mode and share', async () => {
    const wrapped = hosts({ allow: ['a.test'], mode: undefined, share: undefined })(spy().handler)
    expect((await send(wrapped, requestFor('b.test'))).status).toBe(421)
  })

  test('a list of ten thousand hosts is still one look-up', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => `h${i}.example`)
    const wrapped = hosts({ allow: many })(spy().handler)
    expect((await send(wrapped, requestFor('h9999.example'))).status).toBe(200)
    expect((await send(wrapped, requestFor('h10000.example'))).status).toBe(421)
  })
})

test('leaves streams alone', () => leavesStreamsAlone(hosts({ allow: ['service.test'] })))
