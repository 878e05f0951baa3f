/** `serve` and `toNode`: the head as it is written, the end as it is told, and the way a server closes. */
import { Hono } from 'hono'
import { createServer, get, type Server } from 'node:http'
import { Agent } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { upgradeWebSocket } from '@hono/node-server'
import type { HasNode, NodeServer, ServeOptions } from '../../adapters/node.ts'
import { serve, toNode } from '../../adapters/node.ts'
import { toHono } from '../../adapters/hono.ts'
import type { Context, End } from '../../src/core/context.ts'
import { extend, onEnd } from '../../src/core/context.ts'
import type { Handler, MaybePromise, Wrapper } from '../../src/core/handler.ts'
import { HeadBlock } from '../../src/core/head.ts'
import type { LogRecord } from '../../src/core/log.ts'
import { source } from '../helpers.ts'
import { delay, head, onNode, send, until } from './wire.ts'

const open: { close(): unknown }[] = []
let ends: End[] = []
const rejections: unknown[] = []
const note = (reason: unknown): void => void rejections.push(reason)

async function start(app: Handler<HasNode>, options: ServeOptions = {}): Promise<NodeServer> {
  const server = await serve(app, { port: 0, drain: '1s', ...options })
  open.push(server)
  return server
}

/** Started, and every exchange's end kept. */
function watched(app: Handler<HasNode>, options: ServeOptions = {}): Promise<NodeServer> {
  return start((request, context) => {
    onEnd(context, (end) => ends.push(end))
    return app(request, context)
  }, options)
}

/** The same handler behind `serve` and behind `toNode`. */
async function both(app: Handler<HasNode>): Promise<string[]> {
  const own = createServer(toNode(app))
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve))
  open.push({ close: () => own.close() })
  return [(await start(app)).url, `http://127.0.0.1:${(own.address() as AddressInfo).port}`]
}

const block = new HeadBlock([['x-content-type-options', 'nosniff'], ['x-frame-options', 'DENY'], ['vary', 'Origin']])

