/**
 * What an adapter answers before there is a request that a handler could be given: small problems with a fixed text and
 * headers that are safe for whatever reads them.
 */
import { createContext } from '../../src/core/context.ts'
import type { ProblemCode } from '../../src/core/problem.ts'
import { problem, problemDetails } from '../../src/core/problem.ts'

/** An answer as data, for a socket, a ServerResponse or a Response. */
export interface Early {
  readonly status: number
  /** Name, value, name, value. */
  readonly fields: readonly string[]
  readonly body: string
}

/** Makes an early answer. `status` and `detail` override what `code` says. */
export function early(code: ProblemCode, status?: number, detail?: string): Early {
  const init = problem(code, { ...(status && { status }), ...(detail && { detail }) })
  const { contentType, body } = problemDetails(init, createContext())
  return {
    status: init.status,
    fields: ['content-type', contentType, 'cache-control', 'no-store', 'x-content-type-options', 'nosniff'],
    body: JSON.stringify(body),
  }
}

/**
 * TRACE, TRACK and CONNECT: reflecting a request's headers (credentials too) and tunnelling are nobody's intention here.
 * 501 and not 405, which would have to list what the resource allows (RFC 9110 §15.5.6, §15.6.2).
 */
export const UNSUPPORTED_METHOD: Early = early('method-not-allowed', 501, 'This server does not know this method.')

/** Is it one of the methods that no handler gets to see? */
export function isUnsupported(method: string): boolean {
  return method === 'TRACE' || method === 'TRACK' || method === 'CONNECT'
}

/** An early answer as a Response. */
export function earlyResponse({ status, fields, body }: Early): Response {
  const headers = new Headers()
  for (let i = 0; i < fields.length; i += 2) headers.set(fields[i]!, fields[i + 1]!)
  return new Response(body, { status, headers })
}

/** The answer to a request whose target and Host name different servers. */
export const WRONG_TARGET: Early = early(
  'bad-request',
  400,
  'The request target and Host must name the same server, once.',
)

/**
 * What is wrong with a request that a fetch runtime let through, if anything: a method nobody serves, two Host headers
 * (Bun joins them), or an absolute target with an authority of its own (Deno takes that one for the URL), by which a
 * router and a guard could disagree (RFC 9112 §3.2.2).
 */
export function refusedEarly(request: Request): Early | undefined {
  if (isUnsupported(request.method)) return UNSUPPORTED_METHOD
  const host = request.headers.get('host')
  if (host === null) return undefined
  const { url } = request
  const start = url.indexOf('://') + 3
  // Nearly always the runtime made the URL of this very header.
  if (url.startsWith(host, start) && url.charCodeAt(start + host.length) === 47) return undefined
  const scheme = url.slice(0, start)
  return authorityOf(`${scheme}${host}`) === authorityOf(url) ? undefined : WRONG_TARGET
}

/** Host and port, in normal form; a new object, which equals nothing, where there is none. */
function authorityOf(url: string): unknown {
  try {
    const { host, username } = new URL(url)
    return username === '' ? host : {}
  } catch {
    return {}
  }
}
