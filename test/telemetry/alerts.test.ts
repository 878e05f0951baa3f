import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import type { LogRecord } from '../../src/core/log.ts'
import { createAlerts, watchAlerts } from '../../src/telemetry/alerts.ts'
import type { AlertsOptions } from '../../src/telemetry/alerts.ts'
import { alertLog } from '../../src/telemetry/alerts/channels.ts'
import type { AlertChannel, AlertNotice } from '../../src/telemetry/alerts/notice.ts'
import type { AlertRule } from '../../src/telemetry/alerts/rules.ts'
import { httpMetrics } from '../../src/telemetry/http-metrics.ts'
import { errorRateRule } from '../../src/telemetry/alerts/rules.ts'
import { createMetrics } from '../../src/telemetry/registry.ts'
import { contextOf, recorder, requestTo, send, settled, virtualClock } from '../helpers.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Alerts with one rule, whose value the test sets, and a channel that keeps what it is told. */
function setup(rule: Partial<AlertRule> = {}, options: Partial<AlertsOptions> = {}) {
  const clock = virtualClock()
  const { log, records } = recorder()
  const notices: AlertNotice[] = []
  const state: { value: unknown } = { value: 0 }
  const watched: AlertRule = { name: 'queue', threshold: 100, value: () => state.value as number, ...rule }
  const alerts = createAlerts({
    rules: [watched],
    channels: [(notice) => void notices.push(notice)],
    clock,
    log,
    ...options,
  })
  /** Lets time pass, sets the value, looks. Gives what was told since the last time. */
  const look = async (value: unknown, after = 15_000): Promise<string[]> => {
    clock.advance(after)
    state.value = value
    const before = notices.length
    await alerts.check()
    return notices.slice(before).map(({ event, severity }) => event === 'alert:resolved' ? 'resolved' : severity)
  }
  return { alerts, clock, notices, records, state, look }
}

