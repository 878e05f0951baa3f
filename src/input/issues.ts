/** What a refused input may say of itself: where, which rule, and a sentence that holds nothing of what came in. */
import type { SchemaIssue } from './standard-schema.ts'

/** One line of the `errors` member of a 400 (RFC 9457 §3, its example). */
export interface InputError {
  /** JSON Pointer in fragment form (RFC 6901 §6). */
  readonly pointer: string
  /** The schema's name for the rule, e.g. `min_value`; `invalid` where it gives none. */
  readonly code: string
  readonly message: string
}

const MOST = 20
const UNSAID = 'This value is not valid.'

/** At most 20 errors for the client. */
export function inputErrors(issues: readonly SchemaIssue[], input: unknown): InputError[] {
  return issues.slice(0, MOST).map((issue) => {
    const path = (issue.path ?? []).slice(0, 16).map((part) => typeof part === 'object' ? part.key : part)
    return { pointer: pointerOf(path), code: codeOf(issue), message: messageOf(issue.message, path, input) }
  })
}

/** Names that a schema would have. Anything else came from the client, in a map or a strict object, and stays unsaid. */
const NAME = /^[A-Za-z_$][\w$-]{0,63}$/

function pointerOf(path: readonly PropertyKey[]): string {
  return `#${path.map((part) => `/${typeof part === 'number' || NAME.test(String(part)) ? String(part) : '*'}`).join('')}`
}

function codeOf(issue: object): string {
  for (const key of ['type', 'code'] as const) {
    const said = (issue as { readonly type?: unknown; readonly code?: unknown })[key]
    if (typeof said === 'string' && /^[a-z][a-z_]{0,39}$/.test(said)) return said
  }
  return 'invalid'
}

/**
 * The schema's message, if it repeats nothing that came in. Libraries put the received value in theirs ("received
 * \"hunter2\""), and there is no telling theirs from the author's, so each is held against the input at its place.
 */
function messageOf(message: string, path: readonly PropertyKey[], input: unknown): string {
  if (typeof message !== 'string' || message.length > 200) return UNSAID
  const budget = { left: 1_000 }
  return repeats(message, at(input, path), budget) || budget.left < 0 || path.some((part) => isForeign(part, message)) ? UNSAID : message
}

function isForeign(part: PropertyKey, message: string): boolean {
  return typeof part === 'string' && !NAME.test(part) && message.includes(part)
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

function repeats(message: string, value: unknown, budget: { left: number }): boolean {
  const open: unknown[] = [value]
  while (open.length > 0) {
    const one = open.pop()
    if (--budget.left < 0) return true
    if (typeof one === 'object' && one !== null) {
      for (const key in one) {
        if (key.length > 2 && !Array.isArray(one) && contains(message, key) && !NAME.test(key)) return true
        if (open.length < budget.left) open.push((one as Record<string, unknown>)[key])
      }
    } else if (one !== null && one !== undefined && contains(message, String(one))) return true
  }
  return false
}

/** Does the message hold this text as a whole word? "at least 10" does not hold 1; an empty value is held by nothing. */
function contains(message: string, text: string): boolean {
  // Libraries cut long values short; so do we, to find them.
  const sought = text.slice(0, 32)
  if (sought === '') return false
  for (let i = message.indexOf(sought); i >= 0; i = message.indexOf(sought, i + 1)) {
    if (!WORD.test(message[i - 1] ?? '') && (sought.length < text.length || !WORD.test(message[i + sought.length] ?? ''))) return true
  }
  return false
}

const WORD = /[\p{L}\p{N}]/u
