import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Context, End } from '../../src/core/context.ts'
import { onEnd } from '../../src/core/context.ts'
import { isPromise } from '../../src/core/handler.ts'
import { HeadBlock } from '../../src/core/head.ts'
import { finish as leave, run, writeHead } from '../../src/core/response.ts'
import { contextOf, requestTo, send, settled, source } from '../helpers.ts'

const nosniff = new HeadBlock([['x-content-type-options', 'nosniff'], ['vary', 'Origin']])

const finish = (response: Response, context: Context): Response => leave(response, context, requestTo())

/** A context with the head of a usual pipeline. */
function announced(): Context {
  const context = contextOf()
  context.head.announce(nosniff)
  context.head.transient('x-request-id', 'id-1')
  return context
}

function listening(context: Context): End[] {
  const told: End[] = []
  onEnd(context, (end) => told.push(end))
  return told
}

/** As `fetch` gives it: the headers cannot be changed. */
function fetched(body: string, type: string): Promise<Response> {
  return fetch(`data:${type};base64,${btoa(body)}`)
}

describe('run', () => {
  let printed: ReturnType<typeof vi.spyOn>
  beforeEach(() => void (printed = vi.spyOn(console, 'error').mockImplementation(() => {})))
  afterEach(() => void printed.mockRestore())

  test('hands on what the handler answers, at once or later', async () => {
    const one = new Response()
    expect(run(() => one, requestTo(), contextOf())).toBe(one)
    const later = run(() => Promise.resolve(one), requestTo(), contextOf())
    expect(isPromise(later)).toBe(true)
    expect(await later).toBe(one)
    expect(printed).not.toHaveBeenCalled()
  })

  test.each<[string, () => unknown]>([
    ['throws', () => {
      throw new Error('marker')
    }],
    ['rejects', () => Promise.reject(new Error('marker'))],
    ['rejects with nothing', () => Promise.reject()],
    ['returns nothing', () => undefined],
    ['returns null', () => null],
    ['returns a promise of nothing', () => Promise.resolve(undefined)],
    ['returns a string', () => 'marker'],
    ['returns an object that is no response', () => ({ body: 'marker' })],
    ['returns a network error', () => Response.error()],
  ])('a handler that %s is a 500 problem, with one line in the log', async (_what, handler) => {
    const response = await run(handler as () => Response, requestTo(), contextOf())
    expect(response.status).toBe(500)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.text()).not.toContain('marker')
    expect(printed).toHaveBeenCalledTimes(1)
  })

  test('a thrown Response is the answer', async () => {
    const one = new Response(null, { status: 401 })
    expect(
      await run(
        () => {
          throw one
        },
        requestTo(),
        contextOf(),
      ),
    ).toBe(one)
  })
})

describe('PITFALLS 9: every kind of response gets its head', () => {
  test('an ordinary one, in place', async () => {
    const one = new Response('x')
    const out = writeHead(one, announced())
    expect(out).toBe(one)
    expect(out.headers.get('x-content-type-options')).toBe('nosniff')
    expect(out.headers.get('x-request-id')).toBe('id-1')
    expect(await out.text()).toBe('x')
  })

  test('a redirect: copied, its Location kept, and nothing of this exchange alone', () => {
    const out = writeHead(Response.redirect('http://service.test/next', 302), announced())
    expect(out.status).toBe(302)
    expect(out.headers.get('location')).toBe('http://service.test/next')
    expect(out.headers.get('x-content-type-options')).toBe('nosniff')
    expect(out.headers.has('x-request-id')).toBe(false)
  })

  test('something fetched: copied, its body and type kept', async () => {
    const out = writeHead(await fetched('body', 'text/css'), announced())
    expect(out.headers.get('content-type')).toMatch(/^text\/css/)
    expect(out.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await out.text()).toBe('body')
  })

  test.each([204, 205, 304])('a %d keeps its null body', (status) => {
    const out = writeHead(new Response(null, { status }), announced())
    expect([out.status, out.body, out.headers.get('x-content-type-options')]).toEqual([status, null, 'nosniff'])
    expect(out.headers.has('x-request-id')).toBe(status !== 304)
  })

  test('an upgrade, or what looks like one, is the same object, untouched', () => {
    const untouchable = {
      get: () => {
        throw new Error('touched')
      },
    }
    const upgrade = { status: 101, headers: new Proxy({}, untouchable) } as unknown as Response
    expect(writeHead(upgrade, announced())).toBe(upgrade)
    expect(finish(upgrade, announced())).toBe(upgrade)
    const socket = { status: 200, webSocket: {}, headers: new Proxy({}, untouchable) } as unknown as Response
    expect(writeHead(socket, announced())).toBe(socket)
  })

  test('two cookies of the handler and one of ours survive, also through a copy', () => {
    const headers: [string, string][] = [['set-cookie', 'a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT'], [
      'set-cookie',
      'b=2',
    ]]
    for (const status of [200, 204]) {
      const context = announced()
      context.head.append('set-cookie', 'c=3')
      const out = writeHead(new Response(null, { status, headers }), context)
      expect(out.headers.getSetCookie()).toEqual([headers[0]![1], 'b=2', 'c=3'])
    }
  })

  test('the handler’s own header stands, its Vary is joined', () => {
    const out = writeHead(
      new Response('x', { headers: { 'X-Content-Type-Options': 'own', Vary: 'Accept' } }),
      announced(),
    )
    expect(out.headers.get('x-content-type-options')).toBe('own')
    expect(out.headers.get('vary')).toBe('Accept, Origin')
  })

  test('without a head, a response with a body is handed on as it is, immutable or not', async () => {
    const immutable = await fetched('x', 'text/plain')
    expect(writeHead(immutable, contextOf())).toBe(immutable)
  })

  test.each([200, 204, 304, 404])(
    'a %d without a body may be one object for many requests: nothing of one reaches another',
    (status) => {
      const shared = new Response(null, { status, headers: { 'x-own': '1' } })
      const serve = (id: string): Response => {
        const context = contextOf()
        context.head.set('x-request-id', id)
        context.head.append('set-cookie', `session=${id}`)
        context.head.append('vary', id)
        return writeHead(shared, context)
      }
      const [first, second] = [serve('1'), serve('2')]
      expect(first.headers.getSetCookie()).toEqual(['session=1'])
      expect(second.headers.getSetCookie()).toEqual(['session=2'])
      expect([first.headers.get('x-request-id'), second.headers.get('x-request-id')]).toEqual(['1', '2'])
      expect([first.headers.get('vary'), second.headers.get('vary')]).toEqual(['1', '2'])
      expect([...shared.headers]).toEqual([['x-own', '1']])
      expect([second.status, second.headers.get('x-own')]).toEqual([status, '1'])
    },
  )

  test('PITFALLS 9: nor on Bun, where a body must not be looked at to find out', () => {
    const shared = new Response(null, { status: 204 })
    const context = contextOf({ platform: { name: 'bun' } })
    context.head.append('set-cookie', 'session=1')
    expect(writeHead(shared, context).headers.getSetCookie()).toEqual(['session=1'])
    expect([...shared.headers]).toEqual([])
    const text = new Response('x')
    Object.defineProperty(text, 'body', {
      get: () => {
        throw new Error('looked')
      },
    })
    text.headers.delete('content-type')
    expect(writeHead(text, context)).toBe(text)
  })
})

