/** Reading a request: its path in one normal form, and whether it came in safety. */
import type { Context } from './context.ts'
import type { HasClientIp } from './facts.ts'
import { show } from './quantity.ts'
import type { Test } from './when.ts'

/** The path of a request as it came, without query: what lies between the authority and `?`. Does not parse the URL. */
export function rawPath(request: Request): string {
  const { url } = request
  const authority = url.indexOf('://') + 3
  const start = url.indexOf('/', authority)
  const query = url.indexOf('?', authority)
  const hash = url.indexOf('#', authority)
  const end = query < 0 ? hash : hash < 0 ? query : Math.min(query, hash)
  if (start < 0 || (end >= 0 && end < start)) return '/'
  return end < 0 ? url.slice(start) : url.slice(start, end)
}

const ORDINARY = /^(?:\/[a-z\d_~-][a-z\d._~-]*)+$/

/**
 * The path in the one form by which guards compare: percent-decoded once, `\` as `/`, dot segments resolved, slashes
 * joined, no trailing slash, lower case. `/API//auth/%2e%2e/Login/` is `/api/login`.
 *
 * Routers differ in what they take for the same path. A guard must match whatever any of them would, so this form is
 * the widest; use it to decide what to protect, never to find a file, and never to let pass (see {@link onPath}).
 */
export function pathOf(request: Request): string {
  const raw = rawPath(request)
  return ORDINARY.test(raw) ? raw : normalPath(raw).toLowerCase()
}

function normalPath(raw: string): string {
  const decoded = raw.replace(/%[\da-f]{2}/gi, (code) => {
    const byte = Number.parseInt(code.slice(1), 16)
    return byte < 0x80 ? String.fromCharCode(byte) : code
  })
  const segments: string[] = []
  for (const segment of decoded.replaceAll('\\', '/').split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

// What some routers take apart and others take literally: an encoded slash, backslash, dot or NUL, empty and dot segments.
const AMBIGUOUS = /%(?:2f|5c|2e|00)|\\|\/\/|\/\.\.?(?:\/|$)/i

/**
 * A test for `when` and `unless`: does the path match one of the patterns? A pattern is a path, compared with
 * {@link pathOf}; a trailing `/*` takes everything below (and the path itself); `:name` takes one segment.
 *
 * Where passing the test lets a request off (`unless`, {@link exemption}), it is the other way round: then only what every
 * router takes for the pattern passes, the path as it came, in the pattern's own case. Else `/admin/x%5C..%5C..%5Chealth`
 * would be let off as `/health` and be served as `/admin/:name`.
 *
 * Throws a TypeError for a pattern that does not start with `/` or has `*` elsewhere.
 */
export function onPath(...patterns: readonly string[]): Test {
  const exact = new Set<string>()
  const shapes: RegExp[] = []
  const plain: RegExp[] = []
  for (const pattern of patterns) {
    if (typeof pattern !== 'string' || !pattern.startsWith('/')) {
      throw new TypeError(`onPath: a pattern must start with '/', got ${show(pattern)}`)
    }
    const below = pattern.endsWith('/*')
    // As a URL has it: all but ASCII percent-encoded.
    const path = normalPath(pattern.slice(0, below ? -2 : undefined).replace(/[^\0-\x7f]+/g, encodeURIComponent))
    if (path.includes('*')) throw new TypeError(`onPath: '*' goes last, after a slash, got ${show(pattern)}`)
    plain.push(shapeOf(path, below))
    if (below || path.includes('/:')) shapes.push(shapeOf(path.toLowerCase(), below))
    else exact.add(path.toLowerCase())
  }
  const test = (request: Request): boolean => {
    const path = pathOf(request)
    return exact.has(path) || shapes.some((shape) => shape.test(path))
  }
  return Object.assign(test, {
    '~exempts': (request: Request): boolean => {
      const path = rawPath(request)
      return !AMBIGUOUS.test(path) && plain.some((shape) => shape.test(path))
    },
  })
}

function shapeOf(path: string, below: boolean): RegExp {
  const source = path === '/'
    ? ''
    : path.split('/').map((segment) =>
      segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    ).join('/')
  return new RegExp(`^${source}${below ? '(?:/.*)?' : '/?'}$`, 's')
}

/** Did the client speak TLS: to the proxy that `clientIp` trusts, or else on this very connection? */
export function isSecure(context: Context): boolean {
  return (context as Partial<HasClientIp>).secure ?? context.connection.encrypted
}