describe.skipIf(!onNode)('Node', () => {
  beforeEach(() => {
    ends = []
    process.on('unhandledRejection', note)
  })
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
    process.off('unhandledRejection', note)
    expect(rejections.splice(0)).toEqual([])
  })

  describe('the head', () => {
    const announcing =
      (answer: (context: Context) => MaybePromise<Response>): Handler<HasNode> => (_request, context) => {
        context.head.announce(block)
        context.head.set('x-set', 'announced')
        context.head.force('x-forced', 'announced')
        context.head.transient('x-request-id', 'abc')
        context.head.append('set-cookie', 'c=3')
        context.head.remove('x-powered-by')
        return answer(context)
      }
    const expected = {
      'x-content-type-options': 'nosniff',
      'x-set': 'announced',
      'x-forced': 'announced',
      vary: 'Origin',
      'set-cookie': 'c=3',
    }

    test.each<[string, () => MaybePromise<Response>, number]>([
      ['a string', () => new Response('x'), 200],
      ['JSON', () => Response.json({ a: 1 }), 200],
      ['no body', () => new Response(null, { status: 204 }), 204],
      ['a redirect', () => Response.redirect('http://a.test/', 302), 302],
      ['304', () => new Response(null, { status: 304 }), 304],
      ['a stream', () => new Response(source(3, 2).stream), 200],
      ['a promise', () => Promise.resolve(new Response('x')), 200],
      ['something fetched', () => fetch('data:text/plain,x'), 200],
      ['a thrown Response', () => Promise.reject(new Response('x', { status: 418 })), 418],
      ['a thrown Response that was fetched', () => fetch('data:text/plain,x').then((one) => Promise.reject(one)), 200],
      ['an Error', () => Promise.reject(Object.assign(new Error('no'), { expose: true, status: 409 })), 409],
    ])('PITFALLS 9: is written on %s', async (_name, answer, status) => {
      for (const url of await both(announcing(answer))) {
        const response = await fetch(url, { redirect: 'manual' })
        expect(response.status).toBe(status)
        expect(Object.fromEntries(response.headers)).toMatchObject(expected)
        expect(response.headers.get('x-request-id')).toBe(status >= 300 && status < 400 ? null : 'abc')
        await response.arrayBuffer()
      }
    })

    test('joins what the handler sent: its own wins, forced and removed excepted, Vary and Set-Cookie add up', async () => {
      const headers = new Headers([
        ['X-Set', 'mine'],
        ['X-Forced', 'mine'],
        ['X-Powered-By', 'me'],
        ['X-Frame-Options', 'SAMEORIGIN'],
        ['Vary', 'Accept, origin'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ])
      const plain = { 'X-Set': 'mine', 'X-Forced': 'mine', 'X-Powered-By': 'me', 'X-Frame-Options': 'SAMEORIGIN' }
      for (const url of await both(announcing(() => new Response('x', { headers })))) {
        const response = await fetch(url)
        expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2', 'c=3'])
        expect(response.headers.get('vary')).toBe('Accept, origin')
        expect(response.headers.get('x-powered-by')).toBeNull()
        const got = Object.fromEntries(response.headers)
        expect(got).toMatchObject({ 'x-set': 'mine', 'x-forced': 'announced', 'x-frame-options': 'SAMEORIGIN' })
      }
      for (const url of await both(announcing(() => new Response('x', { headers: plain })))) {
        const { headers: got } = await fetch(url)
        expect(got.get('x-powered-by')).toBeNull()
        expect([got.get('x-set'), got.get('x-forced'), got.get('x-frame-options')]).toEqual([
          'mine',
          'announced',
          'SAMEORIGIN',
        ])
      }
    })

    test('counts what a framework outside has set as the response`s own', async () => {
      const listener = toNode(announcing(() => new Response('x', { headers: { vary: 'Accept' } })))
      const own = createServer((incoming, outgoing) => {
        outgoing.setHeader('X-Powered-By', 'Express')
        outgoing.setHeader('x-set', 'outside')
        outgoing.setHeader('vary', 'Accept-Encoding')
        outgoing.setHeader('set-cookie', ['s=1'])
        listener(incoming, outgoing)
      })
      await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve))
      open.push({ close: () => own.close() })
      const { headers } = await fetch(`http://127.0.0.1:${(own.address() as AddressInfo).port}`)
      expect(headers.get('x-powered-by')).toBeNull()
      expect(headers.get('x-set')).toBe('outside')
      expect(headers.get('vary')?.split(', ').sort()).toEqual(['Accept', 'Accept-Encoding', 'Origin'])
      expect(headers.getSetCookie()).toEqual(['s=1', 'c=3'])
    })

    test('a request to HEAD has the head of GET and no body', async () => {
      for (const url of await both(announcing(() => new Response('hello')))) {
        const response = await fetch(url, { method: 'HEAD' })
        expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '5', ''])
        expect(response.headers.get('x-frame-options')).toBe('DENY')
      }
    })

    test('a field that HTTP cannot carry is a 500 problem: nothing is split, nothing is told, nothing crashes', async () => {
      const answers = [
        announcing(() => new Response('x', { headers: { 'x-a': 'b\r\nevil: 1' } })),
        announcing(() => Promise.resolve(new Response('x', { headers: { 'x-a': 'b\r\nevil: 1' } }))),
        announcing(() => new Response('x', { headers: { 'x a': 'b' } })),
      ]
      for (const answer of answers) {
        for (const url of await both(answer)) {
          const response = await fetch(url)
          expect([response.status, response.headers.get('evil'), response.headers.get('x-frame-options')])
            .toEqual([500, null, 'DENY'])
          expect(await response.json()).toMatchObject({ code: 'internal-error' })
        }
      }
    })

    test('fault 44: a stream that breaks before its first chunk says nothing of its error', async () => {
      const app = announcing(() => {
        const response = new Response(source(1, 0, 'error').stream)
        void response.body // no longer light
        return response
      })
      const { url } = await start(app)
      const response = await fetch(url)
      expect(response.status).toBe(500)
      expect(response.headers.get('x-frame-options')).toBe('DENY')
      expect(await response.text()).not.toContain('broke')
    })

    test('two requests at a time keep their heads apart', async () => {
      const { url } = await start(async (request, context) => {
        const { pathname } = new URL(request.url)
        context.head.set('x-path', pathname)
        await delay(Math.random() * 20)
        return new Response(pathname)
      })
      await Promise.all(Array.from({ length: 50 }, async (_, i) => {
        const response = await fetch(`${url}/${i}`)
        expect([response.headers.get('x-path'), await response.text()]).toEqual([`/${i}`, `/${i}`])
      }))
    })
  })

  describe('the facts', () => {
    test('the connection is what the socket says, one object for all its requests', async () => {
      const connections = new Set<unknown>()
      const { url } = await start((_request, { connection }) => {
        connections.add(connection)
        return Response.json(connection)
      })
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => get(url, { agent }, (response) => response.resume().on('end', resolve)))
      }
      agent.destroy()
      expect(connections.size).toBe(1)
      expect(await (await fetch(url)).json()).toMatchObject({ address: '127.0.0.1', encrypted: false })
    })

    test('the platform is Node`s, one object for the server', async () => {
      const platforms = new Set<unknown>()
      const { url } = await start((_request, { platform }) => Response.json(platforms.add(platform) && platform))
      await fetch(url)
      expect(await (await fetch(url)).json()).toMatchObject({
        name: 'node',
        framed: true,
        ephemeral: false,
        draining: false,
      })
      expect(platforms.size).toBe(1)
    })

    test('a handler that needs what Node does not give does not compile', () => {
      const needsBindings: Handler<{ readonly env: { readonly KV: string } }> = (_request, { env }) =>
        new Response(env.KV)
      // @ts-expect-error `env` is Cloudflare's
      expect(toNode(needsBindings)).toBeTypeOf('function')
    })

    test('the clock is the one that was given', async () => {
      const { url } = await start((_request, { clock }) => new Response(String(clock.now())), {
        clock: { now: () => 42, monotonic: () => 1 },
      })
      expect(await (await fetch(url)).text()).toBe('42')
    })
  })

  describe('the end', () => {
    test.each<[string, () => MaybePromise<Response>, End]>([
      ['a string', () => new Response('hällo'), { status: 200, bytes: 6, outcome: 'complete' }],
      ['bytes', () => new Response(new Uint8Array(7)), { status: 200, bytes: 7, outcome: 'complete' }],
      ['a stream', () => new Response(source(10, 3).stream), { status: 200, bytes: 30, outcome: 'complete' }],
      ['nothing', () => new Response(null, { status: 204 }), { status: 204, bytes: 0, outcome: 'complete' }],
      ['a stream that breaks', () => new Response(source(10, 3, 'error').stream), {
        status: 200,
        bytes: 30,
        outcome: 'failed',
      }],
    ])('of %s is told once', async (_name, answer, end) => {
      const { url } = await watched(answer)
      await fetch(url).then((response) => response.arrayBuffer()).catch(() => {})
      expect(await until(() => ends.length > 0)).toBe(true)
      await delay(20)
      expect(ends).toEqual([end])
    })

    test('of HEAD has no bytes', async () => {
      const { url } = await watched(() => new Response('hello'))
      await fetch(url, { method: 'HEAD' })
      expect(await until(() => ends.length > 0)).toBe(true)
      expect(ends).toEqual([{ status: 200, bytes: 0, outcome: 'complete' }])
    })

    test('of a refused response is told too, by toNode as well', async () => {
      for (
        const url of await both((_request, context) => {
          onEnd(context, (end) => ends.push(end))
          throw new Response('no', { status: 403 })
        })
      ) await fetch(url)
      expect(await until(() => ends.length === 2)).toBe(true)
      expect(ends).toEqual(Array(2).fill({ status: 403, bytes: 2, outcome: 'complete' }))
    })

    test('fault 43: a client that leaves before the answer: the signal aborts, the end says so', async () => {
      let aborted = false
      const { port } = await watched(async (request) => {
        const { signal } = request
        for (let i = 0; i < 50 && !signal.aborted; i++) await delay(10)
        aborted = signal.aborted
        return new Response('late')
      })
      await send(port, head('GET /'), { wait: 50 })
      expect(await until(() => ends.length > 0)).toBe(true)
      expect([aborted, ends]).toEqual([true, [{ status: 200, bytes: 0, outcome: 'aborted' }]])
    })

    test('fault 43, PITFALLS 10: a client that leaves in mid-stream: the source is cancelled, the end says so', async () => {
      const chunks = source(1_000)
      const slow = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await delay(5)
          controller.enqueue(new Uint8Array(10))
          chunks.pulled++
        },
        cancel() {
          chunks.cancelled = true
        },
      })
      const { port } = await watched(() => new Response(slow))
      await send(port, head('GET /'), { wait: 60 })
      expect(await until(() => chunks.cancelled && ends.length > 0)).toBe(true)
      expect(ends).toHaveLength(1)
      expect(ends[0]).toMatchObject({ status: 200, outcome: 'aborted' })
      expect(ends[0]!.bytes).toBeGreaterThan(0)
    })

    test('PITFALLS 10: the first chunk arrives before the second is made', async () => {
      let release = (): void => {}
      const gate = new Promise<void>((resolve) => release = resolve)
      let made = 0
      const { url } = await start(() =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              if (made === 1) await gate
              if (made++ === 2) return controller.close()
              controller.enqueue(new TextEncoder().encode(`data: ${made}\n\n`))
            },
          }, { highWaterMark: 0 }),
          { headers: { 'content-type': 'text/event-stream' } },
        )
      )
      const reader = (await fetch(url)).body!.getReader()
      expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
      release()
      expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 2\n\n')
    })

    test('PITFALLS 11: an upload of 100 MB passes in pieces', async () => {
      const { url } = await start(async (request) => {
        let most = 0
        let length = 0
        for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
          most = Math.max(most, chunk.byteLength)
          length += chunk.byteLength
        }
        return Response.json({ most, length })
      })
      const upload = source(1_048_576, 100)
      const init = { method: 'POST', body: upload.stream, duplex: 'half' } as RequestInit
      const { most, length } = await (await fetch(url, init)).json() as { most: number; length: number }
      expect(length).toBe(104_857_600)
      expect(most).toBeLessThanOrEqual(1_048_576)
    }, 20_000)
  })

  describe('close', () => {
    test('fault 48: under load, readiness fails first, what is in flight finishes, and nobody is reset', async () => {
      let draining = false
      const { url, close } = await start(async (_request, { platform }) => {
        await delay(5)
        draining ||= platform.draining
        return new Response('x'.repeat(1_000))
      }, { grace: '50ms' })
      const agent = new Agent({ keepAlive: true, maxSockets: 20 })
      let stopped = false
      const answers: string[] = []
      const one = (): Promise<string> =>
        new Promise((resolve) =>
          get(url, { agent }, (response) => {
            let length = 0
            response.on('data', (chunk: Buffer) => length += chunk.length)
            response.on('error', (error) => resolve(error.message))
            response.on('end', () => resolve(`${response.statusCode} ${length}`))
          }).on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message))
        )
      const clients = Array.from({ length: 20 }, async () => {
        while (!stopped) {
          const answer = await one()
          // Once it no longer listens, a new connection is refused: that is not a reset.
          if (answer === 'ECONNREFUSED') break
          answers.push(answer)
        }
      })
      await delay(100)
      await close()
      stopped = true
      await Promise.all(clients)
      agent.destroy()
      expect(answers.length).toBeGreaterThan(100)
      expect(answers.filter((answer) => answer !== '200 1000')).toEqual([])
      expect(draining).toBe(true)
    })

    test('without grace, a request in flight and a slow stream finish, and say Connection: close where they still can', async () => {
      const { port, close } = await start(async (request) => {
        if (request.url.endsWith('/stream')) {
          return new Response(
            new ReadableStream({
              async pull(controller) {
                await delay(250)
                controller.enqueue(new TextEncoder().encode('end'))
                controller.close()
              },
            }),
          )
        }
        await delay(150)
        return new Response('done')
      })
      const answers = Promise.all([
        send(port, head('GET /')),
        send(port, head('GET /stream')),
        send(port, head('GET /')),
      ])
      await delay(50)
      const started = performance.now()
      await close()
      expect(performance.now() - started).toBeLessThan(900)
      const [first, stream] = await answers
      expect([first.status, first.body, first.closed, first.reset]).toEqual([200, 'done', true, false])
      expect(first.text.toLowerCase()).toContain('connection: close')
      expect([stream.status, stream.closed, stream.reset]).toEqual([200, true, false])
      expect(stream.body).toContain('end')
    })

    test('an idle connection is closed, and a new one is refused', async () => {
      const { port, close } = await start(() => new Response('x'))
      const idle = send(port, head('GET /'), { wait: 3_000 })
      const silent = send(port, '', { wait: 3_000 })
      await delay(50)
      await close()
      expect([(await idle).closed, (await idle).reset, (await silent).closed]).toEqual([true, false, true])
      await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
    })

    test('PITFALLS 17: waits for waitUntil, detached and rejecting, and is idempotent', async () => {
      let done = 0
      const { url, close } = await start((_request, { waitUntil }) => {
        waitUntil(Promise.reject(new Error('nobody sees this')))
        waitUntil(
          delay(100).then(() => {
            done++
            waitUntil(delay(50).then(() => done++))
          }),
        )
        return new Response('x')
      })
      await (await fetch(url)).text()
      expect(close()).toBe(close())
      await close()
      expect(done).toBe(2)
    })

    test('cuts what outlasts drain, and says so', async () => {
      const records: LogRecord[] = []
      const { port, close } = await start(() => new Promise<Response>(() => {}), {
        drain: '200ms',
        log: (record) => records.push(record),
      })
      const hanging = send(port, head('GET /'), { wait: 3_000 })
      await delay(50)
      const started = performance.now()
      await close()
      expect(performance.now() - started).toBeLessThan(600)
      expect((await hanging).status).toBe(0)
      expect(records).toEqual([expect.objectContaining({ level: 'warn', code: 'drain-deadline' })])
    })
  })

  describe('serve', () => {
    test('listens on 127.0.0.1 and tells where', async () => {
      const { url, port, server } = await start(() => new Response('x'))
      expect(url).toBe(`http://127.0.0.1:${port}`)
      expect((server.address() as AddressInfo).address).toBe('127.0.0.1')
    })

    test('rejects when it cannot listen', async () => {
      const { port } = await start(() => new Response('x'))
      await expect(serve(() => new Response('x'), { port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    })

    test.each<[string, ServeOptions]>([
      ['a duration without a unit', { headersTimeout: 10 as unknown as '10s' }],
      ['a headersTimeout longer than the requestTimeout', { headersTimeout: '40s' }],
      ['a size that is none', { maxHeaderSize: '1' as '1kb' }],
    ])('rejects %s', async (_name, options) => {
      await expect(serve(() => new Response('x'), { port: 0, ...options })).rejects.toThrow(TypeError)
    })

    test('sets the timeouts and limits of the server', async () => {
      const { server } = await start(() => new Response('x'))
      const { headersTimeout, requestTimeout, keepAliveTimeout } = server as Server
      expect([headersTimeout, requestTimeout, keepAliveTimeout]).toEqual([10_000, 30_000, 65_000])
    })

    test('serves a Hono app, whose routes find Node`s bindings, and toHono its context', async () => {
      let draining: boolean | undefined
      let work = false
      const named: Wrapper<{ readonly name: string }> = (next) => (request, context) => {
        context.head.set('x-announced', 'yes')
        onEnd(context, (end) => ends.push(end))
        context.waitUntil(delay(100).then(() => work = true))
        draining = context.platform.draining
        return next(request, extend(context, { name: context.connection.address ?? 'nobody' }))
      }
      const app = new Hono<{ Bindings: HasNode['node'] }>()
        .use(toHono(named))
        .get('/', (c) => c.json([c.get('name'), c.env.incoming.method]))
      const server = await serve(app, { port: 0 })
      const response = await fetch(server.url)
      expect([await response.json(), response.headers.get('x-announced')]).toEqual([['127.0.0.1', 'GET'], 'yes'])
      expect((await fetch(`${server.url}/none`)).headers.get('x-announced')).toBe('yes')
      await server.close()
      expect([draining, work]).toEqual([false, true])
      expect(ends.map(({ status }) => status)).toEqual([200, 404])
    })
  })

  describe('WebSocket handshakes', () => {
    const wsUrl = (url: string): string => url.replace('http', 'ws')

    async function sockets(wrapper: Wrapper, inside: boolean): Promise<NodeServer> {
      const hono = new Hono<{ Bindings: HasNode['node'] }>()
      if (!inside) hono.use(toHono(wrapper))
      hono.get('/ws', upgradeWebSocket(() => ({ onMessage: (event, ws) => ws.send(`echo ${String(event.data)}`) })))
      const websocket = { server: new WebSocketServer({ noServer: true }) }
      const inner: Handler<HasNode> = (request, { node }) => hono.fetch(request, node)
      const server = await serve(inside ? wrapper(inner) : hono, { port: 0, websocket, drain: '1s' })
      open.push(server)
      return server
    }

    const guarded: Wrapper = (next) => (request, context) => {
      context.head.set('x-announced', 'yes')
      onEnd(context, (end) => ends.push(end))
      return request.headers.get('origin') === 'https://evil.test'
        ? new Response('no', { status: 403 })
        : next(request, context)
    }

    test.each([['around', true], ['inside', false]])('run through a pipeline %s Hono', async (_name, inside) => {
      const { url, close } = await sockets(guarded, inside)
      const ws = new WebSocket(`${wsUrl(url)}/ws`)
      let announced: unknown
      ws.on('upgrade', (response) => announced = response.headers['x-announced'])
      await new Promise((resolve) => ws.on('open', resolve))
      ws.send('hi')
      const message = await new Promise((resolve) => ws.on('message', (data) => resolve(String(data))))
      expect([message, announced]).toEqual(['echo hi', 'yes'])
      expect(ends).toEqual([{ status: 101, bytes: 0, outcome: 'complete' }])

      const refused = new WebSocket(`${wsUrl(url)}/ws`, { origin: 'https://evil.test' })
      const [status, head] = await new Promise<unknown[]>((resolve) =>
        refused.on(
          'unexpected-response',
          (_request, response) => resolve([response.statusCode, response.headers['x-announced']]),
        )
      )
      expect([status, head]).toEqual([403, 'yes'])
      expect(ends[1]).toEqual({ status: 403, bytes: 0, outcome: 'complete' })

      const closed = new Promise((resolve) => ws.on('close', resolve))
      await close()
      expect(await closed).toBe(1001)
    })

    test('fault 31: are refused like any request, and other upgrades do not hang', async () => {
      const { port } = await sockets(guarded, false)
      const fields = ['Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
      const foreign = await send(port, head('GET http://evil.test/ws', 'Upgrade: websocket', ...fields))
      expect([foreign.status, foreign.closed]).toEqual([400, true])
      const h2c = await send(port, head('GET /none', 'Upgrade: h2c', 'Connection: Upgrade'), {
        wait: 800,
        until: '\r\n\r\n',
      })
      expect([400, 404]).toContain(h2c.status)
    })

    test('without `websocket`, upgrades are the user`s', async () => {
      const { server, url, close } = await start(() => new Response('x'))
      const wss = new WebSocketServer({ noServer: true })
      server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head, (ws) => ws.send('mine')))
      const ws = new WebSocket(wsUrl(url))
      expect(await new Promise((resolve) => ws.on('message', (data) => resolve(String(data))))).toBe('mine')
      ws.close()
      await close()
    })
  })
})
