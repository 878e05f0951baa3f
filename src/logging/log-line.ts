/**
 * Makes the lines of a logger: JSON written by hand, because most fields are short texts and numbers, and a copy of the record
 * for `JSON.stringify` would cost more than all the rest.
 *
 * Nothing in a record can take the place of `time`, `level` or `message`, stand twice, start a second line, or make it
 * longer than 8,192 characters.
 */
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { HasRequestId } from '../core/facts.ts'
import type { LogFields, LogLevel } from '../core/log.ts'
import type { Redaction } from '../core/redact.ts'
import { REDACTED } from '../core/redact.ts'

/** Fields that are on many lines, written once. */
export interface Bound {
  readonly fields: LogFields
  readonly json: string
  /** The parts of `json` by key. */
  readonly parts: ReadonlyMap<string, string>
}

/** No fields. */
export const UNBOUND: Bound = { fields: {}, json: '', parts: /* @__PURE__ */ new Map() }

/** What one line, its message, its bound fields, and at least its request may take. */
const LINE = 8_192
const MESSAGE = 4_096
const BOUND = 2_048
const REQUEST = 1_024
const ENTRIES = 100
const NO_FIELDS: LogFields = {}
const TRUNCATED = ',"truncated":true'
const UNREADABLE = '"[unreadable]"'
const LONG = '"[long]"'
/** Room for what stands in a value's place. */
const PLACE = UNREADABLE.length

interface Label {
  readonly json: string
  readonly hidden: boolean
}

/** Makes lines; remembers up to 1,000 keys, so that the usual ones cost a look-up. */
export class LineMaker {
  readonly #redaction: Redaction
  readonly #clock: Clock
  readonly #labels = new Map<string, Label>()
  #ms = Number.NaN
  #time = ''

  constructor(redaction: Redaction, clock: Clock) {
    this.#redaction = redaction
    this.#clock = clock
  }

  /**
   * One line. The nearer to the line, the stronger: its own fields hide bound ones, which hide the request's. Of a `whole`
   * record, level and message are no fields.
   */
  line(
    level: LogLevel,
    message: unknown,
    fields: LogFields,
    bound: Bound,
    context: Context | undefined,
    whole: boolean,
  ): string {
    const head = `{"time":"${this.#now()}","level":"${level}","message":${this.#message(message)}`
    const room = LINE - head.length - bound.json.length - 1
    const hidden = bound.parts.size > 0 ? new Set<string>() : undefined
    const own = fields === NO_FIELDS
      ? ''
      : this.#own(fields, whole, bound, hidden, context === undefined ? room : room - REQUEST)
    const request = context === undefined ? '' : this.#request(context, fields, bound, room - own.length)
    const above = hidden === undefined || hidden.size === 0 ? bound.json : without(bound, hidden)
    return `${head}${request}${above}${own}}`
  }

  /** Writes fields for many lines, over those of `outer`. */
  bind(outer: Bound, given: unknown): Bound {
    const fields = asFields(given)
    const parts = new Map(outer.parts)
    let room = BOUND - outer.json.length
    for (const key of keysOf(fields)) {
      const part = this.#part(fields, key, room)
      if (part === undefined) break
      room -= part.length - (parts.get(key)?.length ?? 0)
      parts.set(key, part)
    }
    return { fields: merged(outer.fields, fields), json: [...parts.values()].join(''), parts }
  }

