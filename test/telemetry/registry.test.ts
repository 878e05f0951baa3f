import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { metricsText } from '../../src/telemetry/openmetrics.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/registry.ts'
import { virtualClock } from '../helpers.ts'
import { parsePage, type Sample } from './parser.ts'

/** The samples of a metric, as a reader of the page gets them; both formats must agree. */
function samples(metrics: Metrics, family: string): readonly Sample[] {
  const open = parsePage(metricsText(metrics, 'openmetrics'), true)
  const plain = parsePage(metricsText(metrics), false)
  const found = open.get(family)
  const same = plain.get(found?.type === 'counter' ? `${family}_total` : family)
  expect(same?.samples.map(({ value }) => value)).toEqual(found?.samples.map(({ value }) => value))
  return found?.samples ?? []
}

function value(metrics: Metrics, family: string, labels: Record<string, string> = {}): number | undefined {
  return samples(metrics, family).find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))?.value
}

describe('lets the good through', () => {
  test('M9: counters count, by label', () => {
    const metrics = createMetrics()
    const jobs = metrics.counter('video.jobs', { help: 'Videos done.', labels: ['result', 'http.status'] })
    jobs.add(1, { result: 'ok', 'http.status': 200 })
    jobs.add(2, { 'http.status': '200', result: 'ok' })
    jobs.add(undefined, { result: 'failed' })
    jobs.series({ result: 'failed' }).add()
    expect(value(metrics, 'video_jobs', { result: 'ok', http_status: '200' })).toBe(3)
    expect(value(metrics, 'video_jobs', { result: 'failed' })).toBe(2)
    expectTypeOf<Parameters<typeof jobs.series>[0]>().toEqualTypeOf<
      {
        readonly result?: string | number | boolean | undefined
        readonly 'http.status'?: string | number | boolean | undefined
      }
    >()
    // @ts-expect-error there is no such label
    jobs.add(1, { outcome: 'ok' })
  })

  test('a metric without labels is there from the start, at 0', () => {
    const metrics = createMetrics()
    metrics.counter('hits_total', { help: 'Hits.' })
    metrics.gauge('cache.hit.ratio', { help: 'Hits of all.', unit: '1' })
    metrics.histogram('size', { help: 'Sizes.', unit: 'By', buckets: [1] })
    expect(value(metrics, 'hits')).toBe(0)
    expect(value(metrics, 'cache_hit_ratio')).toBe(0)
    expect(samples(metrics, 'size_bytes').map(({ value }) => value)).toEqual([0, 0, 0, 0])
  })

  test('M9: gauges are set, changed, or read when somebody looks', () => {
    const metrics = createMetrics()
    const queue: number[] = [1, 2]
    const depth = metrics.gauge('queue.depth', { help: 'Waiting.', read: () => queue.length })
    const jobs = metrics.gauge('active.video.jobs', { help: 'Going on.', labels: ['kind'] })
    jobs.set(5, { kind: 'a' })
    jobs.add(-7, { kind: 'a' })
    jobs.series({ kind: 'b' }).add()
    jobs.series({ kind: 'c' }).set(4)
    expect(value(metrics, 'queue_depth')).toBe(2)
    queue.push(3)
    expect(value(metrics, 'queue_depth')).toBe(3)
    expect(samples(metrics, 'active_video_jobs').map(({ value }) => value)).toEqual([-2, 1, 4])
    expect(depth).toBe(depth)
  })

  test('histograms put a value into the first bucket whose bound it does not exceed', () => {
    const metrics = createMetrics()
    const size = metrics.histogram('size', { help: 'Sizes.', buckets: [1, 2.5, 10] })
    for (const one of [0, 1, 1.1, 2.5, 10, 11]) size.observe(one)
    expect(samples(metrics, 'size').map(({ labels, value }) => [labels['le'], value])).toEqual([
      ['1.0', 2],
      ['2.5', 4],
      ['10.0', 5],
      ['+Inf', 6],
      [undefined, 25.6],
      [undefined, 6],
    ])
  })

  test('property: buckets count what a look at every value would', () => {
    const numbers = fc.array(fc.integer({ min: -50, max: 150 }), { maxLength: 50 })
    const bounds = fc.uniqueArray(fc.integer({ min: -40, max: 140 }), { minLength: 1, maxLength: 20 })
    fc.assert(fc.property(numbers, bounds, (values, some) => {
      const metrics = createMetrics()
      const buckets = some.toSorted((a, b) => a - b)
      const histogram = metrics.histogram('x', { help: 'X.', buckets })
      for (const one of values) histogram.observe(one)
      const seen = samples(metrics, 'x').slice(0, buckets.length).map(({ value }) => value)
      expect(seen).toEqual(buckets.map((bound) => values.filter((one) => Math.max(0, one) <= bound).length))
    }))
  })

  test('asking for a metric again gives the same one', () => {
    const metrics = createMetrics()
    const ask = () => metrics.counter('hits', { help: 'Hits.', labels: ['kind'] })
    expect(ask()).toBe(ask())
  })

  test('M9: timed measures functions, and keeps what they are', async () => {
    const clock = virtualClock()
    const metrics = createMetrics({ clock })
    const host = {
      factor: 2,
      double: metrics.timed('double', function (this: { factor: number }, n: number): number {
        clock.advance(20)
        return n * this.factor
      }),
    }
    expectTypeOf(host.double).parameter(0).toEqualTypeOf<number>()
    expectTypeOf(host.double).returns.toEqualTypeOf<number>()
    expect(host.double(4)).toBe(8)
    const later = metrics.timed('later', async (fails: boolean) => {
      await Promise.resolve()
      clock.advance(300)
      if (fails) throw new Error('no')
      return 'yes' as const
    })
    expectTypeOf(later).toEqualTypeOf<(fails: boolean) => Promise<'yes'>>()
    expect(await later(false)).toBe('yes')
    await expect(later(true)).rejects.toThrow('no')
    const breaks = metrics.timed('breaks', () => {
      throw new RangeError('out')
    })
    expect(breaks).toThrow(RangeError)
    const of = (family: string, outcome: string, end: string) =>
      samples(metrics, family).find(({ name, labels }) => name.endsWith(end) && labels['outcome'] === outcome)?.value
    expect(of('double_seconds', 'ok', '_sum')).toBe(0.02)
    expect(of('later_seconds', 'ok', '_sum')).toBe(0.3)
    expect(of('later_seconds', 'failed', '_sum')).toBe(0.3)
    expect(of('breaks_seconds', 'failed', '_count')).toBe(1)
    expect(of('breaks_seconds', 'ok', '_count')).toBe(0)
  })

  test('timed starts a lazy promise once', async () => {
    let started = 0
    const query = {
      then: (resolve: (rows: number) => void) => {
        started++
        resolve(7)
        return Promise.resolve(7)
      },
    }
    const run = createMetrics().timed('query', () => query)
    expect(await run()).toBe(7)
    expect(started).toBe(1)
  })
})