describe('lets the good through', () => {
  test('M8: up to 20 % over is medium, up to 50 % high, beyond that critical', async () => {
    const bands: [number, string[]][] = [
      [99, []],
      [100, []],
      [100.1, ['medium']],
      [101, ['medium']],
      [120, ['medium']],
      [120.1, ['high']],
      [121, ['high']],
      [150, ['high']],
      [151, ['critical']],
      [1e9, ['critical']],
    ]
    for (const [value, told] of bands) expect([value, await setup().look(value)]).toEqual([value, told])
    expect(await setup({ threshold: 0.3 }).look(0.36)).toEqual(['medium'])
    expect(await setup({ threshold: 0 }).look(1)).toEqual(['critical'])
    expect(await setup({ threshold: -10 }).look(-8.5)).toEqual(['medium'])
    expect(await setup({ severity: 'critical' }).look(101)).toEqual(['critical'])
  })

  test('M8: a critical alert is also logged as security', async () => {
    const { log, records } = recorder()
    const { look } = setup({ unit: 'jobs' }, { channels: [alertLog(log)], service: 'tts' })
    await look(110)
    await look(300)
    await look(1)
    await look(1, 60_000)
    expect(records.map(({ level, message }) => [level, message])).toEqual([
      ['warn', '[tts] medium: queue is 110 jobs, threshold 100 jobs'],
      ['error', '[tts] critical: queue is 300 jobs, threshold 100 jobs'],
      ['security', '[tts] critical: queue is 300 jobs, threshold 100 jobs'],
      ['info', '[tts] resolved: queue is 1 jobs, threshold 100 jobs'],
    ])
    expect(records[2]).toMatchObject({
      event: 'alert:triggered',
      alert: 'queue',
      severity: 'critical',
      value: 300,
      threshold: 100,
      count: 2,
      since: '2026-01-01T00:00:15.000Z',
    })
    expect(records[0]).not.toHaveProperty('time')
  })

  test('a notice says what, how bad, since when and how often', async () => {
    const { notices, look } = setup({ unit: '%' }, { service: 'api' })
    await look(125)
    await look(90)
    await look(80, 60_000)
    expect(notices).toEqual([{
      event: 'alert:triggered',
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      name: 'queue',
      severity: 'high',
      value: 125,
      threshold: 100,
      unit: '%',
      since: '2026-01-01T00:00:15.000Z',
      time: '2026-01-01T00:00:15.000Z',
      count: 1,
      withheld: 0,
      service: 'api',
    }, {
      event: 'alert:resolved',
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      name: 'queue',
      severity: 'high',
      value: 80,
      threshold: 100,
      unit: '%',
      since: '2026-01-01T00:00:15.000Z',
      time: '2026-01-01T00:01:30.000Z',
      count: 1,
      withheld: 0,
      service: 'api',
    }])
    expect(notices[0]!.id).not.toBe(notices[1]!.id)
  })

  test('M8: while it fires it is told once in five minutes', async () => {
    const { look } = setup()
    expect(await look(110)).toEqual(['medium'])
    for (let at = 0; at < 19; at++) expect(await look(110)).toEqual([])
    expect(await look(110)).toEqual(['medium'])
    expect(await look(110)).toEqual([])
  })

  test('M8: what becomes worse is told at once, what becomes better is not', async () => {
    const { look, alerts } = setup()
    expect(await look(110)).toEqual(['medium'])
    expect(await look(130)).toEqual(['high'])
    expect(await look(110)).toEqual([])
    expect(alerts.active()).toMatchObject([{ severity: 'medium', value: 110, count: 3 }])
    expect(await look(140)).toEqual([])
    expect(await look(200)).toEqual(['critical'])
    expect(await look(110, 300_000)).toEqual(['medium'])
    expect(await look(200)).toEqual(['critical'])
  })

  test('it is resolved when it has been within its threshold for a minute, and says so once', async () => {
    const { look, alerts } = setup()
    await look(110)
    expect(await look(90)).toEqual([])
    expect(await look(90, 59_999)).toEqual([])
    expect(alerts.active()).toMatchObject([{ name: 'queue', value: 90 }])
    expect(await look(90, 1)).toEqual(['resolved'])
    expect(alerts.active()).toEqual([])
    expect(await look(90)).toEqual([])
  })

  test('a minute within its threshold is one without a break', async () => {
    const { look } = setup()
    await look(110)
    await look(90)
    await look(90, 45_000)
    await look(110)
    await look(90)
    expect(await look(90, 45_000)).toEqual([])
    expect(await look(90, 15_000)).toEqual(['resolved'])
  })

  test('a rule with a `for` fires only when it has been beyond its threshold for so long', async () => {
    const { look, alerts } = setup({ for: '1m' })
    expect(await look(500)).toEqual([])
    expect(await look(500, 59_999)).toEqual([])
    expect(alerts.active()).toEqual([])
    expect(await look(500, 1)).toEqual(['critical'])
    const other = setup({ for: '1m' })
    for (let at = 0; at < 40; at++) expect(await other.look(at % 3 === 0 ? 50 : 500)).toEqual([])
  })

  test('M4: what fires is listed, the worst first, and the last changes, the newest first', async () => {
    const clock = virtualClock()
    const values = { a: 110, b: 200, c: 1, d: 130 }
    const alerts = createAlerts({
      rules: Object.entries(values).map(([name, value]) => ({
        name,
        threshold: 100,
        unit: 'jobs',
        value: () => value,
      })),
      channels: [],
      clock,
    })
    expect(alerts.unknown()).toEqual(['a', 'b', 'c', 'd'])
    await alerts.check()
    expect(alerts.unknown()).toEqual([])
    expect(alerts.active().map(({ name, severity }) => [name, severity])).toEqual([
      ['b', 'critical'],
      ['d', 'high'],
      ['a', 'medium'],
    ])
    expect(JSON.parse(JSON.stringify(alerts.active()[0]))).toEqual({
      name: 'b',
      severity: 'critical',
      value: 200,
      threshold: 100,
      unit: 'jobs',
      since: '2026-01-01T00:00:00.000Z',
      count: 1,
      stale: false,
      silenced: false,
    })
    expect(alerts.recent().map(({ name, event }) => [name, event])).toEqual([
      ['d', 'alert:triggered'],
      ['b', 'alert:triggered'],
      ['a', 'alert:triggered'],
    ])
  })

  test('a silenced rule tells nobody; when the silence is over, what is then due is told', async () => {
    const { look, alerts } = setup()
    alerts.silence('queue', '1h')
    expect(await look(500)).toEqual([])
    expect(alerts.active()).toMatchObject([{ silenced: true, severity: 'critical' }])
    expect(await look(500, 3_600_000)).toEqual(['critical'])
    expect(alerts.active()).toMatchObject([{ silenced: false }])
    const end = alerts.silence('queue', '1d')
    await look(1)
    expect(await look(1, 60_000)).toEqual([])
    expect(alerts.active()).toEqual([])
    end()
    expect(await look(1)).toEqual(['resolved'])
    expect(() => alerts.silence('nothing', '1h')).toThrow(`there is no rule "nothing"`)
  })

  test('its functions may be detached', async () => {
    const { alerts: { check, active, recent, unknown, silence, start }, state } = setup()
    state.value = 500
    await check()
    silence('queue', '1m')
    expect([active().length, recent().length, unknown().length]).toEqual([1, 1, 0])
    start()()
    await check()
  })
})

