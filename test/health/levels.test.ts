import { describe, expect, test, vi } from 'vitest'
import type { Handler } from '../../src/core/handler.ts'
import { health, type HealthCheck, type HealthOptions } from '../../src/health/health.ts'
import { type Circumstances, contextOf, requestTo, send, settled, virtualClock } from '../helpers.ts'

type Report = { status: string; checks?: Record<string, Record<string, unknown>[]> } & Record<string, unknown>

async function ask(handler: Handler, path = '/health', circumstances: Circumstances = {}) {
  const response = await send(handler, requestTo(path), contextOf(circumstances))
  const text = await response.text()
  return { status: response.status, text, report: JSON.parse(text) as Report }
}

const of = (options: HealthOptions = {}): Handler =>
  health({ detail: () => true, ...options })(() => new Response('beyond', { status: 404 }))

describe('lets the good through', () => {
  test.each([
    [['pass', 'pass'], 'pass', 200],
    [['pass', 'warn'], 'warn', 200],
    [['warn', 'fail'], 'fail', 503],
    [['fail', 'pass'], 'fail', 503],
  ])('M3: checks that are %j make it %s, a %d', async (levels, status, code) => {
    const checks = Object.fromEntries(
      levels.map((level, i): [string, HealthCheck] => [`c${i}`, () => ({ status: level })]),
    )
    for (const path of ['/health', '/health/ready']) {
      const answer = await ask(of({ checks }), path)
      expect([answer.status, answer.report.status]).toEqual([code, status])
    }
  })

  test('what a check observed is shown by component:measurement', async () => {
    const memory: HealthCheck = () =>
      Promise.resolve([
        { status: 'warn', measurement: 'heap', observedValue: 81.5, observedUnit: '%', componentType: 'system' },
        { status: 'pass', measurement: 'system', observedValue: 12, observedUnit: '%' },
        { status: 'pass', measurement: 'system', observedValue: 0, componentId: 'other' },
      ])
    const { report } = await ask(of({
      checks: {
        memory,
        'queue:waiting': () => ({ status: 'pass', measurement: 'x', observedValue: 3 }),
        plain: () => 5,
      },
    }))
    expect(report).toEqual({
      status: 'warn',
      checks: {
        'memory:heap': [{ status: 'warn', observedValue: 81.5, observedUnit: '%', componentType: 'system' }],
        'memory:system': [
          { status: 'pass', observedValue: 12, observedUnit: '%' },
          { status: 'pass', observedValue: 0, componentId: 'other' },
        ],
        'queue:waiting': [{ status: 'pass', observedValue: 3 }],
        plain: [{ status: 'pass', observedValue: 0, observedUnit: 'ms' }],
      },
    })
  })

  test('an outcome without a value of its own shows how long it took', async () => {
    const clock = virtualClock()
    const check: HealthCheck = () => {
      clock.advance(12)
      return { status: 'warn', measurement: 'responseTime', observedUnit: 'x', output: 'lagging' }
    }
    const { report } = await ask(of({ checks: { database: check } }), '/health', { clock })
    expect(report.checks).toEqual({
      'database:responseTime': [{ status: 'warn', observedValue: 12, observedUnit: 'ms', output: 'lagging' }],
    })
  })

  test.each([
    ['gives false', () => false],
    ['rejects', () => Promise.reject(new Error('down'))],
    ['says so', () => ({ status: 'fail' })],
    ['hangs', () => new Promise(() => {})],
  ])('a check that is not critical and %s degrades, and is shown as failed', async (_how, check) => {
    const answer = await ask(
      of({ checks: { mail: { check, critical: false, timeout: '20ms' }, database: () => true } }),
    )
    expect([answer.status, answer.report.status]).toEqual([200, 'warn'])
    expect(answer.report.checks?.['mail']).toMatchObject([{ status: 'fail' }])
  })

  test.each([[100, 'pass'], [101, 'warn']])('M7: slow: a check of %d ms is %s', async (took, status) => {
    const clock = virtualClock()
    const check = (): void => clock.advance(took)
    const { report } = await ask(of({ checks: { database: { check, slow: '100ms' } } }), '/health', { clock })
    expect(report).toMatchObject({ status, checks: { database: [{ status }] } })
  })

  test('the names of the service are for those who may see them, in full', async () => {
    const about = { version: '1', releaseId: '1.4.2', serviceId: 'tts', description: 'speech' }
    expect((await ask(of(about))).report).toEqual({ status: 'pass', ...about, checks: {} })
    expect((await ask(of({ ...about, detail: undefined }))).report).toEqual({ status: 'pass' })
    for (const path of ['/health/ready', '/health/live']) {
      expect((await ask(of(about), path)).report).toEqual({ status: 'pass' })
    }
  })

  test('a check is given what a store of ours needs', async () => {
    const check = vi.fn()
    const clock = virtualClock()
    await ask(of({ checks: { check } }), '/health', { clock })
    expect(Object.keys(check.mock.calls[0]?.[1] as object).sort()).toEqual(['clock', 'platform', 'waitUntil'])
    expect(check.mock.calls[0]?.[1]).toMatchObject({ clock })
  })
})

