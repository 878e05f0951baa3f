import { connect, createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toNode } from '../../adapters/node.ts'
import { api, policy } from '../../src/index.ts'

// Bun and Deno have servers of their own; this is about Node's.
describe.skipIf('Bun' in globalThis || 'Deno' in globalThis)('toNode under node:http2', () => {
  let server: Http2Server
  let url = ''

  beforeAll(async () => {
    const app = policy({ ...api, accessLog: false })(async (request) =>
      new Response(String((await request.arrayBuffer()).byteLength))
    )
    server = createServer(toNode(app) as never)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())

  /** A body with neither Content-Length nor Transfer-Encoding, as HTTP/2 may have. */
  function post(type: string, bytes: number): Promise<{ status: number; text: string; nosniff: unknown }> {
    return new Promise((resolve, reject) => {
      const session = connect(url)
      const stream = session.request({ ':method': 'POST', ':path': '/', 'content-type': type })
      let status = 0
      let text = ''
      let nosniff: unknown
      stream.on('response', (headers) => {
        status = Number(headers[':status'])
        nosniff = headers['x-content-type-options']
      })
      stream.on('data', (chunk) => text += String(chunk))
      stream.on('error', reject)
      stream.on('close', () => {
        session.close()
        resolve({ status, text, nosniff })
      })
      stream.end(Buffer.alloc(bytes, 32))
    })
  }

  test('PITFALLS 12: a body without a length is counted, too', async () => {
    const refused = await post('application/json', 2_000_000)
    expect([refused.status, refused.nosniff]).toEqual([413, 'nosniff'])
    expect(await post('application/json', 500)).toEqual({ status: 200, text: '500', nosniff: 'nosniff' })
  })

  test('PITFALLS 13: its media type is looked at', async () => {
    expect((await post('text/plain', 500)).status).toBe(415)
  })
})
