import { extend } from '../core/context.ts'
import { randomBase64 } from '../core/crypto.ts'
import type { HasNonce } from '../core/facts.ts'
import { fieldName, sfString } from '../core/fields.ts'
import type { Wrapper } from '../core/handler.ts'
import { risky } from '../core/handler.ts'
import { HeadBlock } from '../core/head.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds } from '../core/quantity.ts'
import { isSecure } from '../core/request.ts'
import type { CspDirectives } from './content-security-policy.ts'
import { cspRisks, cspValue, WEBSITE_CSP, withNonce } from './content-security-policy.ts'
import type { PermissionsPolicy } from './permissions-policy.ts'
import { NO_HARDWARE, permissionsPolicyValue } from './permissions-policy.ts'

/** HSTS (RFC 6797). */
export interface StrictTransportSecurity {
  /** At least a year, or browsers and ASVS take no notice. (`'365d'`) */
  readonly maxAge?: Duration | undefined
  /** (true) */
  readonly includeSubDomains?: boolean | undefined
  /** Asks browsers to ship the domain as HTTPS-only: for all its subdomains, and practically for ever. (false) */
  readonly dangerouslyPreload?: boolean | undefined
}

/** Options of {@link securityHeaders}: `undefined` is the default, `false` leaves a header out. */
export interface SecurityHeadersOptions {
  /** (scripts and styles from this origin only, no framing) */
  readonly contentSecurityPolicy?: CspDirectives | false | undefined
  /** A second policy that only reports: try a stricter one here first. (none) */
  readonly contentSecurityPolicyReportOnly?: CspDirectives | false | undefined
  /** A year, with subdomains, without preload; sent over HTTPS only. */
  readonly strictTransportSecurity?: StrictTransportSecurity | false | undefined
  /** (no camera, microphone, location, payment, USB or motion sensors) */
  readonly permissionsPolicy?: PermissionsPolicy | false | undefined
  /** (`'strict-origin-when-cross-origin'`) */
  readonly referrerPolicy?: 'no-referrer' | 'same-origin' | 'strict-origin' | 'strict-origin-when-cross-origin' | false | undefined
  /** (`'same-origin'`) */
  readonly crossOriginOpenerPolicy?: 'same-origin' | 'same-origin-allow-popups' | 'noopener-allow-popups' | false | undefined
  /** Needs every cross-origin resource to opt in. (off) */
  readonly crossOriginEmbedderPolicy?: 'require-corp' | 'credentialless' | false | undefined
  /** (`'same-origin'`) */
  readonly crossOriginResourcePolicy?: 'same-origin' | 'same-site' | 'cross-origin' | false | undefined
  /** For browsers without CSP `frame-ancestors`. (`'DENY'`) */
  readonly frameOptions?: 'DENY' | 'SAMEORIGIN' | false | undefined
  /** `X-Content-Type-Options: nosniff`. (true) */
  readonly contentTypeOptions?: boolean | undefined
  /** Legacy: `X-XSS-Protection: 0`, which turns a harmful filter off. (true) */
  readonly xssProtection?: boolean | undefined
  /** `Origin-Agent-Cluster: ?1`. (true) */
  readonly originAgentCluster?: boolean | undefined
  /** `X-DNS-Prefetch-Control: off`. (true) */
  readonly dnsPrefetchControl?: boolean | undefined
  /** Legacy: `X-Download-Options: noopen`. (true) */
  readonly downloadOptions?: boolean | undefined
  /** Legacy: `X-Permitted-Cross-Domain-Policies: none`. (true) */
  readonly crossDomainPolicies?: boolean | undefined
  /** `Reporting-Endpoints`: names for `report-to`, and where they are. (none) */
  readonly reportingEndpoints?: Readonly<Record<string, string>> | undefined
  /** `Cache-Control` for responses that set none; sensitive JSON wants `'no-store'`. (none) */
  readonly cacheControl?: string | undefined
  /** Fields to take off every response, e.g. `['server', 'x-powered-by']`. (none) */
  readonly remove?: readonly string[] | undefined
}

/**
 * Tells browsers what they must not do with our responses.
 *
 * Every response gets these, refusals and errors too; a handler that sets one of them itself keeps its own. All is checked
 * and joined when the wrapper is made. With `nonce: true` each request gets 128 fresh random bits: `context.nonce` for the
 * page, the same in `script-src` and `style-src` (of the report-only policy as well), and the response is forced to
 * `private, no-store`, because a cached nonce is no nonce.
 *
 * Needs:   nothing; reads `secure` of `clientIp`, else the connection, to send HSTS over HTTPS only (RFC 6797 §7.2).
 * Adds:    with `nonce: true`, `nonce`.
 * Refuses: nothing.
 * Throws:  when made: TypeError for a malformed policy, an unquoted keyword, `'none'` beside other sources, HSTS of less
 *          than a year, preload without subdomains, an endpoint that is not HTTPS.
 * Fails:   not.
 * Costs:   one pointer, plus 0.1 to 0.8 µs per header sent, by runtime; with nonces 1 µs more.
 * Source:  CSP Level 3; RFC 6797; W3C Reporting API; OWASP Secure Headers; ASVS 5 §3.4; PITFALLS 23.
 *
 * @example
 * securityHeaders({ contentSecurityPolicy: { 'default-src': ["'self'"] }, frameOptions: 'SAMEORIGIN' })
 */