  /** ISO time, made once per millisecond. */
  #now(): string {
    const ms = this.#clock.now()
    if (ms !== this.#ms) {
      this.#ms = ms
      this.#time = new Date(ms).toISOString()
    }
    return this.#time
  }

  #message(message: unknown): string {
    try {
      // An object's own text would not tell by its keys what is secret.
      const isPlain = Object(message) !== message || message instanceof Error
      return this.#text(isPlain ? String(message) : this.#redaction.line(message), MESSAGE)
    } catch {
      return UNREADABLE
    }
  }

  /** The record's own fields; what of the bound ones they hide goes into `hidden`. */
  #own(fields: LogFields, whole: boolean, bound: Bound, hidden: Set<string> | undefined, room: number): string {
    const most = room - TRUNCATED.length
    let out = ''
    let entries = 0
    try {
      for (const key in fields) {
        if (!Object.hasOwn(fields, key) || (whole && (key === 'level' || key === 'message'))) continue
        const part = ++entries > ENTRIES ? undefined : this.#part(fields, key, most - out.length)
        if (part === undefined) return out + TRUNCATED
        if (hidden !== undefined && bound.parts.has(key)) hidden.add(key)
        out += part
      }
      return out
    } catch {
      // A proxy need not tell its keys.
      return out + TRUNCATED
    }
  }

  /** The request's id, and its attributes as they are now. */
  #request(context: Context, fields: LogFields, bound: Bound, room: number): string {
    const { requestId, attributes } = context as Context & Partial<HasRequestId>
    const isTaken = (key: string): boolean => bound.parts.has(key) || isOwn(fields, key)
    let out = ''
    if (requestId !== undefined && !isTaken('requestId')) out = `,"requestId":${this.#text(requestId, PLACE * 16)}`
    let entries = 0
    for (const name in attributes) {
      if (isTaken(NAMES.get(name) ?? name)) continue
      const part = ++entries > ENTRIES ? undefined : this.#part(attributes, name, room - out.length)
      if (part === undefined) break
      out += part
    }
    return out
  }

  /** `,"key":value`, '' if there is no value, `undefined` if there is no room. */
  #part(fields: LogFields, key: string, room: number): string | undefined {
    const { json: label, hidden } = this.#label(key)
    const left = room - label.length
    if (left < PLACE) return undefined
    if (hidden) return `${label}"${REDACTED}"`
    try {
      const json = this.#value(fields[key], left)
      if (json === undefined) return ''
      return label + (json.length <= left ? json : LONG)
    } catch {
      return label + UNREADABLE
    }
  }

  #label(key: string): Label {
    let label = this.#labels.get(key)
    if (label === undefined) {
      // What would stand twice is lost to half of the readers.
      const name = key === 'time' || key === 'level' || key === 'message' ? `fields.${key}` : NAMES.get(key) ?? key
      label = { json: `,${this.#redaction.string(name, 200)}:`, hidden: this.#redaction.isSecret(key) }
      if (this.#labels.size >= 1_000) this.#labels.clear()
      if (key.length <= 100) this.#labels.set(key, label)
    }
    return label
  }

  #value(value: unknown, room: number): string | undefined {
    switch (typeof value) {
      case 'string':
        return this.#text(value, room)
      case 'number':
        if (Number.isFinite(value)) return String(value)
        break
      case 'boolean':
        return value ? 'true' : 'false'
      case 'undefined':
        return undefined
    }
    const json = this.#redaction.line(value, room)
    // What is cut is escaped once more, quotes and backslashes again.
    return json.length <= room ? json : this.#redaction.line(value, room >> 1)
  }

  #text(text: string, room: number): string {
    const json = this.#redaction.string(text)
    // A character becomes six at most.
    return json.length <= room ? json : this.#redaction.string(text, Math.max(0, Math.floor(room / 6) - 2))
  }
}

/** As the access log has them. */
const NAMES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([['trace.id', 'traceId'], ['span.id', 'spanId']])

/** Callers from JavaScript hand over what they have. */
export function asFields(given: unknown): LogFields {
  if (given === undefined || given === null) return NO_FIELDS
  if (given instanceof Error) return { error: given }
  return typeof given === 'object' ? given as LogFields : { value: given }
}

function keysOf(fields: LogFields): string[] {
  try {
    return Object.keys(fields).slice(0, ENTRIES)
  } catch {
    return []
  }
}

function isOwn(fields: LogFields, key: string): boolean {
  try {
    return Object.hasOwn(fields, key)
  } catch {
    return false
  }
}

/** Fields over fields; what cannot be read is left out. */
export function merged(outer: LogFields, fields: LogFields): LogFields {
  try {
    return { ...outer, ...fields }
  } catch {
    return outer
  }
}

function without({ parts }: Bound, hidden: ReadonlySet<string>): string {
  let json = ''
  for (const [key, part] of parts) if (!hidden.has(key)) json += part
  return json
}
