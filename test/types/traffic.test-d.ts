import { describe, test } from 'vitest'
import type {
  Context,
  Handler,
  HasClientIp,
  HasPrincipal,
  HasReservation,
  LimitSpec,
  Wrapper,
} from '../../src/index.ts'
import {
  api,
  byClientIp,
  byPrincipal,
  clientIp,
  compose,
  concurrency,
  policy,
  rateLimit,
  requestId,
  reserve,
  slowDown,
} from '../../src/index.ts'
import { type Equal, type IsAny, no, type Same, yes } from './assert.ts'
import { authenticate, bearer, requireScope, type User, verify } from './wrappers.ts'

type Customer = HasPrincipal<{ readonly id: string; readonly plan: 'free' | 'pro' }>

declare const plans: Record<'free' | 'pro', readonly LimitSpec[]>
declare const signedIn: Wrapper<Customer>

const list: readonly LimitSpec[] = [{ name: 'a', limit: 1, window: '1m' }]
const tokens: readonly LimitSpec[] = [{ name: 'tokens', limit: 9_000, window: '1h', unit: 'tokens' }]
const reserving = reserve({ key: byPrincipal, limits: tokens, estimate: 4_000 })
const ok: Handler = () => new Response()

/** What a wrapper needs, as the handler that it makes does. */
type NeedsOf<W> = W extends Wrapper<infer _Adds, infer Needs> ? Needs : never

describe('whoever counts by principal goes inside authenticate', () => {
  const signIn = authenticate(bearer(verify))

  test('rateLimit', () => {
    const byUser = rateLimit({ key: byPrincipal, limits: list })
    void (compose(signIn, byUser)(ok) satisfies Handler)
    // @ts-expect-error outside
    void (compose(byUser, signIn)(ok) satisfies Handler)
    // @ts-expect-error nobody authenticates
    void (compose(clientIp(), byUser)(ok) satisfies Handler)
    // @ts-expect-error the slot lies outside authenticate
    void policy({ rateLimit: byUser, authenticate: signIn })
    void policy({ authenticate: signIn, quota: byUser })
  })

  test('concurrency', () => {
    const byUser = concurrency({ key: byPrincipal, limit: 10 })
    yes<Equal<typeof byUser, Wrapper<{}, HasPrincipal>>>()
    void (compose(signIn, byUser)(ok) satisfies Handler)
    // @ts-expect-error outside
    void (compose(byUser, signIn)(ok) satisfies Handler)
    // @ts-expect-error the slot lies outside authenticate
    void policy({ rateLimit: byUser, authenticate: signIn })
    void policy({ authenticate: signIn, quota: compose(rateLimit({ key: byPrincipal, limits: list }), byUser) })
  })

  test('slowDown', () => {
    const byUser = slowDown({ key: byPrincipal, after: 50, window: '15m' })
    yes<Equal<typeof byUser, Wrapper<{}, HasPrincipal>>>()
    void (compose(signIn, byUser)(ok) satisfies Handler)
    // @ts-expect-error outside
    void (compose(byUser, signIn)(ok) satisfies Handler)
    // @ts-expect-error the slot lies outside authenticate
    void policy({ slowDown: byUser, authenticate: signIn })
    void policy({ slowDown: slowDown({ key: byClientIp, after: 50, window: '15m' }) })
  })

  test('reserve', () => {
    yes<Same<NeedsOf<typeof reserving>, HasPrincipal>>()
    void compose(signIn, reserving)
    // @ts-expect-error outside
    void (compose(reserving, signIn)(ok) satisfies Handler)
    // @ts-expect-error nobody authenticates
    void policy({ own: reserving })
  })

  test('by address they go anywhere inside clientIp', () => {
    const byAddress = compose(
      requestId(),
      clientIp(),
      rateLimit({ key: byClientIp, limits: list }),
      concurrency({ key: byClientIp, limit: 10 }),
      slowDown({ key: byClientIp, after: 50, window: '15m' }),
      reserve({ key: byClientIp, limits: tokens, estimate: 1 }),
    )
    void (byAddress((_request, context) => {
      no<IsAny<typeof context>>()
      yes<Equal<typeof context.clientIp, string>>()
      return new Response()
    }) satisfies Handler)
    // @ts-expect-error the address is not known yet
    void (compose(requestId(), concurrency({ key: byClientIp, limit: 10 }), clientIp())(ok) satisfies Handler)
  })

  test('an inline key sees what came before it', () => {
    void compose(
      signIn,
      concurrency({
        key: (context) => {
          yes<Equal<typeof context.principal, User>>()
          return context.principal.tenant
        },
        limit: 1,
      }),
      slowDown({ key: ({ principal }) => principal.tenant, after: 1, window: '1m' }),
      rateLimit({ key: ({ principal }) => principal.tenant, limits: list }),
    )
  })

  test('an inline key that reads nothing needs nothing', () => {
    const key = (context: Context): string | undefined => context.connection.address
    yes<Equal<NeedsOf<ReturnType<typeof byPeer>>, unknown>>()
    function byPeer() {
      return rateLimit({ key, limit: 1, window: '1m' })
    }
    void (byPeer()(ok) satisfies Handler)
    void (concurrency({ key, limit: 1 })(ok) satisfies Handler)
    void (slowDown({ key: (context) => context.connection.address, after: 1, window: '1m' })(ok) satisfies Handler)
  })
})

