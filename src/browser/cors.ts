import type { Context } from '../core/context.ts'
import { isToken } from '../core/fields.ts'
import type { Wrapper } from '../core/handler.ts'
import { risky } from '../core/handler.ts'
import { HeadBlock } from '../core/head.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds } from '../core/quantity.ts'

/** Options of {@link cors}. */
export interface CorsOptions {
  /** Origins that may read our responses, `'*'` for all, or a test of the origin. */
  readonly origins: readonly string[] | '*' | ((origin: string, request: Request, context: Context) => boolean)
  /** May they send cookies and read answers to such requests? Never with `'*'`. (false) */
  readonly credentials?: boolean | undefined
  /** Methods allowed beyond the simple ones. (`GET, HEAD, POST, PUT, PATCH, DELETE`) */
  readonly methods?: readonly string[] | undefined
  /** Request headers allowed beyond the simple ones. (`Content-Type, Authorization, X-Request-Id`) */
  readonly allowHeaders?: readonly string[] | undefined
  /** Response headers that scripts may read. (`RateLimit, RateLimit-Policy, Retry-After, X-Request-Id`) */
  readonly exposeHeaders?: readonly string[] | undefined
  /** How long browsers may remember a preflight. (`'10m'`) */
  readonly maxAge?: Duration | undefined
}

/**
 * Lets scripts of other origins read our responses; refusals and errors too, so that they see a 401 or a 429 for what it is.
 *
 * Mounted outside everything that refuses, it answers preflights itself: they are not limited, logged in as, or routed.
 * Listed origins are compared whole and echoed exactly, with `Vary: Origin` on every response.
 *
 * Needs:   nothing.
 * Adds:    nothing to the context; the `Access-Control-*` fields and `Vary`.
 * Refuses: nothing: a preflight from elsewhere gets a 204 without permission, and the browser refuses.
 * Throws:  when made: TypeError for `credentials` with `'*'`, `'null'` or a malformed origin, a header or method that is no
 *          token. Per request: what a function given as `origins` throws.
 * Fails:   closed: without permission, scripts read nothing.
 * Costs:   one header; a listed origin's answer is prepared when made.
 * Source:  Fetch §3.2 (CORS protocol); RFC 9110 §12.5.5.
 *
 * @example
 * cors({ origins: ['https://app.example'], credentials: true })
 */
export function cors(options: CorsOptions): Wrapper {
  const { origins, credentials = false } = options
  const any = origins === '*'
  if (any && credentials) throw new TypeError(`cors: credentials cannot be used with origins '*'; list the origins`)
  const methods = tokens(options.methods ?? ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], 'methods')
  const headers = tokens(options.allowHeaders ?? ['Content-Type', 'Authorization', 'X-Request-Id'], 'allowHeaders')
  const exposed = tokens(
    options.exposeHeaders ?? ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id'],
    'exposeHeaders',
  )
  if (credentials && `${methods}, ${headers}, ${exposed}`.split(', ').includes('*')) {
    throw new TypeError(
      `cors: with credentials, '*' in methods, allowHeaders or exposeHeaders is no wildcard; list the names`,
    )
  }
  const seconds = Math.floor(milliseconds(options.maxAge ?? '10m', 'cors: maxAge') / 1_000)

  const vary: [string, string][] = any ? [] : [['vary', 'Origin']]
  const granted = (origin: string): Grant => {
    const shared: [string, string][] = [['access-control-allow-origin', origin], ...vary]
    if (credentials) shared.push(['access-control-allow-credentials', 'true'])
    return {
      actual: new HeadBlock(exposed === '' ? shared : [...shared, ['access-control-expose-headers', exposed]]),
      preflight: new HeadBlock([
        ...shared,
        ['access-control-allow-methods', methods],
        ['access-control-allow-headers', headers],
        ['access-control-max-age', String(seconds)],
      ]),
    }
  }
  const denied = new HeadBlock(vary)
  const everyone = any ? granted('*') : undefined
  const listed = new Map(Array.isArray(origins) ? origins.map((one: string) => [checked(one), granted(one)]) : [])
  const test = typeof origins === 'function' ? origins : undefined
  if (!any && test === undefined && !Array.isArray(origins)) {
    throw new TypeError(`cors: origins must be a list, '*' or a function`)
  }

  const grantFor = (origin: string | null, request: Request, context: Context): Grant | undefined => {
    if (any || origin === null) return everyone
    const grant = listed.get(origin)
    if (grant !== undefined || test === undefined) return grant
    // `null` is every sandboxed page and local file; what is no origin at all must not reach a header. Exactly true: an
    // `async` test gives a promise, which is truthy, and would grant everybody.
    return ORIGIN.test(origin) && test(origin, request, context) === true ? granted(origin) : undefined
  }

  const wrapper: Wrapper = (next) => (request, context) => {
    const origin = request.headers.get('origin')
    const grant = grantFor(origin, request, context)
    const preflight = request.method === 'OPTIONS' && origin !== null &&
      request.headers.has('access-control-request-method')
    context.head.announce(grant === undefined ? denied : preflight ? grant.preflight : grant.actual)
    if (!preflight) return next(request, context)
    context.head.append('vary', 'Access-Control-Request-Method, Access-Control-Request-Headers')
    return new Response(null, { status: 204 })
  }
  return risky(wrapper, any ? [`cors: origins '*'`] : [])
}

interface Grant {
  readonly actual: HeadBlock
  readonly preflight: HeadBlock
}

// scheme "://" host [ ":" port ] as browsers serialise it: lower case, no path (RFC 6454 §6.2).
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/(?:[a-z\d._-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/

function checked(origin: string): string {
  // As browsers send it: `https://app.example:443` would never match.
  const serialised = ORIGIN.test(origin) &&
    (!/^https?:/.test(origin) || (URL.canParse(origin) && new URL(origin).origin === origin))
  if (!serialised) throw new TypeError(`cors: origins must hold origins such as 'https://app.example', got '${origin}'`)
  return origin
}

function tokens(names: readonly string[], option: string): string {
  if (!Array.isArray(names)) throw new TypeError(`cors: ${option} must be a list`)
  for (const name of names) {
    if (typeof name !== 'string' || !isToken(name)) {
      throw new TypeError(`cors: ${option} must hold tokens, got '${name}'`)
    }
  }
  return names.join(', ')
}
