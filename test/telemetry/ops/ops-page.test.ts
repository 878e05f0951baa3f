import { describe, expect, test } from 'vitest'
import { securityHeaders } from '../../../src/browser/security-headers.ts'
import { compose } from '../../../src/core/compose.ts'
import type { Context } from '../../../src/core/context.ts'
import { errors } from '../../../src/core/errors.ts'
import { record } from '../../../src/core/event.ts'
import type { Handler } from '../../../src/core/handler.ts'
import { onPath } from '../../../src/core/request.ts'
import type { Store } from '../../../src/core/store.ts'
import { health } from '../../../src/health/health.ts'
import { policy } from '../../../src/policy/policy.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { httpMetrics } from '../../../src/telemetry/http-metrics.ts'
import type { OpsPageOptions, OpsSnapshot } from '../../../src/telemetry/ops.ts'
import { opsPage } from '../../../src/telemetry/ops.ts'
import { createMetrics } from '../../../src/telemetry/registry.ts'
import { banList } from '../../../src/traffic/bans.ts'
import { byClientIp } from '../../../src/traffic/keys.ts'
import { rateLimit } from '../../../src/traffic/rate-limit.ts'
import { contextOf, requestTo, send, virtualClock } from '../../helpers.ts'

const yes = (): boolean => true

function page(options: Partial<OpsPageOptions> = {}): Handler {
  return opsPage({ metrics: createMetrics(), authorize: yes, ...options })
}

async function snapshot(handler: Handler, context = contextOf()): Promise<OpsSnapshot> {
  const response = await send(handler, requestTo('/ops?json'), context)
  expect(response.headers.get('content-type')).toBe('application/json')
  return await response.json() as OpsSnapshot
}

describe('who may see it', () => {
  test('only true lets in: for all others there is nothing there', async () => {
    for (const answer of [false, undefined, 'true', 1, {}, Promise.resolve(false)]) {
      for (const query of ['', '?json', '?live']) {
        const context = contextOf()
        const response = await send(page({ authorize: () => answer as boolean }), requestTo(`/ops${query}`), context)
        expect(response.status).toBe(404)
        expect(context.events).toEqual([{ kind: 'refused', guard: 'ops-page', code: 'not-found', status: 404 }])
      }
    }
    expect((await send(page({ authorize: () => Promise.resolve(true) }))).status).toBe(200)
  })

  test('an authorize that throws or rejects lets nobody in, and says so', async () => {
    const broken = [() => Promise.reject(new RangeError('no')), () => {
      throw new RangeError('no')
    }]
    for (const authorize of broken) {
      const context = contextOf()
      expect((await send(page({ authorize }), requestTo(), context)).status).toBe(404)
      expect(context.events[0]).toMatchObject({ kind: 'degraded', reason: 'authorize threw RangeError' })
    }
  })

  test('challenge lets a browser ask for a name and a password', async () => {
    const authorize = (request: Request): boolean =>
      request.headers.get('authorization') === `Basic ${btoa('ops:pass')}`
    const one = page({ challenge: true, authorize })
    const stranger = await send(one)
    expect(stranger.status).toBe(401)
    expect(stranger.headers.get('www-authenticate')).toBe('Basic realm="ops", charset="UTF-8"')
    const headers = { authorization: `Basic ${btoa('ops:pass')}` }
    expect((await send(one, requestTo('/', { headers }))).status).toBe(200)
  })

  test('other methods than GET and HEAD get a 405, strangers before it their 404', async () => {
    const post = requestTo('/ops', { method: 'POST' })
    const response = await send(page(), post)
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
    expect((await send(page({ authorize: () => false }), post)).status).toBe(404)
  })

  test('HEAD has the head alone, and opens no stream', async () => {
    const one = page({ viewers: 1 })
    for (const query of ['', '?json', '?live', '?live']) {
      const response = await send(one, requestTo(`/ops${query}`, { method: 'HEAD' }))
      expect(response.status).toBe(200)
      expect(response.body).toBeNull()
    }
    const live = await send(one, requestTo('/ops?live'))
    expect(live.status).toBe(200)
    await live.body!.cancel()
  })
})

