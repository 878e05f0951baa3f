import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Context } from '../../src/core/context.ts'
import type { Decision } from '../../src/core/guard.ts'
import { ALLOW, guard, refusal, refuseBy } from '../../src/core/guard.ts'
import { isPromise } from '../../src/core/handler.ts'
import { contextOf, requestTo, send } from '../helpers.ts'

const teapot = refusal({ status: 418, code: 'i-am-a-teapot', headers: { 'retry-after': '7' } })
const down: Decision = { outcome: 'degraded', reason: 'the store is down' }
const ok = (): Response => new Response('ok')

/** A handler behind a guard that decides thus, and how often it ran. */
function behind(
  spec: Omit<Parameters<typeof guard>[0], 'name' | 'decide'>,
  decide: () => Decision | Promise<Decision>,
) {
  const seen = { calls: 0 }
  const handler = guard({ name: 'tea', ...spec, decide })(() => {
    seen.calls++
    return ok()
  })
  return { handler, seen }
}

describe('a guard that enforces', () => {
  test('lets pass what it allows, and records nothing', async () => {
    const context = contextOf()
    const response = await send(behind({}, () => ALLOW).handler, requestTo(), context)
    expect(await response.text()).toBe('ok')
    expect(context.events).toEqual([])
    expect(context.attributes).toEqual({})
  })

  test('adds what it allows with', async () => {
    const handler = guard<{ readonly who: string }>({
      name: 'who',
      decide: () => ({ outcome: 'allow', adds: { who: 'ada' } }),
    })(
      (_request, context) => new Response(context.who),
    )
    expect(await (await send(handler)).text()).toBe('ada')
  })

  test('cannot overwrite what the context has', () => {
    const twice = guard<{ readonly who: string }>({
      name: 'who',
      decide: () => ({ outcome: 'allow', adds: { who: 'eve' } }),
    })
    expect(() => twice(ok)(requestTo(), Object.assign(contextOf(), { who: 'ada' }))).toThrow(/'who' is already there/)
    const sly = guard<{ readonly head: string }>({
      name: 'sly',
      decide: () => ({ outcome: 'allow', adds: { head: 'x' } }),
    })
    expect(() => sly(ok)(requestTo(), contextOf())).toThrow(/'head' is already there/)
  })

  test('answers in the handler’s place when it refuses, with the headers it asks for, and records it', async () => {
    const context = contextOf()
    const { handler, seen } = behind({}, () => teapot)
    const response = await send(handler, requestTo(), context)
    expect(response.status).toBe(418)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(await response.json()).toMatchObject({ status: 418, code: 'i-am-a-teapot' })
    expect(seen.calls).toBe(0)
    expect(context.events).toEqual([{ kind: 'refused', guard: 'tea', code: 'i-am-a-teapot', status: 418 }])
    expect(context.attributes['problem.code']).toBe('i-am-a-teapot')
  })

  test('PITFALLS 5: a degraded decision is a 503 with Retry-After, never a pass and never a 429', async () => {
    const context = contextOf()
    const { handler, seen } = behind({}, () => ({ ...down, retryAfter: 2.1 }))
    const response = await send(handler, requestTo(), context)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('3')
    expect(response.headers.has('ratelimit')).toBe(false)
    expect(seen.calls).toBe(0)
    expect(context.events).toEqual([{
      kind: 'degraded',
      guard: 'tea',
      code: 'guard-unavailable',
      reason: 'the store is down',
    }])
  })

  test.each([undefined, 0, -5, Number.NaN])(
    'PITFALLS 7: Retry-After is at least one second, also for %s',
    async (retryAfter) => {
      const response = await send(behind({}, () => ({ ...down, retryAfter })).handler)
      expect(response.headers.get('retry-after')).toBe('1')
    },
  )

  test('lets a degraded request pass with an event where told to', async () => {
    const context = contextOf()
    const { handler, seen } = behind({ onDegraded: 'allow' }, () => down)
    expect((await send(handler, requestTo(), context)).status).toBe(200)
    expect(seen.calls).toBe(1)
    expect(context.events).toHaveLength(1)
  })

  test('onDegraded does not soften a refusal', async () => {
    expect((await send(behind({ onDegraded: 'allow' }, () => teapot).handler)).status).toBe(418)
  })

  test('throws on what decide throws, so that the error boundary sees a bug', async () => {
    const bug = new Error('bug')
    expect(() =>
      behind({}, () => {
        throw bug
      }).handler(requestTo(), contextOf())
    ).toThrow(bug)
    await expect(behind({}, () => Promise.reject(bug)).handler(requestTo(), contextOf())).rejects.toBe(bug)
  })
})

