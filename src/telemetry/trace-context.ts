/**
 * W3C trace context, strictly: what a caller says about the trace that its request belongs to. Parsers that are lenient
 * here let one caller break the traces of all, so what is not exactly right is not there.
 *
 * Level 2, with one exception: of the two grammars for keys of `tracestate` it takes what both allow, because that is what
 * the W3C's own tests ask for (`a@b` has one `@`, with 1 to 241 characters before it and 1 to 14 after it).
 */

/** Where in which trace a request is. Has the form of a `SpanContext` of OpenTelemetry's API. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string
  /** The caller's span: 16 hexadecimal digits, not all zero. */
  readonly spanId: string
  /** {@link SAMPLED} and {@link RANDOM}. */
  readonly traceFlags: number
  /** It came over the wire. */
  readonly isRemote?: boolean
  readonly traceState?: TraceState
}

/** The members of a `tracestate`, newest first. Has the form of a `TraceState` of OpenTelemetry's API. */
export interface TraceState {
  get(key: string): string | undefined
  /** With this member in front; the last one goes where there would be 33. As it is, if the member is not valid. */
  set(key: string, value: string): TraceState
  unset(key: string): TraceState
  /** The header's value. */
  serialize(): string
}

/** The caller may have recorded this trace. */
export const SAMPLED = 1
/** The last 56 bits of the trace id are random (level 2). */
export const RANDOM = 2

const LENGTH = 55
const FORM = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/

/**
 * Reads a `traceparent`; `undefined` if it is not exactly right. A version that is not known yet may say more after a `-`,
 * as the recommendation has it. Two headers joined by a comma are none.
 */
export function parseTraceparent(value: string | null | undefined): TraceContext | undefined {
  if (typeof value !== 'string' || value.length < LENGTH || !FORM.test(value.slice(0, LENGTH))) return undefined
  if (value.length > LENGTH && (value.startsWith('00') || value[LENGTH] !== '-' || value.includes(','))) {
    return undefined
  }
  return {
    traceId: value.slice(3, 35),
    spanId: value.slice(36, 52),
    traceFlags: Number.parseInt(value.slice(53, LENGTH), 16) & (SAMPLED | RANDOM),
    isRemote: true,
  }
}

/** Writes a `traceparent` of version 00. */
export function traceparent(
  { traceId, spanId, traceFlags }: Pick<TraceContext, 'traceId' | 'spanId' | 'traceFlags'>,
): string {
  return `00-${traceId}-${spanId}-0${traceFlags & (SAMPLED | RANDOM)}`
}

const MEMBERS = 32
/** What every participant passes on (§3.3.1.5); longer members go first. */
const ALL = 512
const LONG = 128
/** A member of the longest key and value, and its comma. */
const MOST = MEMBERS * (256 + 1 + 256 + 1)

const KEY = /^[a-z\d][a-z\d_*/-]{0,255}$/
const SHARED_KEY = /^[a-z\d][a-z\d_*/-]{0,240}@[a-z][a-z\d_*/-]{0,13}$/
const VALUE = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/

/**
 * Reads a `tracestate`, several headers of which are joined by commas; `undefined` if there is nothing in it or anything in
 * it is wrong: a key or value by the grammar, a key that is there twice, a 33rd member.
 */
export function parseTracestate(value: string | null | undefined): TraceState | undefined {
  if (typeof value !== 'string' || value.length > MOST) return undefined
  const members = new Map<string, string>()
  for (const one of value.split(',')) {
    const member = trimmed(one)
    if (member === '') continue
    const equals = member.indexOf('=')
    const key = member.slice(0, Math.max(0, equals))
    const content = member.slice(equals + 1)
    if (!isMember(key, content) || members.has(key) || members.size === MEMBERS) return undefined
    members.set(key, content)
  }
  return members.size === 0 ? undefined : new TraceMembers(fitted(members))
}

class TraceMembers implements TraceState {
  readonly #members: ReadonlyMap<string, string>

  constructor(members: ReadonlyMap<string, string>) {
    this.#members = members
  }

  get(key: string): string | undefined {
    return this.#members.get(key)
  }

  set(key: string, value: string): TraceState {
    if (!isMember(key, value)) return this
    const kept = [...this.#members].filter(([one]) => one !== key).slice(0, MEMBERS - 1)
    return new TraceMembers(new Map([[key, value], ...kept]))
  }

  unset(key: string): TraceState {
    return new TraceMembers(new Map([...this.#members].filter(([one]) => one !== key)))
  }

  serialize(): string {
    return [...this.#members].map(([key, value]) => `${key}=${value}`).join(',')
  }
}

function isMember(key: string, value: string): boolean {
  return (KEY.test(key) || SHARED_KEY.test(key)) && VALUE.test(value)
}

/** Without what is beyond 512 characters: whole members, those longer than 128 first, then from the end. */
function fitted(members: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const sizeOf = ([key, value]: readonly [string, string]): number => key.length + 1 + value.length
  const kept = [...members]
  let length = kept.reduce((sum, member) => sum + sizeOf(member) + 1, -1)
  const drop = (index: number): void => {
    length -= sizeOf(kept.splice(index, 1)[0]!) + 1
  }
  for (let i = kept.length - 1; i >= 0 && length > ALL; i--) if (sizeOf(kept[i]!) > LONG) drop(i)
  while (length > ALL) drop(kept.length - 1)
  return kept.length === members.size ? members : new Map(kept)
}

/** Without spaces and tabs around it. No pattern does this in linear time. */
function trimmed(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text, start)) start++
  while (end > start && isBlank(text, end - 1)) end--
  return text.slice(start, end)
}

function isBlank(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t'
}

// Random digits, made many at a time: on Node one call for random bytes costs ten times as much as the rest of a span.
const BYTES = 8_192
const DIGITS = /* @__PURE__ */ new TextEncoder().encode('0123456789abcdef')
const ASCII = /* @__PURE__ */ new TextDecoder()
let pool = ''
let used = 0

function randomHex(digits: number): string {
  if (used + digits > pool.length) {
    const text = new Uint8Array(2 * BYTES)
    let at = 0
    for (const byte of crypto.getRandomValues(new Uint8Array(BYTES))) {
      text[at++] = DIGITS[byte >> 4]!
      text[at++] = DIGITS[byte & 15]!
    }
    pool = ASCII.decode(text)
    used = 0
  }
  return pool.slice(used, used += digits)
}

/** A new place in `parent`'s trace, or in a new trace that nobody records. */
export function childOf(parent?: TraceContext): TraceContext {
  const spanId = randomHex(16)
  return parent === undefined
    ? { traceId: randomHex(32), spanId, traceFlags: RANDOM }
    : { ...parent, spanId, isRemote: false }
}
