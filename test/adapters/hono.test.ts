import { serve as serveHono } from '@hono/node-server'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { HTTPException } from 'hono/http-exception'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { rethrow, toHono } from '../../adapters/hono.ts'
import { compose } from '../../src/core/compose.ts'
import type { Context, End } from '../../src/core/context.ts'
import { extend, onEnd } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import { ALLOW, guard, refusal } from '../../src/core/guard.ts'
import type { Wrapper } from '../../src/core/handler.ts'
import { HeadBlock } from '../../src/core/head.ts'
import { legacyEnvelope, Problem } from '../../src/core/problem.ts'
import { sanitize } from '../../src/input/sanitize.ts'
import { validate } from '../../src/input/validate.ts'
import { policy } from '../../src/policy/policy.ts'
import { recorder, source } from '../helpers.ts'
import { delay, head, onNode, send, until } from './wire.ts'

const block = new HeadBlock([['x-content-type-options', 'nosniff'], ['vary', 'Origin']])
let ids = 0
/** As a policy has: an id, a head, an end, an error boundary. */
const named = (): Wrapper<{ readonly requestId: string }> => (next) => (request, context) => {
  const requestId = `id-${++ids}`
  context.head.set('x-request-id', requestId)
  return next(request, extend(context, { requestId }))
}
const headed: Wrapper = (next) => (request, context) => {
  context.head.announce(block)
  return next(request, context)
}
const watched = (ends: End[]): Wrapper => (next) => (request, context) => {
  onEnd(context, (end) => ends.push(end))
  return next(request, context)
}
const keyed = guard<{ readonly principal: { readonly id: string; readonly tenant: 'a' } }>({
  name: 'keyed',
  decide: (request) =>
    request.headers.get('authorization') === 'Bearer good'
      ? { outcome: 'allow', adds: { principal: { id: 'u1', tenant: 'a' } } }
      : refusal({ status: 401, code: 'unauthenticated' }),
})

const good = { headers: { authorization: 'Bearer good' } }
const quiet = () => errors({ log: () => {} })

