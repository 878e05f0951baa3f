import { describe, expect, test } from 'vitest'
import { area, ceiling, line } from '../../../src/telemetry/ops/chart.ts'
import { pageOf } from '../../../src/telemetry/ops/page.ts'
import { SCRIPT } from '../../../src/telemetry/ops/script.ts'
import { STYLE } from '../../../src/telemetry/ops/style.ts'
import type { OpsSnapshot } from '../../../src/telemetry/ops/snapshot.ts'
import type { View } from '../../../src/telemetry/ops/view.ts'
import { viewOf } from '../../../src/telemetry/ops/view.ts'

const QUIET: OpsSnapshot = {
  at: Date.UTC(2026, 0, 1, 12, 34, 56),
  uptime: 93_784_000,
  runtime: 'Node.js/24',
  isolated: false,
  draining: false,
  requests: { total: 0, active: 0, errors: 0, errorRate: 0, aborted: 0, slow: 0 },
  durationMs: { average: 0, p50: 0, p95: 0, p99: 0, max: 0 },
  statuses: {},
  now: { requests: 0, perSecond: 0, errorRate: 0, latencyMs: { p50: 0, p95: 0, p99: 0, max: 0 } },
  points: [],
  decisions: [],
  limited: [],
  events: [],
}

function page(view: View, title = 'Operations'): string {
  return pageOf(view, { title, every: 2_000, nonce: 'bm9uY2U=' })
}