describe('floods nobody', () => {
  test('who flaps is told of no more often', async () => {
    const { alerts, notices, look, clock } = setup({}, { resolveAfter: '1ms' })
    const started = clock.monotonic()
    for (let at = 0; at < 240; at++) await look(at % 3 === 0 ? 130 : 50, at % 3 === 0 ? 15_000 : 100)
    expect(alerts.recent().length).toBe(50)
    const minutes = (clock.monotonic() - started) / 60_000
    expect(notices.filter(({ event }) => event === 'alert:triggered').length).toBeLessThanOrEqual(minutes / 5 + 1)
    expect(notices.length).toBeLessThanOrEqual(2 * (minutes / 5 + 1))
  })

  test('property: whatever a value does, notices alternate truthfully and stay few', async () => {
    const step = fc.record({
      value: fc.constantFrom(1, 110, 130, 200, undefined, Number.NaN),
      after: fc.constantFrom(100, 15_000, 61_000, 200_000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { look, notices, alerts } = setup()
        for (const { value, after } of steps) await look(value, after)
        let at = -Infinity
        let rank = 0
        for (const [index, { event, time, severity }] of notices.entries()) {
          const before = notices[index - 1]
          if (event === 'alert:resolved') {
            expect(before?.event).toBe('alert:triggered')
            continue
          }
          const now = Date.parse(time)
          const worse = ['medium', 'high', 'critical'].indexOf(severity) + 1
          expect(now - at >= 300_000 || worse > rank).toBe(true)
          at = now
          rank = worse
        }
        expect(alerts.recent().length).toBeLessThanOrEqual(50)
      }),
      { numRuns: 60 },
    )
  })

  test('a storm of rules tells so many a minute, the worst first, and says how many wait; none is lost', async () => {
    const clock = virtualClock()
    const notices: AlertNotice[] = []
    const rules = Array.from({ length: 50 }, (_, at): AlertRule => ({
      name: `rule ${at}`,
      threshold: 100,
      value: () => at === 49 ? 500 : 110,
    }))
    const alerts = createAlerts({ rules, channels: [(one) => void notices.push(one)], clock })
    await alerts.check()
    expect(notices.length).toBe(20)
    expect(notices[0]).toMatchObject({ name: 'rule 49', severity: 'critical', withheld: 30 })
    clock.advance(59_999)
    await alerts.check()
    expect(notices.length).toBe(20)
    clock.advance(1)
    await alerts.check()
    clock.advance(60_000)
    await alerts.check()
    expect(notices.length).toBe(50)
    expect(new Set(notices.map(({ name }) => name)).size).toBe(50)
    expect(notices[49]).toMatchObject({ withheld: 0 })
  })

  test('what is kept does not grow', async () => {
    const { look, alerts } = setup({}, { resolveAfter: '1ms' })
    for (let at = 0; at < 500; at++) await look(at % 3 === 0 ? 500 : 1, 60_000)
    expect(alerts.recent().length).toBe(50)
  })
})

