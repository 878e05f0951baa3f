import type { Context } from '../core/context.ts'
import { extend } from '../core/context.ts'
import { randomBase64 } from '../core/crypto.ts'
import type { HasNonce } from '../core/facts.ts'
import { fieldName, isToken } from '../core/fields.ts'
import type { Wrapper } from '../core/handler.ts'
import { risky } from '../core/handler.ts'
import { HeadBlock } from '../core/head.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds, show } from '../core/quantity.ts'
import { isSecure } from '../core/request.ts'
import type { ContentSecurityPolicy } from './content-security-policy.ts'
import { WEBSITE_CSP } from './content-security-policy.ts'
import { NO_HARDWARE } from './permissions-policy.ts'

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
  /** Made by `csp({…})`, or a ready one. (`WEBSITE_CSP`: scripts and styles from this origin only, no framing) */
  readonly contentSecurityPolicy?: ContentSecurityPolicy | false | undefined
  /** A second policy that only reports: try a stricter one here first. (none) */
  readonly contentSecurityPolicyReportOnly?: ContentSecurityPolicy | false | undefined
  /** A year, with subdomains, without preload; sent over HTTPS only. */
  readonly strictTransportSecurity?: StrictTransportSecurity | false | undefined
  /** Made by `permissions({…})`. (`NO_HARDWARE`: no camera, microphone, location, payment, USB or motion sensors) */
  readonly permissionsPolicy?: string | false | undefined
  /** (`'strict-origin-when-cross-origin'`) */
  readonly referrerPolicy?:
    | 'no-referrer'
    | 'same-origin'
    | 'strict-origin'
    | 'strict-origin-when-cross-origin'
    | false
    | undefined
  /** (`'same-origin'`) */
  readonly crossOriginOpenerPolicy?:
    | 'same-origin'
    | 'same-origin-allow-popups'
    | 'noopener-allow-popups'
    | false
    | undefined
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
  /** Made by `endpoints({…})`: names for `report-to`, and where they are. (none) */
  readonly reportingEndpoints?: string | undefined
  /** `Cache-Control` for responses that set none; sensitive JSON wants `'no-store'`. (none) */
  readonly cacheControl?: string | undefined
  /** Fields to take off every response, e.g. `['server', 'x-powered-by']`. (none) */
  readonly remove?: readonly string[] | undefined
}

/**
 * Tells browsers what they must not do with our responses.
 *
 * Every response gets these, refusals and errors too; a handler that sets one of them itself keeps its own. All is checked
 * and joined when the wrapper is made. With a policy of `csp(…, { nonce: true })` each request gets 128 fresh random
 * bits: `context.nonce` for the page, the same in both policies, and the response is forced to `private, no-store`, because
 * a cached nonce is no nonce.
 *
 * Needs:   nothing; reads `secure` of `clientIp`, else the connection, to send HSTS over HTTPS only (RFC 6797 §7.2).
 * Adds:    `nonce`, if a policy has nonces.
 * Refuses: nothing.
 * Throws:  when made: TypeError for a policy not made by `csp`, a value that is not on a header's list, HSTS of less than a
 *          year, preload without subdomains.
 * Fails:   not.
 * Costs:   one pointer, plus 0.1 to 0.8 µs per header sent, by runtime; with nonces 1 to 4 µs more.
 * Source:  CSP Level 3; RFC 6797; W3C Reporting API; OWASP Secure Headers; ASVS 5 §3.4.
 *
 * @example
 * securityHeaders({ contentSecurityPolicy: csp({ 'default-src': ["'self'"] }), frameOptions: 'SAMEORIGIN' })
 */
export function securityHeaders(options: SecurityHeadersOptions & Nonced): Wrapper<HasNonce>
export function securityHeaders(options?: SecurityHeadersOptions): Wrapper
export function securityHeaders(options: SecurityHeadersOptions = {}): Wrapper<HasNonce> | Wrapper {
  const policies: (readonly [name: string, policy: ContentSecurityPolicy])[] = []
  const main = prepared(options.contentSecurityPolicy ?? WEBSITE_CSP, 'contentSecurityPolicy')
  const trial = prepared(options.contentSecurityPolicyReportOnly, 'contentSecurityPolicyReportOnly')
  if (main) policies.push(['content-security-policy', main])
  if (trial) policies.push(['content-security-policy-report-only', trial])
  const hsts = hstsValue(options.strictTransportSecurity ?? {})
  const remove = (options.remove ?? []).map(removable)
  const risks = [
    ...(main ? main.risks : []),
    ...(hsts?.includes('preload') ? ['strictTransportSecurity: dangerouslyPreload'] : []),
  ]
  const nonced = policies.filter(([, policy]) => policy.nonce)
  const fixed: [string, string][] = [
    ...policies.filter(([, policy]) => !policy.nonce).map((
      [name, { parts }],
    ): [string, string] => [name, parts.join('')]),
    ...fields(options),
  ]
  const plain = new HeadBlock(fixed)
  const secure = hsts === undefined ? plain : new HeadBlock([...fixed, ['strict-transport-security', hsts]])
  const announce = (context: Context): void => {
    context.head.announce(isSecure(context) ? secure : plain)
    for (const name of remove) context.head.remove(name)
  }

  if (nonced.length === 0) {
    const wrapper: Wrapper = (next) => (request, context) => {
      announce(context)
      return next(request, context)
    }
    return risky(wrapper, risks)
  }
  const wrapper: Wrapper<HasNonce> = (next) => (request, context) => {
    const nonce = randomBase64(16)
    announce(context)
    for (const [name, { parts }] of nonced) context.head.set(name, parts.join(`'nonce-${nonce}'`))
    context.head.force('cache-control', 'private, no-store')
    return next(request, extend(context, { nonce }))
  }
  return risky(wrapper, risks)
}