describe('only a handler under a reservation can settle', () => {
  const signIn = authenticate(bearer(verify))
  const spending = (_request: Request, context: Context & HasReservation): Response => {
    context.reservation.settle(812)
    return new Response()
  }

  test('through compose', () => {
    void (compose(signIn, reserving)((_request, context) => {
      no<IsAny<typeof context.reservation>>()
      yes<Equal<typeof context.reservation.reserved, number>>()
      yes<Equal<typeof context.reservation.settle, (units: number) => void>>()
      yes<Equal<typeof context.reservation.spend, (units: number) => void>>()
      // @ts-expect-error it is only read
      context.reservation.reserved = 5
      return spending(new Request('http://a.test/'), context)
    }) satisfies Handler)
    void (compose(signIn, reserving, requireScope('a'))(spending) satisfies Handler)
    compose(signIn)((_request, context) => {
      // @ts-expect-error nothing is reserved
      context.reservation.settle(812)
      return new Response()
    })
    // @ts-expect-error nothing is reserved
    void (compose(signIn)(spending) satisfies Handler)
    // @ts-expect-error a rate limit is no reservation
    void (compose(signIn, rateLimit({ key: byPrincipal, limits: tokens }))(spending) satisfies Handler)
    // @ts-expect-error it is reserved inside of what reads it
    void (compose(signIn, declaredToSpend(), reserving)(ok) satisfies Handler)
  })

  test('through policy: in `own`, or in a wrapper of its own around the handler', () => {
    void policy({ ...api, authenticate: signIn, own: reserving })((_request, context) => {
      no<IsAny<typeof context>>()
      yes<Equal<typeof context.reservation.reserved, number>>()
      yes<Equal<typeof context.principal, User>>()
      context.reservation.settle(812)
      return new Response()
    })
    void (policy({ authenticate: signIn })(reserving(spending)) satisfies Handler)
    void policy({ ...api, authenticate: signIn })((_request, context) => {
      // @ts-expect-error nothing is reserved
      context.reservation.settle(812)
      return new Response()
    })
  })

  test('two reservations around one handler are one too many at run time, not for the types', () => {
    void compose(signIn, reserving, reserving)
  })
})