describe('refuses the bad', () => {
  test.each(['failed', 'down', 'ok', '', 'PASS', '__proto__'])(
    'the status %j, which is none, is a fail',
    async (status) => {
      const answer = await ask(of({ checks: { typo: () => ({ status }) } }))
      expect([answer.status, answer.report.status]).toEqual([503, 'fail'])
      expect(answer.report.checks?.['typo']).toMatchObject([{ status: 'fail' }])
    },
  )

  test.each<[what: string, given: unknown]>([
    ['a response', new Response(null, { status: 200 })],
    ['rows', [{ one: 1 }]],
    ['no rows', []],
    ['a mixed list', [{ status: 'fail' }, 1]],
    ['null', null],
    ['0', 0],
    ['an empty text', ''],
  ])('%s is no outcome, so well', async (_what, given) => {
    expect((await ask(of({ checks: { check: () => given } }))).report.status).toBe('pass')
  })

  test('of what a check gives, nothing is shown but the members of an outcome, of their types', async () => {
    const given = {
      status: 'warn',
      password: 'hunter2',
      observedValue: { password: 'hunter2' },
      output: new Error('hunter2'),
      componentId: ['hunter2'],
      toJSON: () => 'hunter2',
    }
    const { report, text } = await ask(of({ checks: { client: () => given } }))
    expect(text).not.toContain('hunter2')
    expect(report.checks).toEqual({ client: [{ status: 'warn', observedValue: 0, observedUnit: 'ms' }] })
  })

  test.each([Number.NaN, Infinity, -Infinity])('%d is not shown as a value', async (observedValue) => {
    const { report } = await ask(of({ checks: { a: () => ({ status: 'pass', observedValue, observedUnit: '%' }) } }))
    expect(report.checks?.['a']).toEqual([{ status: 'pass', observedValue: 0, observedUnit: 'ms' }])
  })

  test.each<[option: string, options: Record<string, unknown>]>([
    ["check 'a' must be a function", { checks: { a: {} } }],
    ["check 'a' must be a function", { checks: { a: { check: 'x' } } }],
    ["check 'a': critical", { checks: { a: { check: () => true, critical: 'no' } } }],
    ["check 'a': timeout", { checks: { a: { check: () => true, timeout: 5 } } }],
    ["check 'a': timeout", { checks: { a: { check: () => true, timeout: '30d' } } }],
    ["check 'a': slow", { checks: { a: { check: () => true, slow: '0s' } } }],
    ['format', { format: 'json' }],
    ['version', { version: 1 }],
    ['releaseId', { releaseId: {} }],
    ['serviceId', { serviceId: null }],
    ['description', { description: true }],
  ])('throws when made for a bad %s: %j', (option, options) => {
    const make = (): unknown => health(options as HealthOptions)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(`^health: .*${option}`))
  })
})

