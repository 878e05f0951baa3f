import { contentLength } from '../core/body.ts'
import type { Attributes, Context, End } from '../core/context.ts'
import { onEnd } from '../core/context.ts'
import type { HasRequestId } from '../core/facts.ts'
import { mediaType } from '../core/fields.ts'
import type { Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { Log } from '../core/log.ts'
import { consoleLog, safely } from '../core/log.ts'
import type { Size } from '../core/quantity.ts'
import { bytes } from '../core/quantity.ts'
import type { Redaction } from '../core/redact.ts'
import { standardRedaction } from '../core/redact.ts'
import type { Test } from '../core/when.ts'
import { exemption } from '../core/when.ts'
import { BodyTap, tapRequest, tapResponse } from './body-tap.ts'
import type { BodyKind, Showing } from './body-text.ts'
import { kindOf, show } from './body-text.ts'

/** Options of {@link bodyLog}. */
export interface BodyLogOptions {
  /** Takes a record per request, of level `debug`. (`consoleLog`) */
  readonly log?: Log | undefined
  /**
   * Which request bodies to show; `true` is `['json', 'form']`. Of all others the record has the size. `'text'` is as safe
   * as its shapes: a secret in it that is neither behind its name nor looks like one is shown. (true)
   */
  readonly request?: boolean | readonly BodyKind[] | undefined
  /** Which response bodies to show, in the same words. (false) */
  readonly response?: boolean | readonly BodyKind[] | undefined
  /** The methods of requests to log. (`['POST', 'PUT', 'PATCH']`) */
  readonly methods?: readonly string[] | undefined
  /** How much of a body to keep. (`'4kb'`) */
  readonly most?: Size | undefined
  /** Show the top-level keys only. (false) */
  readonly keysOnly?: boolean | undefined
  /** What may not be written. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
  /** Requests not to log. (none) */
  readonly skip?: Test | undefined
}

/**
 * Writes one record per request with what was in its body and, when asked, in the response's: for finding a fault, not for
 * every day.
 *
 * Sees what passes, and keeps the first of it: no body is read for its sake, and a stream stays one. JSON and forms are
 * parsed and redacted by key at any depth; what does not parse is not shown. A body that is longer than `most`, or was not
 * read to its end, is `truncated`, and shown without the value that was cut.
 *
 * Stands in the slot `accessLog` of a policy, beside `accessLog`: there it sees what guards refuse, and the body as the first
 * who reads it gets it. Further in, a body that `bodyLimit` or `validate` has read would have gone by.
 *
 * Needs:   nothing; logs `requestId` where it is there.
 * Adds:    nothing.
 * Refuses: nothing.
 * Throws:  when made: TypeError if an option is not usable.
 * Fails:   a log that throws is ignored; a request is never delayed.
 * Costs:   1 µs and a parse of at most `most` bytes. A response that is shown is sent as a stream, so without Content-Length
 *          where the runtime does not count it first.
 * Source:  ASVS 5 16.2.5.
 *
 * @example
 * policy({ accessLog: compose(accessLog(), bodyLog({ log, skip: onPath('/login') })) })
 */
export function bodyLog(options: BodyLogOptions = {}): Wrapper {
  const { log = consoleLog, redaction = standardRedaction } = options
  if (typeof log !== 'function') throw new TypeError('bodyLog: log must be a function')
  if (options.skip !== undefined && typeof options.skip !== 'function') {
    throw new TypeError('bodyLog: skip must be a function')
  }
  if (typeof redaction?.copy !== 'function') throw new TypeError('bodyLog: redaction must be what redaction() makes')
  const request = kinds(options.request ?? true, 'request')
  const response = kinds(options.response ?? false, 'response')
  const { methods = ['POST', 'PUT', 'PATCH'] } = options
  if (!Array.isArray(methods) || methods.some((method) => typeof method !== 'string')) {
    throw new TypeError('bodyLog: methods must be a list of names')
  }
  const most = bytes(options.most ?? '4kb', 'bodyLog: most')
  const showing = { keysOnly: options.keysOnly === true, redaction }
  const skip = options.skip && exemption(options.skip)
  const settings: Settings = { log, request, response, most, showing }

  return (next) => (request, context) => {
    if (!methods.includes(request.method) || skip?.(request, context) === true) return next(request, context)
    const exchange = new LoggedExchange(request, context, settings)
    const response = next(request, context)
    return isPromise(response) ? response.then((one) => exchange.sees(one)) : exchange.sees(response)
  }
}

interface Settings {
  readonly log: Log
  readonly request: ReadonlySet<BodyKind> | undefined
  readonly response: ReadonlySet<BodyKind> | undefined
  readonly most: number
  readonly showing: Showing
}

const KINDS: readonly BodyKind[] = ['json', 'form', 'text']

function kinds(given: boolean | readonly BodyKind[], option: string): ReadonlySet<BodyKind> | undefined {
  if (given === true) return new Set(['json', 'form'])
  if (given === false) return undefined
  if (!Array.isArray(given) || given.some((kind: BodyKind) => !KINDS.includes(kind))) {
    throw new TypeError(`bodyLog: ${option} must be true, false, or a list of 'json', 'form' and 'text'`)
  }
  return new Set(given)
}

/** One side of an exchange: what is known of its body before it passes. */
interface Side {
  readonly type: string | undefined
  readonly kind: BodyKind | undefined
  readonly tap: BodyTap | undefined
}

/** One request and its response, until both have passed. */
class LoggedExchange {
  readonly #request: Request
  readonly #context: Context & Partial<HasRequestId>
  readonly #settings: Settings
  readonly #received: Side | undefined
  #sent: Side | undefined
  #end: End | undefined
  #done = false

  constructor(request: Request, context: Context, settings: Settings) {
    this.#request = request
    this.#context = context
    this.#settings = settings
    if (settings.request !== undefined) {
      const side = sideOf(request.headers, settings.request)
      this.#received = side.kind === undefined ? side : { ...side, tap: tapRequest(request, settings.most) }
    }
    onEnd(context, (end) => this.#ended(end))
  }

  /** The response, or one like it whose body is seen. */
  sees(response: Response): Response {
    const { response: shown, most } = this.#settings
    if (shown === undefined || this.#done || isBodiless(response, this.#request)) return response
    try {
      const side = this.#sent = sideOf(response.headers, shown)
      if (side.kind === undefined) return response
      const tap = new BodyTap(most)
      const seen = tapResponse(response, tap)
      if (seen !== response) this.#sent = { ...side, tap }
      return seen
    } catch {
      return response // it cannot be sent either: the edge will say so
    }
  }

  /**
   * The exchange is over. Where the runtime only took the response over, its body is still to pass; if nobody takes it, nothing
   * is logged, for nothing was sent.
   */
  #ended(end: End): void {
    this.#end = end
    if (this.#sent?.tap === undefined || end.outcome !== 'complete') this.#write()
    else this.#sent.tap.onEnd(() => this.#write())
  }

  #write(): void {
    if (this.#done) return
    this.#done = true
    const { attributes, requestId } = this.#context
    if (attributes['health.check'] === true) return
    const { log, showing } = this.#settings
    const request = this.#received && described(this.#received, contentLength(this.#request), showing)
    const response = this.#sent && described(this.#sent, this.#end!.bytes, showing)
    if (request === undefined && response === undefined) return
    safely(log, { level: 'debug', message: 'body', requestId, traceId: traceOf(attributes), request, response })
  }
}

function traceOf(attributes: Attributes): string | undefined {
  const id = attributes['trace.id']
  return id === undefined ? undefined : String(id)
}

function isBodiless({ status }: Response, { method }: Request): boolean {
  return status === 101 || status === 204 || status === 205 || status === 304 || method === 'HEAD'
}

function sideOf(headers: Headers, shown: ReadonlySet<BodyKind>): Side {
  const kind = kindOf(headers)
  const type = headers.get('content-type')
  return {
    type: type === null ? undefined : mediaType(type).slice(0, 100),
    kind: kind !== undefined && shown.has(kind) ? kind : undefined,
    tap: undefined,
  }
}

/** `undefined` if there is no body. `declared` counts where nobody counted better. */
function described({ type, kind, tap }: Side, declared: number | undefined, showing: Showing): object | undefined {
  const size = tap?.bytes ?? (Number.isNaN(declared) ? undefined : declared)
  const start = tap?.start()
  if (start === undefined || start === '' || kind === undefined) {
    return size === 0 || (size === undefined && type === undefined) ? undefined : { bytes: size, type }
  }
  const shown = show(start, tap!.whole, kind, showing)
  return { bytes: size, type, ...shown, ...(tap!.whole ? {} : { truncated: true }) }
}
