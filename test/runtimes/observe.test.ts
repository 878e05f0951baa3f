/** What is seen of a service, on every runtime: one trace over two services, and no secret in anything that leaves. */
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { verifyAudit } from '../../src/index.ts'
import { parsePage } from '../telemetry/parser.ts'
import { type Collector, startCollector } from '../telemetry/otlp-collector.ts'
import type { CollectedSpan } from '../telemetry/otlp-shapes.ts'
import { type Call, caller } from './client.ts'
import { AUDIT_SECRET, MARKER } from './observe.ts'

const targets = inject('targets')
const SERVER = 2
const CLIENT = 3
const MINE = { authorization: 'Bearer the-fixture' }
const JWT = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.${MARKER}`

let collector: Collector
beforeAll(async () => {
  collector = await startCollector()
})
afterAll(() => collector.close())

type Line = Readonly<Record<string, unknown>>

async function seen(call: Call, query: string): Promise<{ lines: Line[]; audited: string[]; text: string }> {
  const text = await (await call(`/observe/lines?${query}`, { headers: MINE })).text()
  const { lines, audited } = JSON.parse(text) as { lines: string[]; audited: string[] }
  return { lines: lines.map((line) => JSON.parse(line) as Line), audited, text }
}

describe.each(targets)('seen on $name', (target) => {
  const call = caller(target)
  /** Each target has doors of its own by it, and so has each test. */
  const door = (name: string): string => `otlp=${encodeURIComponent(collector.url)}&door=${target.name}-${name}`
  const spansOf = (traceId: string): CollectedSpan[] => collector.spans.filter((span) => span.traceId === traceId)

  test('every line written inside a request carries its ids and attributes', async () => {
    const response = await call(`/observe/said?${door('lines')}`)
    expect(response.status).toBe(200)
    const id = response.headers.get('x-request-id')
    const { lines } = await seen(call, door('lines'))
    const mine = lines.filter((line) => line['requestId'] === id)
    const [said, word] = ['said', 'a word to the guards'].map((message) =>
      mine.find((one) => one['message'] === message)!
    )
    expect(said).toMatchObject({ level: 'info', requestId: id, 'note.count': 7, apiKey: '[redacted]', monkey: 'stays' })
    expect(word).toMatchObject({ level: 'security', requestId: id, module: 'billing' })
    const access = mine.find((one) => one['message'] === 'request')!
    expect(access).toMatchObject({ level: 'info', path: '/observe/said', status: 200, 'note.count': 7 })
    const traces = new Set([said, word, access].map((line) => line?.['traceId'] ?? line?.['trace.id']))
    expect([...traces]).toEqual([expect.stringMatching(/^[\da-f]{32}$/)])
  })

  test('a stream is over when it is over: for the line, and for the span', async () => {
    const response = await call(`/observe/slow-stream?${door('stream')}`)
    expect(await response.text()).toBe('part 1\npart 2\npart 3\n')
    const { lines } = await seen(call, door('stream'))
    const line = lines.find((one) => one['path'] === '/observe/slow-stream')!
    expect(line['durationMs']).toBeGreaterThan(100)
    const traceId = String(line['traceId'])
    await collector.until(() => spansOf(traceId).some(({ kind }) => kind === SERVER))
    const { start, end } = spansOf(traceId).find(({ kind }) => kind === SERVER)!
    expect(Number(end - start) / 1e6).toBeGreaterThan(100)
  })

  test('one linked trace from this runtime to a service on Node, through both doors', async () => {
    const node = targets.find(({ name }) => name === 'node')!
    const to = `${node.url}/observe/said?${door('far')}&trusted&token=${MARKER}`
    const theirs = '00-11111111111111111111111111111111-2222222222222222-01'
    const response = await call(`/observe/relay?${door('near')}&to=${encodeURIComponent(to)}`, {
      headers: { traceparent: theirs, tracestate: 'vendor=forged' },
    })
    expect(await response.json()).toMatchObject({ status: 200 })
    const { lines } = await seen(call, door('near'))
    const traceId = String(lines.find((one) => one['path'] === '/observe/relay')!['traceId'])
    await collector.until(() => spansOf(traceId).filter(({ kind }) => kind === SERVER).length === 2)
    await collector.until(() => spansOf(traceId).some(({ kind }) => kind === CLIENT))
    const spans = spansOf(traceId)
    const near = spans.find(({ kind, parentSpanId }) => kind === SERVER && parentSpanId === undefined)!
    const called = spans.find(({ kind }) => kind === CLIENT)!
    const far = spans.find(({ kind, parentSpanId }) => kind === SERVER && parentSpanId !== undefined)!
    // A stranger's trace is linked, and not continued.
    expect(traceId).not.toBe('1'.repeat(32))
    expect(near.links).toEqual([expect.objectContaining({ traceId: '1'.repeat(32), spanId: '2'.repeat(16) })])
    expect(called.parentSpanId).toBe(near.spanId)
    expect(far.parentSpanId).toBe(called.spanId)
    expect(near.attributes).toMatchObject({ 'http.request.method': 'GET', 'http.response.status_code': 200 })
    expect(near.name).toBe('GET')
    const guards = spans.filter(({ parentSpanId, name }) => parentSpanId === near.spanId && name.startsWith('guard '))
    expect(guards.map(({ name }) => name)).toContain('guard turns-away')
    expect(collector.complaints).toEqual([])
  })

  test('metrics: a page that a strict reader takes, for those who may, and the same to the collector', async () => {
    const query = door('metrics')
    for (const path of ['said', 'refused', 'nowhere']) await (await call(`/observe/${path}?${query}`)).text()
    expect((await call(`/observe/metrics?${query}`)).status).toBe(404)
    const page = await call(`/observe/metrics?${query}`, {
      headers: { ...MINE, accept: 'application/openmetrics-text; version=1.0.0' },
    })
    const families = parsePage(await page.text(), true)
    const counted = families.get('http_server_request_duration_seconds')!.samples.filter(({ name }) =>
      name.endsWith('_count')
    )
    expect(counted.map(({ labels }) => labels['http_response_status_code']).sort()).toEqual(['200', '403', '404'])
    expect(counted.every(({ labels }) => labels['clock'] === (target.name === 'workerd' ? 'io' : undefined))).toBe(true)
    const events = families.get('sallyport_events')!.samples
    expect(events.map(({ labels }) => labels)).toContainEqual({
      kind: 'refused',
      guard: 'turns-away',
      code: 'forbidden',
    })
    await collector.until(() => collector.points.some(({ metric }) => metric === 'http.server.request.duration'))
  })

  test('the audit chain has who was turned away, and verifies', async () => {
    await (await call(`/observe/refused?${door('audit')}`)).text()
    const { audited } = await seen(call, door('audit'))
    expect(audited.some((line) => line.includes('"action":"forbidden"'))).toBe(true)
    const report = await verifyAudit(audited.map((line) => `${line}\n`).join(''), {
      keys: [{ id: 'fixture', secret: AUDIT_SECRET }],
    })
    expect(report).toMatchObject({ ok: true })
  })

  test('an alert reaches its webhook, signed', async () => {
    const hooks: { headers: Record<string, unknown>; body: string }[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += String(chunk))).on('end', () => {
        hooks.push({ headers: request.headers, body })
        response.end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
      const query = `${door('alert')}&hook=${encodeURIComponent(hook)}`
      await (await call(`/observe/check?${query}`)).text() // from here on it counts
      for (let i = 0; i < 5; i++) expect((await call(`/observe/broken?${query}`)).status).toBe(500)
      const firing = await (await call(`/observe/check?${query}`)).json() as unknown[]
      expect(firing).toEqual([expect.objectContaining({ name: 'error-rate', severity: 'critical' })])
      expect(hooks).toHaveLength(1)
      const { headers, body } = hooks[0]!
      const key = Buffer.from('dGhlIGZpeHR1cmUncyBzZWNyZXQgb2YgMzIgYnl0ZXM=', 'base64')
      const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
      expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(content).digest('base64')}`)
      expect(JSON.parse(body)).toMatchObject({ type: 'alert.triggered', data: { name: 'error-rate' } })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('the ops page: for those who may, under its own policy, and live', async () => {
    const query = door('ops')
    await (await call(`/observe/said?${query}`)).text()
    await (await call(`/observe/refused?${query}`)).text()
    expect((await call(`/observe/ops?${query}`)).status).toBe(404)
    const page = await call(`/observe/ops?${query}`, { headers: MINE })
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'nonce-/)
    expect(page.headers.get('x-request-id')).toBeTruthy()
    expect(await page.text()).toContain('turns-away')
    const live = await call(`/observe/ops?${query}&live`, { headers: { ...MINE, accept: 'text/event-stream' } })
    expect(live.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const reader = live.body!.getReader()
    let text = ''
    while ((text.match(/^data: /gm)?.length ?? 0) < 2) {
      const { value, done } = await reader.read()
      if (done) throw new Error(`it ended after ${text}`)
      text += new TextDecoder().decode(value)
    }
    await reader.cancel()
  })

  test('no secret is in any line, span, metric or event', async () => {
    const query = door('secrets')
    const answers = [
      await call(`/observe/said?${query}&access_token=${MARKER}&q=${JWT}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${MARKER}`,
          'x-plain': `card 4111 1111 1111 1111 and ${JWT}`,
          cookie: `s=${MARKER}`,
        },
        body: JSON.stringify({ password: MARKER, list: [{ 'api-key': MARKER }], text: JWT }),
      }),
      await call(`/observe/broken?${query}&sig%6Eature=${MARKER}`),
      await call(`/observe/refused?${query}`, { headers: { authorization: `Basic ${MARKER}` } }),
    ]
    for (const answer of answers) await answer.text()
    const { lines, audited, text } = await seen(call, query)
    expect(lines.length).toBeGreaterThanOrEqual(6)
    expect(text).not.toContain(MARKER)
    expect(text).not.toMatch(/4111[ -]?1111/)
    expect(audited.join('\n')).not.toContain(MARKER)
    const traceIds = new Set(lines.map((line) => String(line['traceId'])))
    await collector.until(() => {
      const found = new Set(collector.spans.map(({ traceId }) => traceId))
      return [...traceIds].filter((id) => /^[\da-f]{32}$/.test(id)).every((id) => found.has(id))
    })
    const exported = JSON.stringify(
      [collector.spans, collector.points],
      (_key, value: unknown) => typeof value === 'bigint' ? String(value) : value,
    )
    expect(exported).not.toContain(MARKER)
    expect(exported).not.toMatch(/4111[ -]?1111/)
  })
})