describe('the answer', () => {
  test('has a policy of its own, with a nonce that no other has, whatever the service announces', async () => {
    const wrapped = compose(securityHeaders())(page())
    const policies = new Set<string>()
    for (let i = 0; i < 2; i++) {
      const response = await send(wrapped)
      const value = response.headers.get('content-security-policy')!
      const nonce = /script-src 'nonce-([^']+)'/.exec(value)![1]!
      expect(value).toBe(
        `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; img-src data:; ` +
          `base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'`,
      )
      const html = await response.text()
      expect(html).toContain(`<style nonce="${nonce}">`)
      expect(html).toContain(`<script nonce="${nonce}">`)
      policies.add(value)
    }
    expect(policies.size).toBe(2)
  })

  test('is kept nowhere, found by no search engine, and embedded by no other site', async () => {
    for (const query of ['', '?json', '?live']) {
      const { headers, body } = await send(page(), requestTo(`/ops${query}`))
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-robots-tag')).toBe('noindex, nofollow')
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      await body!.cancel()
    }
  })

  test('live is a stream of what the page shows; when all seats are taken, a 503', async () => {
    const one = page({ viewers: 1, version: '1.4.2' })
    const live = await send(one, requestTo('/ops?live'))
    expect(live.headers.get('content-type')).toBe('text/event-stream')
    const reader = live.body!.getReader()
    const message = new TextDecoder().decode((await reader.read()).value)
    const view = JSON.parse(/^data: (.*)$/m.exec(message)![1]!) as { texts: Record<string, string> }
    expect(view.texts['about']).toContain('version 1.4.2')
    const second = await send(one, requestTo('/ops?live'))
    expect(second.status).toBe(503)
    expect(second.headers.get('retry-after')).toBe('10')
    await reader.cancel()
  })

  test('figures are taken once for all who look at the same time', async () => {
    let asked = 0
    const context = contextOf()
    const one = page({
      bans: {
        entries: () => {
          asked++
          return Promise.resolve([])
        },
      },
    })
    await Promise.all(
      Array.from({ length: 20 }, () => send(one, requestTo('/ops'), contextOf({ clock: context.clock }))),
    )
    expect(asked).toBe(1)
  })
})

