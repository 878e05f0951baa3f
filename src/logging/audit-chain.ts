/**
 * How the lines of an audit log hold on to one another: what writes and what verifies share.
 *
 * A line is one JSON object in printable ASCII: first its place (`chain`, `seq`, `previous`), then what happened, then its
 * seals. `mac` is the HMAC-SHA-256 of all before it, `hash` the SHA-256 of all before that, `mac` included; the next line
 * holds this hash as `previous`. Seals cover text as it stands, so nothing hangs on how JSON is written, and `sha256sum`
 * can check them.
 */
import type { Bytes } from '../core/body.ts'
import { show } from '../core/quantity.ts'

/** WebCrypto's, by way of a function that every runtime's types have. */
type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** A key that lines are signed with. */
export interface AuditKey {
  /** Written in each line, so that keys can be replaced: letters, digits, `.`, `_` and `-`, at most 64. */
  readonly id: string
  /** At least 32 random bytes, or a `CryptoKey` for HMAC with SHA-256 that may sign (to verify: that may verify). */
  readonly secret: CryptoKey | Uint8Array
}

/** The longest line that is written or taken for one, in characters. */
export const LONGEST = 65_536

const ID = /^[\w.-]{1,64}$/

/**
 * Reads keys from text: one per line, its id, a space, and 32 bytes or more in hexadecimal, as `openssl rand -hex 32` makes
 * them. Put the newest first: `auditLog` signs with one, `verifyAudit` takes all. Throws a TypeError that names the line.
 *
 * @example
 * const [key] = auditKeys(process.env.AUDIT_KEYS)
 */
export function auditKeys(text: string): AuditKey[] {
  const keys: AuditKey[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const [id = '', hex = '', ...more] = line.trim().split(/\s+/)
    if (!ID.test(id) || !/^(?:[\da-f]{2}){32,}$/i.test(hex) || more.length > 0) {
      // What stands there may be the key.
      throw new TypeError(`auditKeys: line ${i + 1} must be an id and 32 bytes or more in hexadecimal`)
    }
    keys.push({ id, secret: fromHex(hex) })
  }
  return keys
}

/** The key, if it can do what it is for. Throws a TypeError that names `option`. */
export function usableKey(key: AuditKey, usage: 'sign' | 'verify', option: string): AuditKey {
  if (typeof key?.id !== 'string' || !ID.test(key.id)) {
    throw new TypeError(`${option}.id must be 1 to 64 letters, digits, '.', '_' or '-', got ${show(key?.id)}`)
  }
  const { secret } = key
  const usable = secret instanceof Uint8Array ? secret.length >= 32 : secret?.algorithm?.name === 'HMAC' &&
    (secret.algorithm as { hash?: { name: string } }).hash?.name === 'SHA-256' && secret.usages.includes(usage)
  if (usable) return key
  throw new TypeError(`${option}.secret must be at least 32 bytes, or an HMAC CryptoKey with SHA-256 that may ${usage}`)
}

/** The key as WebCrypto takes it. */
export async function cryptoKey({ secret }: AuditKey, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  if (!(secret instanceof Uint8Array)) return secret
  return await crypto.subtle.importKey('raw', secret.slice(), { name: 'HMAC', hash: 'SHA-256' }, false, [usage])
}

/** What a chain tells of itself in a line, beside its place. */
export interface Notes {
  /** Events that were never written, since the line before. */
  readonly dropped: number
  /** Lines just before this one that the sink did not take: their numbers are missing. */
  readonly lost: number
  /** The last line. */
  readonly end: boolean
}

/** One chain, as its writer knows it: made at its first line. */
export class Chain {
  readonly id: string = toHex(crypto.getRandomValues(new Uint8Array(16)))
  #next = 0
  #previous = ''

