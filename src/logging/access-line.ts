/**
 * The text of one line of the access log. Written by hand, field by field, because an object for `JSON.stringify` and a copy of
 * it without secrets would cost more than all the rest: names are escaped once, and most values need no escape.
 */
import type { AttributeValue, Context, End } from '../core/context.ts'
import type { HasClientIp, HasPrincipal, HasRequestId } from '../core/facts.ts'
import { fieldName } from '../core/fields.ts'
import type { LogLevel } from '../core/log.ts'
import type { Redaction } from '../core/redact.ts'
import { jsonString, REDACTED } from '../core/redact.ts'
import { rawPath } from '../core/request.ts'

/** What is logged of one exchange, beside what its request and context say. */
export interface Exchange {
  readonly level: LogLevel
  /** In milliseconds since 1970. */
  readonly time: number
  readonly durationMs: number
  /** The threshold, if it was slow. */
  readonly slow: number | undefined
  readonly end: End
}

interface Label {
  readonly json: string
  readonly hidden: boolean
}

interface Header {
  readonly name: string
  /** The field up to its value's first quote; all of it, where the value is hidden. */
  readonly json: string
  readonly text: ((value: string) => string) | undefined
}

const TRACE = 'trace.id'
const SPAN = 'span.id'

/** Makes lines; remembers the usual names and texts, up to a bound. */
export class AccessLine {
  readonly #redaction: Redaction
  readonly #query: boolean
  readonly #headers: readonly Header[]
  readonly #method = remembering((method) => jsonString(method, 32))
  readonly #client = remembering(jsonString)
  readonly #path: (path: string) => string
  readonly #labels = new Map<string, Label>()
  #ms = Number.NaN
  #iso = ''

  constructor(redaction: Redaction, headers: readonly string[], query: boolean) {
    this.#redaction = redaction
    this.#query = query
    this.#headers = headers.map((header) => {
      const name = fieldName(header)
      const label = `,${jsonString(name === 'user-agent' ? 'userAgent' : name)}:"`
      return redaction.isSecret(name)
        ? { name, json: `${label}${REDACTED}"`, text: undefined }
        : { name, json: label, text: remembering((value) => redaction.string(withoutQuery(value), 512)) }
    })
    this.#path = remembering((path) => redaction.string(path))
  }

  line(request: Request, context: Context, { level, time, durationMs, slow, end }: Exchange): string {
    const redaction = this.#redaction
    const { requestId, clientIp, principal } = context as Partial<HasRequestId & HasClientIp & HasPrincipal>
    const { attributes, events } = context
    let out = `{"time":"${this.#time(time)}","level":"${level}","message":"request"`
    if (requestId !== undefined) out += `,"requestId":${jsonString(requestId)}`
    if (attributes[TRACE] !== undefined) out += `,"traceId":${jsonString(String(attributes[TRACE]), 64)}`
    if (attributes[SPAN] !== undefined) out += `,"spanId":${jsonString(String(attributes[SPAN]), 64)}`
    out += `,"method":"${this.#method(request.method)}","path":"${this.#path(rawPath(request))}"`
    if (this.#query) out += queryField(request.url, redaction)
    out += `,"status":${end.status},"durationMs":${thousandths(durationMs)}`
    if (slow !== undefined) out += `,"slow":true,"thresholdMs":${slow}`
    if (end.bytes !== undefined) out += `,"bytes":${end.bytes}`
    if (end.outcome !== 'complete') out += `,"outcome":"${end.outcome === 'aborted' ? 'client_closed' : 'failed'}"`
    if (clientIp !== undefined) out += `,"client":"${this.#client(clientIp)}"`
    if (principal !== undefined) out += `,"principal":${jsonString(String(principal.id))}`
    const { headers } = request
    for (const { name, json, text } of this.#headers) {
      const value = headers.get(name)
      if (value !== null) out += text === undefined ? json : `${json}${text(value)}"`
    }
    for (const name in attributes) {
      if (name !== TRACE && name !== SPAN) out += this.#attribute(name, attributes[name]!)
    }
    if (events.length > 0) out += `,"events":${redaction.line(events)}`
    return out + '}'
  }

  /** ISO time, made once per millisecond. */
  #time(ms: number): string {
    if (ms !== this.#ms) {
      this.#ms = ms
      this.#iso = new Date(ms).toISOString()
    }
    return this.#iso
  }

  #attribute(name: string, value: AttributeValue): string {
    const { json, hidden } = this.#label(name)
    if (hidden) return `${json}"${REDACTED}"`
    if (typeof value === 'string') return json + this.#redaction.string(value)
    return json + (typeof value === 'boolean' || Number.isFinite(value) ? String(value) : this.#redaction.line(value))
  }

  #label(name: string): Label {
    let label = this.#labels.get(name)
    if (label === undefined) {
      label = { json: `,${this.#redaction.string(name, 200)}:`, hidden: this.#redaction.isSecret(name) }
      if (this.#labels.size >= 1_000) this.#labels.clear()
      if (name.length <= 100) this.#labels.set(name, label)
    }
    return label
  }
}

/** So many texts are remembered per header, none longer than that. */
const TEXTS = 256
const LONGEST = 256

/**
 * What stands between the quotes of a text's JSON. Knows again the texts that stand there as they are: to look for secrets costs
 * more than the rest of a line, and most headers say what they said before. A secret is never remembered.
 */
function remembering(string: (text: string) => string): (text: string) => string {
  const harmless = new Set<string>()
  let last = ''
  return (text) => {
    if (text === last) return text
    if (harmless.has(text)) return last = text
    const inside = string(text).slice(1, -1)
    if (text.length <= LONGEST && inside === text) {
      // Then anew, so that nobody can fill it with texts of his own for good.
      if (harmless.size >= TEXTS) harmless.clear()
      harmless.add(text)
    }
    return inside
  }
}

/** A number with three decimals. Put together of two whole numbers: a fraction takes the engine four times as long to write. */
function thousandths(value: number): string {
  const all = Math.round(value * 1_000)
  const whole = Math.floor(all / 1_000)
  const rest = all - whole * 1_000
  return rest === 0 ? `${whole}` : `${whole}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`
}

const URL_LIKE = /^(?:[a-z][a-z\d+.-]{0,20}:\/)?\//i

/** A header that is a URL (`Referer`) without its query: another service's parameters are as secret as ours. */
function withoutQuery(value: string): string {
  const query = value.indexOf('?')
  return query >= 0 && URL_LIKE.test(value) ? value.slice(0, query) : value
}

/** The query as an object, values of secret keys replaced; bounded by what it reads. */
function queryField(url: string, redaction: Redaction): string {
  const start = url.indexOf('?')
  if (start < 0) return ''
  const most = start + 2_049
  // What the cut goes through is left out: half a secret is one.
  const end = url.length > most ? Math.max(start, url.lastIndexOf('&', most)) : most
  const parameters = new URLSearchParams(url.slice(start + 1, end))
  return `,"query":${redaction.line(new Map(parameters))}`
}