describe('survives the broken', () => {
  const broken: [string, unknown][] = [
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['a text', '500'],
    ['null', null],
    ['an object', {}],
    ['what rejects', Promise.reject(new Error('no'))],
  ]
  broken.forEach(([, value]) => value instanceof Promise && value.catch(() => {}))

  for (const [what, value] of broken) {
    test(`a rule that gives ${what} neither fires nor is resolved, and is complained of once`, async () => {
      const { look, alerts, records } = setup()
      expect(await look(value)).toEqual([])
      expect(alerts.unknown()).toEqual(['queue'])
      expect(await look(500)).toEqual(['critical'])
      expect(alerts.unknown()).toEqual([])
      for (let at = 0; at < 5; at++) expect(await look(value, 300_000)).toEqual([])
      expect(alerts.active()).toMatchObject([{ stale: true, value: 500, count: 1 }])
      expect(records.map(({ code, level, alert }) => [code, level, alert])).toEqual(
        Array.from({ length: 2 }, () => ['alert-rule-unreadable', 'error', 'queue']),
      )
    })
  }

  test('a rule that throws is as one that rejects', async () => {
    const { look, records, alerts } = setup({
      value: () => {
        throw new Error('broken')
      },
    })
    await look(0)
    await look(0)
    expect(alerts.unknown()).toEqual(['queue'])
    expect(records.length).toBe(1)
  })

  test('undefined is nothing to judge by: nothing changes, and nobody complains', async () => {
    const { look, records, alerts } = setup()
    await look(undefined)
    expect(await look(110)).toEqual(['medium'])
    await look(90)
    expect(await look(undefined, 600_000)).toEqual([])
    expect(alerts.active()).toMatchObject([{ stale: true }])
    expect(await look(90)).toEqual(['resolved'])
    expect(records).toEqual([])
  })

  test('a rule that hangs is given up, and not asked again while it is out; the others go on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let asked = 0
    let signal: AbortSignal | undefined
    const notices: string[] = []
    const clock = virtualClock()
    const { log, records } = recorder()
    const hangs: AlertRule = {
      name: 'hangs',
      threshold: 1,
      value: (given) => {
        asked++
        signal = given
        return new Promise(() => {})
      },
    }
    const alerts = createAlerts({
      rules: [hangs, { name: 'well', threshold: 1, value: () => Promise.resolve(2) }],
      channels: [({ name }) => void notices.push(name)],
      clock,
      log,
    })
    const first = alerts.check()
    await vi.advanceTimersByTimeAsync(10_000)
    await first
    expect([notices, alerts.unknown(), signal!.aborted]).toEqual([['well'], ['hangs'], true])
    clock.advance(15_000)
    await alerts.check()
    expect([asked, records.length]).toEqual([1, 1])
    clock.advance(60_000)
    const last = alerts.check()
    await vi.advanceTimersByTimeAsync(10_000)
    await last
    expect([asked, records.length]).toEqual([2, 1])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a look that was cut off with its request, as on Workers, does not stop later ones', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let wake: ((value: number) => void) | undefined
    const { look, alerts, clock, state } = setup({
      value: () => wake === undefined ? new Promise<number>((resolve) => wake = resolve) : state.value as number,
    })
    const lost = alerts.check()
    await vi.advanceTimersByTimeAsync(0)
    vi.clearAllTimers() // its deadline goes with it
    clock.advance(60_000)
    expect(await look(500)).toEqual(['critical'])
    wake!(1)
    await lost
    expect(alerts.active()).toMatchObject([{ value: 500, count: 1 }])
  })

  test('a channel that was cut off with its request is told the next notice all the same', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const told: string[] = []
    let wake: (() => void) | undefined
    const { look, alerts, records } = setup({}, {
      channels: [({ severity }) => {
        told.push(severity)
        return wake === undefined ? new Promise<void>((resolve) => wake = resolve) : undefined
      }],
    })
    const lost = look(110)
    await vi.advanceTimersByTimeAsync(0)
    vi.clearAllTimers()
    await look(130)
    expect([told, alerts.dropped]).toEqual([['medium', 'high'], 1])
    wake!()
    await lost
    await look(200)
    expect([told, alerts.dropped, records.length]).toEqual([['medium', 'high', 'critical'], 1, 1])
  })

  test('one look at a time: who asks meanwhile gets the same', async () => {
    let asked = 0
    const { alerts, state } = setup({
      value: async () => {
        asked++
        await settled()
        return 500
      },
    })
    state.value = 500
    await Promise.all([alerts.check(), alerts.check(), alerts.check()])
    expect(asked).toBe(1)
    await alerts.check()
    expect(asked).toBe(2)
  })

  test('a rule that starts a look itself starts none', async () => {
    let asked = 0
    const { alerts, notices } = setup({
      value: () => {
        asked++
        void alerts.check()
        return 500
      },
    })
    await alerts.check()
    expect([asked, notices.length]).toEqual([1, 1])
  })

  test('a channel that throws, rejects or hangs touches no other, is counted, and complained of once per outage', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let works = false
    let aborted = 0
    const told: string[] = []
    const bad: AlertChannel[] = [
      function throws() {
        if (!works) throw new Error('broken')
      },
      function rejects() {
        return works ? undefined : Promise.reject(new Error('broken'))
      },
      function hangs(_notice, signal) {
        signal.addEventListener('abort', () => aborted++)
        return works ? undefined : new Promise(() => {})
      },
      ({ severity }) => void told.push(severity),
    ]
    const { alerts, look, records } = setup({}, { channels: bad })
    const over = async (value: number): Promise<void> => {
      const looked = look(value, 300_000)
      await vi.advanceTimersByTimeAsync(10_000)
      await looked
    }
    await over(110)
    await over(110)
    expect([told.length, alerts.dropped, aborted]).toEqual([2, 6, 2])
    expect(records.map(({ code, message }) => [code, message])).toEqual([
      ['alert-notices-lost', 'alerts: notices are lost, channel 1 (throws) failed'],
      ['alert-notices-lost', 'alerts: notices are lost, channel 2 (rejects) failed'],
      ['alert-notices-lost', 'alerts: notices are lost, channel 3 (hangs) failed'],
    ])
    works = true
    await over(110)
    works = false
    await over(110)
    expect([told.length, alerts.dropped, records.length]).toEqual([4, 9, 6])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a channel is told one thing after the other, and what waits for a slow one is bounded', async () => {
    let release = (): void => {}
    let first = true
    const seen: string[] = []
    const { look, alerts, notices } = setup({}, {
      resolveAfter: '1ms',
      maxPerMinute: 1_000,
      channels: [async ({ event, severity }) => {
        seen.push(event === 'alert:resolved' ? 'resolved' : severity)
        if (first) await new Promise<void>((resolve) => release = resolve)
        first = false
      }],
    })
    // Nobody waits for these: the channel is busy.
    for (const value of [110, 130, 200]) {
      void look(value, 10)
      await settled()
    }
    expect([seen, alerts.active()[0]?.severity]).toEqual([['medium'], 'critical'])
    release()
    await settled()
    expect([seen, notices.length, alerts.dropped]).toEqual([['medium', 'high', 'critical'], 0, 0])
  })

  test('beyond fifty that wait, the oldest are dropped and counted', async () => {
    let open = false
    const seen: AlertNotice[] = []
    const clock = virtualClock()
    const rules = Array.from({ length: 200 }, (_, at): AlertRule => ({ name: `r${at}`, threshold: 1, value: () => 2 }))
    let release = (): void => {}
    const slow: AlertChannel = (notice) => {
      seen.push(notice)
      return open ? undefined : new Promise<void>((resolve) => release = resolve)
    }
    const { log, records } = recorder()
    const alerts = createAlerts({ rules, channels: [slow], maxPerMinute: 1_000, clock, log })
    const looked = alerts.check()
    await settled()
    open = true
    release()
    await looked
    expect([alerts.dropped, records.length]).toEqual([150, 1])
    expect(seen.length).toBe(50)
    expect(seen.at(-1)).toMatchObject({ name: 'r199' })
  })

  test('a log that throws changes nothing', async () => {
    const { look, alerts } = setup({}, {
      channels: [alertLog(() => {
        throw new Error('full')
      })],
      log: () => {
        throw new Error('full, too')
      },
    })
    await look(500)
    await look(Number.NaN)
    expect([alerts.dropped, alerts.active().length]).toEqual([1, 1])
  })

  test('the wall clock may jump: only the dates do', async () => {
    const { look, clock } = setup()
    await look(110)
    clock.jump(-86_400_000)
    expect(await look(110)).toEqual([])
    clock.jump(2 * 86_400_000)
    expect(await look(110)).toEqual([])
    expect(await look(110, 300_000)).toEqual(['medium'])
  })
})