describe('survives the broken', () => {
  test('fault 47: of 1,000 who ask at once, each check is run for one', async () => {
    const checks = {
      well: vi.fn(() => true),
      slow: vi.fn(() => new Promise((resolve) => setTimeout(resolve, 30))),
      hung: vi.fn(() => new Promise(() => {})),
      throws: vi.fn(() => {
        throw new Error('bug')
      }),
      rejects: vi.fn(() => Promise.reject(new Error('down'))),
    }
    const handler = of({ checks, timeout: '100ms' })
    const clock = virtualClock()
    const all = await Promise.all(Array.from({ length: 1_000 }, () => ask(handler, '/health/ready', { clock })))
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([503]))
    for (const check of Object.values(checks)) expect(check).toHaveBeenCalledTimes(1)
  })

  test('fault 47: a run that takes longer than the cache is waited for, not doubled', async () => {
    const clock = virtualClock()
    let free: (() => void) | undefined
    const check = vi.fn(() =>
      new Promise<void>((resolve) => {
        free = resolve
      })
    )
    const handler = of({ checks: { check }, cache: '10ms' })
    const all = [ask(handler, '/health', { clock })]
    for (let i = 0; i < 20; i++) {
      clock.advance(50)
      all.push(ask(handler, '/health', { clock }))
    }
    await settled()
    expect(check).toHaveBeenCalledTimes(1)
    free?.()
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual(Array(21).fill(200))
    const next = ask(handler, '/health', { clock })
    free?.()
    await next
    expect(check).toHaveBeenCalledTimes(2)
  })

  test('a run that was lost with its request, as Workers may do, is not waited for for ever', async () => {
    vi.useFakeTimers()
    const clock = virtualClock()
    let well: unknown = new Promise(() => {})
    const handler = of({ checks: { check: () => well }, timeout: '1s', cache: '1s' })
    void ask(handler, '/health', { clock })
    vi.clearAllTimers()
    vi.useRealTimers()
    well = true
    clock.advance(2_001)
    expect((await ask(handler, '/health', { clock })).status).toBe(200)
  })

  test('the run outlives the request that began it', async () => {
    const work: Promise<unknown>[] = []
    await ask(of({ checks: { a: () => false } }), '/health', { waitUntil: (one) => void work.push(one) })
    await ask(of({ checks: { a: () => false } }), '/health/live', { waitUntil: (one) => void work.push(one) })
    expect(work).toHaveLength(1)
    await work[0]
  })

  test('PITFALLS 25: a hung database leaves live at 200 and ready at 503 within its own deadline', async () => {
    const signals: AbortSignal[] = []
    const database: HealthCheck = (signal) => {
      signals.push(signal)
      return new Promise(() => {})
    }
    const handler = of({ checks: { database: { check: database, timeout: '100ms' } }, timeout: '30s' })
    const started = performance.now()
    const ready = ask(handler, '/health/ready')
    expect((await ask(handler, '/health/live')).status).toBe(200)
    expect((await ready).status).toBe(503)
    expect(performance.now() - started).toBeGreaterThan(80)
    expect(performance.now() - started).toBeLessThan(1_100)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  test('a check that answers its abort with a pass is late all the same', async () => {
    const check: HealthCheck = (signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve({ status: 'pass' })))
    expect((await ask(of({ checks: { check }, timeout: '20ms' }))).status).toBe(503)
  })

  test('fault 47: one that flaps between the levels is shown as it was at the last look', async () => {
    const clock = virtualClock()
    const levels = ['pass', 'warn', 'fail', 'warn', 'pass']
    let looks = 0
    const handler = of({ checks: { flap: () => ({ status: levels[looks++] }) }, cache: '1s' })
    const seen: string[] = []
    for (let i = 0; i < 10; i++) {
      seen.push((await ask(handler, '/health', { clock })).report.status)
      clock.advance(501)
    }
    expect(seen).toEqual(['pass', 'pass', 'warn', 'warn', 'fail', 'fail', 'warn', 'warn', 'pass', 'pass'])
  })

  test('an outcome whose members throw is a fail', async () => {
    const check = (): unknown =>
      Object.defineProperty({}, 'status', {
        get() {
          throw new Error('hunter2')
        },
      })
    const { status, text } = await ask(of({ checks: { check } }))
    expect(status).toBe(503)
    expect(text).not.toContain('hunter2')
  })
})