describe('inside Hono', () => {
  test('what wrappers add is in c.var, typed', async () => {
    const app = new Hono()
      .use(toHono(compose(named(), quiet(), headed, keyed)))
      .get('/', (c) => {
        const principal: { readonly id: string; readonly tenant: 'a' } = c.get('principal')
        const id: string = c.var.requestId
        // @ts-expect-error nobody added this
        c.get('nothing')
        return c.text(`${principal.id} ${id.slice(0, 3)}`)
      })
    const ok = await app.request('/', good)
    expect([ok.status, await ok.text(), ok.headers.get('x-content-type-options')]).toEqual([200, 'u1 id-', 'nosniff'])
  })

  test('a wrapper that needs a fact of another does not compile alone', () => {
    const needs: Wrapper<{}, { readonly principal: { readonly id: string } }> = (next) => (request, context) =>
      next(request, context)
    // @ts-expect-error nobody adds `principal`
    expect(toHono(needs)).toBeTypeOf('function')
  })

  test('PITFALLS 8: a refusal, a 404, an error and a redirect all have the head', async () => {
    const app = new Hono()
      .use(toHono(compose(named(), headed, quiet(), keyed)))
      .get('/redirect', (c) => c.redirect('/elsewhere'))
      .get('/throw', () => {
        throw new Error('secret')
      })
      .get('/problem', () => {
        throw new Problem(418, 'teapot', { detail: 'short and stout' })
      })
      .get('/exception', () => {
        throw new HTTPException(403, { res: new Response('mine', { status: 403, headers: { 'x-mine': 'yes' } }) })
      })
    app.onError(rethrow)
    const ask = async (path: string, init: RequestInit = good): Promise<[number, string]> => {
      const response = await app.request(path, init)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('x-request-id')).toMatch(/^id-/)
      return [response.status, await response.text()]
    }
    expect((await ask('/redirect', {}))[0]).toBe(401)
    expect((await ask('/none'))[0]).toBe(404)
    expect((await ask('/redirect'))[0]).toBe(302)
    const [status, body] = await ask('/throw')
    expect([status, JSON.parse(body)]).toMatchObject([500, { code: 'internal-error' }])
    expect(body).not.toContain('secret')
    expect(await ask('/problem')).toEqual([418, expect.stringContaining('short and stout')])
    expect(await ask('/exception')).toEqual([403, 'mine'])
  })

  test('a route`s error reaches our boundary once, with its cause, though Hono caught it', async () => {
    const { log, records } = recorder()
    const bug = new Error('bug')
    const app = new Hono()
      .use(toHono(compose(named(), errors({ log, format: legacyEnvelope }))))
      .get('/', () => {
        throw bug
      })
    app.onError((_error, c) => c.text('Hono`s own answer', 500))
    const response = await app.request('/')
    expect([response.status, await response.json()]).toMatchObject([500, { success: false, statusCode: 500 }])
    expect(records.map(({ error, requestId }) => [error, requestId])).toEqual([[bug, `id-${ids}`]])
  })

  test('what is no Error is answered too', async () => {
    const app = new Hono().use(toHono(compose(headed, quiet()))).get('/', () => {
      throw 'a string'
    })
    const response = await app.request('/')
    expect([response.status, response.headers.get('x-content-type-options')]).toEqual([500, 'nosniff'])
  })

  test('a wrapper may answer in the route`s place, and its response is not merged with the one it replaces', async () => {
    const replacing: Wrapper = (next) => async (request, context) => {
      const response = await next(request, context)
      return response.status === 200 ? new Response('replaced', { headers: { 'x-mine': 'yes' } }) : response
    }
    const app = new Hono().use(toHono(compose(headed, replacing))).get('/', (c) => c.text('x', 200, { 'x-old': 'yes' }))
    const response = await app.request('/')
    expect([await response.text(), response.headers.get('x-mine'), response.headers.get('x-old')])
      .toEqual(['replaced', 'yes', null])
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('a wrapper may hand on another request', async () => {
    const renaming: Wrapper = (next) => (request, context) =>
      next(new Request(request.url, { headers: { 'x-renamed': 'yes' } }), context)
    const app = new Hono().use(toHono(renaming)).get('/', (c) => c.text(c.req.header('x-renamed') ?? 'no'))
    expect(await (await app.request('/')).text()).toBe('yes')
  })

  test('works beside Hono`s own middleware', async () => {
    const app = new Hono().use(cors({ origin: 'https://a.test' })).use(toHono(headed)).get('/', (c) => c.text('x'))
    const { headers } = await app.request('/', { headers: { origin: 'https://a.test' } })
    expect(headers.get('access-control-allow-origin')).toBe('https://a.test')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('vary')).toContain('Origin')
  })

  test('PITFALLS 10: a stream streams, its cancellation reaches the source, and its end is told', async () => {
    const ends: End[] = []
    const endless = source(1)
    const app = new Hono().use(toHono(watched(ends))).get(
      '/',
      () => new Response(endless.stream, { headers: { 'content-type': 'text/event-stream' } }),
    )
    const reader = (await app.request('/')).body!.getReader()
    await reader.read()
    expect(ends).toEqual([])
    await reader.cancel()
    expect([endless.cancelled, ends]).toEqual([true, [{ status: 200, bytes: 1, outcome: 'aborted' }]])
  })

  test('HEAD has an end although its body is never read', async () => {
    const ends: End[] = []
    const app = new Hono().use(toHono(compose(headed, watched(ends)))).get('/', () => new Response(source(1).stream))
    const response = await app.request('/', { method: 'HEAD' })
    expect([response.headers.get('x-content-type-options'), ends])
      .toEqual(['nosniff', [{ status: 200, bytes: 0, outcome: 'complete' }]])
  })

  describe('two on one request', () => {
    test('share one context and one head; a fact that both add is the later one`s', async () => {
      const contexts: Context[] = []
      const ends: End[] = []
      const seeing: Wrapper = (next) => (request, context) => {
        contexts.push(context)
        return next(request, context)
      }
      const again = (name: string, value: string): Wrapper => (next) => (request, context) => {
        context.head.append(name, value)
        return next(request, context)
      }
      const app = new Hono()
        .use(toHono(compose(watched(ends), named(), headed, again('set-cookie', 'a=1'), seeing)))
        .use('/admin/*', toHono(compose(watched(ends), named(), again('set-cookie', 'b=2'), keyed, seeing)))
        .get('/admin/x', (c) => c.text(`${c.get('requestId')} ${c.get('principal').id}`))
      const response = await app.request('/admin/x', good)
      expect(await response.text()).toBe(`id-${ids} u1`)
      expect(response.headers.get('x-request-id')).toBe(`id-${ids}`)
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
      expect(contexts[0]!.head).toBe(contexts[1]!.head)
      expect(contexts[0]!.events).toBe(contexts[1]!.events)
      expect((contexts[0] as unknown as { requestId: string }).requestId).toBe(`id-${ids}`)
      expect(ends).toHaveLength(2)
    })

    test('the route sees what both added', async () => {
      const app = new Hono().use(toHono(named())).use(toHono(keyed)).get(
        '/',
        (c) => c.json([c.get('requestId'), c.get('principal').id]),
      )
      expect(await (await app.request('/', good)).json()).toEqual([`id-${ids}`, 'u1'])
    })

    test('an error is answered once: by the inner boundary if it has one, else by the outer', async () => {
      const outer = recorder()
      const inner = recorder()
      const app = new Hono()
        .use(toHono(compose(headed, errors({ log: outer.log }))))
        .use('/both', toHono(errors({ log: inner.log, format: legacyEnvelope })))
        .use('/one', toHono(named()))
        .get('/both', () => {
          throw new Error('bug')
        })
        .get('/one', () => {
          throw new Error('bug')
        })
      const both = await app.request('/both')
      expect([both.status, await both.json(), both.headers.get('x-content-type-options')])
        .toMatchObject([500, { success: false }, 'nosniff'])
      expect([outer.records.length, inner.records.length]).toEqual([0, 1])
      expect((await app.request('/one')).status).toBe(500)
      expect([outer.records.length, inner.records.length]).toEqual([1, 1])
    })

    test('PITFALLS 36: the same one twice is an error, as it counts everything twice', async () => {
      const { log, records } = recorder()
      const same = toHono(compose(errors({ log }), named()))
      const app = new Hono().use(same).use('/x', same).get('/x', (c) => c.text('x')).get('/y', (c) => c.text('y'))
      app.onError(rethrow)
      expect((await app.request('/y')).status).toBe(200)
      expect((await app.request('/x')).status).toBe(500)
      expect(String(records[0]!['error'])).toContain('mounted twice')
    })
  })

  describe('the facts are the runtime`s', () => {
    const telling: Wrapper<{ readonly facts: unknown }> = (next) => (request, context) => {
      const { connection: { address, port, encrypted }, platform } = context
      const facts: unknown = [platform.name, platform.ephemeral, address, port, encrypted]
      return next(request, extend(context, { facts }))
    }
    const facts = new Hono()
      .use(toHono(telling))
      .get('/', (c) => c.json(c.get('facts')))
    const peer = { address: '192.0.2.1', port: 7 }

    test.each<[string, object | undefined, unknown[]]>([
      ['nobody', undefined, ['fetch', false, null, null, false]],
      ['Bun', { requestIP: () => peer }, ['bun', false, '192.0.2.1', 7, false]],
      ['Bun, with the server inside', { server: { requestIP: () => peer } }, ['bun', false, '192.0.2.1', 7, false]],
      ['Deno', { remoteAddr: { hostname: '192.0.2.1', port: 7 } }, ['deno', false, '192.0.2.1', 7, false]],
    ])('of %s', async (_name, env, expected) => {
      expect(await (await facts.request('/', {}, env)).json()).toEqual(expected)
    })

    test('PITFALLS 1: CF-Connecting-IP counts on Workers only', async () => {
      const headers = { 'cf-connecting-ip': '6.6.6.6' }
      expect((await (await facts.request('/', { headers })).json() as unknown[])[2]).toBeNull()
      const real = Object.getOwnPropertyDescriptor(globalThis, 'navigator')!
      Object.defineProperty(globalThis, 'navigator', { value: { userAgent: 'Cloudflare-Workers' }, configurable: true })
      try {
        expect(await (await facts.request('https://a.test/', { headers })).json())
          .toEqual(['workerd', true, '6.6.6.6', null, true])
      } finally {
        Object.defineProperty(globalThis, 'navigator', real)
      }
    })

    test('PITFALLS 17: waitUntil is the platform`s where there is one, and safe where there is none', async () => {
      const work: Promise<unknown>[] = []
      const working: Wrapper = (next) => (request, context) => {
        const { waitUntil } = context
        waitUntil(Promise.resolve('work'))
        waitUntil(Promise.reject(new Error('nobody sees this')))
        return next(request, context)
      }
      const app = new Hono().use(toHono(working)).get('/', (c) => c.text('x'))
      expect((await app.request('/')).status).toBe(200)
      const execution = {
        waitUntil: (one: Promise<unknown>) => void work.push(one),
        passThroughOnException: () => {},
        props: {},
      }
      await app.request('/', {}, {}, execution)
      expect(await Promise.all(work)).toEqual(['work', undefined])
      await delay(5)
    })
  })

  describe.skipIf(!onNode)('on @hono/node-server`s own server', () => {
    async function started(
      app: { readonly fetch: Hono['fetch'] },
      then: (url: string, port: number) => Promise<void>,
    ): Promise<void> {
      const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      try {
        await then(`http://127.0.0.1:${port}`, port)
      } finally {
        server.closeAllConnections()
        server.close()
      }
    }

    test('the head goes out with the response, which nobody touched', async () => {
      const ends: End[] = []
      const app = new Hono()
        .use(toHono(compose(named(), headed, watched(ends), quiet())))
        .get('/', (c) => c.json({ a: 1 }, 200, { vary: 'Accept' }))
        .get('/two', (c) => {
          c.header('set-cookie', 'a=1', { append: true })
          c.header('set-cookie', 'b=2', { append: true })
          return c.text('x')
        })
        .get('/stream', () => new Response(source(10, 2).stream))
        .get('/fetched', () => fetch('data:text/plain,x'))
        .get('/bad', () => new Response('x', { headers: { 'x-a': 'b\r\nevil: 1' } }))
      await started(app, async (url) => {
        const response = await fetch(url)
        expect([response.status, await response.json()]).toEqual([200, { a: 1 }])
        expect(Object.fromEntries(response.headers)).toMatchObject({
          vary: 'Accept, Origin',
          'x-request-id': `id-${ids}`,
        })
        expect((await fetch(`${url}/two`)).headers.getSetCookie()).toEqual(['a=1', 'b=2'])
        for (const path of ['/stream', '/fetched', '/none', '/bad']) {
          const one = await fetch(url + path)
          expect([one.headers.get('x-content-type-options'), one.headers.get('evil')]).toEqual(['nosniff', null])
          await one.arrayBuffer()
        }
        expect(await until(() => ends.length === 6)).toBe(true)
        expect(ends.map(({ status, bytes }) => [status, bytes]).slice(0, 5))
          .toEqual([[200, 7], [200, 1], [200, 20], [200, 1], [404, 13]])
        expect(ends[5]!.status).toBe(500)
      })
    })

    test('fault 43: a client that leaves is an abort', async () => {
      const ends: End[] = []
      const endless = source(1)
      const app = new Hono().use(toHono(watched(ends))).get('/', () => new Response(endless.stream))
      await started(app, async (_url, port) => {
        await send(port, head('GET /'), { wait: 50 })
        expect(await until(() => endless.cancelled && ends.length > 0)).toBe(true)
        expect(ends[0]!.outcome).toBe('aborted')
      })
    })

    test('the connection is the socket`s, one object for all its requests', async () => {
      const connections = new Set<unknown>()
      const noting: Wrapper = (next) => (request, context) => {
        connections.add(context.connection)
        return next(request, context)
      }
      const app = new Hono().use(toHono(noting)).get('/', (c) => c.text('x'))
      await started(app, async (_url, port) => {
        await send(port, head('GET /') + head('GET /', 'Connection: close'))
        expect([...connections]).toMatchObject([{ address: '127.0.0.1', encrypted: false }])
      })
    })
  })
})

test('a guard that allows costs Hono nothing it could see', async () => {
  const app = new Hono().use(toHono(guard({ name: 'open', decide: () => ALLOW }))).get('/', (c) => c.text('x'))
  expect((await app.request('/')).status).toBe(200)
})

test('path parameters are `params` for a wrapper on a route, and a policy cleans what its `validate` sees', async () => {
  const schema = v.object({ id: v.pipe(v.string(), v.digits()) })
  const app = new Hono()
    .use(toHono(policy({ sanitize: sanitize() })))
    .get(
      '/notes/:id',
      toHono(validate({ params: schema, query: v.object({ q: v.string() }) })),
      (c) => c.json(c.var.input),
    )
  const found = await app.request('/notes/7?q=+a+')
  expect(await found.json()).toEqual({ params: { id: '7' }, query: { q: 'a' } })
  expect((await app.request('/notes/x?q=a')).status).toBe(400)
})