describe('looks when it should', () => {
  test('nothing is read, and no timer runs, before somebody asks', async () => {
    vi.useFakeTimers()
    let asked = 0
    setup({ value: () => ++asked })
    await vi.advanceTimersByTimeAsync(100_000)
    expect([asked, vi.getTimerCount()]).toEqual([0, 0])
  })

  test('at the end of a request, at most once per `every`, in waitUntil', async () => {
    let asked = 0
    const { alerts, clock } = setup({ value: () => ++asked })
    const work: Promise<unknown>[] = []
    const handler = watchAlerts({ alerts, every: '10s' })(() => new Response('hello'))
    const get = async (): Promise<void> => {
      const context = contextOf({ clock, waitUntil: (one) => void work.push(one) })
      await (await send(handler, requestTo(), context)).text()
      await settled()
    }
    await get()
    await get()
    expect([asked, work.length]).toEqual([1, 1])
    clock.advance(9_999)
    await get()
    expect(asked).toBe(1)
    clock.advance(1)
    await get()
    expect([asked, work.length]).toEqual([2, 2])
    await Promise.all(work)
  })

  test('M7: a service whose requests fail is told of in the look at their end', async () => {
    const clock = virtualClock()
    const metrics = createMetrics()
    const notices: AlertNotice[] = []
    const rules = [errorRateRule({ metrics })]
    const alerts = createAlerts({ rules, channels: [(one) => void notices.push(one)], clock })
    const work: Promise<unknown>[] = []
    const wrap = compose(httpMetrics({ metrics }), watchAlerts({ alerts }))
    const handler = wrap(() => new Response('down', { status: 503 }))
    for (let at = 0; at < 40; at++) {
      await (await send(handler, requestTo(), contextOf({ clock, waitUntil: (one) => void work.push(one) }))).text()
      clock.advance(1_000)
    }
    await Promise.all(work)
    expect(work.length).toBe(3)
    expect(notices).toMatchObject([{ name: 'error-rate', value: 100, threshold: 5, unit: '%', severity: 'critical' }])
  })

  test('a request is touched by nothing: rules and channels may break or hang', async () => {
    const { log, records } = recorder()
    const rules: AlertRule[] = [
      { name: 'throws', threshold: 1, value: () => Promise.reject(new Error('no')) },
      { name: 'fires', threshold: 1, value: () => 2 },
    ]
    const alerts = createAlerts({
      rules,
      channels: [() => {
        throw new Error('no')
      }],
      log,
    })
    const response = await send(watchAlerts({ alerts })(() => new Response('hello')))
    expect(await response.text()).toBe('hello')
    await settled()
    expect(records.map(({ code }: LogRecord) => code)).toEqual(['alert-rule-unreadable', 'alert-notices-lost'])
  })

  test('start looks now and every so often, until it is stopped', async () => {
    vi.useFakeTimers()
    let asked = 0
    const { alerts } = setup({ value: () => ++asked })
    const stop = alerts.start('5s')
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toBe(1)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(asked).toBe(4)
    stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([asked, vi.getTimerCount()]).toEqual([4, 0])
  })

  test('the weaknesses of channels are known to the policy', () => {
    const weak: AlertChannel = Object.assign(() => {}, { '~risks': ['alertSlack: dangerouslyAllowHttp'] })
    const { alerts } = setup({}, { channels: [weak, () => {}] })
    expect(watchAlerts({ alerts })['~risks']).toEqual(['alertSlack: dangerouslyAllowHttp'])
    expect(watchAlerts({ alerts: setup().alerts })['~risks']).toBeUndefined()
  })
})