  /** The next line. `body` is the rest of a JSON object, from a comma on, in printable ASCII. */
  async seal(body: string, notes: Notes, key: CryptoKey | undefined, keyId: string | undefined): Promise<string> {
    let line = `{"chain":"${this.id}","seq":${this.#next},"previous":"${this.#previous}"`
    if (notes.lost > 0) line += `,"lost":${notes.lost}`
    if (notes.dropped > 0) line += `,"dropped":${notes.dropped}`
    if (keyId !== undefined) line += `,"keyId":"${keyId}"`
    if (notes.end) line += ',"end":true'
    line += body
    if (key !== undefined) line += `,"mac":"${toHex(await crypto.subtle.sign('HMAC', key, encode(line)))}"`
    const hash = await sha256(line)
    this.#next++
    this.#previous = hash
    return `${line},"hash":"${hash}"}`
  }
}

/** A line, taken apart. */
export interface Link extends Notes {
  readonly chain: string
  readonly seq: number
  readonly previous: string
  readonly keyId: string | undefined
  /** What `hash` is the hash of. */
  readonly hashed: string
  readonly hash: string
  /** What `mac` signs. */
  readonly signed: string
  readonly mac: string | undefined
}

const START = String
  .raw`\{"chain":"([\da-f]{32})","seq":(0|[1-9]\d{0,14}),"previous":"([\da-f]{64}|)"(?:,"lost":([1-9]\d{0,14}))?(?:,"dropped":([1-9]\d{0,14}))?(?:,"keyId":"([\w.-]{1,64})")?(?:,"end":(true))?,"time":`
const HEAD = /* @__PURE__ */ new RegExp(`^${START}`)
const LATER = /* @__PURE__ */ new RegExp(START, 'g')
const HASH = /,"hash":"([\da-f]{64})"\}$/
const MAC = /,"mac":"([\da-f]{64})"$/
const PRINTABLE = /^[ -~]*$/

/** Takes a line apart; `undefined` if it is none of ours. */
export function linkOf(line: string): Link | undefined {
  const head = line.length <= LONGEST && PRINTABLE.test(line) ? HEAD.exec(line) : null
  const hash = HASH.exec(line)
  if (head === null || hash === null) return undefined
  const [, chain, seq, previous, lost = 0, dropped = 0, keyId, end] = head
  const hashed = line.slice(0, hash.index)
  const mac = keyId === undefined ? null : MAC.exec(hashed)
  return {
    chain: chain!,
    seq: Number(seq),
    previous: previous!,
    lost: Number(lost),
    dropped: Number(dropped),
    keyId,
    end: end !== undefined,
    hashed,
    hash: hash[1]!,
    signed: mac === null ? hashed : hashed.slice(0, mac.index),
    mac: mac?.[1],
  }
}

/**
 * Where a whole line may start behind one that was cut: a process died while it wrote, and another went on in the same file.
 * -1 if what is before it cannot be the start of a line.
 */
export function afterCut(text: string): number {
  LATER.lastIndex = 1
  const index = LATER.exec(text)?.index ?? -1
  return index > 0 && isCut(text.slice(0, index)) ? index : -1
}

/** Is it the start of a line, and not all of one? */
export function isCut(text: string): boolean {
  const start = '{"chain":"'
  if (text.length > LONGEST || !PRINTABLE.test(text) || !start.startsWith(text.slice(0, start.length))) return false
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (quoted) {
      if (char === '\\') i++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '{') depth++
    else if (char === '}' && --depth === 0) return false
  }
  return true
}

/** SHA-256 in hexadecimal. */
export async function sha256(text: string): Promise<string> {
  return toHex(await crypto.subtle.digest('SHA-256', encode(text)))
}

/** Is `mac` the signature of `text`? */
export function isSigned(text: string, mac: string, key: CryptoKey): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, fromHex(mac), encode(text))
}

const ENCODER = /* @__PURE__ */ new TextEncoder()

function encode(text: string): Bytes {
  return ENCODER.encode(text)
}

const HEX = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function toHex(bytes: ArrayBuffer | Uint8Array): string {
  let hex = ''
  for (const byte of new Uint8Array(bytes)) hex += HEX[byte]
  return hex
}

function fromHex(hex: string): Bytes {
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
