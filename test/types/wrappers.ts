/** Wrappers for the type tests: small ones of the kinds that users write. Nothing here runs. */
import type { HasPrincipal, MaybePromise, Wrapper } from '../../src/index.ts'
import { extend, guard, refusal } from '../../src/index.ts'

export interface User {
  readonly id: string
  readonly scopes: readonly string[]
  readonly tenant: 'a' | 'b'
}

export const verify = (token: string): User | undefined =>
  token === 'good' ? { id: 'u1', scopes: [], tenant: 'a' } : undefined

export interface Scheme<P extends { readonly id: string }> {
  authenticate(request: Request): MaybePromise<P | undefined>
}

export function bearer<P extends { readonly id: string }>(
  of: (token: string) => MaybePromise<P | undefined>,
): Scheme<P> {
  return { authenticate: (request) => of(request.headers.get('authorization')?.slice(7) ?? '') }
}

export function authenticate<P extends { readonly id: string }>(scheme: Scheme<P>): Wrapper<HasPrincipal<P>> {
  return guard<HasPrincipal<P>>({
    name: 'authenticate',
    decide: async (request) => {
      const principal = await scheme.authenticate(request)
      if (principal === undefined) return refusal({ status: 401, code: 'unauthenticated' })
      return { outcome: 'allow', adds: { principal } }
    },
  })
}

export function requireScope(scope: string): Wrapper<{}, HasPrincipal<User>> {
  return (next) => (request, context) =>
    context.principal.scopes.includes(scope) ? next(request, context) : new Response(null, { status: 403 })
}

export const tag =
  <const K extends string>(key: K): Wrapper<{ readonly [P in K]: P }> => (next) => (request, context) =>
    next(request, extend(context, { [key]: key } as { readonly [P in K]: P }))
