/** Byte by byte: targets, hosts and framing that no client library would send. */
import { describe, expect, inject, test } from 'vitest'
import { caller, raw, statusOf } from './client.ts'

/** Where a path really leads, in the guards' one form. */
const PATHS = [
  ['/a/b', '/a/b'],
  ['//evil.test/x', '/evil.test/x'],
  ['/%2e%2e/etc', '/etc'],
  ['/a/%2e%2e/b', '/b'],
  ['/a%2Fb', '/a/b'],
  ['/a%5Cb', '/a/b'],
  ['/A/./b//c/', '/a/b/c'],
  ['/a;v=1/b', '/a;v=1/b'],
  ['/a%00b', '/a\u0000b'],
] as const

describe.each(inject('targets'))('the wire on $name', (target) => {
  // workerd says 500 to a request that it cannot parse. On Cloudflare no such request gets that far.
  const refused = target.name === 'workerd' ? [400, 421, 500] : [400, 421]
  const call = caller(target)
  const get = (path: string, more = 'Host: 127.0.0.1\r\n'): Promise<string> =>
    raw(target, `GET ${path} HTTP/1.1\r\n${more}Connection: close\r\n\r\n`)

  test.each(PATHS)('%s is one path for every guard: %s', async (path, normal) => {
    const answer = await get(path)
    // A runtime may refuse the target; if it does not, it means the normal form.
    if (statusOf(answer) === 400) return
    const body = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as { path: string }
    expect(body.path).toBe(normal)
  })

  test.each(['/CORE/json', '//core/json', '/x/../core/json', '/%63ore/json', '/core/json/'])(
    '%s does not get round the policy of /core',
    async (path) => {
      const answer = await get(path)
      // Whoever answers, it is with a policy's headers; where the fixture's /core does, with that policy.
      expect([200, 400, 404]).toContain(statusOf(answer))
      if (statusOf(answer) !== 400) expect(answer.toLowerCase()).toContain('x-frame-options: deny')
    },
  )

  test('an absolute target is served by its own host only', async () => {
    const answer = await get(`http://127.0.0.1:${target.port}/a/b`, `Host: 127.0.0.1:${target.port}\r\n`)
    expect([200, ...refused]).toContain(statusOf(answer))
    if (statusOf(answer) === 200) expect(answer).toContain('"path":"/a/b"')
  })

  test('an absolute target that contradicts Host does not pass the host list', async () => {
    const answer = await get('http://api.example/hosts', 'Host: evil.example\r\n')
    expect(refused).toContain(statusOf(answer))
  })

  test('two Host headers are refused', async () => {
    const answer = await get('/hosts', 'Host: api.example\r\nHost: evil.example\r\n')
    expect(refused).toContain(statusOf(answer))
  })

  test('no Host is refused', async () => {
    expect(refused).toContain(statusOf(await get('/hosts', '')))
  })

  test.each(['TRACE', 'TRACK', 'CONNECT'])('%s reaches no handler', async (method) => {
    const answer = await raw(
      target,
      `${method} /core/json HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Secret: hunter2\r\nConnection: close\r\n\r\n`,
    )
    expect([0, 400, 405, 500, 501]).toContain(statusOf(answer))
    expect(answer).not.toContain('hunter2')
  })

  test.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!'],
    ['another coding', 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'],
    ['a broken chunk', 'Transfer-Encoding: chunked\r\n', 'zz\r\nhello\r\n0\r\n\r\n'],
  ])('%s: the request does not pass', async (_what, framing, body) => {
    const answer = await raw(
      target,
      `POST /core/length HTTP/1.1\r\nHost: 127.0.0.1\r\n${framing}Connection: close\r\n\r\n${body}`,
    )
    expect([0, 400, 408, 413, 500, 501]).toContain(statusOf(answer))
  })

  test('a request with both lengths passes by its chunks, or not at all', async () => {
    const framing = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'
    const answer = await raw(
      target,
      `POST /core/length HTTP/1.1\r\nHost: 127.0.0.1\r\n${framing}Connection: close\r\n\r\n0\r\n\r\n`,
    )
    if (statusOf(answer) !== 400) expect(answer).toContain('{"bytes":0}')
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  })

  test('a header of 20 KB is refused, or bounded by headerLimit', async () => {
    const answer = await get('/headers', `Host: 127.0.0.1\r\nX-Large: ${'v'.repeat(20_480)}\r\n`)
    expect(statusOf(answer)).toBe(431)
  })

  test('a header value cannot start a line of its own', async () => {
    const answer = await get('/core/id', 'Host: 127.0.0.1\r\nX-Request-Id: keep-1234\rX-Evil: 1\r\n')
    expect(answer.toLowerCase()).not.toMatch(/^x-evil/m)
  })

  test('three requests in one packet are three answers, in order', async () => {
    const one = (id: number): string => `GET /core/status?id=20${id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
    const answer = await raw(target, one(1) + one(2) + one(3))
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 202', 'HTTP/1.1 203'])
  })

  test('after all that the server is well', async () => {
    expect((await call('/core/json')).status).toBe(200)
  })
})