describe('refuses the bad, when made', () => {
  const metrics = createMetrics()
  metrics.counter('taken', { help: 'T.' })
  metrics.histogram('spread', { help: 'S.' })

  test.each<[what: string, make: () => unknown, says: RegExp]>([
    ['a name with a space', () => metrics.counter('a b', { help: 'X.' }), /a name must be/],
    ['a name that starts with a digit', () => metrics.counter('1a', { help: 'X.' }), /a name must be/],
    ['no name', () => metrics.gauge('', { help: 'X.' }), /a name must be/],
    ['a name too long', () => metrics.gauge('a'.repeat(200), { help: 'X.' }), /a name must be/],
    ['a name with a newline', () => metrics.gauge('a\n', { help: 'X.' }), /a name must be/],
    ['no help', () => metrics.gauge('a', { help: '' }), /a: help/],
    ['a label with a quote', () => metrics.gauge('a', { help: 'X.', labels: ['a"'] }), /a: a label must be/],
    ['a label of the format', () => metrics.gauge('a', { help: 'X.', labels: ['le'] }), /'le' is taken/],
    ['the label of the overflow', () => metrics.gauge('a', { help: 'X.', labels: ['otel.metric.overflow'] }), /taken/],
    ['labels of Prometheus itself', () => metrics.gauge('a', { help: 'X.', labels: ['__name__'] }), /a label must be/],
    ['two labels that are one', () => metrics.gauge('a', { help: 'X.', labels: ['a.b', 'a_b'] }), /labels must differ/],
    [
      'labels that are no list',
      () => metrics.gauge('a', { help: 'X.', labels: 'abc' as never }),
      /labels must be a list/,
    ],
    ['an unknown unit', () => metrics.gauge('a', { help: 'X.', unit: 'furlong' as never }), /a: unit must be/],
    ['no buckets', () => metrics.histogram('a', { help: 'X.', buckets: [] }), /a: buckets/],
    ['buckets that do not ascend', () => metrics.histogram('a', { help: 'X.', buckets: [1, 1] }), /a: buckets/],
    ['an endless bucket', () => metrics.histogram('a', { help: 'X.', buckets: [1, Infinity] }), /a: buckets/],
    ['another form of a metric', () => metrics.gauge('taken', { help: 'X.' }), /'taken' is there already/],
    ['other buckets', () => metrics.histogram('spread', { help: 'S.', buckets: [1] }), /'spread' is there already/],
    ['a name that another writes', () => metrics.gauge('taken.total', { help: 'X.' }), /would write 'taken_total'/],
    ['a name of a part', () => metrics.gauge('spread_count', { help: 'X.' }), /would write 'spread_count'/],
    ['no series', () => metrics.gauge('a', { help: 'X.', maxSeries: 0 }), /a: maxSeries/],
    ['a budget that is no number', () => createMetrics({ maxSeries: NaN }), /createMetrics: maxSeries/],
    ['a source with labels', () => metrics.gauge('a', { help: 'X.', labels: ['b'], read: () => 1 }), /a: read/],
    ['something to time that is no function', () => metrics.timed('a', 1 as never), /a: timed takes a function/],
  ])('%s', (_what, make, says) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(says)
  })

  test('a second source for one gauge', () => {
    const ask = () => metrics.gauge('depth', { help: 'X.', read: () => 1 })
    ask()
    expect(ask).toThrow(/'depth' is there already/)
  })

  test('a metric more than there are series', () => {
    const small = createMetrics({ maxSeries: 2 })
    small.gauge('a', { help: 'X.' })
    small.gauge('b', { help: 'X.' })
    expect(() => small.gauge('c', { help: 'X.' })).toThrow(/no series is left for 'c'/)
  })
})

