import { describe, expect, test } from 'vitest'
import { cors } from '../../src/browser/cors.ts'
import { compose } from '../../src/core/compose.ts'
import { described, descriptionsOf } from '../../src/core/description.ts'
import { ALLOW, guard } from '../../src/core/guard.ts'
import type { AnyWrapper, Handler, Wrapper } from '../../src/core/handler.ts'
import { risky } from '../../src/core/handler.ts'
import { onPath } from '../../src/core/request.ts'
import { unless, when } from '../../src/core/when.ts'
import { policy } from '../../src/policy/policy.ts'
import { bodyLimit } from '../../src/request/body-limit.ts'
import { contentType } from '../../src/request/content-type.ts'
import { headerLimit } from '../../src/request/header-limit.ts'
import { hosts } from '../../src/request/hosts.ts'
import { httpsRedirect } from '../../src/request/https-redirect.ts'
import { methods } from '../../src/request/methods.ts'
import { timeout } from '../../src/request/timeout.ts'
import { bans } from '../../src/traffic/bans.ts'
import { concurrency } from '../../src/traffic/concurrency.ts'
import { idempotency } from '../../src/traffic/idempotency.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { reserve } from '../../src/traffic/reserve.ts'
import { shed } from '../../src/traffic/shed.ts'
import { slowDown } from '../../src/traffic/slow-down.ts'
import { contextOf, requestTo } from '../helpers.ts'

const ok: Handler = () => new Response('ok')
const a = guard({ name: 'a', says: { problems: { 'a-refused': 403 } }, decide: () => ALLOW })
const b = guard({ name: 'b', decide: () => ALLOW })
const key = (): string => 'everybody'

/** The names that a wrapper or a handler says, outermost first. */
function names(made: AnyWrapper | Handler<never>): string[] {
  return descriptionsOf(made).map(({ name }) => name)
}

/** A wrapper that says nothing. */
const plain: Wrapper = (next) => (request, context) => next(request, context)

describe('a wrapper is marked with what it says, and so is every handler it makes', () => {
  test('a guard, with its name, mode and what it says', () => {
    const made = guard({ name: 'c', mode: 'report', says: { headers: { 'x-c': true } }, decide: () => ALLOW })
    const said = [expect.objectContaining({ name: 'c', mode: 'report', says: { headers: { 'x-c': true } } })]
    expect(descriptionsOf(made)).toEqual(said)
    expect(descriptionsOf(made(ok))).toEqual(said)
  })

  test('what says nothing has nothing', () => {
    expect(descriptionsOf(plain)).toEqual([])
    expect(descriptionsOf(ok)).toEqual([])
    expect(descriptionsOf(plain(ok))).toEqual([])
  })

  test('a wrapper of yours', () => {
    const mine = described(plain, { name: 'mine', says: { security: { key: { type: 'apiKey' } } } })
    expect(descriptionsOf(mine)).toEqual([{ name: 'mine', says: { security: { key: { type: 'apiKey' } } } }])
    expect(names(mine(a(ok)))).toEqual(['mine', 'a'])
    expect(descriptionsOf(plain)).toEqual([])
  })

  test('to describe is to add: what a wrapper says already stays', () => {
    const more = described(compose(a, b), { name: 'first' }, { name: 'second' })
    expect(names(more)).toEqual(['first', 'second', 'a', 'b'])
    expect(names(more(ok))).toEqual(['first', 'second', 'a', 'b'])
    expect(names(described(more, { name: 'zeroth' })(b(ok)))).toEqual(['zeroth', 'first', 'second', 'a', 'b', 'b'])
  })

  test('one wrapper around two handlers marks each with its own', () => {
    const [first, second] = [a(ok), a(b(ok))]
    expect(names(first)).toEqual(['a'])
    expect(names(second)).toEqual(['a', 'b'])
  })

  test('a request pays nothing: the handler is the very one that the wrapper made', async () => {
    const made: Handler = () => new Response('made')
    const making: Wrapper = () => made
    expect(described(making, { name: 'mine' })(ok)).toBe(made)
    const response = await compose(described(plain, { name: 'mine' }), a)(ok)(requestTo(), contextOf())
    expect(await response.text()).toBe('ok')
  })

  test('its type stays', () => {
    const adds: Wrapper<{ readonly fact: string }, { readonly need: number }> = described(
      guard<{ readonly fact: string }, { readonly need: number }>({
        name: 'typed',
        decide: (_request, { need }) => ({ outcome: 'allow', adds: { fact: String(need) } }),
      }),
      { name: 'more' },
    )
    expect(names(adds)).toEqual(['more', 'typed'])
  })
})

