/**
 * The same requests on every target, answered with the same status, the same fields and the same bytes.
 *
 * What differs by right, and is set aside here, and nothing else:
 * - `date`, `connection`, `keep-alive`, `transfer-encoding`: the connection's, not the answer's.
 * - `content-length`: servers may give a length or send chunks; for HEAD, 204, 205 and 304 they may say nothing
 *   (RFC 9110 §8.6). Where it is there, it is right: the bytes are compared.
 * - The case of names (HTTP has none) and their order (it means nothing between different names).
 * - Whether a repeated field is two lines or one, joined by a comma (RFC 9110 §5.3); `Set-Cookie` is never joined.
 * - The parameter of a type that the platform itself gives: `text/plain; charset=UTF-8` on Node, `;charset=utf-8` on
 *   Bun, `;charset=UTF-8` elsewhere; and Bun's `Response.json` has one too (RFC 8259 §11: it means nothing).
 * - Ids, times and random numbers.
 */
import { describe, expect, inject, test } from 'vitest'
import { type Answer, send, type Sent, unique } from './client.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const APP = { origin: 'https://app.example' }
const json = (path: string, body: string, headers: Record<string, string> = JSON_TYPE): Sent => ({
  method: 'POST',
  path,
  body,
  headers,
})
const client = { 'x-client': unique('transcript') }
const preflight = { ...APP, 'access-control-request-method': 'POST' }

const REQUESTS: readonly Sent[] = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((method) => ({ method, path: '/core/json' })),
  ...[
    'text',
    'empty',
    'reset',
    'unmodified',
    'redirect',
    'see-other',
    'cookies',
    'own',
    'vary',
    'announced',
    'nothing',
    'ip',
    'nowhere',
    'download',
    'status?id=201',
    'status?id=418',
    'status?id=503',
  ].map((path) => ({ path: `/core/${path}`, ...(path === 'reset' ? { headers: { connection: 'close' } } : {}) })),
  ...['error', 'sync', 'string', 'null', 'frozen', 'cyclic', 'exposed', 'response', 'problem'].map((what) => ({
    path: `/core/throw/${what}`,
    headers: APP,
  })),
  { path: '/core/json', headers: APP },
  { path: '/core/json', headers: { origin: 'https://evil.example' } },
  { path: '/core/json', method: 'OPTIONS', headers: preflight },
  { path: '/core/json', method: 'OPTIONS', headers: { ...preflight, origin: 'https://evil.example' } },
  { path: '/core/id', headers: { 'x-request-id': 'taken-over-1' } },
  { path: '/core/id', headers: { 'x-request-id': '${jndi:ldap://evil}' } },
  json('/core/echo', 'plain\u0000bytes ✓', {}),
  json('/core/length', 'a'.repeat(102_400), {}),
  json('/core/length', 'a'.repeat(102_401), {}),
  json('/validate', '{"name":"a","epochs":1,"more":true}'),
  json('/validate', '{"name":"","epochs":0}'),
  json('/validate', '{"epochs":"hunter2"}'),
  json('/validate', '[]'),
  json('/validate', 'null'),
  json('/validate', '{'),
  json('/validate', '\ufeff{}'),
  json('/validate', '{"__proto__":1}'),
  json('/validate', '['.repeat(100)),
  json('/validate', `${'['.repeat(100)}${']'.repeat(100)}`),
  json('/validate', '{}', { 'content-type': 'text/plain' }),
  json('/validate', '{}', { ...JSON_TYPE, 'content-encoding': 'gzip' }),
  { ...json('/validate', ''), body: new Uint8Array([0x22, 0xff, 0x22]) },
  { path: '/validate', method: 'POST' },
  json('/generic', '{"name":1}'),
  json('/envelope', '{"name":1}'),
  json('/type', 'a,b', { 'content-type': 'text/csv' }),
  json('/type', 'a,b', { 'content-type': 'text/html' }),
  ...Array.from({ length: 5 }, () => ({ path: '/limit', headers: { ...client, ...APP } })),
  ...Array.from({ length: 2 }, () => ({ path: '/report', headers: client })),
  { path: '/cost' },
  ...['same-origin', 'same-site', 'cross-site', 'none'].map((site) => ({
    path: '/csrf',
    method: 'POST',
    headers: { 'sec-fetch-site': site },
  })),
  { path: '/csrf', method: 'POST', headers: { origin: 'null' } },
  ...['api.example', 'evil.example', 'a.example.org:81'].map((host) => ({ path: '/hosts', headers: { host } })),
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'].map((method) => ({ method, path: '/methods' })),
  { path: '/headers', headers: { 'x-large': 'v'.repeat(5_000) } },
  { path: '/proxied', headers: { 'x-forwarded-for': '203.0.113.9, 198.51.100.7' } },
  { path: '/proxied', headers: { 'x-forwarded-for': 'garbage' } },
  { path: '/networks', headers: { 'x-forwarded-for': '192.0.2.1, 2001:db8::7, 10.1.2.3' } },
  { path: '/access', headers: { 'x-forwarded-for': '203.0.113.9' } },
  { path: '/https/a?b=1', headers: { 'sec-fetch-mode': 'navigate' } },
  { path: '/https/a', headers: { authorization: 'Bearer x' } },
  { path: '/page' },
  { path: '/slow' },
  { path: '/ws' },
  { path: '/health' },
  { path: '/health/live' },
  { path: '/health/live', method: 'HEAD' },
  { path: '/health/live', method: 'POST' },
  { path: '/a/b?c=d&e=%20' },
  { path: '/%7Euser/%E2%9C%93' },
]

const CONNECTION = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'])

function typeOf(value: string): string {
  const type = value.replace(/; ?charset=utf-8$/i, ';charset=utf-8')
  return type === 'application/json;charset=utf-8' ? 'application/json' : type
}

/** What may be compared of an answer. */
function comparable({ status, headers, body }: Answer): object {
  const mask = (text: string): string =>
    text
      .replace(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, '<id>')
      .replace(/nonce[-=]"?[\w+/=]{24}"?/g, '<nonce>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replace(/;t=\d+/g, ';t=<seconds>')
      .replace(/"retryAfter":\d+/g, '"retryAfter":<seconds>')
  const joined = new Map<string, string>()
  const cookies: string[] = []
  for (const [name, value] of headers) {
    if (name === 'set-cookie') cookies.push(`${name}: ${value}`)
    else if (!CONNECTION.has(name)) joined.set(name, joined.has(name) ? `${joined.get(name)}, ${value}` : value)
  }
  const fields = [...joined].map(([name, value]) => {
    if (name === 'retry-after') return `${name}: <seconds>`
    return `${name}: ${name === 'content-type' ? typeOf(value) : mask(value)}`
  }).sort()
  // Text where it is text, so that a difference can be read.
  return { status, fields, cookies, body: body.byteLength > 100_000 ? body.byteLength : mask(body.toString('latin1')) }
}

describe('fault 49: one transcript', () => {
  const targets = inject('targets')

  test.each(REQUESTS.map((request, i) => ({ i, title: `${request.method ?? 'GET'} ${request.path}`, request })))(
    '$i $title',
    async ({ request }) => {
      const answers = await Promise.all(
        targets.map(async (target) => ({ name: target.name, answer: comparable(await send(target, request)) })),
      )
      const [first, ...others] = answers
      for (const { name, answer } of others) expect({ name, answer }).toEqual({ name, answer: first!.answer })
    },
  )

  test('has nothing of ours in what it sets aside', () => {
    expect(REQUESTS.length).toBeGreaterThan(80)
  })
})