describe('the script', () => {
  test('is a program, of at most 6 kB', () => {
    expect(() => new Function(SCRIPT)).not.toThrow()
    expect(new TextEncoder().encode(SCRIPT).length).toBeLessThanOrEqual(6_144)
  })

  test('makes no markup, code or style of any text', () => {
    const sinks =
      /innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function|setTimeout\(['"`]|\.style\b|srcdoc|\.src\b|\.href\b|import/
    expect(SCRIPT).not.toMatch(sinks)
    expect([...SCRIPT.matchAll(/setAttribute\('([^']*)'/g)].map(([, name]) => name)).toEqual(['d'])
  })

  test('cannot end its element, nor can the style', () => {
    for (const text of [SCRIPT, STYLE]) expect(text).not.toMatch(/<\/|<!--|<script/i)
  })
})

describe('the page', () => {
  test('asks for nothing from elsewhere and has no inline style or handler', () => {
    const html = page(viewOf(QUIET))
    expect(html).not.toMatch(/\sstyle=|\son[a-z]+=|\ssrc=|url\(|@import/)
    expect([...html.matchAll(/href="([^"]*)"/g)].map(([, to]) => to)).toEqual(['data:,', '#main', '?json'])
  })

  test('renews itself without JavaScript, and only then', () => {
    expect(page(viewOf(QUIET))).toContain('<noscript><meta http-equiv="refresh" content="10"></noscript>')
  })

  test('shows no table for what it was not given', () => {
    const bare = page(viewOf(QUIET))
    const names = [...bare.matchAll(/data-rows="(\w+)"/g)].map(([, name]) => name)
    expect(names).toEqual(['decisions', 'statuses', 'limited', 'latency', 'events'])
    const whole = page(viewOf({
      ...QUIET,
      alerts: [],
      breakers: [],
      bans: { total: 0, first: [] },
      health: { status: 'pass', checks: [] },
    }))
    for (const name of ['alerts', 'health', 'bans', 'breakers']) expect(whole).toContain(`data-rows="${name}"`)
  })

  test('writes whatever it is given as text', () => {
    const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&`
    const html = page(
      viewOf({
        ...QUIET,
        version: evil,
        runtime: evil,
        decisions: [{ kind: 'refused', guard: evil, code: evil, count: 1 }],
        limited: [{ who: evil, least: 1, most: 1 }],
        breakers: [{ store: evil, state: 'open', failures: 5 }],
        alerts: [{ name: evil, severity: evil, unit: evil, value: 1, since: evil }],
        health: { status: 'fail', checks: [{ name: evil, status: evil, observed: evil, unit: evil, output: evil }] },
        events: [{ at: 0, kind: 'refused', guard: evil, code: evil, status: 403, requestId: evil }],
      }),
      evil,
    )
    expect(html.match(/<script/g)).toHaveLength(1)
    expect(html.match(/<\/script/g)).toHaveLength(1)
    expect(html).not.toContain('<img')
    expect(html.match(/&lt;img src=x onerror=alert\(2\)&gt;&quot;&#39;&amp;/g)!.length).toBeGreaterThan(12)
  })
})

describe('the banner', () => {
  const banner = (more: Partial<OpsSnapshot>): readonly [string, string | undefined] => {
    const { tone, texts } = viewOf({ ...QUIET, ...more })
    return [tone, texts['status']]
  }

  test('says that all is well when nothing says otherwise', () => {
    expect(banner({})).toEqual(['good', 'All is well'])
    expect(banner({ health: { status: 'pass', checks: [] }, alerts: [], breakers: [] })[0]).toBe('good')
  })

  test('names what is bad before what is not good', () => {
    expect(banner({
      health: { status: 'warn', checks: [{ name: 'mail', status: 'fail' }, { name: 'disk', status: 'pass' }] },
      breakers: [{ store: 'limits', state: 'open', failures: 7 }],
    })).toEqual(['bad', 'Store out: limits · Degraded: mail'])
    expect(banner({ alerts: [{ name: 'cpu', severity: 'medium' }] })).toEqual(['warn', 'Alert: cpu'])
    expect(banner({ alerts: [{ name: 'cpu', severity: 'critical' }, { name: 'heap', severity: 'medium' }] }))
      .toEqual(['bad', '2 alerts: cpu, heap'])
    expect(banner({ draining: true, health: { status: 'fail', output: 'draining', checks: [] } }))
      .toEqual(['warn', 'Closing: no new requests are wanted'])
  })

  test('takes a lot of errors for a warning, and one of three for none', () => {
    const now = { ...QUIET.now, errorRate: 1 / 3 }
    expect(banner({ now: { ...now, requests: 3 } })[0]).toBe('good')
    expect(banner({ now: { ...now, requests: 30 } })).toEqual(['warn', '33\u00a0% of requests fail'])
  })

  test('does not take what it could not read for good', () => {
    expect(banner({ health: 'unreadable' })).toEqual(['warn', 'Health could not be read'])
    expect(banner({ alerts: 'unreadable' })[0]).toBe('warn')
    expect(viewOf({ ...QUIET, bans: 'unreadable' }).rows['bans']).toEqual([[['could not be read', 'warn']]])
  })
})

test('figures are short and have their unit', () => {
  const { texts, rows } = viewOf({
    ...QUIET,
    requests: { ...QUIET.requests, total: 1_234_567, errors: 12, errorRate: 12 / 1_234_567 },
    now: {
      requests: 10,
      perSecond: 12.345,
      errorRate: 0.0123,
      latencyMs: { p50: 0.42, p95: 4.56, p99: 1_234, max: 61_000 },
    },
    bans: { total: 23, first: [{ who: 'address 0', expiresIn: 59_600 }] },
    events: [{ at: Date.UTC(2026, 0, 1, 3, 4, 5), kind: 'degraded', guard: 'rate-limit', code: 'guard-unavailable' }],
  })
  const plain = (text: unknown): unknown => JSON.parse(JSON.stringify(text).replaceAll('\u00a0', ' '))
  expect(plain(texts)).toMatchObject({
    at: '12:34:56',
    about: 'Node.js/24 · up 1 d 2 h',
    total: '1,234,567',
    rate: '12.3',
    errors: '1.2 %',
    errorsAll: '12 in all (<0.01 %)',
    p95: '4.6 ms',
  })
  expect(plain(rows['latency']![0])).toEqual(['Last minute', '0.42 ms', '4.6 ms', '1.2 s', '61 s'])
  expect(plain(rows['bans'])).toEqual([['address 0', '1 min'], ['and 22 more', '']])
  expect(plain(rows['events'])).toEqual([
    ['03:04:05', ['degraded', 'bad'], 'rate-limit', 'guard-unavailable', '–', '–'],
  ])
})

describe('charts', () => {
  test('end at a round number', () => {
    expect([0, 0.03, 1, 7, 11, 83, 210, 1_001].map(ceiling)).toEqual([1, 0.03, 1, 8, 15, 100, 300, 1_500])
  })

  test('draw to the right edge, with a gap where there is nothing and a dot where one stands alone', () => {
    expect(line([0, 10], 10, 60)).toBe('M589.8 120L600 0')
    expect(line([5, undefined, 5, 5], 10, 4)).toBe('M0 60h.1M400 60L600 60')
    expect(line([], 10, 60)).toBe('')
    expect(area([10, 10], 10, 3)).toBe('M300 0L600 0L600 120L300 120Z')
  })
})
