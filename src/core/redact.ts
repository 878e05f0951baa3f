/**
 * Turns anything into one line of JSON that holds no secret, whatever it is given.
 *
 * Keys are matched by words after splitting case, `_`, `-` and `.` and dropping a last number: `apiKey`, `api_key`,
 * `x-api-key` and `key2` are hidden; `monkey` and `keyboard` are not. A word of five letters or more also counts at the end
 * of another (`x-csrftoken`, `dbpassword`). Works on a copy, never throws, and is bounded: depth, entries and length. Logging must
 * not be able to delay or break a request, and a hostile object must not be able to make it.
 */

/** The words that make a key secret. Two joined by a space must stand side by side. */
export const SECRET_WORDS: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'key',
  'apikey',
  'apisecret',
  'accesstoken',
  'refreshtoken',
  'authorization',
  'cookie',
  'jwt',
  'otp',
  'pin',
  'ssn',
  'cvv',
  'cvc',
  'credential',
  'credentials',
  'signature',
  'encryptionkey',
  'privatekey',
  'creditcard',
  'credit card',
  'card number',
  'cardnumber',
  'sessionid',
  'session id',
]

/** What stands in a secret's place. */
export const REDACTED = '[redacted]'

const DEPTH = 8
const ENTRIES = 100
const TEXT = 2_048
const ALL_TEXT = 65_536

/** Says whether a key's value must not be written. */
export type SecretTest = (key: string) => boolean

/**
 * Compiles a list of words into a test. Remembers up to 1,000 short keys, so that the usual ones cost a look-up; then it starts
 * anew, so that nobody can fill it with keys of his own for good.
 */
export function secretKeys(words: readonly string[] = SECRET_WORDS): SecretTest {
  const singles = new Set(words.filter((word) => !word.includes(' ')))
  const pairs = new Set(words.filter((word) => word.includes(' ')))
  const long = [...singles].filter((word) => word.length >= 5)
  const known = new Map<string, boolean>()
  return (key) => {
    let secret = known.get(key)
    if (secret === undefined) {
      const parts = key.slice(0, 200).replace(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4').toLowerCase()
        .split(/[^\p{L}\d]+/u).map((part) => part.replace(/\d+$/, ''))
      const stem = (word: string): string => word.length > 3 && word.endsWith('s') ? word.slice(0, -1) : word
      secret = parts.some((part, i) =>
        singles.has(part) || singles.has(stem(part)) || pairs.has(`${part} ${stem(parts[i + 1] ?? '')}`) ||
        long.some((word) =>
          stem(part).endsWith(word)
        )
      ) || singles.has(parts.join(''))
      if (known.size >= 1_000) known.clear()
      if (key.length <= 100) known.set(key, secret)
    }
    return secret
  }
}

const isSecret: SecretTest = /* @__PURE__ */ secretKeys()

/** A plain, bounded copy of a value, with secrets replaced. Safe to give to `JSON.stringify`. */
export function redact(value: unknown, secret: SecretTest = isSecret): unknown {
  return copy(value, secret, 0, new Set(), { objects: 1_000, text: ALL_TEXT })
}

/** One line of JSON, secrets replaced, at most `most` characters of content. Never throws. */
export function jsonLine(value: unknown, secret: SecretTest = isSecret, most = 8_192): string {
  const line = escapeLine(JSON.stringify(redact(value, secret)) ?? 'null')
  return line.length <= most ? line : JSON.stringify({ truncated: true, start: line.slice(0, most - 64) })
}

/**
 * Text as a JSON string that stays on one line in every reader: line separators and C1 controls, which `JSON.stringify`
 * leaves alone, are escaped too.
 */
export function jsonString(text: string, most: number = TEXT): string {
  const held = text.length > most ? `${text.slice(0, most)}…` : text
  return PLAIN.test(held) ? `"${held}"` : escapeLine(JSON.stringify(held))
}

const PLAIN = /^[ !#-[\]-~]*$/
const BREAKS = /[\u007f-\u009f\u2028\u2029]/g

function escapeLine(json: string): string {
  return json.replace(BREAKS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** What one copy may hold in all: the same big thing may be there a thousand times. */
interface Budget {
  objects: number
  text: number
}

function copy(value: unknown, secret: SecretTest, depth: number, above: Set<object>, budget: Budget): unknown {
  try {
    switch (typeof value) {
      case 'string':
        if ((budget.text -= Math.min(value.length, TEXT)) < 0) return '[long]'
        return value.length > TEXT ? `${value.slice(0, TEXT)}…` : value
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
    if (--budget.objects < 0 || depth > DEPTH) return '[deep]'
    if (above.has(value)) return '[circular]'
    above.add(value)
    const out = copyObject(value, secret, depth, above, budget)
    above.delete(value)
    return out
  } catch {
    return '[unreadable]'
  }
}

function copyObject(value: object, secret: SecretTest, depth: number, above: Set<object>, budget: Budget): unknown {
  const inner = (one: unknown): unknown => copy(one, secret, depth + 1, above, budget)
  if (Array.isArray(value)) return value.slice(0, ENTRIES).map(inner)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (value instanceof Set) return [...first(value)].map(inner)
  const out: Record<string, unknown> = Object.create(null)
  const put = (key: unknown, one: () => unknown): void => {
    const name = String(key).slice(0, 200)
    budget.text -= name.length
    try {
      out[name] = secret(name) ? REDACTED : inner(one())
    } catch {
      out[name] = '[unreadable]'
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
    if (!Object.hasOwn(value, key)) continue
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
