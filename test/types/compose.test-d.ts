import * as v from 'valibot'
import { describe, test } from 'vitest'
import type { AnyWrapper, Context, Handler, HasInput, HasPrincipal, HasRequestId, Wrapper } from '../../src/index.ts'
import {
  accessLog,
  bodyLimit,
  byClientIp,
  byPrincipal,
  clientIp,
  compose,
  cors,
  errors,
  extend,
  ipAccess,
  rateLimit,
  requestId,
  securityHeaders,
  timeout,
  validate,
} from '../../src/index.ts'
import { type Equal, type IsAny, type IsNever, no, yes } from './assert.ts'
import { authenticate, bearer, requireScope, tag, type User, verify } from './wrappers.ts'

const byAddress = { key: byClientIp, limit: 1, window: '1m' } as const
const byUser = { key: byPrincipal, limit: 1, window: '1m' } as const
const schema = v.object({ n: v.number() })

describe('PITFALLS 38: inference', () => {
  test('the handler sees every fact, precisely, through 20 wrappers, and none is any', () => {
    const twenty = compose(
      requestId(),
      clientIp(),
      accessLog(),
      securityHeaders(),
      cors({ origins: '*' }),
      errors(),
      ipAccess({ deny: ['10.0.0.0/8'] }),
      timeout({ after: '5s' }),
      bodyLimit(),
      rateLimit(byAddress),
      authenticate(bearer(verify)),
      requireScope('a'),
      rateLimit(byUser),
      validate({ body: schema }),
      tag('k1'),
      tag('k2'),
      tag('k3'),
      tag('k4'),
      tag('k5'),
      tag('k6'),
    )
    const handler = twenty((_request, context) => {
      no<IsAny<typeof context>>()
      no<IsNever<typeof context>>()
      no<IsAny<typeof context.principal>>()
      yes<Equal<typeof context.principal, User>>()
      yes<Equal<typeof context.input.body, { n: number }>>()
      yes<Equal<typeof context.requestId, string>>()
      yes<Equal<typeof context.clientNetwork, string>>()
      yes<Equal<typeof context.signal, AbortSignal>>()
      yes<Equal<typeof context.k6, 'k6'>>()
      // @ts-expect-error nothing added this
      void context.nothing
      // @ts-expect-error no nonce was asked for
      void context.nonce
      return new Response()
    })
    yes<Equal<typeof handler, Handler>>()
  })

  test('composing is associative, in type as in run', () => {
    const left = compose(compose(requestId(), clientIp()), authenticate(bearer(verify)))
    const right = compose(requestId(), compose(clientIp(), authenticate(bearer(verify))))
    const flat = compose(requestId(), clientIp(), authenticate(bearer(verify)))
    const a: typeof flat = left
    const b: typeof flat = right
    void [a, b]
  })

  test('nesting is the same thing as composing', () => {
    const handler: Handler = requestId()(
      authenticate(bearer(verify))((_request, context) => {
        yes<Equal<typeof context.requestId, string>>()
        yes<Equal<typeof context.principal, User>>()
        return new Response()
      }),
    )
    void handler
  })

  test('an inline key sees what came before it', () => {
    void compose(
      requestId(),
      authenticate(bearer(verify)),
      rateLimit({
        key: (context) => {
          yes<Equal<typeof context.principal, User>>()
          return context.principal.tenant + context.requestId
        },
        limit: 1,
        window: '1m',
      }),
    )
  })

  test('a handler written elsewhere says its needs in its type', () => {
    const createNote = (
      _request: Request,
      context: Context & HasPrincipal<User> & HasInput<{ body: { n: number } }>,
    ): Response => new Response(context.principal.tenant + context.input.body.n)
    const ok: Handler = compose(authenticate(bearer(verify)), validate({ body: schema }))(createNote)
    // @ts-expect-error not validated
    const bad: Handler = compose(authenticate(bearer(verify)))(createNote)
    void [ok, bad]
  })

  test('a nonce is there where it was asked for', () => {
    void compose(tag('nonce'))((_request, context) => {
      yes<Equal<typeof context.nonce, 'nonce'>>()
      return new Response()
    })
  })
})