export function securityHeaders(options: SecurityHeadersOptions & { readonly nonce: true }): Wrapper<HasNonce>
export function securityHeaders(options?: SecurityHeadersOptions): Wrapper
export function securityHeaders(options: SecurityHeadersOptions & { readonly nonce?: true } = {}): Wrapper<HasNonce> | Wrapper {
  const csp = options.contentSecurityPolicy ?? WEBSITE_CSP
  const reportOnly = options.contentSecurityPolicyReportOnly
  const remove = (options.remove ?? []).map(fieldName)
  const hsts = hstsValue(options.strictTransportSecurity ?? {})
  const risks = [...(csp ? cspRisks(csp) : []), ...(hsts?.includes('preload') ? ['strictTransportSecurity: dangerouslyPreload'] : [])]
  const fixed = fields(options)
  const policies = (nonce?: string): [string, string][] => {
    const value = (directives: CspDirectives): string =>
      cspValue(nonce === undefined ? directives : withNonce(directives, `'nonce-${nonce}'`))
    return [
      ...(csp ? [['content-security-policy', value(csp)] as [string, string]] : []),
      ...(reportOnly ? [['content-security-policy-report-only', value(reportOnly)] as [string, string]] : []),
    ]
  }

  const blocks = (all: [string, string][]): { plain: HeadBlock; secure: HeadBlock } => ({
    plain: new HeadBlock(all),
    secure: new HeadBlock(hsts === undefined ? all : [...all, ['strict-transport-security', hsts]]),
  })

  if (!options.nonce) {
    const { plain, secure } = blocks([...policies(), ...fixed])
    const wrapper: Wrapper = (next) => (request, context) => {
      context.head.announce(isSecure(context) ? secure : plain)
      for (const name of remove) context.head.remove(name)
      return next(request, context)
    }
    return risky(wrapper, risks)
  }

  const { plain, secure } = blocks(fixed)
  // Laid out once with a placeholder, so that a request costs one replacement and no checks.
  const templates = policies('0').map(([name, value]) => [name, value.split(`'nonce-0'`)] as const)
  const wrapper: Wrapper<HasNonce> = (next) => (request, context) => {
    const nonce = randomBase64(16)
    const { head } = context
    head.announce(isSecure(context) ? secure : plain)
    for (const [name, parts] of templates) head.set(name, parts.join(`'nonce-${nonce}'`))
    head.force('cache-control', 'private, no-store')
    for (const name of remove) head.remove(name)
    return next(request, extend(context, { nonce }))
  }
  return risky(wrapper, risks)
}

function hstsValue(options: StrictTransportSecurity | false): string | undefined {
  if (options === false) return undefined
  const { maxAge = '365d', includeSubDomains = true, dangerouslyPreload = false } = options
  const seconds = Math.floor(milliseconds(maxAge, 'strictTransportSecurity: maxAge') / 1_000)
  if (seconds < 31_536_000) throw new TypeError(`strictTransportSecurity: maxAge must be at least '365d', got '${maxAge}'`)
  if (dangerouslyPreload && !includeSubDomains) {
    throw new TypeError('strictTransportSecurity: dangerouslyPreload needs includeSubDomains')
  }
  return `max-age=${seconds}${includeSubDomains ? '; includeSubDomains' : ''}${dangerouslyPreload ? '; preload' : ''}`
}

function fields(options: SecurityHeadersOptions): [string, string][] {
  const permissions = options.permissionsPolicy ?? NO_HARDWARE
  const all: [string, string | false | undefined][] = [
    ['permissions-policy', permissions && permissionsPolicyValue(permissions)],
    ['referrer-policy', options.referrerPolicy ?? 'strict-origin-when-cross-origin'],
    ['cross-origin-opener-policy', options.crossOriginOpenerPolicy ?? 'same-origin'],
    ['cross-origin-embedder-policy', options.crossOriginEmbedderPolicy],
    ['cross-origin-resource-policy', options.crossOriginResourcePolicy ?? 'same-origin'],
    ['x-frame-options', options.frameOptions ?? 'DENY'],
    ['x-content-type-options', options.contentTypeOptions !== false && 'nosniff'],
    ['x-xss-protection', options.xssProtection !== false && '0'],
    ['origin-agent-cluster', options.originAgentCluster !== false && '?1'],
    ['x-dns-prefetch-control', options.dnsPrefetchControl !== false && 'off'],
    ['x-download-options', options.downloadOptions !== false && 'noopen'],
    ['x-permitted-cross-domain-policies', options.crossDomainPolicies !== false && 'none'],
    ['reporting-endpoints', options.reportingEndpoints && endpoints(options.reportingEndpoints)],
    ['cache-control', options.cacheControl],
  ]
  return all.filter((field): field is [string, string] => typeof field[1] === 'string')
}

function endpoints(named: Readonly<Record<string, string>>): string | undefined {
  const members = Object.entries(named).map(([name, url]) => {
    if (!/^[a-z*][a-z\d_.*-]*$/.test(name)) throw new TypeError(`reportingEndpoints: '${name}' must be a lower-case key`)
    if (!url.startsWith('https://') && !url.startsWith('/')) throw new TypeError(`reportingEndpoints: ${name} must be an HTTPS URL or a path`)
    return `${name}=${sfString(url)}`
  })
  return members.length === 0 ? undefined : members.join(', ')
}
