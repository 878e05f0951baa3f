/** What a refused input may say of itself: where, which rule, and a sentence that holds nothing of what came in. */
import type { Context } from '../core/context.ts'
import type { ProblemInit } from '../core/problem.ts'
import { problem } from '../core/problem.ts'
import type { SchemaIssue } from './standard-schema.ts'

/** The parts of a request that a schema can be for. */
export type Part = 'params' | 'query' | 'headers' | 'cookies' | 'body'

/** One line of the `errors` member of a 400 (RFC 9457 §3, its example). */
export interface InputError {
  /** Which part it is about, in OpenAPI's words; absent for the body. */
  readonly in?: 'path' | 'query' | 'header' | 'cookie'
  /** JSON Pointer in fragment form (RFC 6901 §6). */
  readonly pointer: string
  /** The schema's name for the rule, e.g. `min_value`; `invalid` where it gives none. */
  readonly code: string
  readonly message: string
}

const IN = { params: 'path', query: 'query', headers: 'header', cookies: 'cookie' } as const

/** The most errors that a client is told. */
const MOST = 20
const UNSAID = 'This value is not valid.'

/** At most 20 errors for the client, about one part of the input. */
export function inputErrors(issues: readonly SchemaIssue[], input: unknown, part: Part = 'body'): InputError[] {
  const known = new Map<unknown, Contents>()
  const contents = (value: unknown): Contents => {
    let found = known.get(value)
    if (found === undefined) known.set(value, found = contentsOf(value))
    return found
  }
  return issues.slice(0, MOST).map((issue) => {
    const path = (issue.path ?? []).slice(0, 16).map((part) => typeof part === 'object' ? part.key : part)
    const foreign = isForeignKey(issue, path, input)
    const pointer = foreign ? `${pointerOf(path.slice(0, -1))}/*` : pointerOf(path)
    return errorAt(part, pointer, codeOf(issue), messageOf(issue.message, path, input, foreign, contents))
  })
}

/** An error that needs no schema to be found. */
export function errorAt(part: Part, pointer: string, code: string, message: string): InputError {
  return part === 'body' ? { pointer, code, message } : { in: IN[part], pointer, code, message }
}

/** Refuses input: the client is told where and which rule, unless it is `generic`; the log is told in any case. */
export function invalidInput(context: Context, errors: readonly InputError[], generic = false): ProblemInit {
  context.attributes['input.errors'] = places(errors)
  return problem('input-invalid', {
    detail: 'The input does not have the required form.',
    members: generic ? undefined : { errors: errors.slice(0, MOST) },
  })
}

/** Where and which rule, in one line for the log. */
export function places(errors: readonly InputError[]): string {
  return errors.slice(0, MOST).map((one) => `${one.in ?? ''}${one.pointer} ${one.code}`).join('; ')
}

/** Names that a schema would have. Anything else came from the client, in a map or a strict object, and stays unsaid. */
const NAME = /^[A-Za-z_$][\w$-]{0,63}$/

function pointerOf(path: readonly PropertyKey[]): string {
  return `#${
    path.map((part) => `/${typeof part === 'number' || NAME.test(String(part)) ? String(part) : '*'}`).join('')
  }`
}

/**
 * Does the issue name a key that came in and that no schema knows? Valibot says that it is about a key (`origin`), arktype
 * that it must be removed.
 */
function isForeignKey(issue: SchemaIssue, path: readonly PropertyKey[], input: unknown): boolean {
  const last = issue.path?.[path.length - 1] as { readonly origin?: unknown } | undefined
  const isOfKey = last?.origin === 'key' || (issue as { readonly expected?: unknown }).expected === 'removed'
  const holder = isOfKey ? at(input, path.slice(0, -1)) : undefined
  return typeof holder === 'object' && holder !== null && Object.hasOwn(holder, path[path.length - 1]!)
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
 * \"hunter2\""), and there is no telling theirs from the author's, so each is held against the input: against what is at
 * its place word by word, because schemas trim, split and re-case; against all the rest as a whole, and by the words that
 * hold a digit, as passwords do and sentences seldom.
 */
function messageOf(
  message: string,
  path: readonly PropertyKey[],
  input: unknown,
  foreign: boolean,
  contents: (value: unknown) => Contents,
): string {
  if (typeof message !== 'string' || message.length > 200) return UNSAID
  const said = message.toLowerCase()
  const words = said.match(/[\p{L}\p{N}]{4,}/gu) ?? []
  const marked = words.filter((word) => /\d/.test(word))
  const repeated = path.some((part, i) => isRepeatedKey(said, part, foreign && i === path.length - 1)) ||
    repeats(
      contents(at(input, path)),
      said,
      marked,
      (text) => contains(said, text.trim()) || words.some((word) => contains(text, word)),
    ) ||
    repeats(contents(input), said, marked, (text) => text.trim().length > 3 && contains(said, text.trim()))
  return repeated ? UNSAID : message
}

function isRepeatedKey(said: string, part: PropertyKey, foreign: boolean): boolean {
  return typeof part === 'string' && (foreign || !NAME.test(part)) && said.includes(part.toLowerCase())
}

/** What lies at a path; where the path goes on inside a text, which a schema has taken apart, that text. */
function at(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const part of path) {
    if (typeof value === 'string') return value
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

/** The texts and keys in a value, in lower case; or there are too many to look at. */
interface Contents {
  readonly texts: readonly string[]
  readonly keys: readonly string[]
  readonly tooMany: boolean
}

function contentsOf(value: unknown): Contents {
  const texts: string[] = []
  const keys = new Set<string>()
  const open: unknown[] = [value]
  let [values, characters] = [5_000, 50_000]
  while (open.length > 0) {
    const one = open.pop()
    if (--values < 0 || characters < 0) return { texts, keys: [], tooMany: true }
    if (typeof one === 'object' && one !== null) {
      for (const key in one) {
        if (!Array.isArray(one) && key.length > 2) keys.add(key.slice(0, 1_000).toLowerCase())
        if (open.length <= values) open.push((one as Record<string, unknown>)[key])
      }
    } else if (typeof one === 'string' || typeof one === 'number') {
      // Libraries cut long values short; so do we, to find them.
      const text = String(one).slice(0, 1_000).toLowerCase()
      characters -= text.length
      texts.push(text)
    }
  }
  return { texts, keys: [...keys], tooMany: false }
}

/** Is any text, number or key repeated, or is there too much to tell? */
function repeats(
  { texts, keys, tooMany }: Contents,
  said: string,
  marked: readonly string[],
  isRepeated: (text: string) => boolean,
): boolean {
  return tooMany || texts.some((text) => isRepeated(text) || marked.some((word) => contains(text, word))) ||
    keys.some((key) => quotes(said, marked, key))
}

/** Does the message name this key as libraries name an unknown one, or could nobody but the client have named it so? */
function quotes(said: string, marked: readonly string[], key: string): boolean {
  if (marked.some((word) => contains(key, word))) return true
  if (!said.includes(key)) return false
  return !NAME.test(key) || ['"', "'", '`'].some((mark) => said.includes(mark + key + mark))
}

/** Does a text hold another as a whole word? "at least 10" does not hold 1; an empty value is held by nothing. */
function contains(text: string, sought: string): boolean {
  const start = sought.slice(0, 32)
  if (start === '') return false
  for (let i = text.indexOf(start); i >= 0; i = text.indexOf(start, i + 1)) {
    if (!WORD.test(text[i - 1] ?? '') && (start.length < sought.length || !WORD.test(text[i + start.length] ?? ''))) {
      return true
    }
  }
  return false
}

const WORD = /[\p{L}\p{N}]/u