describe('marks survive', () => {
  test('compose, outermost first, however nested', () => {
    const composed = compose(a, compose(plain, b), plain, compose(b, a))
    expect(names(composed)).toEqual(['a', 'b', 'b', 'a'])
    expect(names(composed(a(ok)))).toEqual(['a', 'b', 'b', 'a', 'a'])
  })

  test('compose of wrappers that say nothing, around a handler that does', () => {
    expect(names(compose(plain, plain)(a(ok)))).toEqual(['a'])
  })

  test('nesting by hand', () => {
    expect(names(a(b(a(ok))))).toEqual(['a', 'b', 'a'])
  })

  test('nesting by hand, save in a function that is no marked wrapper: nobody can see into it', () => {
    expect(names(a(plain(b(ok))))).toEqual(['a'])
  })

  test('when, with its test', () => {
    const test = onPath('/api/*')
    const conditional = when(test, compose(a, b))
    expect(descriptionsOf(conditional)).toEqual([
      expect.objectContaining({ name: 'a', says: { problems: { 'a-refused': 403 } }, tests: [test] }),
      expect.objectContaining({ name: 'b', tests: [test] }),
    ])
    expect(names(conditional(b(ok)))).toEqual(['a', 'b', 'b'])
    expect(descriptionsOf(conditional(b(ok)))[2]).not.toHaveProperty('tests')
    expect(descriptionsOf(a)[0]).not.toHaveProperty('tests')
  })

  test('when in when, with both tests', () => {
    const [outer, inner] = [onPath('/api/*'), onPath('/api/auth/*')]
    expect(descriptionsOf(when(outer, when(inner, a)))).toEqual([expect.objectContaining({ tests: [outer, inner] })])
  })

  test('unless, with the test that it applies by', () => {
    const [said] = descriptionsOf(unless(onPath('/health/*'), a))
    const passes = said!.tests![0]!
    expect(passes(requestTo('/health/live'), contextOf() as never)).toBe(false)
    expect(passes(requestTo('/api'), contextOf() as never)).toBe(true)
    // In doubt it is not let off.
    expect(passes(requestTo('/health/%2e%2e/api'), contextOf() as never)).toBe(true)
  })

  test('policy, in its order, by the slot where a wrapper says nothing itself', () => {
    const door = policy({ own: plain, rateLimit: when(onPath('/api'), a), authenticate: b, securityHeaders: false })
    const said = names(door)
    // Who signs in may be called anything, and means a 401 all the same.
    expect(said).toEqual(['requestId', 'clientIp', 'errors', 'body-limit', 'a', 'authenticate', 'b', 'own'])
    expect(names(door(a(ok)))).toEqual([...said, 'a'])
  })

  test('a guard that says what it means is not named by its slot', () => {
    const signIn = guard({ name: 'mine', says: { problems: {} }, decide: () => ALLOW })
    expect(names(policy({ authenticate: signIn }))).not.toContain('authenticate')
  })

  test('a policy in a policy', () => {
    expect(names(policy({ own: compose(a, b) })).slice(-2)).toEqual(['a', 'b'])
  })

  test('a wrapper that is off: it hands back the handler, which keeps its own marks', () => {
    const off = described((<H>(next: H): H => next) as Wrapper, { name: 'off' })
    const handler = a(ok)
    expect(off(handler)).toBe(handler)
    expect(names(handler)).toEqual(['a'])
    expect(off(ok)).toBe(ok)
    expect(descriptionsOf(ok)).toEqual([])
  })
})