describe('finish tells the end exactly once', () => {
  test.each<[string, () => Response, End]>([
    ['JSON, at once', () => Response.json({ a: 1 }), { status: 200, bytes: undefined, outcome: 'complete' }],
    ['a 204, at once', () => new Response(null, { status: 204 }), {
      status: 204,
      bytes: undefined,
      outcome: 'complete',
    }],
    ['a 304, at once', () => new Response(null, { status: 304 }), {
      status: 304,
      bytes: undefined,
      outcome: 'complete',
    }],
    ['an empty 404, at once', () => new Response(null, { status: 404 }), {
      status: 404,
      bytes: 0,
      outcome: 'complete',
    }],
  ])('of %s', async (_what, make, end) => {
    const context = announced()
    const told = listening(context)
    const out = finish(make(), context)
    expect(told).toEqual([end])
    await out.text()
    await settled()
    expect(told).toHaveLength(1)
  })

  test('of a stream, when it was read', async () => {
    const context = announced()
    const told = listening(context)
    const out = finish(
      new Response(source(10, 3).stream, { status: 201, headers: { 'content-type': 'text/csv' } }),
      context,
    )
    await settled()
    expect(told).toEqual([])
    expect([out.status, out.headers.get('content-type'), out.headers.get('x-content-type-options')]).toEqual([
      201,
      'text/csv',
      'nosniff',
    ])
    expect((await out.text()).length).toBe(30)
    await settled()
    expect(told).toEqual([{ status: 201, bytes: 30, outcome: 'complete' }])
  })

  test('of a stream whose source breaks', async () => {
    const context = announced()
    const told = listening(context)
    await expect(finish(new Response(source(10, 1, 'error').stream), context).text()).rejects.toThrow(
      'the source broke',
    )
    await settled()
    expect(told).toEqual([{ status: 200, bytes: 10, outcome: 'failed' }])
  })

  test('with nobody listening, the body is not wrapped', () => {
    const one = new Response(source(10).stream)
    expect(finish(one, announced())).toBe(one)
  })

  test('a listener that throws does not touch the response', async () => {
    const context = announced()
    onEnd(context, () => {
      throw new Error('listener')
    })
    expect(await finish(Response.json(1), context).json()).toBe(1)
    const streaming = announced()
    onEnd(streaming, () => {
      throw new Error('listener')
    })
    expect((await finish(new Response(source(10, 2).stream), streaming).text()).length).toBe(20)
  })
})

describe('PITFALLS 10: an event stream', () => {
  const events = (): Response => new Response(endless.stream, { headers: { 'content-type': 'text/event-stream' } })
  let endless: ReturnType<typeof source>
  beforeEach(() => void (endless = source(20)))

  test('sends its first chunk before the second is produced', async () => {
    const context = announced()
    listening(context)
    const response = await send(events, requestTo(), context)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body!.getReader()
    await settled()
    expect(endless.pulled).toBe(0)
    expect((await reader.read()).value).toHaveLength(20)
    await settled()
    expect(endless.pulled).toBe(1)
    await reader.cancel()
  })

  test('whose client leaves is aborted, not failed, and its source cancelled', async () => {
    const context = announced()
    const told = listening(context)
    const reader = (await send(events, requestTo(), context)).body!.getReader()
    await reader.read()
    await reader.cancel('left')
    await settled()
    expect(told).toEqual([{ status: 200, bytes: 20, outcome: 'aborted' }])
    expect([endless.cancelled, endless.reason]).toEqual([true, 'left'])
  })

  test('whose client leaves between events, likewise', async () => {
    endless = source(20, 1, 'hang')
    const context = announced()
    const told = listening(context)
    const reader = (await send(events, requestTo(), context)).body!.getReader()
    await reader.read()
    const next = reader.read()
    await reader.cancel()
    await next
    await settled()
    expect(told).toEqual([{ status: 200, bytes: 20, outcome: 'aborted' }])
    expect(endless.cancelled).toBe(true)
  })
})