describe('what it shows', () => {
  test('requests, decisions, and who was limited, without saying who that is', async () => {
    const clock = virtualClock()
    const metrics = createMetrics()
    const list = banList()
    const ops = opsPage({ metrics, authorize: yes, bans: list })
    const onOps = onPath('/ops')
    const app = policy({
      metrics: compose(httpMetrics({ metrics, skip: onOps }), ops.observe),
      rateLimit: rateLimit({ key: byClientIp, limit: 2, window: '1m' }),
    })((request, context) => onOps(request, context) ? ops(request, context) : new Response('hello')) as Handler
    const platform = contextOf().platform
    const from = (address: string): Context => contextOf({ clock, platform, address })
    for (let i = 0; i < 5; i++) {
      await (await send(app, requestTo('/'), from('192.0.2.7'))).text()
      clock.advance(10)
    }
    await list.add('192.0.2.7', '15m', from('192.0.2.7'))
    const shown = await snapshot(app, from('198.51.100.1'))
    expect(shown.requests).toMatchObject({ total: 5, active: 0, errors: 0 })
    expect(shown.statuses).toEqual({ 200: 2, 429: 3 })
    expect(shown.decisions).toEqual([{ kind: 'refused', guard: 'rate-limit', code: 'rate-limit-exceeded', count: 3 }])
    expect(shown.limited).toMatchObject([{ least: 3, most: 3 }])
    expect(shown.bans).toEqual({ total: 1, first: [{ who: shown.limited[0]!.who, expiresIn: 900_000 }] })
    expect(shown.events).toHaveLength(3)
    expect(shown.events[0]).toMatchObject({ guard: 'rate-limit', status: 429, requestId: expect.stringMatching(/-/) })
    clock.advance(1_000)
    const html = await (await send(app, requestTo('/ops'), from('198.51.100.1'))).text()
    expect(html).toContain(shown.limited[0]!.who)
    expect(html + JSON.stringify(shown)).not.toContain('192.0.2.7')
  })

  test('breakers by name', async () => {
    const memory = memoryStore()
    let out = true
    const store: Store = {
      ...memory,
      consume: (...given) => out ? Promise.reject(new Error('out')) : memory.consume(...given),
    }
    const clock = virtualClock()
    const limited = rateLimit({ key: () => 'a', limit: 9, window: '1m', store, onOutage: 'allow', log: () => {} })(() =>
      new Response()
    )
    const one = page({ stores: { limits: store, idle: memory } })
    expect((await snapshot(one, contextOf({ clock }))).breakers).toEqual([
      { store: 'limits', state: 'closed', failures: 0 },
      { store: 'idle', state: 'closed', failures: 0 },
    ])
    for (let i = 0; i < 5; i++) await send(limited, requestTo(), contextOf({ clock }))
    clock.advance(1_000)
    expect((await snapshot(one, contextOf({ clock }))).breakers![0]).toEqual({
      store: 'limits',
      state: 'open',
      failures: 5,
    })
    out = false
    let done: Promise<unknown> | undefined
    await send(limited, requestTo(), contextOf({ clock, waitUntil: (work) => void (done = work) }))
    clock.advance(1_000)
    expect((await snapshot(one, contextOf({ clock }))).breakers![0]!.state).toMatch(/half-open|closed/)
    await done
    clock.advance(1_000)
    expect((await snapshot(one, contextOf({ clock }))).breakers![0]).toMatchObject({ state: 'closed', failures: 0 })
  })

  test('health by check, from the run that answers the probes', async () => {
    let runs = 0
    const checks = health({
      checks: {
        database: () => {
          runs++
          return false
        },
        mail: { check: () => true, critical: false },
      },
    })
    const context = contextOf()
    const one = page({ health: checks })
    await send(checks(() => new Response()), requestTo('/health/ready'), contextOf({ clock: context.clock }))
    const shown = await snapshot(one, context)
    expect(shown.health).toMatchObject({
      status: 'fail',
      checks: [{ name: 'database', status: 'fail' }, { name: 'mail', status: 'pass' }],
    })
    expect(runs).toBe(1)
    const closing = await snapshot(page({ health: checks }), contextOf({ platform: { draining: true } }))
    expect(closing).toMatchObject({ draining: true, health: { status: 'fail', output: 'draining' } })
  })

  test('a source that throws, rejects or hangs is unreadable, and hides nothing else', async () => {
    const started = performance.now()
    const shown = await snapshot(page({
      alerts: {
        active: () => {
          throw new Error('no')
        },
      },
      bans: { entries: () => Promise.reject(new Error('no')) },
      health: { report: () => new Promise(() => {}) },
    }))
    expect(shown).toMatchObject({ alerts: 'unreadable', bans: 'unreadable', health: 'unreadable', statuses: {} })
    expect(performance.now() - started).toBeLessThan(4_000)
  })

  test('only the members of alerts that it knows', async () => {
    const alert = {
      name: 'cpu',
      severity: 'high',
      value: 91,
      threshold: 80,
      unit: '%',
      since: '2026-01-01T00:00:00.000Z',
    }
    const shown = await snapshot(page({ alerts: { active: () => [{ ...alert, token: 'secret' }] } }))
    expect(shown.alerts).toEqual([alert])
  })
})

test('who observes harms no request: not one without facts, nor one that throws', async () => {
  const metrics = createMetrics()
  const ops = opsPage({ metrics, authorize: yes })
  const app = compose(httpMetrics({ metrics }), ops.observe, errors({ log: () => {} }))((_request, context) => {
    record(context, { kind: 'refused', guard: 'mine', code: 'mine', status: 429 })
    throw new Error('a bug')
  })
  expect((await send(app, requestTo(), contextOf())).status).toBe(500)
  const shown = await snapshot(ops)
  expect(shown.limited).toEqual([{ who: 'unidentified', least: 1, most: 1 }])
})

test('bad options throw when it is made, and name the option', () => {
  const metrics = createMetrics()
  const bad: [options: object, message: string][] = [
    [{ authorize: yes }, 'opsPage: metrics'],
    [{ metrics }, 'opsPage: authorize'],
    [{ metrics, authorize: yes, alerts: {} }, 'opsPage: alerts.active'],
    [{ metrics, authorize: yes, health: () => {} }, 'opsPage: health.report'],
    [{ metrics, authorize: yes, bans: {} }, 'opsPage: bans.entries'],
    [{ metrics, authorize: yes, stores: { limits: 'redis' } }, 'opsPage: stores.limits'],
    [{ metrics, authorize: yes, challenge: 'yes' }, 'opsPage: challenge'],
    [{ metrics, authorize: yes, title: 1 }, 'opsPage: title'],
    [{ metrics, authorize: yes, version: 1 }, 'opsPage: version'],
    [{ metrics, authorize: yes, every: 2 }, 'opsPage: every'],
    [{ metrics, authorize: yes, viewers: 0 }, 'opsPage: viewers'],
  ]
  for (const [options, message] of bad) expect(() => opsPage(options as OpsPageOptions)).toThrow(message)
})
