import { parseDictionary } from 'structured-headers'
import { describe, expect, test } from 'vitest'
import type { PermissionsPolicy } from '../../src/browser/permissions-policy.ts'
import { NO_HARDWARE, permissions } from '../../src/browser/permissions-policy.ts'
import { endpoints } from '../../src/browser/reporting-endpoints.ts'
import { refusesToBeMade } from '../request/support.ts'

describe('lets the good through', () => {
  test.each<[PermissionsPolicy, string]>([
    [{ camera: [] }, 'camera=()'],
    [{ camera: ['self'] }, 'camera=(self)'],
    [{ camera: '*' }, 'camera=*'],
    [
      { camera: ['self', 'https://a.example', 'https://*.b.example:8443'] },
      'camera=(self "https://a.example" "https://*.b.example:8443")',
    ],
    [{ 'display-capture': ['src'], usb: [] }, 'display-capture=(src), usb=()'],
    [{ camera: ['http://[::1]:3000'] }, 'camera=("http://[::1]:3000")'],
  ])('%o', (policy, expected) => {
    expect(permissions(policy)).toBe(expected)
    expect(parseDictionary(expected).size).toBe(Object.keys(policy).length)
  })

  test('PITFALLS 23: the default is a valid dictionary that gives nobody anything', () => {
    const parsed = parseDictionary(NO_HARDWARE)
    expect([...parsed.keys()]).toContain('camera')
    for (const [members] of parsed.values()) expect(members).toEqual([])
  })

  test('reporting endpoints', () => {
    const value = endpoints({ csp: '/reports', 'a*b.c_d-1': 'https://reports.example/csp?x="y"' })
    expect(value).toBe('csp="/reports", a*b.c_d-1="https://reports.example/csp?x=\\"y\\""')
    expect(parseDictionary(value).get('csp')![0]).toBe('/reports')
  })
})

describe('refuses the bad', () => {
  test.each<[unknown, ...string[]]>([
    [{}, 'permissionsPolicy'],
    [{ Camera: [] }, 'Camera'],
    [{ 'camera=*, usb': [] }, 'permissionsPolicy'],
    [{ 'camera\r\nx': [] }, 'permissionsPolicy'],
    [{ '': [] }, 'permissionsPolicy'],
    [JSON.parse('{"__proto__":[]}'), '__proto__'],
    [{ camera: 'self' }, 'camera'],
    [{ camera: true }, 'camera'],
    [{ camera: null }, 'camera'],
    [{ camera: ['none'] }, 'camera', 'none'],
    [{ camera: ["'self'"] }, 'camera'],
    [{ camera: ['*'] }, 'camera'],
    [{ camera: ['a.example'] }, 'camera'],
    [{ camera: ['https://a.example, usb=*'] }, 'camera'],
    [{ camera: ['https://a.example") usb=("'] }, 'camera'],
    [{ camera: ['https://a.example\\'] }, 'camera'],
    [{ camera: ['https://a.example\r\nset-cookie: x=1'] }, 'camera'],
    [{ camera: ['https://a.example;x'] }, 'camera'],
    [{ camera: ['https://b\xfccher.example'] }, 'camera'],
    [{ camera: ['https://例え.example'] }, 'camera'],
    [{ camera: [''] }, 'camera'],
    [{ camera: [undefined] }, 'camera'],
  ])('PITFALLS 23: %o throws, by feature', (policy, ...words) => {
    refusesToBeMade(() => permissions(policy as PermissionsPolicy), ...words)
  })

  test.each<[unknown, ...string[]]>([
    [{}, 'reportingEndpoints'],
    [{ CSP: '/r' }, 'reportingEndpoints', 'CSP'],
    [{ 'a b': '/r' }, 'reportingEndpoints'],
    [{ 'a="x", b': '/r' }, 'reportingEndpoints'],
    [{ csp: 'http://reports.example' }, 'reportingEndpoints', 'csp'],
    [{ csp: '//reports.example' }, 'reportingEndpoints', 'csp'],
    [{ csp: 'reports' }, 'reportingEndpoints', 'csp'],
    [{ csp: 'javascript:alert(1)' }, 'reportingEndpoints', 'csp'],
    [{ csp: '/r\r\nset-cookie: x=1' }],
    [{ csp: '/例え' }],
    [{ csp: '' }, 'reportingEndpoints'],
  ])('endpoints: %o throws', (named, ...words) => {
    refusesToBeMade(() => endpoints(named as Record<string, string>), ...words)
  })
})