describe('what is read is needed', () => {
  test('by limits that are a function of the plan', () => {
    const byPlan = rateLimit({ key: byPrincipal, limits: ({ principal }: Customer) => plans[principal.plan] })
    void (compose(signedIn, byPlan)(ok) satisfies Handler)
    // @ts-expect-error a user without a plan
    void compose(authenticate(bearer(verify)), byPlan)
    // @ts-expect-error nobody
    void (byPlan(ok) satisfies Handler)

    const written = rateLimit({
      limits: ({ principal }: Customer) => plans[principal.plan],
      key: ({ principal }: HasPrincipal) => principal.id,
    })
    void (compose(signedIn, written)(ok) satisfies Handler)
    // @ts-expect-error a user without a plan
    void compose(authenticate(bearer(verify)), written)
  })

  test('by key and by limits, each for itself', () => {
    const both = rateLimit({ key: byClientIp, limits: ({ principal }: Customer) => plans[principal.plan] })
    yes<Same<NeedsOf<typeof both>, HasClientIp & Customer>>()
    void (compose(requestId(), clientIp(), signedIn, both)(ok) satisfies Handler)
    // @ts-expect-error no address
    void (compose(signedIn, both)(ok) satisfies Handler)
    // @ts-expect-error no plan
    void (compose(requestId(), clientIp(), both)(ok) satisfies Handler)
  })

  test('by a cost, of all limits or of one', () => {
    const common = rateLimit({
      key: byClientIp,
      limit: 9,
      window: '1m',
      cost: (_request, { principal }: Customer) => principal.plan.length,
    })
    yes<Same<NeedsOf<typeof common>, HasClientIp & Customer>>()
    const own = rateLimit({
      key: byClientIp,
      limits: [
        { name: 'calls', limit: 9, window: '1m' },
        { name: 'units', limit: 9, window: '1m', cost: (_request, { principal }: Customer) => principal.plan.length },
      ],
    })
    yes<Same<NeedsOf<typeof own>, HasClientIp & Customer>>()
    // @ts-expect-error no plan
    void (compose(requestId(), clientIp(), own)(ok) satisfies Handler)
  })

  test('by the estimate of a reservation', () => {
    const holding = reserve({
      key: byClientIp,
      limits: ({ principal }: Customer) => plans[principal.plan],
      estimate: (_request, { principal }: HasPrincipal<User>) => principal.scopes.length,
    })
    yes<Same<NeedsOf<typeof holding>, HasClientIp & Customer & HasPrincipal<User>>>()
  })

  test('what a function is given is what the key needs', () => {
    void rateLimit({
      key: byPrincipal,
      limit: 9,
      window: '1m',
      cost: (_request, context) => {
        yes<Equal<typeof context.principal.id, string>>()
        return context.principal.id.length
      },
    })
    void rateLimit({
      key: byClientIp,
      limits: (context, request) => {
        no<IsAny<typeof context>>()
        yes<Equal<typeof request, Request>>()
        yes<Equal<typeof context.clientNetwork, string>>()
        // @ts-expect-error nobody says that there is one
        void context.principal
        return list
      },
    })
  })
})

describe('options', () => {
  test('one limit, or several, and not both', () => {
    // @ts-expect-error neither
    void rateLimit({ key: byClientIp })
    // @ts-expect-error both
    void rateLimit({ key: byClientIp, limits: list, limit: 5, window: '1m' })
    // @ts-expect-error no window
    void rateLimit({ key: byClientIp, limit: 5 })
    // @ts-expect-error there is no such way to count
    void rateLimit({ key: byClientIp, limit: 5, window: '1m', algorithm: 'leaky-bucket' })
    // @ts-expect-error a bare number has no unit
    void slowDown({ key: byClientIp, after: 50, window: '15m', step: 100 })
    // @ts-expect-error it needs a limit
    void concurrency({ key: byClientIp })
    // @ts-expect-error it needs an estimate
    void reserve({ key: byClientIp, limits: tokens })
    // @ts-expect-error a reservation adds a fact, and so cannot merely report
    void reserve({ key: byClientIp, limits: tokens, estimate: 1, mode: 'report' })
    // @ts-expect-error a share of waiting is not one
    void slowDown({ key: byClientIp, after: 50, window: '15m', share: 0.5 })
  })
})

declare function declaredToSpend(): Wrapper<{}, HasReservation>
