/** Prometheus' own tool reads the page of metrics: what it takes, Prometheus takes. */
import { spawn } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/handler.ts'
import { httpMetrics } from '../../src/telemetry/http-metrics.ts'
import { metricsText } from '../../src/telemetry/openmetrics.ts'
import { createMetrics } from '../../src/telemetry/registry.ts'
import { record } from '../../src/core/event.ts'
import { debianBinary, PROMTOOL } from '../debian.ts'
import { requestTo, send } from '../helpers.ts'

let promtool: string

beforeAll(async () => {
  promtool = await debianBinary(PROMTOOL)
})

/** `promtool check metrics`: 0 is well, 3 is read but not as one would name it. */
async function check(page: string): Promise<{ code: number | null; complaints: string[] }> {
  const tool = spawn(promtool, ['check', 'metrics'])
  let said = ''
  tool.stderr.on('data', (chunk: Uint8Array) => said += String(chunk))
  tool.stdin.end(page)
  const code = await new Promise<number | null>((resolve) => tool.on('close', resolve))
  return { code, complaints: said.split('\n').filter((line) => line !== '') }
}

const HOSTILE = [
  'a"b',
  'back\\slash',
  'new\nline',
  '\\"}',
  '',
  'ünï 🎉',
  '\u0000\u2028',
  '{a="b"} 1',
  '# EOF',
  'x'.repeat(500),
]

test('a page that is none is refused: the tool looks', async () => {
  expect((await check('http_requests_total{a="b} 1\n')).code).toBe(1)
})

describe('promtool takes without a complaint', () => {
  test('all kinds of metrics, whatever their labels', async () => {
    const metrics = createMetrics()
    const jobs = metrics.counter('video.jobs', {
      help: 'Videos done, "quoted", with a \\ and a\nline.',
      labels: ['result'],
    })
    const depth = metrics.gauge('queue.depth', { help: 'Videos waiting.', labels: ['queue.name'] })
    const times = metrics.histogram('video.duration', { help: 'How long.', unit: 's', labels: ['kind'] })
    metrics.gauge('heap.used', { help: 'Heap.', unit: 'By', read: () => 1e21 })
    for (const label of HOSTILE) {
      jobs.add(1, { result: label })
      depth.set(-0.5, { 'queue.name': label })
      times.observe(0.3, { kind: label }, '0af7651916cd43dd8448eb211c80319c')
    }
    metrics.timed('work', () => 1)()
    expect(await check(metricsText(metrics))).toEqual({ code: 0, complaints: [] })
  })

  test('what httpMetrics counts, with its overflow', async () => {
    const metrics = createMetrics({ maxSeries: 60 })
    let at = 0
    const app: Handler = httpMetrics({ metrics, route: () => `/notes/${HOSTILE[at % HOSTILE.length]}${at}` })(
      (_request, context) => {
        record(context, { kind: 'refused', guard: `guard-${at}`, code: 'some', status: 403 })
        return new Response('no', { status: 403 })
      },
    )
    for (; at < 200; at++) {
      await (await send(
        app,
        requestTo('/', { method: at % 2 === 0 ? 'POST' : 'GET', ...(at % 2 === 0 && { body: 'x' }) }),
      )).text()
    }
    const page = metricsText(metrics)
    expect(page).toContain('otel_metric_overflow="true"')
    expect(await check(page)).toEqual({ code: 0, complaints: [] })
  })

  test('nothing at all', async () => {
    expect(await check(metricsText(createMetrics()))).toEqual({ code: 0, complaints: [] })
  })
})
