/** Who is calling: an opaque token, issued at sign-in. */
import {
  type Context,
  described,
  guard,
  type HasPrincipal,
  problem,
  record,
  refuse,
  type Wrapper,
} from '../../src/index.ts'
import type { Data, User } from './data.ts'

/** Whoever calls may have signed in. */
export interface Caller {
  readonly principal?: User
}

const SESSION = 24 * 3_600_000

/**
 * Adds `principal` where the token is good. It refuses nobody: without a good token the caller is a stranger, counted
 * by address, so that guesses use up a limit before `signedIn` turns them away.
 */
export function authenticate(data: Data): Wrapper<Caller> {
  return guard<Caller>({
    name: 'authenticate',
    says: { problems: {} },
    decide(request, { clock }) {
      const token = /^Bearer ([\w-]{43})$/i.exec(request.headers.get('authorization') ?? '')?.[1]
      const session = token === undefined ? undefined : data.sessions.get(token)
      const known = session !== undefined && clock.now() < session.expires
      return { outcome: 'allow', adds: known ? { principal: session.user } : {} }
    },
  })
}

const known: Wrapper<HasPrincipal<User>, Caller> = (next) => (request, context) => {
  if (hasPrincipal(context)) return next(request, context)
  record(context, { kind: 'refused', guard: 'signed-in', code: 'unauthenticated', status: 401 })
  return refuse(context, problem('unauthenticated', { headers: { 'www-authenticate': 'Bearer' } }))
}

/** Lets only those in who have signed in. */
export const signedIn: Wrapper<HasPrincipal<User>, Caller> = described(known, {
  name: 'signed-in',
  says: { problems: { unauthenticated: 401 }, security: { bearer: { type: 'http', scheme: 'bearer' } } },
})

function hasPrincipal<C extends Caller>(context: C): context is C & HasPrincipal<User> {
  return context.principal !== undefined
}

/** Signs a user in: 256 random bits, good for a day. */
export function openSession(data: Data, user: User, { clock }: Context): string {
  const now = clock.now()
  for (const [token, { expires }] of data.sessions) if (expires <= now) data.sessions.delete(token)
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  const token = btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace('=', '')
  data.sessions.set(token, { user, expires: now + SESSION })
  return token
}
