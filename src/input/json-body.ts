import { fail } from '../core/body.ts'
import { record } from '../core/event.ts'
import { thrown } from '../core/problem.ts'
import type { BodyCodec, ReceivedBody } from './codec.ts'
import type { InputError } from './issues.ts'
import { errorAt, invalidInput } from './issues.ts'
import type { JsonFindings } from './json-scan.ts'
import { isTooComplex, scanJson } from './json-scan.ts'

/** What to do about something that JSON.parse takes: nothing, record it as `suspicious`, or refuse it. */
export type Treatment = 'allow' | 'report' | 'refuse'

/** Options of {@link jsonBody}. */
export interface JsonBodyOptions {
  /** A key that comes twice in one object, of which the last counts here, and perhaps the first elsewhere. (`'allow'`) */
  readonly duplicateKeys?: Treatment | undefined
  /** Integers beyond ±(2^53 - 1), whose last digits change. (`'allow'`) */
  readonly unsafeIntegers?: Treatment | undefined
  /** A byte-order mark, which JSON must not have: refuse it, or read on behind it. (`'refuse'`) */
  readonly byteOrderMark?: 'refuse' | 'strip' | undefined
}

/**
 * Reads JSON in UTF-8. Refuses what is too much to parse, by the limits that hold for its value, before it is parsed.
 *
 * Looking for duplicate keys or unsafe integers reads the text once more, which takes about as long as parsing it.
 *
 * Source: RFC 8259; RFC 7493 §2.
 *
 * @example
 * jsonBody({ duplicateKeys: 'refuse', unsafeIntegers: 'report' })
 */
export function jsonBody(options: JsonBodyOptions = {}): BodyCodec {
  const { duplicateKeys = 'allow', unsafeIntegers = 'allow', byteOrderMark = 'refuse' } = options
  for (const [name, treatment] of Object.entries({ duplicateKeys, unsafeIntegers })) {
    if (treatment !== 'allow' && treatment !== 'report' && treatment !== 'refuse') {
      throw new TypeError(`jsonBody: ${name} must be 'allow', 'report' or 'refuse'`)
    }
  }
  if (byteOrderMark !== 'refuse' && byteOrderMark !== 'strip') {
    throw new TypeError(`jsonBody: byteOrderMark must be 'refuse' or 'strip'`)
  }
  const wanted: JsonFindings = { duplicateKey: duplicateKeys !== 'allow', unsafeInteger: unsafeIntegers !== 'allow' }
  const plain = !wanted.duplicateKey && !wanted.unsafeInteger

  const valueOf = (text: string, body: ReceivedBody): unknown => {
    if (text === '') return undefined
    if (isTooComplex(text, body.structure)) fail('input-too-complex')
    const value = parse(text)
    if (plain) return value
    const found = scanJson(text, wanted)
    const errors = [
      ...(found.duplicateKey && treat(duplicateKeys, DUPLICATE_KEY, body) ? [DUPLICATE_KEY] : []),
      ...(found.unsafeInteger && treat(unsafeIntegers, UNSAFE_INTEGER, body) ? [UNSAFE_INTEGER] : []),
    ]
    if (errors.length > 0) throw thrown(invalidInput(body.context, errors))
    return value
  }
  return {
    types: ['application/json'],
    decode: (body) =>
      byteOrderMark === 'strip'
        ? body.bytes().then((bytes) => valueOf(withoutMark(bytes), body))
        : body.text().then((text) => valueOf(text, body)),
  }
}

const DUPLICATE_KEY = /* @__PURE__ */ errorAt('body', '#', 'duplicate-key', 'A key occurs twice in the same object.')
const UNSAFE_INTEGER = /* @__PURE__ */ errorAt('body', '#', 'unsafe-integer', 'An integer is too large to be kept.')

/** Is it to be refused? Else it is recorded. */
function treat(treatment: Treatment, { code }: InputError, { context }: ReceivedBody): boolean {
  if (treatment === 'report') record(context, { kind: 'suspicious', guard: 'validate', code })
  return treatment === 'refuse'
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Its message quotes the text: nothing of it is kept.
    return fail('body-malformed')
  }
}

const UTF_8 = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true })

function withoutMark(bytes: Uint8Array): string {
  try {
    return UTF_8.decode(bytes)
  } catch {
    return fail('encoding-invalid')
  }
}