describe('refuses what cannot be', () => {
  const rule: AlertRule = { name: 'queue', threshold: 1, value: () => 1 }
  const bad: [string, Partial<AlertsOptions>, string][] = [
    ['no list of rules', { rules: undefined as never }, 'rules must be a list'],
    ['a name with a line break', { rules: [{ ...rule, name: 'a\r\nBcc: b' }] }, 'name must be'],
    ['a name of markup', { rules: [{ ...rule, name: '<!channel>' }] }, 'name must be'],
    ['two rules of a name', { rules: [rule, rule] }, `two rules 'queue'`],
    ['a threshold of NaN', { rules: [{ ...rule, threshold: Number.NaN }] }, 'threshold must be a number, got NaN'],
    ['a value', { rules: [{ ...rule, value: 5 as never }] }, 'value must be a function'],
    ['a unit with a control character', { rules: [{ ...rule, unit: '%\n' }] }, 'unit must be'],
    ['a severity', { rules: [{ ...rule, severity: 'low' as never }] }, `got "low"`],
    [
      'a bare number for a time',
      { rules: [{ ...rule, for: 60 as never }] },
      `for of the rule 'queue' must be a duration`,
    ],
    ['a channel', { channels: [{} as never] }, 'channels must be'],
    ['a bound', { maxPerMinute: 0 }, 'maxPerMinute must be'],
    ['a suppression', { suppress: '5' as never }, 'suppress must be'],
    ['a resolution', { resolveAfter: '0s' }, 'resolveAfter must be'],
    ['a service', { service: 'a\nb' }, 'service must be'],
  ]
  for (const [what, options, message] of bad) {
    test(`${what}: TypeError that names the option`, () => {
      expect(() => createAlerts({ rules: [rule], ...options })).toThrow(TypeError)
      expect(() => createAlerts({ rules: [rule], ...options })).toThrow(message)
    })
  }

  test('watchAlerts needs alerts, and a duration', () => {
    expect(() => watchAlerts({ alerts: {} as never })).toThrow('alerts must be what createAlerts makes')
    expect(() => watchAlerts({ alerts: setup().alerts, every: 15 as never })).toThrow('watchAlerts: every must be')
    expect(() => setup().alerts.start('90d')).toThrow('at most 24 days')
  })
})
