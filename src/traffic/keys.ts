/** Whom a limit counts. */
import type { Context } from '../core/context.ts'
import type { HasClientIp, HasPrincipal } from '../core/facts.ts'
import { pathOf } from '../core/request.ts'

/** Reads the key to count by. `Needs` is what it reads in the context. `undefined`: do not count this request. */
export type KeyOf<Needs> = (context: Context & Needs, request: Request) => string | undefined

/** The client's address; a whole /64 of IPv6 is one client (settable in `clientIp`). */
export const byClientIp: KeyOf<HasClientIp> = (context) => context.clientNetwork

/** Whoever is signed in. */
export const byPrincipal: KeyOf<HasPrincipal> = (context) => context.principal.id

/** The user if `authenticate` has run, else the address. */
export const byPrincipalOrClientIp: KeyOf<HasClientIp> = (context) => {
  const { principal } = context as Partial<HasPrincipal>
  // A prefix each: no user id can spell another client's address.
  return principal === undefined ? `ip:${context.clientNetwork}` : `id:${principal.id}`
}

/**
 * All clients together, by method and path in its one normal form: protects the route, not the clients from each other.
 * HEAD counts as GET, and all methods of a client's own making count as one.
 */
export const byRoute: KeyOf<{}> = (_context, request) => {
  const { method } = request
  return `${method === 'HEAD' ? 'GET' : METHODS.has(method) ? method : 'other'} ${pathOf(request)}`
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
