/** Streams stay streams: events, downloads, uploads, aborts, WebSockets, and work that outlives the response. */
import { execFileSync } from 'node:child_process'
import { request } from 'node:http'
import { describe, expect, inject, test } from 'vitest'
import { caller, open, unique, until } from './client.ts'

const MB = 1_048_576

describe.each(inject('targets'))('streams on $name', (target) => {
  const call = caller(target)
  const done = async (id: string): Promise<string> =>
    (await (await call(`/core/done?id=${id}`)).json() as { what: string }).what
  const memory = (): number =>
    Number(execFileSync('ps', ['-o', 'rss=', '-p', String(target.pid)], { encoding: 'utf8' }))

  test('the first event arrives before the second is produced', async () => {
    const id = unique()
    const started = performance.now()
    const response = await call('/core/events', { headers: { 'x-request-id': id } })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body!.getReader()
    const first = await reader.read()
    const after = performance.now() - started
    expect(new TextDecoder().decode(first.value)).toBe('data: 0\n\n')
    expect(await done(id)).toBe('nothing')
    let rest = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += new TextDecoder().decode(part.value)
    }
    expect(rest).toBe('data: 1\n\ndata: 2\n\n')
    expect(performance.now() - started - after).toBeGreaterThan(250)
    expect(await until(() => done(id), (what) => what === 'complete')).toBe('complete')
  })

  // workerd ends the whole execution when a client leaves: nothing of it runs any more, a source's `cancel` neither.
  const told = target.name !== 'workerd'
  if (told) {
    test('a client that leaves cancels the source, and is logged as gone', async () => {
      const id = unique()
      const leaving = new AbortController()
      const response = await call('/core/endless', { headers: { 'x-request-id': id }, signal: leaving.signal })
      await response.body!.getReader().read()
      leaving.abort()
      expect(await until(() => done(id), (what) => what === 'cancelled')).toBe('cancelled')
      const line = await until(
        async () => await (await call(`/core/logged?id=${id}`)).json(),
        (one) => 'status' in (one as object),
      )
      expect(line).toMatchObject({ level: 'info', status: 200, outcome: 'client_closed' })
    })
  }

  test('a source that breaks breaks the response, and leaks nothing', async () => {
    const id = unique()
    const response = await call('/core/breaks', { headers: { 'x-request-id': id } })
    expect(response.status).toBe(200)
    let text = ''
    const broke = await (async (): Promise<boolean> => {
      try {
        for await (const chunk of response.body!) text += new TextDecoder().decode(chunk as Uint8Array)
        return false
      } catch {
        return true
      }
    })()
    // workerd ends the chunks properly all the same.
    expect([broke, text]).toEqual([target.name !== 'workerd', 'first'])
    expect(await done(id)).toBe('broken')
    expect((await call('/core/json')).status).toBe(200)
  })

  test('5 MB come down whole', async () => {
    const response = await call('/core/download')
    expect((await response.arrayBuffer()).byteLength).toBe(5 * MB)
  })

  /** Uploads 100 MB, as fast as they are taken; resolves to the answer, and to the most memory it took. */
  const upload = (): Promise<{ answer: string; most: number }> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-length': String(100 * MB) }
      const { port } = target
      let most = 0
      const outgoing = request(
        { host: '127.0.0.1', port, method: 'POST', path: '/upload/count', headers },
        (incoming) => {
          let answer = ''
          incoming.on('data', (part) => answer += String(part))
          incoming.on('end', () => resolve({ answer, most }))
        },
      )
      outgoing.on('error', reject)
      const chunk = new Uint8Array(65_536).fill(97)
      let left = 1_600
      const write = (): void => {
        while (left > 0) {
          if (left-- % 400 === 0) most = Math.max(most, memory())
          if (!outgoing.write(chunk)) return void outgoing.once('drain', write)
        }
        outgoing.end()
      }
      write()
    })

  test('100 MB go up through a headers-only pipeline, twice, and memory grows by less than half of that', async () => {
    const before = memory()
    for (let i = 0; i < 2; i++) {
      const { answer, most } = await upload()
      expect(JSON.parse(answer)).toEqual({ bytes: 100 * MB })
      expect(most - before).toBeLessThan(100 * 1_024)
    }
  })

  test('20 MB of chunks are counted on the way', async () => {
    let left = 320
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => left-- > 0 ? controller.enqueue(new Uint8Array(65_536)) : controller.close(),
    })
    const response = await call('/upload/count', { method: 'POST', body, duplex: 'half' })
    expect(await response.json()).toEqual({ bytes: 20 * MB })
  })

  test('an upload that is given up leaves the server well', async () => {
    const socket = await open(target)
    socket.write('POST /core/length HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf')
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.destroy()
    expect((await call('/core/json')).status).toBe(200)
  })

  test('work in waitUntil runs, and a rejection in it hurts nobody', async () => {
    const id = unique()
    const response = await call('/core/background', { headers: { 'x-request-id': id } })
    expect(await response.text()).toBe('later')
    expect(await until(() => done(id), (what) => what === 'background')).toBe('background')
  })

  test('a WebSocket echoes', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${target.port}/ws`)
    const answers: string[] = []
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('error', () => reject(new Error('the WebSocket failed')))
      socket.addEventListener('open', () => socket.send('one'))
      socket.addEventListener('message', ({ data }) => {
        answers.push(String(data))
        if (answers.length === 1) socket.send('zwei ✓')
        else resolve()
      })
    })
    socket.close()
    expect(answers).toEqual(['one', 'zwei ✓'])
  })

  test('a plain request to the WebSocket path is a plain answer', async () => {
    const response = await call('/ws')
    expect([response.status, response.headers.get('x-frame-options')]).toEqual([426, 'DENY'])
  })

  test('100 requests at once are 100 answers', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const response = await call('/core/echo', { method: 'POST', body: `body ${i}` })
      return response.text()
    }))
    expect(all).toEqual(Array.from({ length: 100 }, (_, i) => `body ${i}`))
  })
})
