import { described } from '../core/description.ts'
import { refuseBy } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { warnOnce } from '../core/log.ts'
import { problem } from '../core/problem.ts'
import { isSecure } from '../core/request.ts'
import type { Test } from '../core/when.ts'
import { exemption } from '../core/when.ts'

/** Options of {@link httpsRedirect}. */
export interface HttpsRedirectOptions {
  /** The host to send browsers to. Redirecting to whatever `Host` says would let a forged one lead them away. */
  readonly host: string
  /** Requests that may stay on plain HTTP, e.g. `onPath('/health/*')` for a load balancer's probes. (none) */
  readonly except?: Test | undefined
}

/**
 * Sends browsers to HTTPS and refuses API calls that came without it.
 *
 * A redirect would hide from an API client that its token has just crossed the network in the clear: it must fail, loudly
 * (ASVS 5 4.1.2). A browser opening a page (`Sec-Fetch-Mode: navigate`, or GET that accepts HTML) gets a 308, once: behind a
 * proxy tell `clientIp` about it, or every request looks like plain HTTP, and those that say otherwise are refused, with a
 * warning, because redirecting them would never end.
 *
 * Needs:   nothing; reads `secure` of `clientIp` where it is there, else the connection.
 * Adds:    nothing.
 * Refuses: 308 to a navigating browser; 403 `https-required` to everything else.
 * Throws:  when made: TypeError if `host` is not a host.
 * Fails:   not.
 * Costs:   nothing on HTTPS.
 * Source:  ASVS 5 4.1.2; RFC 9110 §15.4.9.
 *
 * @example
 * httpsRedirect({ host: 'www.example' })
 */
export function httpsRedirect(options: HttpsRedirectOptions): Wrapper {
  const { host, except } = options
  if (typeof host !== 'string' || !/^[a-z\d.-]+(?::\d{1,5})?$/i.test(host)) {
    throw new TypeError(`httpsRedirect: host must be a host such as 'www.example', got '${host}'`)
  }
  if (except !== undefined && typeof except !== 'function') {
    throw new TypeError('httpsRedirect: except must be a function')
  }
  const exempt = except && exemption(except)
  const wrapper: Wrapper = (next) => (request, context) => {
    // Exactly true: an `async` test gives a promise, which is truthy, and would let everything pass.
    if (isSecure(context) || exempt?.(request, context) === true) return next(request, context)
    const looping = saysHttps(request)
    if (looping) warnOnce(context, 'https-redirect-loop', LOOP)
    if (looping || !isNavigation(request)) {
      return refuseBy(
        context,
        'https-redirect',
        problem('https-required', { detail: 'This is served over HTTPS only.' }),
      )
    }
    const { pathname, search } = new URL(request.url)
    return new Response(null, { status: 308, headers: { location: `https://${host}${pathname}${search}` } })
  }
  return described(wrapper, { name: 'https-redirect' })
}

const LOOP = 'httpsRedirect: a proxy says that a request came over HTTPS, but clientIp was not told to trust it'

/** A proxy whose word does not count says that it was HTTPS already: a redirect would come back here for ever. */
function saysHttps({ headers }: Request): boolean {
  return /^https$/i.test(headers.get('x-forwarded-proto') ?? '') ||
    /proto="?https\b/i.test(headers.get('forwarded') ?? '')
}

function isNavigation(request: Request): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  if (request.headers.has('authorization')) return false
  const mode = request.headers.get('sec-fetch-mode')
  return mode === null ? (request.headers.get('accept') ?? '').includes('text/html') : mode === 'navigate'
}
