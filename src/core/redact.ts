/**
 * Turns anything into one line of JSON that holds no secret, whatever it is given: none under a name that says so, and none
 * that shows by its shape (`secret-text.ts`).
 *
 * Keys are matched by words after splitting case, `_`, `-` and `.` and dropping a last number: `apiKey`, `api_key`,
 * `x-api-key` and `key2` are hidden; `monkey` and `keyboard` are not. A word of five letters or more also counts at the end
 * of another (`x-csrftoken`, `dbpassword`). Works on a copy, never throws, and is bounded: depth, entries and length. Logging
 * must not be able to delay or break a request, and a hostile object must not be able to make it.
 */

import { secretText } from './secret-text.ts'

/** The words that make a key secret. Two joined by a space must stand side by side, or be one. */
export const SECRET_WORDS: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'key',
  'apikey',
  'authorization',
  'cookie',
  'jwt',
  'otp',
  'pin',
  'ssn',
  'cvv',
  'cvc',
  'credential',
  'signature',
  'encryptionkey',
  'privatekey',
  'credit card',
  'card number',
  'session id',
]

/** What stands in a secret's place. */
export const REDACTED = '[redacted]'

const DEPTH = 8
const ENTRIES = 100
const TEXT = 2_048
const ALL_TEXT = 32_768
const NAME = 200

/** Marks what is a secret by itself, whichever copy of this module made it. */
export const SECRET: unique symbol = /* @__PURE__ */ Symbol.for('sallyport.secret')

/** Says whether a key's value must not be written. */
export type SecretTest = (key: string) => boolean

/**
 * Compiles a list of words, or names in any case style, into a test. Remembers up to 1,000 short keys, so that the usual ones
 * cost a look-up; then it starts anew, so that nobody can fill it with keys of his own for good.
 */
export function secretKeys(words: readonly string[] = SECRET_WORDS): SecretTest {
  const names = words.map(wordsOf)
  const singles = new Set(names.map((parts) => parts.join('')))
  const long = [...singles].filter((word) => word.length >= 5)
  const phrases = names.filter((parts) => parts.length > 1).map((parts) => ` ${parts.join(' ')} `)
  const known = new Map<string, boolean>()
  return (key) => {
    // No program has such a name; what its end says would not be read.
    if (key.length > NAME) return true
    let secret = known.get(key)
    if (secret === undefined) {
      const parts = wordsOf(key)
      const phrase = ` ${parts.join(' ')} `
      secret = parts.some((part) => singles.has(part) || long.some((word) => part.endsWith(word))) ||
        singles.has(parts.join('')) || phrases.some((words) => phrase.includes(words))
      if (known.size >= 1_000) known.clear()
      if (key.length <= 100) known.set(key, secret)
    }
    return secret
  }
}

/** `AWSCustomerIds2` as `aws`, `customer`, `id`; `user%5Bpin%5D` as `user`, `pin`. */
function wordsOf(key: string): string[] {
  return key.replace(/%../g, ' ').replace(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4')
    .toLowerCase().split(/[^\p{L}\d]+/u).map((part) => part.replace(/\d+$/, '').replace(/(..)s$/, '$1')).filter(Boolean)
}

/** What may not be written, compiled once and shared by logs, errors, spans, audit and metrics. */
export interface Redaction {
  /** Is the value of this key a secret? */
  readonly isSecret: SecretTest
  /** A text with what looks like a secret, wherever it stands, replaced. */
  readonly text: (text: string) => string
  /** A plain, bounded copy of a value, secrets replaced. */
  readonly copy: (value: unknown) => unknown
  /** One line of JSON, secrets replaced, at most `most` characters of content (8,192). Never throws. */
  readonly line: (value: unknown, most?: number) => string
  /** A text as a JSON string on one line, at most `most` characters of it (2,048), secrets replaced. */
  readonly string: (text: string, most?: number) => string
}

/** Options of {@link redaction}. */
export interface RedactionOptions {
  /** More names or words that make a key secret, beside the built-in ones, e.g. `['iban', 'customerId']`. (none) */
  readonly keys?: readonly string[] | undefined
}

/** Compiles what may not be written. Throws a TypeError if `keys` is no list of texts with a letter in them. */
export function redaction(options: RedactionOptions = {}): Redaction {
  const { keys = [] } = options
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== 'string' || wordsOf(key).length === 0)) {
    throw new TypeError('redaction: keys must be a list of names or words')
  }
  const isSecret = secretKeys([...SECRET_WORDS, ...keys])
  const hide = secretText(isSecret, REDACTED)
  const copyOf = (value: unknown): unknown =>
    copy(value, 0, { isSecret, hide, above: new Set(), objects: 1_000, text: ALL_TEXT })
  return {
    isSecret,
    text: (text) => hide(text, ALL_TEXT),
    copy: copyOf,
    line(value, most = 8_192) {
      const line = escapeLine(JSON.stringify(copyOf(value)) ?? 'null')
      return line.length <= most ? line : JSON.stringify({ truncated: true, start: line.slice(0, most - 64) })
    },
    string: (text, most = TEXT) => quoted(hide(text, most)),
  }
}

