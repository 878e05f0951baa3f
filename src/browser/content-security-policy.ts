/**
 * Content-Security-Policy, built from directives and checked when it is built (CSP Level 3).
 *
 * `csp({…})` prepares a policy for `securityHeaders`; the ready-made ones are text, so that whoever uses only those does
 * not ship the builder.
 */
import { show } from '../core/quantity.ts'

/** Directives and their sources: `{ 'default-src': ["'self'"], 'upgrade-insecure-requests': true }`. */
export type CspDirectives = Readonly<Record<string, readonly string[] | true>>

/** A prepared policy. */
export interface ContentSecurityPolicy<Nonce extends boolean = boolean> {
  /** Does each request have a nonce of its own? */
  readonly nonce: Nonce
  /** The field's value, in the parts between which the nonce's source goes; one part where there is none. */
  readonly parts: readonly string[]
  /** What weakens it so far that `policy` should say so at start-up. */
  readonly risks: readonly string[]
}

/** For an API: nothing may load, frame or be framed by its responses. */
export const API_CSP: ContentSecurityPolicy<false> = {
  nonce: false,
  parts: ["default-src 'none'; frame-ancestors 'none'; base-uri 'none'"],
  risks: [],
}

/** For a site that keeps its scripts and styles in files of its own. */
export const WEBSITE_CSP: ContentSecurityPolicy<false> = {
  nonce: false,
  parts: [
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " +
    "form-action 'self'; frame-ancestors 'none'; upgrade-insecure-requests",
  ],
  risks: [],
}

/**
 * Prepares a policy. With `nonce: true`, scripts and styles must carry the request's nonce: `context.nonce`.
 *
 * Throws a TypeError that names the directive for a slip that would weaken or break the policy: an unknown directive, a
 * separator inside a source, a keyword without quotes, `'none'` beside other sources.
 *
 * @example
 * securityHeaders({ contentSecurityPolicy: csp({ 'default-src': ["'self'"] }, { nonce: true }) })
 */
export function csp(directives: CspDirectives, options: { readonly nonce: true }): ContentSecurityPolicy<true>
export function csp(directives: CspDirectives, options?: { readonly nonce?: false }): ContentSecurityPolicy<false>
export function csp(
  directives: CspDirectives,
  { nonce = false }: { readonly nonce?: boolean } = {},
): ContentSecurityPolicy {
  // Checked with a nonce that no request has, then cut where it stands.
  const value = cspValue(nonce ? withNonce(directives, NONCE) : directives)
  return { nonce, parts: nonce ? value.split(NONCE) : [value], risks: cspRisks(directives) }
}

const NONCE = "'nonce-0'"

const NAMES = new Set([
  'default-src',
  'script-src',
  'script-src-elem',
  'script-src-attr',
  'style-src',
  'style-src-elem',
  'style-src-attr',
  'img-src',
  'font-src',
  'connect-src',
  'media-src',
  'object-src',
  'frame-src',
  'child-src',
  'worker-src',
  'manifest-src',
  'fenced-frame-src',
  'base-uri',
  'form-action',
  'frame-ancestors',
  'sandbox',
  'report-uri',
  'report-to',
  'require-trusted-types-for',
  'trusted-types',
  'upgrade-insecure-requests',
  'webrtc',
])
const KEYWORD =
  /^(?:self|none|unsafe-[a-z-]+|strict-dynamic|report-sample|wasm-unsafe-eval|inline-speculation-rules|script|nonce-.*|sha(?:256|384|512)-.*|allow|block)$/i
// These take words without quotes, which elsewhere are keywords that lost theirs.
const PLAIN_WORDS = new Set(['sandbox', 'report-to', 'trusted-types'])

function cspValue(directives: CspDirectives): string {
  const parts: string[] = []
  for (const [name, sources] of Object.entries(directives)) {
    if (!NAMES.has(name)) throw new TypeError(`contentSecurityPolicy: ${show(name)} is not a directive`)
    if (sources === true) parts.push(name)
    else {
      if (!Array.isArray(sources)) {
        throw new TypeError(`contentSecurityPolicy: ${name} must be a list of sources or true`)
      }
      for (const source of sources) checkSource(name, source)
      if (sources.length > 1 && sources.includes("'none'")) {
        throw new TypeError(`contentSecurityPolicy: ${name} has 'none' beside other sources, which cancels it`)
      }
      parts.push([name, ...sources].join(' '))
    }
  }
  if (parts.length === 0) throw new TypeError('contentSecurityPolicy: give at least one directive, or false')
  return parts.join('; ')
}

function checkSource(directive: string, source: unknown): void {
  // A separator or a line break in a source would let it write directives of its own.
  if (typeof source !== 'string' || !/^[\x21-\x2b\x2d-\x3a\x3c-\x7e]+$/.test(source)) {
    throw new TypeError(
      `contentSecurityPolicy: ${directive} has a source with a space, comma, semicolon or control character`,
    )
  }
  if (!PLAIN_WORDS.has(directive) && KEYWORD.test(source)) {
    throw new TypeError(`contentSecurityPolicy: ${directive} has ${source} without quotes; write "'${source}'"`)
  }
  if (source.includes("'") && !/^'[^']+'$/.test(source)) {
    throw new TypeError(`contentSecurityPolicy: ${directive} has ${source}, whose quotes do not match`)
  }
}

function cspRisks(directives: CspDirectives): string[] {
  const risks: string[] = []
  for (const [name, sources] of Object.entries(directives)) {
    const scripts = name === 'default-src' || name.startsWith('script-src')
    for (const source of sources === true ? [] : sources) {
      const weak = source === "'unsafe-inline'" || source === "'unsafe-eval'" || source === '*' || source === 'data:'
      if (scripts && weak) risks.push(`contentSecurityPolicy: ${name} ${source}`)
    }
  }
  return risks
}

/** The directives with a nonce source added to scripts and styles, each from its own list or from `default-src`. */
function withNonce(directives: CspDirectives, source: string): CspDirectives {
  const base = directives['default-src']
  const out: Record<string, readonly string[] | true> = { ...directives }
  for (const name of ['script-src', 'style-src', 'script-src-elem', 'style-src-elem']) {
    // The `-elem` directives override the others where they are given, and only there.
    if (name.endsWith('-elem') && directives[name] === undefined) continue
    const present = directives[name] ?? base ?? []
    out[name] = [...(present === true ? [] : present).filter((one) => one !== "'none'"), source]
  }
  return out
}