describe('risks are kept', () => {
  const weak = (): Wrapper => risky(compose(plain), ['weak: on'])

  test.each<[string, AnyWrapper]>([
    ['described', described(weak(), { name: 'mine' })],
    ['compose', compose(described(weak(), { name: 'mine' }), a)],
    ['when', when(() => true, described(weak(), { name: 'mine' }))],
    ['unless', unless(() => true, described(weak(), { name: 'mine' }))],
  ])('by %s', (_by, wrapper) => {
    expect(wrapper['~risks']).toEqual(['weak: on'])
    expect(names(wrapper)[0]).toBe('mine')
  })

  test('by policy, of a slot that it names', () => {
    const door = policy({ cors: cors({ origins: '*' }) })
    expect(door['~risks']).toEqual([`cors: origins '*'`])
    expect(names(door)).toContain('cors')
  })

  test('and none are made up', () => {
    expect('~risks' in described(plain, { name: 'mine' })).toBe(false)
  })
})

describe('ours hide nothing of what lies inside', () => {
  test.each<[string, AnyWrapper]>([
    ['bans', bans({ key })],
    ['body-limit', bodyLimit()],
    ['concurrency', concurrency({ key, limit: 1 })],
    ['content-type', contentType({ allow: ['application/json'] })],
    ['header-limit', headerLimit()],
    ['hosts', hosts({ allow: ['service.test'] })],
    ['https-redirect', httpsRedirect({ host: 'service.test' })],
    ['idempotency', idempotency({ scope: key })],
    ['methods', methods({ allow: ['GET'] })],
    ['rate-limit', rateLimit({ key, limit: 1, window: '1s' })],
    ['reserve', reserve({ key, estimate: 1, limits: [{ name: 'units', limit: 1, window: '1s' }] })],
    ['shed', shed({ maxInFlight: 1 })],
    ['slow-down', slowDown({ key, after: 1, window: '1s' })],
    ['timeout', timeout({ after: '1s' })],
  ])('%s', (name, wrapper) => {
    expect(names(wrapper)).toEqual([name])
    expect(names(wrapper(a(ok)))).toEqual([name, 'a'])
  })

  test('limits are said, unless they differ by request', () => {
    const limits = [{ name: 'burst', limit: 2, window: '1s' }, { name: 'sustained', limit: 60, window: '1m' }] as const
    const said = (wrapper: AnyWrapper): unknown => descriptionsOf(wrapper)[0]?.says?.limits
    expect(said(rateLimit({ key, limit: 5, window: '1h' }))).toMatchObject([{ limit: 5, window: '1h' }])
    expect(said(rateLimit({ key, limits }))).toEqual(limits)
    expect(said(rateLimit({ key, limits: () => limits }))).toBeUndefined()
    expect(said(reserve({ key, limits, estimate: 1 }))).toEqual(limits)
    expect(said(reserve({ key, limits: () => limits, estimate: 1 }))).toBeUndefined()
    expect(said(concurrency({ key, limit: 3 }))).toEqual([{ name: 'concurrent', limit: 3 }])
  })

  test('idempotency says which requests it is about, and whether they need a key', () => {
    const [said] = descriptionsOf(idempotency({ scope: key, methods: ['PUT'], required: false }))
    expect(said!.says).toEqual({ headers: { 'idempotency-key': false } })
    const isAbout = (method: string): boolean => said!.tests![0]!(requestTo('/', { method }), contextOf() as never)
    expect([isAbout('PUT'), isAbout('POST')]).toEqual([true, false])
  })
})