/** What is used where nothing else is said. */
export const standardRedaction: Redaction = /* @__PURE__ */ redaction()

/** A plain, bounded copy of a value, with secrets replaced. Safe to give to `JSON.stringify`. */
export function redact(value: unknown): unknown {
  return standardRedaction.copy(value)
}

/** One line of JSON, secrets replaced, at most `most` characters of content (8,192). Never throws. */
export function jsonLine(value: unknown, most?: number): string {
  return standardRedaction.line(value, most)
}

/**
 * Text as a JSON string that stays on one line in every reader, at most `most` characters of it (2,048). Secrets stay: for what
 * is no one's.
 */
export function jsonString(text: string, most: number = TEXT): string {
  return quoted(text.length > most ? `${text.slice(0, most)}…` : text)
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escapeLine(JSON.stringify(text))
}

const PLAIN = /^[ !#-[\]-~]*$/
const BREAKS = /[\u007f-\u009f\u2028\u2029]/g

/** Line separators and C1 controls, which `JSON.stringify` leaves alone, would end a line in some readers. */
function escapeLine(json: string): string {
  return json.replace(BREAKS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** One copy: its rules, where it is, and what more it may hold in all: the same big thing may be there a thousand times. */
interface Copy {
  readonly isSecret: SecretTest
  readonly hide: (text: string, most: number) => string
  readonly above: Set<object>
  objects: number
  text: number
}

function copy(value: unknown, depth: number, run: Copy): unknown {
  try {
    switch (typeof value) {
      case 'string':
        return (run.text -= Math.min(value.length, TEXT)) < 0 ? '[long]' : run.hide(value, TEXT)
      case 'number':
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
        return value
      case 'bigint':
        return value.toString().slice(0, TEXT)
      case 'symbol':
      case 'function':
        return `[${typeof value}]`
    }
    if (value === null || value === undefined) return value
    if (--run.objects < 0 || depth > DEPTH) return '[deep]'
    if (run.above.has(value)) return '[circular]'
    run.above.add(value)
    const out = copyObject(value, depth, run)
    run.above.delete(value)
    return out
  } catch {
    return '[unreadable]'
  }
}

function copyObject(value: object, depth: number, run: Copy): unknown {
  const inner = (one: unknown): unknown => copy(one, depth + 1, run)
  if (Array.isArray(value)) return value.slice(0, ENTRIES).map(inner)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (value instanceof Set) return [...first(value)].map(inner)
  if (value instanceof URL || value instanceof URLSearchParams) return inner(String(value))
  if (SECRET in value) return REDACTED
  const out: Record<string, unknown> = Object.create(null)
  const put = (key: unknown, one: () => unknown): void => {
    const name = String(key)
    const shown = run.hide(name, NAME)
    run.text -= shown.length
    try {
      out[shown] = run.isSecret(name) ? REDACTED : inner(one())
    } catch {
      out[shown] = '[unreadable]'
    }
  }
  if (value instanceof Map || value instanceof Headers) {
    for (const [key, one] of first(value)) put(key, () => one)
    return out
  }
  if (value instanceof Error) {
    // None of these is enumerable; the cause may be anything.
    for (const key of ['name', 'message', 'stack'] as const) put(key, () => value[key])
    for (const key of ['cause', 'errors'] as const) if (key in value) put(key, () => (value as AggregateError)[key])
  }
  let entries = 0
  for (const key in value) {
    if (!Object.hasOwn(value, key) || key in out) continue
    if (++entries > ENTRIES) break
    put(key, () => (value as Record<string, unknown>)[key])
  }
  return out
}

function* first<T>(values: Iterable<T>): Iterable<T> {
  let n = 0
  for (const value of values) {
    if (++n > ENTRIES) return
    yield value
  }
}