/** A policy whose nonces the handler needs. */
type Nonced =
  | { readonly contentSecurityPolicy: ContentSecurityPolicy<true> }
  | { readonly contentSecurityPolicyReportOnly: ContentSecurityPolicy<true> }

function prepared(policy: ContentSecurityPolicy | false | undefined, option: string): ContentSecurityPolicy | false {
  if (policy === undefined || policy === false) return false
  if (!Array.isArray(policy.parts)) throw new TypeError(`securityHeaders: ${option} must be made by csp(…), or false`)
  return policy
}

function hstsValue(options: StrictTransportSecurity | false): string | undefined {
  if (options === false) return undefined
  const { maxAge = '365d', includeSubDomains = true, dangerouslyPreload = false } = options
  const seconds = Math.floor(milliseconds(maxAge, 'strictTransportSecurity: maxAge') / 1_000)
  if (seconds < 31_536_000) {
    throw new TypeError(`strictTransportSecurity: maxAge must be at least '365d', got '${maxAge}'`)
  }
  if (dangerouslyPreload && !includeSubDomains) {
    throw new TypeError('strictTransportSecurity: dangerouslyPreload needs includeSubDomains')
  }
  return `max-age=${seconds}${includeSubDomains ? '; includeSubDomains' : ''}${dangerouslyPreload ? '; preload' : ''}`
}

function removable(name: string): string {
  if (typeof name !== 'string' || !isToken(name)) {
    throw new TypeError(`securityHeaders: remove must hold header names, got ${show(name)}`)
  }
  return fieldName(name)
}

/**
 * Options with a closed list of values, their headers, and the values: the first is the default (`''`: off), and what
 * `true` means. A typo in a value would be sent, and ignored by browsers.
 */
const LISTED = [
  [
    'referrerPolicy',
    'referrer-policy',
    'strict-origin-when-cross-origin',
    'no-referrer',
    'same-origin',
    'strict-origin',
  ],
  [
    'crossOriginOpenerPolicy',
    'cross-origin-opener-policy',
    'same-origin',
    'same-origin-allow-popups',
    'noopener-allow-popups',
  ],
  ['crossOriginEmbedderPolicy', 'cross-origin-embedder-policy', '', 'require-corp', 'credentialless'],
  ['crossOriginResourcePolicy', 'cross-origin-resource-policy', 'same-origin', 'same-site', 'cross-origin'],
  ['frameOptions', 'x-frame-options', 'DENY', 'SAMEORIGIN'],
  ['contentTypeOptions', 'x-content-type-options', 'nosniff'],
  ['xssProtection', 'x-xss-protection', '0'],
  ['originAgentCluster', 'origin-agent-cluster', '?1'],
  ['dnsPrefetchControl', 'x-dns-prefetch-control', 'off'],
  ['downloadOptions', 'x-download-options', 'noopen'],
  ['crossDomainPolicies', 'x-permitted-cross-domain-policies', 'none'],
] as const

/** Options that are the field's value already, and what makes one. */
const TEXTS = [
  ['permissionsPolicy', 'permissions-policy', 'made by permissions(…), or false'],
  ['reportingEndpoints', 'reporting-endpoints', 'made by endpoints(…)'],
  ['cacheControl', 'cache-control', 'text'],
] as const

function fields(options: SecurityHeadersOptions): [string, string][] {
  const listed = LISTED.map(([option, header, ...values]): [string, string | false | undefined] => {
    const value = options[option] ?? true
    if (typeof value === 'boolean') return [header, value && values[0]]
    if (!(values as readonly string[]).includes(value)) {
      throw new TypeError(`securityHeaders: ${option} must be false or one of ${values.join(', ')}, got ${show(value)}`)
    }
    return [header, value]
  })
  const texts = TEXTS.map(([option, header, made]): [string, string | false | undefined] => {
    const value: unknown = options[option]
    if (value !== undefined && value !== false && typeof value !== 'string') {
      throw new TypeError(`securityHeaders: ${option} must be ${made}, got ${show(value)}`)
    }
    return [header, value ?? (option === 'permissionsPolicy' && NO_HARDWARE)]
  })
  return [...listed, ...texts].filter((field): field is [string, string] =>
    typeof field[1] === 'string' && field[1] !== ''
  )
}
