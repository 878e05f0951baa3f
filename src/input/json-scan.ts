/**
 * What JSON.parse does not tell, read from the text: whether it is too much to parse, and what is lost by parsing.
 *
 * Each is one pass that allocates next to nothing, in time proportional to the text, whatever the text is. Until the first
 * mistake in it, which ends JSON.parse, both read a text alike; what is found behind does not matter.
 */
import type { StructureLimits } from './structure.ts'
import { STRUCTURE } from './structure.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const LEFT_BRACE = 0x7b
const RIGHT_BRACE = 0x7d
/** Makes a brace of a bracket. */
const BRACE = 0x20

/** 2^53 - 1. */
const MOST = '9007199254740991'

/** Characters that JSON.parse may have unseen: none of them cost a millisecond. */
const FEW = 4_096

/**
 * Is a JSON text sure to be refused by `structureFault`? JSON.parse takes its time, and memory, before that can look: for a
 * megabyte of `[` 300 ms, of keys 100 ms, of short strings 40 ms, for each is looked up in a table (and more where their
 * hashes collide: CVE-2026-21717). What passes here and is refused there has about twice as much as it may, at most. Here a
 * key that comes twice counts twice.
 */
export function isTooComplex(json: string, limits: StructureLimits): boolean {
  if (json.length <= FEW) return false
  const { depth = STRUCTURE.depth, keys = STRUCTURE.keys, items = STRUCTURE.items } = limits
  let level = 0
  let opened = 0
  let colons = 0
  let commas = 0
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code > 0x5a) {
      if ((code | BRACE) === LEFT_BRACE) {
        // But for the outermost, each is an item or the value of a key.
        if (++level > depth || ++opened > keys + items + 1) return true
      } else if ((code | BRACE) === RIGHT_BRACE) level--
    } else if (code === QUOTE) i = endOfString(json, i + 1)
    else if (code === COLON) {
      if (++colons > keys) return true
    } else if (code === COMMA) {
      // One stands between two items, or before every key but the first.
      if (++commas - colons > items) return true
    }
  }
  return false
}

/** Things in a JSON text. */
export interface JsonFindings {
  /** A key that comes twice in one object, however it is written: JSON.parse keeps the last. */
  readonly duplicateKey: boolean
  /** An integer, written as one, beyond ±(2^53 - 1): JSON.parse changes its last digits (RFC 8259 §6). */
  readonly unsafeInteger: boolean
}

/** The keys of one object so far: the one, or a set. `null` is an array. */
type Keys = Set<string> | string | undefined | null

/** Which of the things that are wanted does a JSON text have? Stops when it has found all. */
export function scanJson(json: string, wanted: JsonFindings): JsonFindings {
  let duplicateKey = false
  let unsafeInteger = false
  const outer: Keys[] = []
  let keys: Keys = null
  let keyIsNext = false
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === QUOTE) {
      const end = endOfString(json, i + 1)
      if (keyIsNext && wanted.duplicateKey && !duplicateKey) {
        const key = keyOf(json, i, end)
        if (keys === undefined) keys = key
        else if (typeof keys === 'string') {
          duplicateKey = keys === key
          keys = new Set([keys, key])
        } else if (keys !== null) {
          const { size } = keys
          duplicateKey = keys.add(key).size === size
        }
      }
      keyIsNext = false
      i = end
    } else if (code === COMMA) keyIsNext = keys !== null
    else if ((code | BRACE) === LEFT_BRACE) {
      outer.push(keys)
      keyIsNext = code === LEFT_BRACE
      keys = keyIsNext ? undefined : null
    } else if ((code | BRACE) === RIGHT_BRACE) {
      keys = outer.length > 0 ? outer.pop() : null
      keyIsNext = false
    } else if (wanted.unsafeInteger && isDigit(code)) {
      const end = endOfDigits(json, i)
      const next = endOfNumber(json, end)
      if (next === end && isUnsafe(json, i, end)) unsafeInteger = true
      i = next - 1
    }
    if (duplicateKey === wanted.duplicateKey && unsafeInteger === wanted.unsafeInteger) break
  }
  return { duplicateKey, unsafeInteger }
}

/**
 * Where the string that starts at `start`, behind its quote, has its other quote; the length of the text if nowhere. Goes
 * through short strings by itself, and from quote to quote through long ones, which is a hundred times faster.
 */
function endOfString(json: string, start: number): number {
  let near = start + 64
  for (let i = start; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === QUOTE) return i
    if (code === BACKSLASH) i++
    else if (i > near) {
      i = json.indexOf('"', i)
      if (i < 0) break
      let slashes = 0
      while (json.charCodeAt(i - 1 - slashes) === BACKSLASH) slashes++
      if (slashes % 2 === 0) return i
      near = i + 64
    }
  }
  return json.length
}

/** The key between two quotes, as JSON.parse reads it. */
function keyOf(json: string, start: number, end: number): string {
  const key = json.slice(start + 1, end)
  if (!key.includes('\\')) return key
  try {
    return JSON.parse(json.slice(start, end + 1)) as string
  } catch {
    return key
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function endOfDigits(json: string, start: number): number {
  let i = start
  while (i < json.length && isDigit(json.charCodeAt(i))) i++
  return i
}

/** Behind the fraction and the exponent, where there are any. */
function endOfNumber(json: string, start: number): number {
  let i = start
  while (i < json.length && isOfNumber(json.charCodeAt(i))) i++
  return i
}

/** One of `+-.eE`, or a digit. */
function isOfNumber(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x2b || code === 0x2d || (code | 0x20) === 0x65
}

/** As text, for as a number it would be rounded already. */
function isUnsafe(json: string, start: number, end: number): boolean {
  const digits = end - start
  return digits > MOST.length || (digits === MOST.length && json.slice(start, end) > MOST)
}