describe('survives the broken', () => {
  test('PITFALLS 20: beyond its budget a metric counts in one overflow series, and the registry holds', () => {
    const metrics = createMetrics({ maxSeries: 100 })
    const one = metrics.counter('one', { help: '1.', labels: ['a'], maxSeries: 10 })
    const two = metrics.counter('two', { help: '2.', labels: ['a', 'b'] })
    for (let i = 0; i < 1_000; i++) {
      one.add(1, { a: i })
      two.add(1, { a: i % 7, b: i })
    }
    expect(samples(metrics, 'one')).toHaveLength(10)
    expect(value(metrics, 'one', { otel_metric_overflow: 'true' })).toBe(991)
    expect(samples(metrics, 'one').length + samples(metrics, 'two').length).toBe(100)
    expect(value(metrics, 'two', { otel_metric_overflow: 'true' })).toBe(1_000 - 89)
    one.add(1, { a: 3 })
    expect(value(metrics, 'one', { a: '3' })).toBe(2)
  })

  test('one metric alone cannot take what all may have', () => {
    const metrics = createMetrics()
    const greedy = metrics.counter('greedy', { help: 'G.', labels: ['a'] })
    for (let i = 0; i < 5_000; i++) greedy.add(1, { a: i })
    const modest = metrics.counter('modest', { help: 'M.', labels: ['a'] })
    modest.add(1, { a: 'x' })
    expect(samples(metrics, 'greedy')).toHaveLength(1_000)
    expect(value(metrics, 'modest', { a: 'x' })).toBe(1)
  })

  test('values that would be written alike are one series', () => {
    const metrics = createMetrics()
    const hits = metrics.counter('hits', { help: 'Hits.', labels: ['a'] })
    for (const a of ['\ud800', '\udfff', '\ufffd']) hits.add(1, { a })
    for (const tail of ['x', 'y']) hits.add(1, { a: 'z'.repeat(128) + tail })
    hits.add(1, { a: '' })
    hits.add(1, { a: undefined })
    hits.add(1)
    expect(samples(metrics, 'hits').map(({ value }) => value)).toEqual([3, 2, 3])
    // Cut between the halves of a character.
    hits.add(1, { a: `${'z'.repeat(127)}🚪` })
    expect(metricsText(metrics)).not.toMatch(/\p{Surrogate}/u)
  })

  test('property: whatever becomes a label, a strict reader reads it back', () => {
    // Not `unit: 'binary'`, whose table takes seconds to make.
    const point = fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
    const text = fc.oneof(
      fc.array(point, { maxLength: 20 }).map((points) => String.fromCodePoint(...points)),
      fc.constantFrom('\\', '"', '\n', '\\n', '\\"', '"} 1\nforged 1', '\r', '\0', '\u2028', ' # {a="b"} 1', '# EOF'),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 10 }), text, (all, help) => {
        const metrics = createMetrics()
        const hits = metrics.counter('hits', { help: `H${help}`, labels: ['a', 'b'] })
        const expected = new Map<string, number>()
        for (const [a, b] of all) {
          hits.add(1, { a, b })
          const labels = JSON.stringify({ ...(a && { a }), ...(b && { b }) })
          expected.set(labels, (expected.get(labels) ?? 0) + 1)
        }
        const read = samples(metrics, 'hits')
        expect(read.map((one) => [JSON.stringify(one.labels), one.value])).toEqual([...expected])
        expect(parsePage(metricsText(metrics), false).get('hits_total')?.help).toBe(`H${help}`)
      }),
      { numRuns: 100 },
    )
  })

  test('recording never throws, and what is no number is not recorded', () => {
    const metrics = createMetrics()
    const counter = metrics.counter('a', { help: 'A.', labels: ['l'] })
    const gauge = metrics.gauge('b', { help: 'B.' })
    const histogram = metrics.histogram('c', { help: 'C.', buckets: [1] })
    for (const bad of [NaN, Infinity, -Infinity, '1', 1n, null, {}, Symbol('s')] as never[]) {
      counter.add(bad, { l: 'x' })
      gauge.set(bad)
      gauge.add(bad)
      histogram.observe(bad)
    }
    counter.add(-1, { l: 'x' })
    const trap = new Proxy({}, {
      get: () => {
        throw new Error('trap')
      },
    })
    for (const bad of [null, 1, 'x', trap, { l: trap }, { l: Object.create(null) as never }]) {
      counter.add(1, bad as never)
    }
    counter.add(1, { l: Symbol('s') as never })
    expect(value(metrics, 'a', { l: 'x' })).toBe(0)
    expect(value(metrics, 'b')).toBe(0)
    expect(samples(metrics, 'c').map(({ value }) => value)).toEqual([0, 0, 0, 0])
  })

  test('a source that throws leaves its gauge, and all others, as they were', () => {
    const metrics = createMetrics()
    let broken = false
    metrics.gauge('a', {
      help: 'A.',
      read: () => {
        if (broken) throw new Error('down')
        return 7
      },
    })
    metrics.gauge('b', { help: 'B.', read: () => NaN }).set(3)
    expect(value(metrics, 'a')).toBe(7)
    broken = true
    expect(value(metrics, 'a')).toBe(7)
    expect(value(metrics, 'b')).toBe(3)
  })

  test('a list of labels that changes later changes nothing', () => {
    const metrics = createMetrics()
    const labels = ['a', 'b']
    const hits = metrics.counter('hits', { help: 'Hits.', labels })
    hits.add(1, { a: 1, b: 2 })
    labels.pop()
    hits.add(1, { a: 1, b: 2 })
    expect(value(metrics, 'hits', { a: '1', b: '2' })).toBe(2)
  })

  test('registries share nothing', () => {
    const [one, two] = [createMetrics(), createMetrics()]
    one.counter('a', { help: 'A.' }).add()
    two.counter('a', { help: 'A.' })
    expect([value(one, 'a'), value(two, 'a')]).toEqual([1, 0])
  })
})

test('PITFALLS 22: the value of a label holds no secret that shows by its shape, and two such values are one series', () => {
  const metrics = createMetrics()
  const calls = metrics.counter('calls', { help: 'Calls.', labels: ['to', 'gen_ai.token.type'] })
  calls.add(1, { to: 'https://api.test/?token=abcdef', 'gen_ai.token.type': 'input' })
  calls.add(1, { to: 'https://api.test/?token=ghijkl', 'gen_ai.token.type': 'input' })
  const text = metricsText(metrics)
  expect(text).toContain('calls_total{to="https://api.test/?token=[redacted]",gen_ai_token_type="input"} 2')
  expect(text).not.toMatch(/abcdef|ghijkl/)
  expect(() => createMetrics({ redaction: {} as never })).toThrow('createMetrics: redaction')
})
