import { describe, expect, test } from 'vitest'
import { extend } from '../../src/core/context.ts'
import type { HasPrincipal } from '../../src/core/facts.ts'
import { metricsFormat, metricsPage, metricsText } from '../../src/telemetry/openmetrics.ts'
import { createMetrics } from '../../src/telemetry/registry.ts'
import { contextOf, requestTo, send, virtualClock } from '../helpers.ts'
import { parsePage } from './parser.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

function sample() {
  const metrics = createMetrics({ clock: virtualClock(1_700_000_000_500) })
  metrics.counter('jobs.done', { help: 'Jobs "done" \\ not.\nAll.', labels: ['kind'] }).add(3, { kind: 'a"\\\nb' })
  metrics.gauge('cache.hit', { help: 'Share of hits.', unit: '1' }).set(0.25)
  const seconds = metrics.histogram('job.duration', { help: 'Time.', unit: 's', buckets: [0.5, 1, 10] })
  seconds.observe(0.75, {}, TRACE)
  seconds.observe(20)
  return metrics
}

describe('lets the good through', () => {
  test('Prometheus text 0.0.4, to the letter', () => {
    expect(metricsText(sample())).toBe(`# HELP jobs_done_total Jobs "done" \\\\ not.\\nAll.
# TYPE jobs_done_total counter
jobs_done_total{kind="a\\"\\\\\\nb"} 3
# HELP cache_hit_ratio Share of hits.
# TYPE cache_hit_ratio gauge
cache_hit_ratio 0.25
# HELP job_duration_seconds Time.
# TYPE job_duration_seconds histogram
job_duration_seconds_bucket{le="0.5"} 0
job_duration_seconds_bucket{le="1"} 1
job_duration_seconds_bucket{le="10"} 1
job_duration_seconds_bucket{le="+Inf"} 2
job_duration_seconds_sum 20.75
job_duration_seconds_count 2
`)
  })

  test('OpenMetrics 1.0, to the letter: units, exemplars, whole bounds as floats, # EOF', () => {
    expect(metricsText(sample(), 'openmetrics')).toBe(`# HELP jobs_done Jobs \\"done\\" \\\\ not.\\nAll.
# TYPE jobs_done counter
jobs_done_total{kind="a\\"\\\\\\nb"} 3
# HELP cache_hit_ratio Share of hits.
# TYPE cache_hit_ratio gauge
# UNIT cache_hit_ratio ratio
cache_hit_ratio 0.25
# HELP job_duration_seconds Time.
# TYPE job_duration_seconds histogram
# UNIT job_duration_seconds seconds
job_duration_seconds_bucket{le="0.5"} 0
job_duration_seconds_bucket{le="1.0"} 1 # {trace_id="${TRACE}"} 0.75 1700000000.5
job_duration_seconds_bucket{le="10.0"} 1
job_duration_seconds_bucket{le="+Inf"} 2
job_duration_seconds_sum 20.75
job_duration_seconds_count 2
# EOF
`)
  })

  test('a strict parser accepts both, and reads the same', () => {
    const open = parsePage(metricsText(sample(), 'openmetrics'), true)
    expect(open.get('jobs_done')).toMatchObject({ help: 'Jobs "done" \\ not.\nAll.', type: 'counter' })
    expect(open.get('jobs_done')?.samples[0]?.labels).toEqual({ kind: 'a"\\\nb' })
    expect(open.get('job_duration_seconds')?.samples[1]?.exemplar).toEqual({ labels: { trace_id: TRACE }, value: 0.75 })
    expect([...parsePage(metricsText(sample()), false).keys()]).toEqual([
      'jobs_done_total',
      'cache_hit_ratio',
      'job_duration_seconds',
    ])
  })

  test('an empty registry is an empty page', () => {
    expect(metricsText(createMetrics())).toBe('')
    expect(metricsText(createMetrics(), 'openmetrics')).toBe('# EOF\n')
  })

  test.each<[accept: string | null, format: 'prometheus' | 'openmetrics']>([
    [null, 'prometheus'],
    ['', 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'prometheus'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
    ['Application/OpenMetrics-Text;Version="1.0.0"', 'openmetrics'],
    ['application/openmetrics-text;version=0.0.1', 'prometheus'],
    ['application/openmetrics-text;version=1.0.0;q=0', 'prometheus'],
    ['application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.9', 'prometheus'],
    [
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,' +
      'text/plain;version=0.0.4;q=0.3,*/*;q=0.2', // Prometheus 2
      'openmetrics',
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;' +
      'version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2', // 3
      'openmetrics',
    ],
    ['text/plain;version=0.0.4;q=0.5,*/*;q=0.1', 'prometheus'],
    [';;q=,,application/openmetrics-text;q=1.2.3', 'prometheus'],
  ])('Accept: %s gets %s', (accept, format) => {
    expect(metricsFormat(accept)).toBe(format)
  })

  test.each([
    ['*/*', 'text/plain; version=0.0.4; charset=utf-8'],
    ['application/openmetrics-text', 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
  ])('M9: the page for %s is of the type %s', async (accept, type) => {
    const page = metricsPage({ metrics: sample(), authorize: () => true })
    const response = await send(page, requestTo('/metrics', { headers: { accept } }))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('vary')).toBe('accept')
    expect(await response.text()).toContain('jobs_done_total')
  })

  test('who may see it can be known later, and by what another wrapper added', async () => {
    const page = metricsPage({
      metrics: sample(),
      authorize: (_request, { principal }: HasPrincipal) => Promise.resolve(principal.id === 'prometheus'),
    })
    const as = (id: string) => page(requestTo('/metrics'), extend(contextOf(), { principal: { id } }))
    expect((await as('prometheus')).status).toBe(200)
    expect((await as('ada')).status).toBe(404)
  })
})

describe('refuses the bad', () => {
  test.each<[what: string, answer: unknown]>([
    ['false', false],
    ['undefined', undefined],
    ['1', 1],
    ['a text', 'true'],
    ['an object', {}],
    ['a promise of false', Promise.resolve(false)],
    ['a promise of 1', Promise.resolve(1)],
  ])('PITFALLS 20: %s lets nobody in, and does not tell that there is something', async (_what, answer) => {
    const context = contextOf()
    const page = metricsPage({ metrics: sample(), authorize: () => answer as boolean })
    const response = await send(page, requestTo('/metrics'), context)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ code: 'not-found', detail: 'Not found.' })
    expect(context.events).toEqual([{ kind: 'refused', guard: 'metrics-page', code: 'not-found', status: 404 }])
  })

  test('other methods are a 405, for those who may see it', async () => {
    const page = metricsPage({ metrics: sample(), authorize: (request) => request.headers.has('x-ops') })
    const response = await send(page, requestTo('/metrics', { method: 'POST', headers: { 'x-ops': '1' } }))
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect((await send(page, requestTo('/metrics', { method: 'POST' }))).status).toBe(404)
  })

  test('there is no default that is open', () => {
    expect(() => metricsPage({ metrics: sample() } as never)).toThrow(/metricsPage: authorize must be a function/)
    expect(() => metricsPage({ authorize: () => true } as never)).toThrow(/metricsPage: metrics must be/)
  })

  test('what is no trace id gets into no page', () => {
    const metrics = createMetrics()
    const seconds = metrics.histogram('x', { help: 'X.' })
    for (const id of ['', 'x', '0'.repeat(32), TRACE.toUpperCase(), `${TRACE}0`, `${TRACE.slice(1)}"`, 7, null]) {
      seconds.observe(1, {}, id as string)
    }
    expect(metricsText(metrics, 'openmetrics')).not.toContain('trace_id')
  })
})

describe('survives the broken', () => {
  test('an authorize that throws or rejects is closed', async () => {
    const metrics = sample()
    const sync = metricsPage({
      metrics,
      authorize: () => {
        throw new Error('bug')
      },
    })
    expect(() => sync(requestTo(), contextOf())).toThrow('bug')
    const async = metricsPage({ metrics, authorize: () => Promise.reject(new Error('bug')) })
    await expect(async(requestTo(), contextOf())).rejects.toThrow('bug')
  })

  test.each([
    '# TYPE a counter\na 1\n# EOF\n',
    '# TYPE a gauge\na 1\na 1\n# EOF\n',
    '# TYPE a gauge\na{b="c\\d"} 1\n# EOF\n',
    '# TYPE a gauge\na{b="c"d"} 1\n# EOF\n',
    '# TYPE a gauge\na 1\n',
    '# TYPE a gauge\na one\n# EOF\n',
    'a 1\n# EOF\n',
    '# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n# EOF\n',
    '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n# EOF\n',
    '# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n',
  ])('the parser of these tests is strict: %j', (page) => {
    expect(() => parsePage(page, true)).toThrow(/not a page of metrics/)
  })
})
