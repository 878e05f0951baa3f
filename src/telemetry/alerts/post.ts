/** Posts JSON to one address, a few times if need be. What it says of a failure never holds the address: it may be a secret. */
import { show } from '../../core/quantity.ts'

/** Options of every channel that posts. */
export interface PostOptions {
  /** Where to: https, or http on this very machine. No redirect is followed. */
  readonly url: string | URL
  /** Lets `url` be http to elsewhere, where all on the way can read and drop what is sent. (false) */
  readonly dangerouslyAllowHttp?: boolean | undefined
  /** Posts. (`fetch`) */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
}

/** One request, made anew for each attempt. */
export type Draft = () => Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: string }>

/** Posts a draft. Rejects when it was not taken. */
export type Post = (draft: Draft, signal: AbortSignal) => Promise<void>

const ATTEMPTS = 3
/** What one attempt may take: three, and the pauses, have to fit in what a channel may take. */
const ATTEMPT = 4_000
/** Who asks for a longer pause than this will not be asked again. */
const LONGEST_PAUSE = 5_000

/**
 * Makes what posts, with up to three attempts: after no answer, a 408, a 429 or a 5xx, and a pause of about 0.4 s, then 1.6 s,
 * or what `Retry-After` says. Throws a TypeError that names `channel` for a bad option.
 */
export function poster(channel: string, options: PostOptions): Post {
  const { dangerouslyAllowHttp: allowHttp = false, fetch: given } = options
  if (typeof allowHttp !== 'boolean') throw new TypeError(`${channel}: dangerouslyAllowHttp must be true or false`)
  if (given !== undefined && typeof given !== 'function') throw new TypeError(`${channel}: fetch must be a function`)
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined
  if (url === undefined || !(url.protocol === 'https:' || (url.protocol === 'http:' && (allowHttp || isLocal(url))))) {
    throw new TypeError(`${channel}: url must be an absolute https URL`)
  }
  if (url.username !== '' || url.password !== '') throw new TypeError(`${channel}: url must hold no credentials`)
  const send = given ?? ((href: string, init: RequestInit) => fetch(href, init))

  return async (draft, signal) => {
    for (let attempt = 1;; attempt++) {
      const failure = await once(send, url.href, await draft(), signal)
      if (failure === undefined) return
      const pause = failure.pause ?? 400 * 4 ** (attempt - 1) * (0.75 + Math.random() / 2)
      if (failure.final || attempt === ATTEMPTS || pause > LONGEST_PAUSE || signal.aborted) {
        throw new Error(`${channel}: ${failure.why}`)
      }
      await resting(pause, signal)
    }
  }
}

/** What `dangerouslyAllowHttp` weakens. */
export function postRisks(channel: string, options: PostOptions): readonly string[] {
  return options.dangerouslyAllowHttp === true ? [`${channel}: dangerouslyAllowHttp`] : []
}

function isLocal({ hostname }: URL): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname) || hostname.endsWith('.localhost')
}

interface Failure {
  readonly why: string
  /** Another attempt would end in the same way. */
  readonly final: boolean
  /** Asked for by the receiver. */
  readonly pause?: number | undefined
}

async function once(
  send: (url: string, init: RequestInit) => Promise<Response>,
  url: string,
  draft: Awaited<ReturnType<Draft>>,
  outer: AbortSignal,
): Promise<Failure | undefined> {
  const own = new AbortController()
  const timer = setTimeout(() => own.abort(), ATTEMPT)
  try {
    const signal = AbortSignal.any([outer, own.signal])
    const response = await send(url, { method: 'POST', ...draft, redirect: 'manual', signal })
    void response.body?.cancel().catch(() => {})
    const { ok, status, headers } = response
    if (ok) return undefined
    const seconds = /^\d{1,6}$/.exec(headers.get('retry-after') ?? '')?.[0]
    return {
      why: `the answer was ${status === 0 ? 'a redirect' : status}`,
      final: status < 500 && status !== 408 && status !== 429,
      pause: seconds === undefined ? undefined : Number(seconds) * 1_000,
    }
  } catch (error) {
    return {
      why: own.signal.aborted ? `no answer in ${ATTEMPT / 1_000} seconds` : `no answer${reason(error)}`,
      final: false,
    }
  } finally {
    clearTimeout(timer)
  }
}

/** Why, in one word: what runtimes say in full may hold the address. */
function reason(error: unknown): string {
  const { code, cause, name } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown }; name?: unknown }
  const word = [cause?.code, code, name].find((one) => typeof one === 'string' && /^\w{2,40}$/.test(one))
  return word === undefined ? '' : ` (${show(word).replaceAll('"', '')})`
}

function resting(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
