/**
 * Posts OTLP as JSON over `fetch`: with a deadline per try, again where the collector asks for it or is not to be reached,
 * and with one complaint per outage. Nothing that it says holds a header, the URL or what an error quotes: they may hold a
 * token.
 */
import { gather } from '../../core/body.ts'
import { systemClock } from '../../core/clock.ts'
import type { MaybePromise } from '../../core/handler.ts'
import type { Log } from '../../core/log.ts'
import { safely } from '../../core/log.ts'

/** Where to, and how. */
export interface ExporterSpec {
  /** Of this signal, e.g. `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string
  readonly headers:
    | Readonly<Record<string, string>>
    | (() => MaybePromise<Readonly<Record<string, string>>>)
    | undefined
  /** Milliseconds that one try may take. */
  readonly timeout: number
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly log: Log
  /** What an outage does, e.g. `spans are lost`, and its code. */
  readonly loss: string
  readonly code: string
}

/** What became of one try. */
interface Answer {
  /** Items that were lost; all if it was not taken. */
  readonly lost: number
  /** Why, in our words. */
  readonly why?: string
  /** It was not taken, but may be after so many milliseconds. */
  readonly again?: number
}

const TRIES = 5
const FIRST_PAUSE = 500
const LONGEST_ANSWER = 65_536
const BUSY: readonly number[] = [429, 502, 503, 504]

/** The way of one signal to the collector. */
export class Exporter {
  readonly #spec: ExporterSpec
  /** Each ends a pause between two tries, or a try. */
  readonly #pauses = new Set<() => void>()
  readonly #tries = new Set<() => void>()
  #hurried = false
  #complained = false

  constructor(spec: ExporterSpec) {
    this.#spec = spec
  }

  /**
   * Sends `items` and tells how many were lost, `patience` ms from now at the latest. Never rejects. Takes text: Node's `fetch`
   * copies bytes twice, and makes a stream of them, for half as much again.
   */
  async send(body: string, items: number, patience: number): Promise<number> {
    const began = systemClock.monotonic()
    for (let tries = 1;; tries++) {
      const left = patience - (systemClock.monotonic() - began)
      const { lost, why, again } = await this.#try(body, items, Math.min(this.#spec.timeout, left))
      if (why === undefined) return lost
      // Not all at the same moment: they all failed at the same one.
      const pause = Math.max(again ?? 0, FIRST_PAUSE * 2 ** (tries - 1) * (0.5 + Math.random() / 2))
      const late = systemClock.monotonic() - began + pause >= patience
      if (again === undefined || tries === TRIES || this.#hurried || late) {
        this.complain(why)
        return lost
      }
      await this.#pause(pause)
    }
  }

  /** From now on each export gets one try: somebody waits. */
  hurry(): void {
    this.#hurried = true
    for (const end of this.#pauses) end()
  }

  /** Ends the tries that are on their way: nobody waits any longer. */
  abandon(): void {
    for (const end of this.#tries) end()
  }

  /** Once per outage: what is lost must not be lost silently, nor fill a log. */
  complain(why: string): void {
    if (this.#complained) return
    this.#complained = true
    const { log, loss, code } = this.#spec
    safely(log, { level: 'error', message: `openTelemetry: ${loss}, ${why}`, code })
  }

  /** All is well again: the next loss is another outage. */
  recovered(): void {
    this.#complained = false
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#pauses.delete(end)
        resolve()
      }
      const timer = timerOf(end, ms)
      this.#pauses.add(end)
    })
  }

  /** Its own deadline beside the signal: a `fetch` may ignore it, and so may a body. */
  async #try(body: string, items: number, ms: number): Promise<Answer> {
    const controller = new AbortController()
    let end = (): void => {}
    const late = new Promise<Answer>((resolve) => {
      end = () => {
        controller.abort()
        // Not again: it may have been taken, and a collector that hangs is helped by nobody's second try.
        resolve({ lost: items, why: 'the collector did not answer in time' })
      }
    })
    const timer = setTimeout(end, ms)
    this.#tries.add(end)
    try {
      return await Promise.race([this.#ask(body, items, controller.signal), late])
    } finally {
      clearTimeout(timer)
      this.#tries.delete(end)
    }
  }

  async #ask(body: string, items: number, signal: AbortSignal): Promise<Answer> {
    const { url, headers: given, fetch } = this.#spec
    let headers: Headers
    try {
      headers = new Headers(typeof given === 'function' ? await given() : given)
      headers.set('content-type', 'application/json')
    } catch {
      return { lost: items, why: 'the headers could not be made' }
    }
    try {
      // A redirect would take the headers somewhere else.
      const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
      return await answerOf(response, items)
    } catch (error) {
      return { lost: items, why: `the collector cannot be reached${causeOf(error)}`, again: 0 }
    }
  }
}

/** A timer that does not keep the process, where the runtime can tell the difference. */
export function timerOf(run: () => void, ms: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(run, ms)
  const { unref } = timer as unknown as { readonly unref?: () => void }
  unref?.call(timer)
  return timer
}

async function answerOf(response: Response, items: number): Promise<Answer> {
  const { status, headers } = response
  if (!response.ok) {
    void response.body?.cancel().catch(() => {})
    const why = `the collector answered ${status}`
    return BUSY.includes(status)
      ? { lost: items, why, again: retryAfter(headers.get('retry-after')) }
      : { lost: items, why }
  }
  const rejected = await rejectedOf(response)
  return rejected > 0 ? { lost: Math.min(rejected, items), why: 'the collector rejected some' } : { lost: 0 }
}

/** How many items a collector did not take though it took the request. */
async function rejectedOf(response: Response): Promise<number> {
  try {
    const answer = JSON.parse(new TextDecoder().decode(await gather(response.body, LONGEST_ANSWER))) as {
      readonly partialSuccess?: { readonly rejectedSpans?: unknown; readonly rejectedDataPoints?: unknown } | null
    } | null
    const { rejectedSpans, rejectedDataPoints } = answer?.partialSuccess ?? {}
    const rejected = Number(rejectedSpans ?? rejectedDataPoints ?? 0)
    return rejected > 0 ? rejected : 0
  } catch {
    return 0 // It said that it took it; some answer with an empty body, or a page.
  }
}

/** Milliseconds. */
function retryAfter(field: string | null): number {
  if (field === null) return 0
  const at = /^\d{1,9}$/.test(field) ? Number(field) * 1_000 : Date.parse(field) - systemClock.now()
  return at > 0 ? at : 0
}

/** The name of what went wrong on the network, which holds nothing of the request. */
function causeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } }
  const name = cause?.code ?? code
  return typeof name === 'string' && /^\w{1,40}$/.test(name) ? ` (${name})` : ''
}
