/** One batch of lines, posted once: what came of it, in words that hold neither a token nor the URL's query. */
import { fieldName, fieldValue } from '../core/fields.ts'
import type { MaybePromise } from '../core/handler.ts'

/** Header fields. */
export type HeaderSource = Readonly<Record<string, string>>

/** As `fetch` is. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Why a batch was not taken, and whether it may be later. */
export interface Failure {
  readonly why: string
  readonly again: boolean
  /** Milliseconds that the collector asked for. */
  readonly after: number
}

/** Posts lines; `undefined` when they were taken. Never rejects, and never takes longer than its deadline. */
export type Post = (lines: readonly string[]) => Promise<Failure | undefined>

/** What {@link poster} takes. */
export interface PosterOptions {
  readonly url: string | URL
  readonly headers?: HeaderSource | (() => MaybePromise<HeaderSource>) | undefined
  readonly body?: 'ndjson' | 'json' | ((lines: readonly string[]) => string) | undefined
  readonly fetch?: Fetch | undefined
}

/** Makes what posts. Throws a TypeError for a bad option. */
export function poster({ url, headers = {}, body = 'ndjson', fetch: given }: PosterOptions, deadline: number): Post {
  const target = URL.canParse(url) ? new URL(url) : undefined
  // What stands there may be a secret.
  if (target === undefined || !/^https?:$/.test(target.protocol) || `${target.username}${target.password}` !== '') {
    throw new TypeError('httpLines: url must be an absolute http or https URL without credentials')
  }
  if (deadline > 2_147_483_647) throw new TypeError('httpLines: deadline must be at most 24 days')
  if (body !== 'ndjson' && body !== 'json' && typeof body !== 'function') {
    throw new TypeError(`httpLines: body must be 'ndjson', 'json' or a function`)
  }
  if (given !== undefined && typeof given !== 'function') throw new TypeError('httpLines: fetch must be a function')
  if (typeof headers !== 'function') checked(headers)
  const send: Fetch = given ?? ((href, init) => fetch(href, init))
  const written = typeof body === 'function'
    ? body
    : body === 'json'
    ? (lines: readonly string[]) => `[${lines.join(',')}]`
    : (lines: readonly string[]) => `${lines.join('\n')}\n`
  const type = body === 'ndjson' ? 'application/x-ndjson' : 'application/json'

  const attempt = async (lines: readonly string[], signal: AbortSignal): Promise<Failure | undefined> => {
    let response: Response
    try {
      const fields = { 'content-type': type, ...checked(typeof headers === 'function' ? await headers() : headers) }
      const init: RequestInit = { method: 'POST', redirect: 'manual', headers: fields, body: written(lines), signal }
      response = await send(target.href, init)
    } catch {
      // The error may hold the URL, or a header.
      return { why: 'the collector could not be asked', again: true, after: 0 }
    }
    void response.body?.cancel().catch(() => {})
    const { status, ok } = response
    if (ok) return undefined
    const again = status === 408 || status === 429 || status >= 500
    return { why: `the collector answered ${status}`, again, after: retryAfter(response) }
  }

  return (lines) =>
    new Promise((resolve) => {
      const abort = new AbortController()
      const timer = setTimeout(() => {
        resolve({ why: 'the collector did not answer in time', again: true, after: 0 })
        abort.abort()
      }, deadline)
      void attempt(lines, abort.signal).then((failure) => {
        clearTimeout(timer)
        resolve(failure)
      })
    })
}

/** The fields by their names in lower case. Throws a TypeError that shows no value. */
function checked(headers: HeaderSource): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) out[fieldName(name)] = fieldValue(value, name)
  return out
}

/** Seconds, or a date (RFC 9110 §10.2.3), as milliseconds from now. */
function retryAfter({ headers }: Response): number {
  const text = headers.get('retry-after') ?? ''
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return ms > 0 ? ms : 0
}
