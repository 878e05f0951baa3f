/** What comes in: every part of a request by its schema, and files as they stream, on every runtime. */
import { execFileSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { Agent, request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, inject, test } from 'vitest'
import { caller, open, until } from './client.ts'
import type { Target } from './setup.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const MP4 = Buffer.from('00000018667479706d703432000000006d70343269736f6d', 'hex')
const BOUNDARY = 'x-boundary-of-the-test'

/** `length` bytes that begin as a format does, and go on at random. */
function fileOf(magic: Buffer, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  randomFillSync(bytes)
  magic.copy(bytes)
  return bytes
}

interface Sending {
  readonly path: string
  readonly field: string
  readonly name: string
  readonly type: string
  readonly length: number
  /** The bytes of the file from `at` on, some of them. */
  readonly from: (at: number) => Buffer
  /** Where the server is to refuse it: there it gets a moment to say so. */
  readonly refusedAt?: number
  /** Called now and then. */
  readonly meanwhile?: () => void
}

/**
 * Uploads a form with one file as fast as it is taken, and no further than it is refused; resolves to the answer. (A workerd
 * without Cloudflare's edge in front cuts the connection of who goes on sending, answer and all.)
 */
function upload(target: Target, sending: Sending): Promise<{ status: number; body: string }> {
  const head =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${sending.field}"; filename="${sending.name}"\r\n` +
    `Content-Type: ${sending.type}\r\n\r\n`
  const tail = `\r\n--${BOUNDARY}--\r\n`
  const agent = new Agent({ keepAlive: true })
  const answer = new Promise<{ status: number; body: string }>((resolve, reject) => {
    let answered = false
    const outgoing = request({
      agent, // of its own: who stops in the middle of a body cannot use the connection again
      host: '127.0.0.1',
      port: target.port,
      method: 'POST',
      path: sending.path,
      headers: {
        'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
        'content-length': head.length + sending.length + tail.length,
        ...(target.name === 'workerd' ? { 'cf-connecting-ip': '127.0.0.1' } : {}),
      },
    }, (incoming) => {
      answered = true
      let body = ''
      const end = (): void => resolve({ status: incoming.statusCode!, body })
      incoming.setEncoding('utf8').on('data', (text: string) => body += text).on('end', end).on('error', end)
    })
    // Who is refused in the middle may be cut off.
    outgoing.on('error', (error) => answered ? undefined : reject(error))
    outgoing.write(head)
    let { refusedAt = Infinity } = sending
    let at = 0
    let chunks = 0
    const more = (): void => {
      while (at < sending.length && !outgoing.destroyed && !answered) {
        const chunk = sending.from(at).subarray(0, Math.min(65_536, sending.length - at))
        at += chunk.length
        if (chunks++ % 200 === 0) sending.meanwhile?.()
        const taken = outgoing.write(chunk)
        if (at >= refusedAt) {
          refusedAt = Infinity
          return void setTimeout(more, 5_000)
        }
        if (!taken) return void outgoing.once('drain', more)
      }
      if (!outgoing.destroyed && !answered) outgoing.end(tail)
    }
    more()
  })
  return answer.finally(() => agent.destroy())
}

describe.each(inject('targets'))('input on $name', (target) => {
  const call = caller(target)
  const image = (bytes: Buffer, refusedAt = Infinity, name = 'photo.png', type = 'image/png') =>
    upload(target, {
      path: '/images',
      field: 'image',
      name,
      type,
      length: bytes.length,
      from: (at) => bytes.subarray(at),
      refusedAt,
    })

  test('params, query, headers, cookies and body, each by its schema', async () => {
    const response = await call('/input/7?page=2', {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: 'theme=dark', 'x-version': '3' },
      body: '{"name":" Ada\\u0000 ","extra":1}',
    })
    expect(await response.json()).toEqual({
      input: {
        params: { id: 7 },
        query: { page: '2' },
        headers: { 'x-version': '3' },
        cookies: { theme: 'dark' },
        body: { name: 'Ada' },
      },
      events: ['altered'],
    })
  })

  test.each<[what: string, path: string, init: RequestInit, code: string]>([
    ['a param', '/input/x', {}, 'input-invalid'],
    ['a repeated parameter', '/input/1?page=1&page=2', {}, 'input-invalid'],
    ['a key that pollutes', '/input/1?__proto__=1', {}, 'input-invalid'],
    ['a cookie', '/input/1', { headers: { cookie: 'theme=hunter2' } }, 'input-invalid'],
    ['bytes that are no UTF-8', '/input/1?page=%C3', {}, 'encoding-invalid'],
    ['a duplicate key', '/input/1', {
      method: 'POST',
      body: '{"name":"a","name":"b"}',
      headers: { 'content-type': 'application/json' },
    }, 'input-invalid'],
    ['a type', '/input/1', { method: 'POST', body: 'x' }, 'content-type-unsupported'],
  ])('%s that is wrong is refused, and unsaid', async (_what, path, init, code) => {
    const text = await (await call(path, init)).text()
    expect(JSON.parse(text)).toMatchObject({ code })
    expect(text).not.toContain('hunter2')
  })

  test('forms of both kinds, and gzip', async () => {
    const named = { input: expect.objectContaining({ body: { name: 'Ada Byron' } }) }
    const form = new URLSearchParams({ name: 'Ada Byron' })
    expect(await (await call('/input/1', { method: 'POST', body: form })).json()).toMatchObject(named)
    const parts = new FormData()
    parts.set('name', 'Ada Byron')
    expect(await (await call('/input/1', { method: 'POST', body: parts })).json()).toMatchObject(named)
    const packed = {
      method: 'POST',
      body: gzipSync('{"name":"Ada Byron"}'),
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    }
    expect(await (await call('/input/1', packed)).json()).toMatchObject(named)
    const bomb = { ...packed, body: gzipSync(Buffer.alloc(20_000_000, 32)) }
    expect((await call('/input/1', bomb)).status).toBe(413)
  })

  test('a response that breaks its promise is withheld', async () => {
    expect(await (await call('/promise/kept')).json()).toEqual({ id: 1 })
    const broken = await call('/promise/broken')
    const text = await broken.text()
    expect([broken.status, text.includes('hunter2')]).toEqual([500, false])
  })

  test('V11: an image of 9 MB is stored and comes back byte for byte', async () => {
    const bytes = fileOf(PNG, 9_000_000)
    const answer = await image(bytes, Infinity, '../../my photo.png')
    expect(answer.status).toBe(201)
    const file = JSON.parse(answer.body) as { key: string; name: string; size: number; type: string }
    expect(file).toMatchObject({ name: 'my photo.png', size: 9_000_000, type: 'image/png' })
    const back = Buffer.from(await (await call(`/stored/${file.key}`)).arrayBuffer())
    expect(back.equals(bytes)).toBe(true)
  })

  test('PITFALLS 35: the image renamed .mp4 is 415, and so is one that declares another type', async () => {
    const bytes = fileOf(PNG, 9_000_000)
    for (
      const [name, type] of [['photo.mp4', 'video/mp4'], ['photo.mp4', 'image/png'], [
        'photo.png',
        'video/mp4',
      ]] as const
    ) {
      const answer = await image(bytes, 0, name, type)
      expect([answer.status, JSON.parse(answer.body)]).toMatchObject([415, { code: 'file-type-unsupported' }])
    }
  })

  test('V11: an image of 11 MB is 413, nothing of it stays, and the service answers the next request', async () => {
    const before = await (await call('/stored/all')).json() as string[] | null
    const answer = await image(fileOf(PNG, 11_000_000), 10_600_000)
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([413, { code: 'file-too-large' }])
    expect(await (await call('/stored/all')).json()).toEqual(before)
    expect((await image(fileOf(PNG, 1_000))).status).toBe(201)
  })

  test('fault 43: a client that leaves in the middle of an upload leaves nothing behind', async () => {
    const stored = async () => await (await call('/stored/all')).json() as string[] | null
    const before = await stored()
    const socket = await open(target)
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n`
    const edge = target.name === 'workerd' ? 'CF-Connecting-IP: 127.0.0.1\r\n' : ''
    socket.write(
      `POST /images HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n${edge}` +
        `Content-Type: multipart/form-data; boundary=${BOUNDARY}\r\n\r\n${head}`,
    )
    socket.write(fileOf(PNG, 1_000_000))
    // On its way to the disk by now, under a name of its own.
    if (before !== null) expect(await until(stored, (all) => all!.length > before.length)).not.toEqual(before)
    socket.destroy()
    if (before !== null) await until(stored, (all) => all!.length === before.length)
    expect(await stored()).toEqual(before)
    expect((await image(fileOf(PNG, 1_000))).status).toBe(201)
  })

  test('V11: a video of 200 MB streams through, and memory stays flat', async () => {
    const block = fileOf(Buffer.alloc(0), 1 << 20)
    const first = Buffer.concat([MP4, block.subarray(MP4.length)])
    const from = (at: number): Buffer => (at < 1 << 20 ? first : block).subarray(at % (1 << 20))
    const memory = (): number =>
      Number(execFileSync('ps', ['-o', 'rss=', '-p', String(target.pid)], { encoding: 'utf8' }))
    const send = async (megabytes: number): Promise<number> => {
      const length = megabytes << 20
      let most = 0
      const meanwhile = (): void => void (most = Math.max(most, memory()))
      const answer = await upload(target, {
        path: '/videos',
        field: 'video',
        name: 'v.mp4',
        type: 'video/mp4',
        length,
        from,
        meanwhile,
      })
      expect([answer.status, JSON.parse(answer.body)]).toMatchObject([201, {
        size: length,
        type: 'video/mp4',
        stored: { sum: sumOf(first, block, megabytes) },
      }])
      return most
    }
    await send(200) // what a runtime takes once, it keeps
    const before = memory()
    const grown = await send(200) - before
    expect(grown).toBeLessThan(80_000) // KiB: what collectors leave lying about, and far from 200 MB
  }, 60_000)
})

/** As the fixture sums it. */
function sumOf(first: Buffer, block: Buffer, megabytes: number): number {
  let sum = 0
  for (let at = 0; at < megabytes << 20; at += 64) {
    sum = (sum * 31 + (at < first.length ? first[at]! : block[at % block.length]!)) | 0
  }
  return sum
}
