/**
 * Header field syntax: checks (RFC 9110 §5), comma-separated lists, `Vary`, and the parts of structured fields that we
 * write (RFC 9651 §4.1). To parse structured fields, use a library such as `structured-headers`.
 */
import { show } from './quantity.ts'

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
// Visible ASCII, space, tab and obs-text (RFC 9110 §5.5): no CR, LF, NUL or other control, nothing above one byte.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

// Names come from programs, not from requests, so they are few; the bound is for the program that gets this wrong.
const lowered = /* @__PURE__ */ new Map<string, string>()

/** `name` in lower case. Throws a TypeError unless it is a token (RFC 9110 §5.6.2). Remembers the usual ones. */
export function fieldName(name: string): string {
  const known = lowered.get(name)
  if (known !== undefined) return known
  if (!TOKEN.test(name)) throw new TypeError(`header name must be a token, got ${show(name)}`)
  const lower = name.toLowerCase()
  if (lowered.size < 1_000) lowered.set(name, lower)
  return lower
}

/** `value` itself. Throws a TypeError, which does not repeat the value, if it could split or corrupt the head. */
export function fieldValue(value: string, name: string): string {
  if (VALUE.test(value)) return value
  throw new TypeError(`header ${name}: the value has a control character or one above U+00FF`)
}

/** Is it a token (RFC 9110 §5.6.2)? */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** The members of a comma-separated list, trimmed, without empty ones (RFC 9110 §5.6.1). Does not know quotes. */
export function listMembers(value: string): string[] {
  return value.split(',').map((member) => member.trim()).filter((member) => member !== '')
}

/** Joins two `Vary` values: each name once, whatever its case; `*` swallows all (RFC 9110 §12.5.5). */
export function mergeVary(present: string, added: string): string {
  const names: string[] = []
  for (const name of listMembers(`${present},${added}`)) {
    if (!names.some((one) => one.toLowerCase() === name.toLowerCase())) names.push(name)
  }
  return names.includes('*') ? '*' : names.join(', ')
}

/** The media type of a `Content-Type`: lower case, without parameters; `''` where it is missing or not one. */
export function mediaType(contentType: string | null): string {
  if (contentType === 'application/json') return contentType
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  const [kind, subtype, ...rest] = type.split('/', 3)
  return rest.length === 0 && kind !== undefined && subtype !== undefined && isToken(kind) && isToken(subtype)
    ? type
    : ''
}

/** Does a `Content-Type` name no other character set than UTF-8, or its subset ASCII? */
export function isUtf8(contentType: string): boolean {
  if (!contentType.includes(';')) return true
  const charsets = [...contentType.matchAll(/;\s*charset\s*=\s*"?([^\s";]*)/gi)]
  return charsets.every((match) => /^(?:utf-?8|us-ascii)$/i.test(match[1]!))
}

/** A structured-field String (RFC 9651 §4.1.6). Throws a TypeError on what it cannot hold. */
export function sfString(text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) {
    throw new TypeError(`a structured-field string holds visible ASCII only, got ${show(text)}`)
  }
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** A structured-field Integer (RFC 9651 §4.1.4): rounded up, held within ±999,999,999,999,999. Throws a TypeError on NaN. */
export function sfInteger(value: number): string {
  if (Number.isNaN(value)) throw new TypeError('a structured-field integer cannot be NaN')
  return String(Math.max(-999_999_999_999_999, Math.min(999_999_999_999_999, Math.ceil(value))))
}
