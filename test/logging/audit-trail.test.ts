import { describe, expect, test } from 'vitest'
import { extend } from '../../src/core/context.ts'
import type { HasPrincipal } from '../../src/core/facts.ts'
import { errors } from '../../src/core/errors.ts'
import { record } from '../../src/core/event.ts'
import { guard, refusal } from '../../src/core/guard.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { Problem, problem, refuse } from '../../src/core/problem.ts'
import { auditLog } from '../../src/logging/audit.ts'
import {
  auditEvents,
  type AuditEventsOptions,
  auditTrail,
  type AuditTrailOptions,
} from '../../src/logging/audit-trail.ts'
import { verifyAudit } from '../../src/logging/audit-verify.ts'
import { policy } from '../../src/policy/policy.ts'
import { contextOf, requestTo, send, virtualClock } from '../helpers.ts'

const ok: Handler = () => Response.json('ok')

function audited() {
  const lines: string[] = []
  const log = auditLog({ write: (line) => void lines.push(line) })
  return {
    log,
    lines,
    async read(): Promise<Record<string, unknown>[]> {
      await log.settled()
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    },
  }
}

const describeNote: AuditTrailOptions<{}>['describe'] = ({ method }) =>
  method === 'GET'
    ? undefined
    : { type: 'data-modification', action: 'note-changed', resource: { type: 'note', id: 7 } }

/** Sends one request whose answer `inner` gives, and reads what was recorded of it. */
async function trailOf(inner: Handler, request: Request = requestTo('/', { method: 'PUT' })) {
  const { log, read } = audited()
  const response = await send(errors({ log: () => {} })(auditTrail({ log, describe: describeNote })(inner)), request)
  return { response, lines: await read() }
}

describe('auditTrail', () => {
  test('A3, A4: what changed something is recorded with its outcome; what did not is not', async () => {
    const request = requestTo('/', { method: 'PUT', headers: { 'user-agent': 'test/1.0' } })
    expect((await trailOf(ok, request)).lines).toMatchObject([
      {
        action: 'note-changed',
        outcome: 'success',
        status: 200,
        userAgent: 'test/1.0',
        resource: { type: 'note', id: '7' },
      },
    ])
    expect((await trailOf(ok, requestTo())).lines).toEqual([])
  })

  test.each<[string, Handler, object]>([
    ['an answer', () => new Response(null, { status: 404 }), { outcome: 'failure', status: 404 }],
    ['a promise', () => Promise.resolve(new Response(null, { status: 204 })), { outcome: 'success', status: 204 }],
    ['a refusal', (_, context) => refuse(context, problem('forbidden')), {
      outcome: 'denied',
      status: 403,
      reason: 'forbidden',
    }],
    ['a problem', () => {
      throw new Problem(409, 'note-locked')
    }, { outcome: 'failure', status: 409, reason: 'note-locked' }],
    ['a problem, later', () => Promise.reject(new Problem(401, 'unauthenticated')), {
      outcome: 'denied',
      status: 401,
      reason: 'unauthenticated',
    }],
    ['a bug', () => {
      throw new Error('secret')
    }, { outcome: 'failure', status: 500, reason: 'internal-error' }],
  ])('the outcome, status and reason are those of %s', async (_what, inner, expected) => {
    const { response, lines } = await trailOf(inner)
    expect(lines).toMatchObject([expected])
    expect(lines[0]!['status']).toBe(response.status)
    expect(JSON.stringify(lines)).not.toContain('secret')
  })

  test('what the description says itself stands', async () => {
    const { log, read } = audited()
    const handler = auditTrail({
      log,
      describe: () => ({
        type: 'authentication',
        action: 'login',
        outcome: 'failure',
        reason: 'password-wrong',
        actor: 'ada',
      }),
    })(ok)
    await send(handler)
    expect(await read()).toMatchObject([{ outcome: 'failure', reason: 'password-wrong', actor: 'ada' }])
  })

  test('a description that throws is recorded as that, and the response is left alone', async () => {
    const { log, read } = audited()
    const handler = auditTrail({
      log,
      describe: () => {
        throw new Error('no')
      },
    })(ok)
    expect((await send(handler)).status).toBe(200)
    expect(await read()).toMatchObject([{ type: 'security', action: 'audit-description-failed', outcome: 'failure' }])
  })

  test('stays synchronous where its handler is, and gives back its very response', () => {
    const response = new Response('body')
    const { log } = audited()
    expect(auditTrail({ log, describe: describeNote })(() => response)(requestTo(), contextOf())).toBe(response)
    expect(response.bodyUsed).toBe(false)
  })

  test('bad options are TypeErrors when it is made', () => {
    expect(() => auditTrail({ describe: describeNote } as never)).toThrow(/auditTrail: log/)
    expect(() => auditTrail({ log: audited().log } as never)).toThrow(/auditTrail: describe/)
    expect(() => auditEvents({} as never)).toThrow(/auditEvents: log/)
    expect(() => auditEvents({ log: audited().log, maxPerSecond: 0 })).toThrow(/auditEvents: maxPerSecond/)
  })
})

