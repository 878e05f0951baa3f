import { expect, test } from 'vitest'
import { toCloudflare } from '../../adapters/cloudflare.ts'
import { toFetch } from '../../adapters/fetch.ts'
import type { HasBindings } from '../../adapters/cloudflare.ts'
import type { Handler } from '../../src/core/handler.ts'

interface Env {
  readonly GREETING: string
}

/** As on Workers: the method needs its object. */
class Execution {
  readonly #work: Promise<unknown>[] = []
  waitUntil(work: Promise<unknown>): void {
    this.#work.push(work)
  }
  async done(): Promise<unknown[]> {
    return await Promise.all(this.#work)
  }
}

const request = (headers?: Record<string, string>): Request =>
  new Request('https://api.test/', headers ? { headers } : {})

test('bindings are in the context, typed', async () => {
  const worker = toCloudflare<Env>((_request, context) => {
    context.head.set('x-announced', 'yes')
    return new Response(context.env.GREETING)
  })
  const response = await worker.fetch(request(), { GREETING: 'hi' }, new Execution())
  expect([await response.text(), response.headers.get('x-announced')]).toEqual(['hi', 'yes'])
})

test('a handler that needs bindings fits here and nowhere else', () => {
  const needs: Handler<HasBindings<Env>> = (_request, { env }) => new Response(env.GREETING)
  expect(toCloudflare(needs)).toHaveProperty('fetch')
  // @ts-expect-error nobody gives `env`
  expect(toFetch(needs)).toBeTypeOf('function')
})

test('PITFALLS 17: waitUntil works detached, and a rejection does not fail the request', async () => {
  const execution = new Execution()
  const worker = toCloudflare((_request, { waitUntil }) => {
    waitUntil(Promise.resolve('work'))
    waitUntil(Promise.reject(new Error('nobody sees this')))
    return new Response('x')
  })
  await worker.fetch(request(), undefined, execution)
  expect(await execution.done()).toEqual(['work', undefined])
})

test('the address is what the edge attests; a local run has none', async () => {
  const worker = toCloudflare((_request, { connection }) => Response.json(connection))
  const ask = async (headers?: Record<string, string>): Promise<unknown> =>
    (await worker.fetch(request(headers), undefined, new Execution())).json()
  expect(await ask({ 'cf-connecting-ip': '192.0.2.1', 'x-forwarded-for': '6.6.6.6' }))
    .toEqual({ address: '192.0.2.1', encrypted: true })
  expect(await ask({ 'x-forwarded-for': '6.6.6.6' })).toEqual({ encrypted: true })
})

test('memory is per isolate', async () => {
  const worker = toCloudflare((_request, { platform }) => Response.json(platform))
  expect(await (await worker.fetch(request(), undefined, new Execution())).json())
    .toEqual({ name: 'workerd', framed: true, ephemeral: true, draining: false })
})

test('PITFALLS 9: a WebSocket response passes untouched', async () => {
  const upgraded = Object.assign(new Response(null), { webSocket: {} })
  const worker = toCloudflare((_request, context) => {
    context.head.set('x-announced', 'yes')
    return upgraded
  })
  const response = await worker.fetch(request(), undefined, new Execution())
  expect([response === upgraded, response.headers.get('x-announced')]).toEqual([true, null])
})

test('an error is a problem', async () => {
  const worker = toCloudflare(() => {
    throw Object.assign(new Error('no'), { expose: true, status: 404 })
  })
  expect((await worker.fetch(request(), undefined, new Execution())).status).toBe(404)
})
