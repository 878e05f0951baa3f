import * as v from 'valibot'
import { describe, test } from 'vitest'
import type { Edge, Handler, Wrapper } from '../../src/index.ts'
import {
  api,
  byClientIp,
  byPrincipal,
  compose,
  cors,
  csp,
  ipAccess,
  policy,
  rateLimit,
  requestId,
  securityHeaders,
  timeout,
  validate,
  website,
} from '../../src/index.ts'
import { type Equal, type IsAny, no, yes } from './assert.ts'
import { authenticate, bearer, requireScope, tag, type User, verify } from './wrappers.ts'

const byAddress = { key: byClientIp, limit: 1, window: '1m' } as const
const byUser = { key: byPrincipal, limit: 1, window: '1m' } as const
const body = v.object({ n: v.number() })

describe('policy', () => {
  test('bare, it gives the edge and nothing else', () => {
    const handler = policy()((_request, context) => {
      yes<Equal<typeof context.clientIp, string>>()
      yes<Equal<typeof context.requestId, string>>()
      yes<Equal<typeof context.secure, boolean>>()
      // @ts-expect-error nobody authenticated
      void context.principal
      // @ts-expect-error nothing validated
      void context.input
      return new Response()
    })
    yes<Equal<typeof handler, Handler>>()
  })

  test('hands on every fact of its slots, and none is any', () => {
    const handler: Handler = policy({
      ...api,
      cors: cors({ origins: '*' }),
      timeout: timeout({ after: '5s' }),
      ipAccess: ipAccess({ deny: ['10.0.0.0/8'] }),
      rateLimit: rateLimit(byAddress),
      authenticate: authenticate(bearer(verify)),
      authorize: requireScope('a'),
      quota: rateLimit(byUser),
      validate: validate({ body }),
      own: tag('mine'),
    })((_request, context) => {
      no<IsAny<typeof context>>()
      no<IsAny<typeof context.principal>>()
      yes<Equal<typeof context.principal, User>>()
      yes<Equal<typeof context.input.body, { n: number }>>()
      yes<Equal<typeof context.signal, AbortSignal>>()
      yes<Equal<typeof context.requestId, string>>()
      yes<Equal<typeof context.mine, 'mine'>>()
      return new Response()
    })
    void handler
  })

  test('a nonce is there where the policy of the page uses one', () => {
    const nonced = securityHeaders({ contentSecurityPolicy: csp({ 'script-src': ["'self'"] }, { nonce: true }) })
    void (policy({ ...website, securityHeaders: nonced })((_request, context) => {
      yes<Equal<typeof context.nonce, string>>()
      return new Response()
    }) satisfies Handler)
    void policy(website)((_request, context) => {
      // @ts-expect-error nobody asked for one
      void context.nonce
      return new Response()
    })
  })

  test('refuses a wrapper in a slot outside what it needs', () => {
    // @ts-expect-error a limit by principal lies outside authenticate
    void policy({ rateLimit: rateLimit(byUser), authenticate: authenticate(bearer(verify)) })
    // @ts-expect-error a quota by principal, and nobody authenticates
    void policy({ quota: rateLimit(byUser) })
    // @ts-expect-error nor for this
    void policy({ authorize: requireScope('a') })
    // @ts-expect-error the request id is made outside the address
    void policy({ requestId: compose(ipAccess({ deny: [] }), requestId()) })
    void policy({ authenticate: authenticate(bearer(verify)), quota: rateLimit(byUser) })
  })

  test('refuses a wrapper that adds in a slot for those that do not, if the handler reads it', () => {
    void policy({ ipAccess: tag('lost') })((_request, context) => {
      // @ts-expect-error this slot adds nothing
      void context.lost
      return new Response()
    })
  })

  test('the slots that are always on cannot be off; the others can', () => {
    void policy({ cors: false, securityHeaders: false, bodyLimit: false, accessLog: undefined })
    // @ts-expect-error always on
    void policy({ requestId: false })
    // @ts-expect-error always on
    void policy({ clientIp: false })
    // @ts-expect-error always on
    void policy({ errors: false })
    // @ts-expect-error there is no such slot
    void policy({ firewall: securityHeaders() })
    // @ts-expect-error a slot holds a wrapper, not options
    void policy({ cors: { origins: '*' } })
  })

  test('is itself a wrapper', () => {
    const edge: Wrapper<Edge> = policy(api)
    void (compose(policy(api), requireOf())(() => new Response()) satisfies Handler)
    void edge
  })
})

declare function requireOf(): Wrapper<{}, Edge>