describe('auditEvents', () => {
  async function eventsOf(inner: Handler, options: Omit<AuditEventsOptions, 'log'> = {}) {
    const { log, read } = audited()
    await send(auditEvents({ log, ...options })(inner), requestTo('/', { headers: { 'user-agent': 'test/1.0' } }))
    return await read()
  }
  const refusing = (status: number, code: string): Handler =>
    guard({ name: 'g', decide: () => refusal({ status, code }) })(ok)

  test.each([
    [429, 'rate-limit-exceeded', 'security'],
    [429, 'banned', 'security'],
    [400, 'input-invalid', 'security'],
    [401, 'token-expired', 'authentication'],
    [403, 'forbidden', 'authorization'],
    [403, 'origin-not-allowed', 'security'],
  ])('A5: a refusal with %i %s is a %s event', async (status, action, type) => {
    expect(await eventsOf(refusing(status, action))).toMatchObject([
      { type, action, outcome: 'denied', status, userAgent: 'test/1.0', details: { kind: 'refused', guard: 'g' } },
    ])
  })

  test('A5: suspicious claims, guards that failed and bugs are recorded; input that was cleaned is not', async () => {
    const lines = await eventsOf((_, context) => {
      for (const kind of ['suspicious', 'degraded', 'error', 'altered', 'would-refuse'] as const) {
        record(context, { kind, guard: 'g', code: kind, reason: 'a reason' })
      }
      return Response.json('ok')
    })
    expect(lines.map(({ type, action, outcome }) => [type, action, outcome])).toEqual([
      ['security', 'suspicious', 'success'],
      ['security', 'degraded', 'failure'],
      ['security', 'error', 'failure'],
      ['security', 'would-refuse', 'success'],
    ])
    expect(lines[0]).toMatchObject({ details: { why: 'a reason' } })
    expect(await eventsOf(refusing(429, 'banned'), { kinds: ['suspicious'] })).toEqual([])
  })

  test('a flood fills no disk: events are bounded per request and per second, and those beyond are counted', async () => {
    const { log, read } = audited()
    const clock = virtualClock()
    const noisy: Handler = (_, context) => {
      for (let i = 0; i < 5; i++) record(context, { kind: 'suspicious', guard: 'g', code: `code-${i}` })
      return Response.json('ok')
    }
    const handler = auditEvents({ log, maxPerRequest: 3, maxPerSecond: 7 })(noisy)
    for (let i = 0; i < 10; i++) await send(handler, requestTo(), contextOf({ clock }))
    expect(await read()).toHaveLength(7)
    clock.advance(1_000)
    await send(handler, requestTo(), contextOf({ clock }))
    const lines = await read()
    expect(lines).toHaveLength(10)
    expect(lines.map(({ details }) => (details as { suppressed?: number }).suppressed ?? 0).reduce((a, b) => a + b))
      .toBe(43)
  })
})

test('A6: in a policy, both see the request: what it did, and what turned it away', async () => {
  const { log, lines, read } = audited()
  const signIn: Wrapper<{ principal: { id: string } }> = (next) => (request, context) =>
    next(request, extend(context, { principal: { id: 'ada' } }))
  const handler = policy({
    accessLog: auditEvents({ log }),
    authenticate: signIn,
    authorize: guard({
      name: 'authorize',
      decide: ({ method }) => method === 'DELETE' ? refusal(problem('forbidden')) : { outcome: 'allow', adds: {} },
    }),
    audit: auditTrail<HasPrincipal>({
      log,
      describe: ({ method }, { principal }) => ({
        type: 'data-modification',
        action: `note-${method === 'PUT' ? 'changed' : 'deleted'}`,
        resource: { type: 'note', id: 7 },
        actor: `user:${principal.id}`,
      }),
    }),
  })(ok)
  await send(handler, requestTo('/notes/7', { method: 'PUT' }), contextOf({ address: '203.0.113.9' }))
  await send(handler, requestTo('/notes/7', { method: 'DELETE' }), contextOf({ address: '203.0.113.9' }))
  expect(await read()).toMatchObject([
    { type: 'data-modification', action: 'note-changed', actor: 'user:ada', outcome: 'success', client: '203.0.113.9' },
    { type: 'authorization', action: 'forbidden', actor: 'ada', outcome: 'denied', details: { guard: 'authorize' } },
  ])
  expect(await verifyAudit(lines.map((line) => `${line}\n`))).toMatchObject({ ok: true, lines: 2 })
})
