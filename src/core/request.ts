/** Reading a request: its path in one normal form, and whether it came in safety. */
import type { Context } from './context.ts'
import type { HasClientIp } from './facts.ts'
import type { Test } from './when.ts'

/** The path of a request as it came, without query: what lies between the authority and `?`. Does not parse the URL. */
export function rawPath(request: Request): string {
  const { url } = request
  const start = url.indexOf('/', url.indexOf('://') + 3)
  if (start < 0) return '/'
  const query = url.indexOf('?', start)
  const hash = url.indexOf('#', start)
  const end = query < 0 ? hash : hash < 0 ? query : Math.min(query, hash)
  return end < 0 ? url.slice(start) : url.slice(start, end)
}

const ORDINARY = /^(?:\/[a-z\d_~-][a-z\d._~-]*)+$/

/**
 * The path in the one form by which guards compare: percent-decoded once, `\` as `/`, dot segments resolved, slashes
 * joined, no trailing slash, lower case. `/API//auth/%2e%2e/Login/` is `/api/login`.
 *
 * Routers differ in what they take for the same path. A guard must match whatever any of them would, so this form is
 * the widest; use it to decide what to protect, never to find a file.
 */
export function pathOf(request: Request): string {
  const raw = rawPath(request)
  return ORDINARY.test(raw) ? raw : normalPath(raw)
}

function normalPath(raw: string): string {
  const decoded = raw.replace(/%[\da-f]{2}/gi, (code) => {
    const byte = Number.parseInt(code.slice(1), 16)
    return byte < 0x80 ? String.fromCharCode(byte) : code
  })
  const segments: string[] = []
  for (const segment of decoded.replaceAll('\\', '/').toLowerCase().split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

/**
 * A test for `when` and `unless`: does the path match one of the patterns? A pattern is a path, compared with
 * {@link pathOf}; a trailing `/*` takes everything below (and the path itself); `:name` takes one segment.
 * Throws a TypeError for a pattern that does not start with `/`.
 */
export function onPath(...patterns: readonly string[]): Test {
  const exact = new Set<string>()
  const shapes: RegExp[] = []
  for (const pattern of patterns) {
    if (typeof pattern !== 'string' || !pattern.startsWith('/')) {
      throw new TypeError(`onPath: a pattern must start with '/', got ${String(pattern)}`)
    }
    const below = pattern.endsWith('/*')
    const path = normalPath(below ? pattern.slice(0, -2) : pattern)
    if (!below && !path.includes('/:')) exact.add(path)
    else {
      const source = path === '/' ? '' : path.split('/').map((segment) =>
        segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      ).join('/')
      shapes.push(new RegExp(`^${source}${below ? '(?:/.*)?' : ''}$`))
    }
  }
  return (request) => {
    const path = pathOf(request)
    return exact.has(path) || shapes.some((shape) => shape.test(path))
  }
}

/** Did the client speak TLS: to the proxy that `clientIp` trusts, or else on this very connection? */
export function isSecure(context: Context): boolean {
  return (context as Partial<HasClientIp>).secure ?? context.connection.encrypted
}