describe('order is checked', () => {
  test('a wrapper that needs what is added further in does not compile', () => {
    // @ts-expect-error ipAccess needs the address: alone this is an open stack, but no handler
    void (compose(ipAccess({ deny: [] }), clientIp())(() => new Response()) satisfies Handler)
    // @ts-expect-error a limit by principal before authenticate
    void compose(requestId(), rateLimit(byUser), authenticate(bearer(verify)))
    // @ts-expect-error by address, before the address is known
    void (compose(rateLimit(byAddress), clientIp())(() => new Response()) satisfies Handler)
    // @ts-expect-error nested likewise
    void (requestId()(rateLimit(byUser)(authenticate(bearer(verify))(() => new Response()))) satisfies Handler)
  })

  test('also at the far end of twenty', () => {
    void (compose(
      tag('k1'),
      tag('k2'),
      tag('k3'),
      tag('k4'),
      tag('k5'),
      tag('k6'),
      tag('k7'),
      tag('k8'),
      tag('k9'),
      tag('k10'),
      tag('k11'),
      tag('k12'),
      tag('k13'),
      tag('k14'),
      tag('k15'),
      tag('k16'),
      tag('k17'),
      authenticate(bearer(verify)),
      requireScope('a'),
      tag('k20'),
    )((_request, context) => {
      yes<Equal<typeof context.principal, User>>()
      yes<Equal<typeof context.k20, 'k20'>>()
      return new Response()
    }) satisfies Handler)
    const late = compose(
      tag('k1'),
      tag('k2'),
      tag('k3'),
      tag('k4'),
      tag('k5'),
      tag('k6'),
      tag('k7'),
      tag('k8'),
      tag('k9'),
      tag('k10'),
      tag('k11'),
      tag('k12'),
      tag('k13'),
      tag('k14'),
      tag('k15'),
      tag('k16'),
      tag('k17'),
      tag('k18'),
      // @ts-expect-error the last but one needs what the last adds
      requireScope('a'),
      authenticate(bearer(verify)),
    )
    void late
  })

  test('a fact of another type does not do', () => {
    interface Robot {
      readonly id: string
      readonly serial: number
    }
    const robots = authenticate(bearer((): Robot => ({ id: 'r', serial: 1 })))
    // @ts-expect-error requireScope needs a principal with scopes
    void compose(robots, requireScope('a'))
  })
})

describe('an open stack', () => {
  test('says in its type what it needs from outside', () => {
    const admin: Wrapper<{}, HasPrincipal<User>> = compose(requireScope('admin'), rateLimit(byUser))
    const ok: Handler = compose(authenticate(bearer(verify)), admin)(() => new Response())
    // @ts-expect-error no principal outside
    const bad: Handler = admin(() => new Response())
    // @ts-expect-error and it is no closed wrapper
    const closed: Wrapper = admin
    void [ok, bad, closed]
  })

  test('of bindings: a handler that needs env fits the Workers adapter only', () => {
    interface Env {
      readonly DB: { get(key: string): string }
    }
    const toWorker = <E>(_handler: Handler<{ readonly env: E }>): void => {}
    const toNode = (_handler: Handler): void => {}
    const needsDb: Handler<{ readonly env: Env }> = (_request, context) => new Response(context.env.DB.get('k'))
    const wrapped: Handler<{ readonly env: Env }> = requestId()((_request, context) =>
      new Response(context.env.DB.get(context.requestId))
    )
    toWorker<Env>(needsDb)
    toWorker<Env>(wrapped)
    toWorker<Env>(requestId()(() => new Response()))
    // @ts-expect-error Node has no bindings
    toNode(needsDb)
    // @ts-expect-error nor through a wrapper
    toNode(wrapped)
  })
})

describe('variance', () => {
  test('needing less and adding more is fine, the reverse is not', () => {
    const plain: Wrapper = securityHeaders()
    const asNeeding: Wrapper<{}, HasPrincipal> = plain
    const asAddingLess: Wrapper<{}> = requestId()
    const top: AnyWrapper = authenticate(bearer(verify))
    const tops: readonly AnyWrapper[] = [plain, requestId(), requireScope('x'), validate({ body: schema })]
    // @ts-expect-error adding less than promised
    const asAddingMore: Wrapper<HasRequestId> = plain
    // @ts-expect-error needing more than promised
    const asNeedingLess: Wrapper = requireScope('x')
    void [asNeeding, asAddingLess, top, tops, asAddingMore, asNeedingLess]
  })

  test('a handler that needs less goes where one that needs more is asked for', () => {
    const plain: Handler = () => new Response()
    const asNeeding: Handler<HasPrincipal> = plain
    // @ts-expect-error not the reverse
    const asPlain: Handler = asNeeding
    void asPlain
  })
})

describe('a wrapper that is wrong does not compile', () => {
  test('one that forgets to add', () => {
    // @ts-expect-error adds nothing
    const forgets: Wrapper<HasRequestId> = (next) => (request, context) => next(request, context)
    const adds: Wrapper<HasRequestId> = (next) => (request, context) =>
      next(request, extend(context, { requestId: 'x' }))
    const other: Wrapper<HasRequestId> = (next) => (request, context) =>
      // @ts-expect-error adds another type
      next(request, extend(context, { requestId: 1 }))
    void [forgets, adds, other]
  })

  test('one that drops the context, or answers with nothing', () => {
    const drops: Wrapper = (next) => (request, context) =>
      // @ts-expect-error passes on a context of its own making
      next(request, { ...({} as Context), clock: context.clock })
    // @ts-expect-error answers with nothing
    const silent: Wrapper = () => () => undefined
    void [drops, silent]
  })
})
