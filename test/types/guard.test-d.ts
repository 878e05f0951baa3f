import { describe, test } from 'vitest'
import type { Context, Decision, Handler, HasPrincipal, HasRequestId, Mode, Wrapper } from '../../src/index.ts'
import {
  ALLOW,
  compose,
  guard,
  onPath,
  rateLimit,
  refusal,
  requestId,
  securityHeaders,
  unless,
  when,
} from '../../src/index.ts'
import { type Equal, no, yes } from './assert.ts'
import { authenticate, bearer, requireScope, type User, verify } from './wrappers.ts'

const allowed = { outcome: 'allow', adds: { principal: { id: 'u1' } } } as const

describe('guard', () => {
  const quota = guard<{}, HasPrincipal>({
    name: 'quota',
    mode: 'report',
    share: 0.5,
    onDegraded: 'allow',
    decide: (_request, context) => context.principal.id === 'x' ? refusal({ status: 429, code: 'q' }) : ALLOW,
  })

  test('is a wrapper with what it adds and needs', () => {
    const who = guard<HasPrincipal>({ name: 'who', decide: () => allowed })
    yes<Equal<typeof who, Wrapper<HasPrincipal>>>()
    yes<Equal<typeof quota, Wrapper<{}, HasPrincipal>>>()
    const handler: Handler = compose(requestId(), who, quota)((_request, context) =>
      new Response(context.principal.id + context.requestId)
    )
    // @ts-expect-error the quota needs a principal
    void compose(requestId(), quota, who)
    void handler
  })

  test('PITFALLS 5: one that adds a fact can neither report, nor let pass, nor take a share', () => {
    // @ts-expect-error it cannot only report
    void guard<HasPrincipal>({ name: 'who', mode: 'report', decide: () => allowed })
    // @ts-expect-error it cannot let pass what it could not decide
    void guard<HasPrincipal>({ name: 'who', onDegraded: 'allow', decide: () => allowed })
    // @ts-expect-error it cannot act on some requests only
    void guard<HasPrincipal>({ name: 'who', share: 0.5, decide: () => allowed })
    void guard<HasPrincipal>({ name: 'who', mode: 'enforce', share: 1, onDegraded: 'refuse', decide: () => allowed })
    yes<Equal<Mode<{}>, 'enforce' | 'report'>>()
    yes<Equal<Mode<HasPrincipal>, 'enforce'>>()
  })

  test('one that promises a fact must allow with it', () => {
    // @ts-expect-error allows with nothing
    void guard<HasPrincipal>({ name: 'who', decide: () => ALLOW })
    // @ts-expect-error allows with something else
    void guard<HasPrincipal>({ name: 'who', decide: () => ({ outcome: 'allow', adds: { user: 1 } }) })
    void guard<HasPrincipal>({ name: 'who', decide: () => Promise.resolve(refusal({ status: 401, code: 'x' })) })
  })

  test('a degraded decision cannot be mistaken for an allow', () => {
    const read = (decision: Decision<HasPrincipal>): string => {
      // @ts-expect-error only an allow adds
      void decision.adds
      return decision.outcome === 'allow' ? decision.adds.principal.id : decision.outcome
    }
    void read
  })
})

describe('when and unless', () => {
  test('drop what the wrapper may not have added', () => {
    const handler: Handler = when(onPath('/admin/*'), authenticate(bearer(verify)))((_request, context) => {
      no<'principal' extends keyof typeof context ? true : false>()
      // @ts-expect-error it may not be there
      void context.principal
      return new Response()
    })
    // @ts-expect-error so nothing further in may need it
    void (compose(when(onPath('/x'), authenticate(bearer(verify))), requireScope('a'))(() =>
      new Response()
    ) satisfies Handler)
    void handler
  })

  test('keep what the wrapper needs, and what the test needs', () => {
    const scoped = when(onPath('/admin/*'), requireScope('admin'))
    yes<Equal<typeof scoped, Wrapper<{}, HasPrincipal<User> & {}>>>()
    void (compose(authenticate(bearer(verify)), scoped)(() => new Response()) satisfies Handler)
    // @ts-expect-error nobody authenticated
    void (scoped(() => new Response()) satisfies Handler)
    const tested = unless((_request, context: Context & HasRequestId) => context.requestId === '', securityHeaders())
    void (compose(requestId(), tested)(() => new Response()) satisfies Handler)
    // @ts-expect-error the test needs the request id
    void (tested(() => new Response()) satisfies Handler)
  })

  test('take any wrapper, with its needs from context', () => {
    void (compose(
      authenticate(bearer(verify)),
      unless(
        onPath('/health'),
        rateLimit({ key: (context: Context & HasPrincipal) => context.principal.id, limit: 1, window: '1m' }),
      ),
    )(() => new Response()) satisfies Handler)
  })

  test('a test answers at once', () => {
    // @ts-expect-error a promise is always true
    void when(() => Promise.resolve(false), securityHeaders())
  })
})
