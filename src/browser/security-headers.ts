import type { Context } from '../core/context.ts'
import { extend } from '../core/context.ts'
import { randomBase64 } from '../core/crypto.ts'
import type { HasNonce } from '../core/facts.ts'
import { fieldName, isToken, sfString } from '../core/fields.ts'
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
 * and joined when the wrapper is made. With a policy of `csp(…, { nonce: true })` each request gets 128 fresh random
 * bits: `context.nonce` for the page, the same in both policies, and the response is forced to `private, no-store`, because
 * a cached nonce is no nonce.
 *
 * Needs:   nothing; reads `secure` of `clientIp`, else the connection, to send HSTS over HTTPS only (RFC 6797 §7.2).
 * Adds:    `nonce`, if a policy has nonces.
 * Refuses: nothing.
 * Throws:  when made: TypeError for a policy not made by `csp`, a value that is not on a header's list, HSTS of less than a
 *          year, preload without subdomains, an endpoint that is not HTTPS.
 * Fails:   not.
 * Costs:   one pointer, plus 0.1 to 0.8 µs per header sent, by runtime; with nonces 1 µs more.
 * Source:  CSP Level 3; RFC 6797; W3C Reporting API; OWASP Secure Headers; ASVS 5 §3.4; PITFALLS 23.
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
  const risks = [...(main ? main.risks : []), ...(hsts?.includes('preload') ? ['strictTransportSecurity: dangerouslyPreload'] : [])]
  const nonced = policies.filter(([, policy]) => policy.nonce)
  const fixed: [string, string][] = [
    ...policies.filter(([, policy]) => !policy.nonce).map(([name, { parts }]): [string, string] => [name, parts.join('')]),
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
  if (seconds < 31_536_000) throw new TypeError(`strictTransportSecurity: maxAge must be at least '365d', got '${maxAge}'`)
  if (dangerouslyPreload && !includeSubDomains) {
    throw new TypeError('strictTransportSecurity: dangerouslyPreload needs includeSubDomains')
  }
  return `max-age=${seconds}${includeSubDomains ? '; includeSubDomains' : ''}${dangerouslyPreload ? '; preload' : ''}`
}

function removable(name: string): string {
  if (!isToken(name)) throw new TypeError(`securityHeaders: remove must hold header names, got ${show(name)}`)
  return fieldName(name)
}

/** The values of the options that have a closed list of them: a typo would be sent, and ignored by browsers. */
const VALUES = {
  referrerPolicy: ['no-referrer', 'same-origin', 'strict-origin', 'strict-origin-when-cross-origin'],
  crossOriginOpenerPolicy: ['same-origin', 'same-origin-allow-popups', 'noopener-allow-popups'],
  crossOriginEmbedderPolicy: ['require-corp', 'credentialless'],
  crossOriginResourcePolicy: ['same-origin', 'same-site', 'cross-origin'],
  frameOptions: ['DENY', 'SAMEORIGIN'],
} as const

function fields(options: SecurityHeadersOptions): [string, string][] {
  for (const [option, values] of Object.entries(VALUES)) {
    const value = options[option as keyof typeof VALUES]
    if (value !== undefined && value !== false && !(values as readonly unknown[]).includes(value)) {
      throw new TypeError(`securityHeaders: ${option} must be false or one of ${values.join(', ')}, got ${show(value)}`)
    }
  }
  const permissions = options.permissionsPolicy ?? NO_HARDWARE
  const all: [string, string | false | undefined][] = [
    ['permissions-policy', permissions],
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