describe('a guard that reports', () => {
  test('lets pass what it would refuse, and records it', async () => {
    const context = contextOf()
    const { handler, seen } = behind({ mode: 'report' }, () => teapot)
    const response = await send(handler, requestTo(), context)
    expect(response.status).toBe(200)
    expect(response.headers.has('retry-after')).toBe(false)
    expect(seen.calls).toBe(1)
    expect(context.events).toEqual([{ kind: 'would-refuse', guard: 'tea', code: 'i-am-a-teapot', status: 418 }])
    expect(context.attributes).toEqual({})
  })

  test.each([['degraded', () => down], ['throwing', () => {
    throw new RangeError('secret')
  }], ['rejecting', () => Promise.reject('secret')]])(
    'lets pass when %s, with an event that holds no word of the cause',
    async (_name, decide: () => Decision | Promise<Decision>) => {
      const context = contextOf()
      const { handler, seen } = behind({ mode: 'report' }, decide)
      expect((await send(handler, requestTo(), context)).status).toBe(200)
      expect(seen.calls).toBe(1)
      expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'tea' }])
      expect(JSON.stringify(context.events)).not.toContain('secret')
    },
  )

  test('does not take the handler’s bug for its own', async () => {
    const bug = new Error('bug')
    const throwing = guard({ name: 'tea', mode: 'report', decide: () => ALLOW })(() => {
      throw bug
    })
    expect(() => throwing(requestTo(), contextOf())).toThrow(bug)
    const later = guard({ name: 'tea', mode: 'report', decide: () => Promise.resolve(ALLOW) })(() =>
      Promise.reject(bug)
    )
    const context = contextOf()
    await expect(later(requestTo(), context)).rejects.toBe(bug)
    expect(context.events).toEqual([])
  })
})

describe('a share of traffic', () => {
  const draws = (...values: number[]) => (): number => values.shift()!

  test('is enforced below the share and reported from it on', async () => {
    const { handler } = behind({ share: 0.25, random: draws(0, 0.2499, 0.25, 0.9999) }, () => teapot)
    const statuses: number[] = []
    const kinds: string[] = []
    for (let i = 0; i < 4; i++) {
      const context = contextOf()
      statuses.push((await send(handler, requestTo(), context)).status)
      kinds.push(context.events[0]!.kind)
    }
    expect(statuses).toEqual([418, 418, 200, 200])
    expect(kinds).toEqual(['refused', 'refused', 'would-refuse', 'would-refuse'])
  })

  test('none is never, all is always and draws nothing', async () => {
    expect((await send(behind({ share: 0, random: () => 0 }, () => teapot).handler)).status).toBe(200)
    const random = (): number => {
      throw new Error('drawn')
    }
    expect((await send(behind({ share: 1, random }, () => teapot).handler)).status).toBe(418)
    expect((await send(behind({ share: 0.5, random }, () => ALLOW).handler)).status).toBe(200)
    expect((await send(behind({ mode: 'report', random }, () => teapot).handler)).status).toBe(200)
  })

  test.each([-0.1, 1.1, Number.NaN, Infinity])('cannot be %s', (share) => {
    expect(() => guard({ name: 'tea', share, decide: () => ALLOW })).toThrow(/^tea: share must be a number from 0 to 1/)
  })
})

test('options that mean nothing are refused when made', () => {
  expect(() => guard({ name: 'tea', mode: 'log' as 'report', decide: () => ALLOW })).toThrow(/^tea: mode/)
  expect(() => guard({ name: 'tea', onDegraded: 'pass' as 'allow', decide: () => ALLOW })).toThrow(/^tea: onDegraded/)
})

test('a guard that decides at once answers at once; one that waits, later', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Decision>(ALLOW, teapot, down),
      fc.constantFrom<'enforce' | 'report'>('enforce', 'report'),
      (decision, mode) => {
        expect(isPromise(behind({ mode }, () => decision).handler(requestTo(), contextOf()))).toBe(false)
        expect(isPromise(behind({ mode }, () => Promise.resolve(decision)).handler(requestTo(), contextOf()))).toBe(
          true,
        )
      },
    ),
  )
  for (const [decision, status] of [[ALLOW, 200], [teapot, 418], [down, 503]] as const) {
    expect((await send(behind({}, () => Promise.resolve(decision)).handler)).status).toBe(status)
  }
})

test('decide gets the one context and the one request', () => {
  let got: [Request, Context] | undefined
  const request = requestTo()
  const context = contextOf()
  void guard({ name: 'tea', decide: (...both) => (got = both, ALLOW) })(ok)(request, context)
  expect(got![0]).toBe(request)
  expect(got![1]).toBe(context)
})

test('refuseBy refuses and records in one', () => {
  const context = contextOf()
  const response = refuseBy(context, 'tea', teapot.problem)
  expect(response.status).toBe(418)
  expect(context.events).toEqual([{ kind: 'refused', guard: 'tea', code: 'i-am-a-teapot', status: 418 }])
})
