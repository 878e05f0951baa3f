import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { errors } from '../../src/core/errors.ts'
import type { HasSignal } from '../../src/core/facts.ts'
import type { Handler } from '../../src/core/handler.ts'
import type { TimeoutOptions } from '../../src/request/timeout.ts'
import { signalOf, timeout } from '../../src/request/timeout.ts'
import { contextOf, recorder, requestTo, send, settled, source } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

const unhandled = vi.fn()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(async () => {
  if (vi.isFakeTimers()) expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  await settled()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

const never = new Promise<Response>(() => {})
const later = (ms: number, make: () => Response): Promise<Response> =>
  new Promise((resolve, reject) =>
    setTimeout(() => {
      try {
        resolve(make())
      } catch (error) {
        reject(error)
      }
    }, ms)
  )
const ok = (): Response => new Response('ok')

describe('lets the good through', () => {
  test('a handler that is in time, synchronous or not', async () => {
    expect((await send(timeout({ after: '1s' })(ok))).status).toBe(200)
    expect((await send(timeout({ after: '1s' })(() => Promise.resolve(ok())))).status).toBe(200)
    const slow = send(timeout({ after: '1s' })(() => later(999, ok)))
    await vi.advanceTimersByTimeAsync(999)
    expect((await slow).status).toBe(200)
  })

  test('it stays synchronous when the handler is, and gives it the signal', () => {
    const inner = spy<HasSignal>()
    const response = timeout({ after: '1s' })(inner.handler)(requestTo(), contextOf())
    expect(response).toBeInstanceOf(Response)
    const { request, context } = inner.calls[0]!
    expect(context.signal).toBeInstanceOf(AbortSignal)
    expect(signalOf(request, context)).toBe(context.signal)
    expect(signalOf(request, contextOf())).toBe(request.signal)
  })

  test('undefined is the default of total', async () => {
    expect((await send(timeout({ after: '1s', total: undefined })(ok))).status).toBe(200)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('the signal stays quiet after an answer in time', async () => {
    const inner = spy<HasSignal>()
    await send(timeout({ after: '1s' })(inner.handler))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(inner.calls[0]!.context.signal.aborted).toBe(false)
  })
})

describe('PITFALLS 16: the deadline aborts, it does not race and forget', () => {
  test('PITFALLS 16: the handler sees signal.aborted at the deadline, with a TimeoutError, and the client gets one 504', async () => {
    let signal: AbortSignal | undefined
    const context = contextOf()
    const answer = send(
      timeout({ after: '250ms' })((_request, { signal: given }) => {
        signal = given
        return never
      }),
      requestTo(),
      context,
    )
    await vi.advanceTimersByTimeAsync(249)
    expect(signal!.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(signal!.aborted).toBe(true)
    expect((signal!.reason as DOMException).name).toBe('TimeoutError')
    const response = await answer
    expect(response.status).toBe(504)
    expect(await codeOf(response)).toBe('deadline-exceeded')
    expect(context.events).toEqual([{ kind: 'refused', guard: 'timeout', code: 'deadline-exceeded', status: 504 }])
  })

  test('PITFALLS 16: with the real clock, within 10 ms of the timer', async () => {
    vi.useRealTimers()
    const off: number[] = []
    for (let i = 0; i < 5; i++) {
      const started = performance.now()
      const aborted = new Promise<number>((resolve) => {
        void send(
          timeout({ after: '20ms' })((_request, { signal }) => {
            signal.addEventListener('abort', () => resolve(performance.now() - started))
            return never
          }),
        )
      })
      off.push(Math.abs(await aborted - 20))
    }
    expect(Math.min(...off)).toBeLessThan(10) // the best of five: others use this machine
  })

  test('PITFALLS 16: a handler that gives the signal on stops by it; the client gets the 504, not its error', async () => {
    const answer = send(
      timeout({ after: '1s' })((_request, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      ),
    )
    await vi.advanceTimersByTimeAsync(1_000)
    expect((await answer).status).toBe(504)
  })

  test('PITFALLS 16: a late rejection is swallowed and noted', async () => {
    const context = contextOf()
    const answer = send(
      timeout({ after: '1s' })(() =>
        later(2_000, () => {
          throw new Error('late')
        })
      ),
      requestTo(),
      context,
    )
    await vi.advanceTimersByTimeAsync(1_000)
    expect((await answer).status).toBe(504)
    expect(context.attributes['timeout.late']).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(context.attributes['timeout.late']).toBe(true)
  })

  test('PITFALLS 16: the body of a late response is cancelled', async () => {
    const bytes = source(10)
    const answer = send(timeout({ after: '1s' })(() => later(2_000, () => new Response(bytes.stream))))
    await vi.advanceTimersByTimeAsync(2_000)
    expect((await answer).status).toBe(504)
    expect(bytes.cancelled).toBe(true)
  })

  test.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a response whose body is locked', () => {
      const response = new Response(source(1).stream)
      response.body!.getReader()
      return response
    }],
    [
      'a response whose source refuses to be cancelled',
      () => new Response(new ReadableStream({ cancel: () => Promise.reject(new Error('no')) })),
    ],
    ['a response without body', () => new Response(null, { status: 204 })],
  ])('PITFALLS 16: a late %s is no unhandled rejection', async (_what, make) => {
    const context = contextOf()
    const answer = send(timeout({ after: '1s' })(() => later(2_000, make as () => Response)), requestTo(), context)
    await vi.advanceTimersByTimeAsync(2_000)
    expect((await answer).status).toBe(504)
    expect(context.attributes['timeout.late']).toBe(true)
  })

  test('PITFALLS 16: no timer is open after 1,000 requests that ended in every way', async () => {
    vi.useRealTimers()
    const timers = (): number => (process.getActiveResourcesInfo?.() ?? []).filter((name) => name === 'Timeout').length
    const before = timers()
    const { log } = recorder()
    const gone = AbortSignal.abort()
    const endings: Handler[] = [
      ok,
      () => Promise.resolve(ok()),
      () => {
        throw new Error('thrown')
      },
      () => Promise.reject(new Error('rejected')),
      () => new Promise((resolve) => setTimeout(() => resolve(ok()), 3)),
      () => Promise.resolve(new Response(source(1, 3).stream)),
    ]
    const all = Array.from({ length: 1_000 }, async (_, i) => {
      const wrapped = compose(errors({ log }), timeout({ after: i % 7 === 0 ? '1ms' : '1h', total: i % 2 === 0 }))(
        endings[i % endings.length]!,
      )
      const response = await send(wrapped, requestTo('/', i % 5 === 0 ? { signal: gone } : {}), contextOf())
      await response.text()
      return response.status
    })
    expect(new Set(await Promise.all(all))).toEqual(new Set([200, 400, 500, 504]))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(timers()).toBeLessThanOrEqual(before)
  })

  test('a handler that answers at the deadline itself: one answer, whichever comes first', async () => {
    const answer = send(timeout({ after: '1s' })(() => later(1_000, ok)))
    await vi.advanceTimersByTimeAsync(1_000)
    expect([200, 504]).toContain((await answer).status)
  })
})

describe('PITFALLS 10: streams', () => {
  test('PITFALLS 10: an event stream gets no deadline once it has begun', async () => {
    const inner = { signal: undefined as AbortSignal | undefined }
    const events = source(10)
    const wrapped = timeout({ after: '1s' })((_request, { signal }) => {
      inner.signal = signal
      return Promise.resolve(new Response(events.stream, { headers: { 'content-type': 'text/event-stream' } }))
    })
    const reader = (await send(wrapped)).body!.getReader()
    await reader.read()
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect((await reader.read()).value).toHaveLength(10)
    expect(inner.signal!.aborted).toBe(false)
    await reader.cancel()
  })

  test('total keeps the deadline to the last byte, and lets go of it there', async () => {
    const signals: AbortSignal[] = []
    const wrapped = timeout({ after: '1s', total: true })((_request, { signal }) => {
      signals.push(signal)
      return new Response(source(10, signals.length === 1 ? 2 : Infinity).stream)
    })
    const short = await send(wrapped)
    expect(vi.getTimerCount()).toBe(1)
    await short.arrayBuffer()
    expect(vi.getTimerCount()).toBe(0)

    const long = (await send(wrapped)).body!.getReader()
    await long.read()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(signals[0]!.aborted).toBe(false)
    expect(signals[1]!.aborted).toBe(true)
    await long.cancel()
  })

  test('leaves streams alone', () => leavesStreamsAlone(timeout({ after: '1h' })))

  test('leaves streams alone with total, too', () => leavesStreamsAlone(timeout({ after: '1h', total: true })))
})

describe('fault 43: the client leaves', () => {
  test('fault 43: the signal aborts with the reason of the request, before, during and after the handler', async () => {
    const abort = new AbortController()
    let signal: AbortSignal | undefined
    const answer = send(
      timeout({ after: '1s' })((_request, { signal: given }) => {
        signal = given
        return later(500, ok)
      }),
      requestTo('/', { signal: abort.signal }),
    )
    expect(signal!.aborted).toBe(false)
    abort.abort(new Error('the client left'))
    expect(signal!.aborted).toBe(true)
    expect(signal!.reason).toMatchObject({ message: 'the client left' })
    await vi.advanceTimersByTimeAsync(500)
    expect((await answer).status).toBe(200)

    const inner = spy<HasSignal>()
    await send(timeout({ after: '1s' })(inner.handler), requestTo('/', { signal: AbortSignal.abort() }))
    expect(inner.calls[0]!.context.signal.aborted).toBe(true)
  })

  test('fault 43: it leaves in the middle of a stream: the source is told', async () => {
    const bytes = source(10)
    const reader = (await send(timeout({ after: '1s' })(() => new Response(bytes.stream)))).body!.getReader()
    await reader.read()
    await reader.cancel('left')
    expect(bytes.cancelled).toBe(true)
  })
})

describe('survives the broken', () => {
  test.each<[string, Handler, number]>([
    ['throws', () => {
      throw new Error('bug')
    }, 500],
    ['throws nothing', () => {
      throw undefined
    }, 500],
    ['rejects with nothing', () => Promise.reject(undefined), 500],
    ['answers with nothing', () => undefined as never, 500],
    ['answers with a promise of nothing', () => Promise.resolve(undefined as never), 500],
  ])('a handler that %s is a 500, and the timer is gone', async (_what, handler, status) => {
    const { log } = recorder()
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    expect((await send(compose(errors({ log }), timeout({ after: '1s' }))(handler))).status).toBe(status)
    expect((await send(timeout({ after: '1s', total: true })(handler))).status).toBe(status)
    said.mockRestore()
  })

  test('mounted twice it says so, and leaves no timer', async () => {
    const { log, records } = recorder()
    const twice: Handler = (request, context) => timeout({ after: '1s' })(ok)(request, context)
    expect((await send(errors({ log })(timeout({ after: '1s' })(twice)))).status).toBe(500)
    expect(String(records[0]!['error'])).toContain('mounted twice')
  })

  test.each<[TimeoutOptions, ...string[]]>([
    [{} as never, 'timeout: after'],
    [{ after: 1_000 as never }, 'timeout: after', '1000'],
    [{ after: '0s' }, 'timeout: after'],
    [{ after: '-1s' as never }, 'timeout: after'],
    [{ after: '1 s' as never }, 'timeout: after'],
    [{ after: '1sec' as never }, 'timeout: after'],
    [{ after: 'Infinitys' as never }, 'timeout: after'],
    [{ after: 'NaNms' as never }, 'timeout: after'],
    [{ after: '' as never }, 'timeout: after'],
    [{ after: '1constructor' as never }, 'timeout: after'],
    [{ after: '25d' }, 'timeout: after', '24 days'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => timeout(options), ...words)
  })

  test('making one sets no timer', () => {
    timeout({ after: '1s' })(ok)
    expect(vi.getTimerCount()).toBe(0)
  })
})
