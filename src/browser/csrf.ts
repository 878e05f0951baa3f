import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { problem } from '../core/problem.ts'

/** Options of {@link csrf}. */
export interface CsrfOptions extends Rollout {
  /** Other origins that may send state-changing requests, e.g. `'https://app.example'`. (none) */
  readonly origins?: readonly string[] | undefined
}

/**
 * Refuses state-changing requests that a browser sends on behalf of another site.
 *
 * By the browser's own word: `Sec-Fetch-Site` where it is sent, else `Origin` against the host. It does not depend on the
 * body's type, so a missing Content-Type is no way round it; and it needs no token. A request with neither header does not
 * come from a browser that could be misused, and passes. GET, HEAD and OPTIONS pass: they must not change state.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: 403 `origin-not-allowed`.
 * Throws:  when made: TypeError for a malformed origin.
 * Fails:   closed: `Origin: null`, or one that does not parse, is another site.
 * Costs:   two headers, and only for unsafe methods.
 * Source:  Fetch Metadata §2.2; RFC 6454; Go's `http.CrossOriginProtection`; ASVS 5 3.5.1 to 3.5.3.
 *
 * @example
 * csrf({ origins: ['https://app.example'] })
 */
export function csrf(options: CsrfOptions = {}): Wrapper {
  const trusted = new Set(options.origins ?? [])
  for (const origin of trusted) {
    if (typeof origin !== 'string' || parse(origin)?.origin !== origin) {
      throw new TypeError(`csrf: origins must hold origins such as 'https://app.example', got '${origin}'`)
    }
  }
  const no = refusal(problem('origin-not-allowed'))
  return guard({
    name: 'csrf',
    ...options,
    decide(request) {
      if (SAFE.has(request.method)) return ALLOW
      const site = request.headers.get('sec-fetch-site')
      if (site === 'same-origin' || site === 'none') return ALLOW
      const origin = request.headers.get('origin')
      if (origin !== null && trusted.has(origin)) return ALLOW
      if (site !== null) return no
      if (origin === null) return ALLOW
      // Scheme aside: behind a proxy that ends TLS we see http where the browser says https.
      const from = parse(origin)
      const host = request.headers.get('host') ?? parse(request.url)?.host
      // Browsers send the serialised origin; `https://evil.test@ours.test` and the like are nobody's.
      return from?.origin === origin && from.host === host?.toLowerCase() ? ALLOW : no
    },
  })
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}
