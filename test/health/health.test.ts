import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Handler } from '../../src/core/handler.ts'
import { health, type HealthCheck, type HealthOptions } from '../../src/health/health.ts'
import { type Circumstances, contextOf, requestTo, send, settled, virtualClock } from '../helpers.ts'

const beyond: Handler = () => new Response('beyond', { status: 404 })
const hang: HealthCheck = () => new Promise(() => {})

interface Report {
  readonly status: 'pass' | 'fail'
  readonly output?: string
  readonly checks?: Record<string, { status: string; observedValue: number; observedUnit: string }[]>
}

async function ask(handler: Handler, path: string, circumstances: Circumstances = {}, init: RequestInit = {}) {
  const response = await send(handler, requestTo(path, init), contextOf(circumstances))
  const text = await response.text()
  const report: Report | undefined = text.startsWith('{') ? JSON.parse(text) as Report : undefined
  return { status: response.status, headers: response.headers, report, text }
}

const of = (options: HealthOptions = {}): Handler => health(options)(beyond)
const failing = (options: HealthOptions = {}): Handler =>
  of({ checks: { database: () => Promise.reject(new Error('down')) }, ...options })

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('lets the good through', () => {
  test.each(['/health', '/health/live', '/health/ready'])('M1: %s passes', async (path) => {
    const { status, headers, report } = await ask(
      of({ checks: { a: () => true, b: () => Promise.resolve(), c: () => undefined } }),
      path,
    )
    expect([status, report]).toEqual([200, { status: 'pass' }])
    expect(headers.get('content-type')).toBe('application/health+json')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('without checks it is ready', async () => {
    expect((await ask(of(), '/health/ready')).status).toBe(200)
  })

  test("paths are the user's to choose, in whatever case", async () => {
    const handler = of({ live: '/livez', ready: '/ReadyZ/', full: '/status/all' })
    for (const path of ['/livez', '/readyz', '/ReadyZ', '/ReadyZ/', '/LIVEZ', '/status/all']) {
      expect((await ask(handler, path)).status, path).toBe(200)
    }
    for (const path of ['/health', '/health/live', '/live', '/status', '/']) {
      expect((await ask(handler, path)).status).toBe(404)
    }
  })

  test.each(['/', '/healthz', '/health/x', '/health/live/x', '/api/health', '/?/health', '/healt', '/health/livex'])(
    '%s goes through',
    async (path) => {
      expect((await ask(of(), path)).text).toBe('beyond')
    },
  )

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s goes through', async (method) => {
    expect((await ask(of(), '/health/ready', {}, { method })).text).toBe('beyond')
  })

  test('PITFALLS 37: HEAD answers as GET does', async () => {
    expect((await ask(of(), '/health/ready', {}, { method: 'HEAD' })).status).toBe(200)
    const { status, headers } = await ask(failing(), '/health/ready', {}, { method: 'HEAD' })
    expect(status).toBe(503)
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('its requests are marked, so that no log, limit or trace counts them; no other is', async () => {
    for (const [path, marked] of [['/health', true], ['/health/live', true], ['/x', undefined]] as const) {
      const context = contextOf()
      await send(of(), requestTo(path), context)
      expect(context.attributes['health.check']).toBe(marked)
      expect(context.events).toEqual([])
    }
  })
})

describe('refuses the bad', () => {
  test.each<[what: string, check: HealthCheck]>([
    ['rejects', () => Promise.reject(new Error('postgres://user:hunter2@db'))],
    ['throws', () => {
      throw new Error('postgres://user:hunter2@db')
    }],
    ['throws nothing', () => {
      throw undefined
    }],
    ['returns false', () => false],
    ['resolves to false', () => Promise.resolve(false)],
    // oxlint-disable-next-line unicorn/no-thenable -- that is the case
    ['gives a thenable that rejects', () => ({ then: (_: unknown, no: (reason: unknown) => void) => no('hunter2') })],
  ])('fault 47: a check that %s is a 503, and says nothing of why', async (_what, check) => {
    const handler = of({ checks: { well: () => true, ill: check }, detail: () => true })
    for (const path of ['/health/ready', '/health']) {
      const { status, report, text, headers } = await ask(handler, path)
      expect([status, report?.status]).toEqual([503, 'fail'])
      expect(headers.get('cache-control')).toBe('no-store')
      expect(text).not.toMatch(/hunter2|postgres/)
    }
  })

  test('PITFALLS 25: names of checks are told only to whom detail lets see them, and only in full', async () => {
    const options: HealthOptions = {
      checks: { database: () => true, cache: () => false },
      detail: (request) => request.headers.get('x-ops') === 'yes',
    }
    const handler = of(options)
    const ops = { headers: { 'x-ops': 'yes' } }
    expect((await ask(handler, '/health', {}, ops)).report).toMatchObject({
      status: 'fail',
      checks: { database: [{ status: 'pass', observedUnit: 'ms' }], cache: [{ status: 'fail' }] },
    })
    for (const [path, init] of [['/health', {}], ['/health/ready', ops], ['/health/live', ops]] as const) {
      expect((await ask(handler, path, {}, init)).text).not.toMatch(/database|cache/)
    }
    expect((await ask(of({ ...options, detail: undefined }), '/health', {}, ops)).report).toEqual({ status: 'fail' })
    const truthy = of({ ...options, detail: (() => 'yes') as unknown as () => boolean })
    expect((await ask(truthy, '/health', {}, ops)).report).toEqual({ status: 'fail' })
  })

  test.each<[option: string, options: Record<string, unknown>]>([
    ['live', { live: 'health' }],
    ['live', { live: '' }],
    ['ready', { ready: 5 }],
    ['full', { full: null }],
    ['ready', { ready: false }],
    ["check 'database'", { checks: { database: 'select 1' } }],
    ["check 'a'", { checks: { a: null } }],
    ['timeout', { timeout: 1_000 }],
    ['timeout', { timeout: '0s' }],
    ['timeout', { timeout: '30d' }],
    ['timeout', { timeout: 'soon' }],
    ['cache', { cache: '-1s' }],
    ['cache', { cache: 5 }],
    ['detail', { detail: true }],
    ['detail', { detail: 'admin' }],
  ])('throws when made for a bad %s: %j', (option, options) => {
    const make = (): unknown => health(options as HealthOptions)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(`^health: .*${option}`))
  })
})

describe('survives the broken', () => {
  test('PITFALLS 25: a hung check is a 503 by its deadline, while live answers at once', async () => {
    const started = performance.now()
    const signals: AbortSignal[] = []
    const checks = {
      database(signal: AbortSignal) {
        signals.push(signal)
        return new Promise(() => {})
      },
    }
    const handler = of({ checks, timeout: '150ms' })
    let answered = false
    const ready = ask(handler, '/health/ready').finally(() => {
      answered = true
    })
    expect((await ask(handler, '/health/live')).status).toBe(200)
    expect(answered).toBe(false)
    expect((await ready).status).toBe(503)
    expect(performance.now() - started).toBeGreaterThan(100)
    expect(performance.now() - started).toBeLessThan(1_100)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  test('several hung checks share their deadline, they do not add up', async () => {
    const checks = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`c${i}`, hang]))
    const started = performance.now()
    expect((await ask(of({ checks, timeout: '100ms' }), '/health/ready')).status).toBe(503)
    expect(performance.now() - started).toBeLessThan(900)
  })

  test('PITFALLS 25, fault 47: live never runs a check', async () => {
    const check = vi.fn(() => true)
    const handler = of({ checks: { check } })
    for (let i = 0; i < 50; i++) await ask(handler, '/health/live')
    expect(check).not.toHaveBeenCalled()
    expect((await ask(failing(), '/health/live')).status).toBe(200)
  })

  test('PITFALLS 25, fault 47: 100 calls at once run a check once, and so do more until the cache is over', async () => {
    let free: (() => void) | undefined
    const check = vi.fn(() =>
      new Promise<void>((resolve) => {
        free = resolve
      })
    )
    const clock = virtualClock()
    const handler = of({ checks: { check }, cache: '5s' })
    const all = Array.from({ length: 100 }, (_, i) => ask(handler, i % 2 ? '/health' : '/health/ready', { clock }))
    await settled()
    free?.()
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual(Array(100).fill(200))
    expect(check).toHaveBeenCalledTimes(1)
    clock.advance(5_000)
    await ask(handler, '/health/ready', { clock })
    expect(check).toHaveBeenCalledTimes(1)
    clock.advance(1)
    const next = ask(handler, '/health/ready', { clock })
    await settled()
    free?.()
    await next
    expect(check).toHaveBeenCalledTimes(2)
  })

  test('fault 47: a check that flaps is asked again after the cache, not before', async () => {
    const clock = virtualClock()
    let well = false
    const handler = of({ checks: { flap: () => well }, cache: '2s' })
    const seen: number[] = []
    for (let i = 0; i < 6; i++) {
      seen.push((await ask(handler, '/health/ready', { clock })).status)
      well = !well
      clock.advance(1_500)
    }
    expect(seen).toEqual([503, 503, 503, 503, 503, 503])
    well = true
    clock.advance(2_001)
    expect((await ask(handler, '/health/ready', { clock })).status).toBe(200)
  })

  test('PITFALLS 25: a server that is draining is not ready, whatever its checks say, and alive', async () => {
    const check = vi.fn(() => true)
    const handler = of({ checks: { check } })
    const draining = { platform: { draining: true } }
    for (const path of ['/health/ready', '/health']) {
      const { status, report } = await ask(handler, path, draining)
      expect([status, report]).toEqual([503, { status: 'fail', output: 'draining' }])
    }
    expect((await ask(handler, '/health/live', draining)).status).toBe(200)
    expect(check).not.toHaveBeenCalled()
  })

  test('no timer outlives the checks it was for', async () => {
    vi.useFakeTimers()
    const checks = {
      quick: () => true,
      later: () => Promise.resolve(),
      ill: () => Promise.reject(new Error('down')),
      bug: () => {
        throw new Error('bug')
      },
    }
    expect((await ask(of({ checks }), '/health/ready')).status).toBe(503)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a late rejection surfaces nowhere', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    vi.useFakeTimers()
    const handler = of({
      checks: {
        late: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late')))),
        quick: () => true,
      },
      timeout: '1s',
    })
    const asked = ask(handler, '/health/ready')
    await vi.advanceTimersByTimeAsync(1_000)
    expect((await asked).status).toBe(503)
    vi.useRealTimers()
    await settled()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test.each([-3_600_000, 3_600_000])('PITFALLS 19: a wall clock that jumps %d ms shows in no measure', async (jump) => {
    const clock = virtualClock()
    const handler = of({
      detail: () => true,
      checks: {
        check: () => {
          clock.jump(jump)
          clock.advance(3)
        },
      },
    })
    const { report } = await ask(handler, '/health', { clock })
    expect(report?.checks?.['check']).toEqual([{ status: 'pass', observedValue: 3, observedUnit: 'ms' }])
  })

  test('PITFALLS 19: a clock that stands still measures 0', async () => {
    const { report } = await ask(of({ detail: () => true, checks: { check: () => true } }), '/health')
    expect(report?.checks?.['check']?.[0]?.observedValue).toBe(0)
  })

  test('a name that an object has already is only a name', async () => {
    const checks = JSON.parse('{"__proto__":1,"constructor":1,"toString":1}') as Record<string, unknown>
    const named = Object.fromEntries(Object.keys(checks).map((name): [string, HealthCheck] => [name, () => false]))
    const { report } = await ask(of({ checks: named, detail: () => true }), '/health')
    expect(Object.keys(report?.checks ?? {}).sort()).toEqual(['__proto__', 'constructor', 'toString'])
  })
})

describe('leaves streams alone', () => {
  test('what is not for it passes by, request and response the same', async () => {
    const made = new Response(new ReadableStream())
    const request = requestTo('/x', { method: 'POST', body: 'hello' })
    const handler = health()((given) => {
      expect(given).toBe(request)
      return made
    })
    expect(handler(request, contextOf())).toBe(made)
    expect(request.bodyUsed).toBe(false)
    await made.body?.cancel()
  })
})
