/**
 * What may be shown of a body.
 *
 * JSON and forms are redacted by key, at any depth, so they must be parsed; what does not parse is not shown, for nobody can
 * say what in it is a secret. What was cut off is closed first, without the value in which the cut went: half a secret is one.
 */
import { isUtf8, mediaType } from '../core/fields.ts'
import type { Redaction } from '../core/redact.ts'
import { REDACTED } from '../core/redact.ts'

/** What a body is to a log: all else is but a size. */
export type BodyKind = 'json' | 'form' | 'text'

/** The kind by the headers; `undefined` for what is not to be shown: files, multipart, whatever is compressed or not UTF-8. */
export function kindOf(headers: Headers): BodyKind | undefined {
  const declared = headers.get('content-type')
  if (declared === null || !isUtf8(declared)) return undefined
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') return undefined
  const type = mediaType(declared)
  if (type === 'application/json' || type.endsWith('+json')) return 'json'
  if (type === 'application/x-www-form-urlencoded') return 'form'
  return type.startsWith('text/') || type === 'application/xml' || type.endsWith('+xml') ? 'text' : undefined
}

/** How a body is shown. */
export interface Showing {
  readonly keysOnly: boolean
  readonly redaction: Redaction
}

/** What is shown of a body's beginning. */
export interface Shown {
  readonly body?: unknown
  /** Top-level keys. */
  readonly keys?: readonly string[]
  /** It is not what its type says. */
  readonly malformed?: true
}

const MALFORMED: Shown = { malformed: true }

export function show(start: string, whole: boolean, kind: BodyKind, { keysOnly, redaction }: Showing): Shown {
  if (start === '') return {}
  if (kind === 'text') return keysOnly ? {} : { body: textOf(whole ? start : uncut(start), redaction) }
  let value: unknown
  try {
    // What `curl -d` sends is called a form, whatever it is.
    value = kind === 'json' || PACKED.test(start)
      ? parsed(whole ? start : closed(start))
      : fields(whole ? start : start.slice(0, Math.max(0, start.lastIndexOf('&'))))
  } catch {
    return MALFORMED
  }
  if (!keysOnly) return { body: redaction.copy(value) }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return { keys: redaction.copy(Object.keys(value)) as string[] }
}

/** JSON, and the JSON in its strings: services put it there, secrets and all. */
function parsed(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown) => typeof value === 'string' ? unpacked(value) : value)
}

const PACKED = /^\s*[[{"]/

function unpacked(text: string): unknown {
  if (!PACKED.test(text)) return text
  try {
    return parsed(text)
  } catch {
    return text
  }
}

/** The beginning of a JSON text as a whole one: up to the last value that is sure to be whole, and closed. */
function closed(start: string): string {
  const closers: string[] = []
  let end = 0
  for (let i = 0; i < start.length; i++) {
    switch (start[i]) {
      case '"':
        for (i++; i < start.length && start[i] !== '"'; i++) if (start[i] === '\\') i++
        break
      case '{':
        closers.push('}')
        end = i + 1
        break
      case '[':
        closers.push(']')
        end = i + 1
        break
      case '}':
      case ']':
        closers.pop()
        end = i + 1
        break
      case ',':
        end = i
    }
  }
  return start.slice(0, end) + closers.reverse().join('')
}

/** A name as programs give them: what else is on the left of a `=` may be anything. */
const NAME = /^[\p{L}\d_.:$@[\] -]{1,100}$/u

/** A form as an object; a name that comes again makes a list. Throws where it is none. */
function fields(form: string): Record<string, unknown> {
  if (form.split('&').some((pair) => pair !== '' && !pair.includes('='))) throw new TypeError('no form')
  const lists = new Map<string, unknown[]>()
  for (const [name, text] of new URLSearchParams(form)) {
    if (!NAME.test(name)) throw new TypeError('no form')
    const value = unpacked(text)
    const list = lists.get(name)
    if (list === undefined) lists.set(name, [value])
    else list.push(value)
  }
  return Object.fromEntries([...lists].map(([name, values]) => [name, values.length > 1 ? values : values[0]]))
}

/** Without the word in which the cut went, nor digits before it: they may be the first of a card's number. */
function uncut(start: string): string {
  let end = start.length
  while (end > 0 && !/\s/.test(start[end - 1]!)) end--
  while (end > 0 && /[\s\d-]/.test(start[end - 1]!)) end--
  return start.slice(0, end)
}

/** The one shape that has more than one line. */
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY[^]*?(?:-----END|$)/g

/** Free text: JSON where a line of it is or ends in that (`data: {…}`), and whatever shows by its shape. */
function textOf(text: string, redaction: Redaction): string {
  return text.replace(PRIVATE_KEY, REDACTED).split('\n').map((line) => {
    const start = line.search(/[[{]/)
    if (start < 0) return redaction.text(line)
    try {
      const json = JSON.stringify(redaction.copy(parsed(line.slice(start))))
      return redaction.text(line.slice(0, start)) + json
    } catch {
      return redaction.text(line)
    }
  }).join('\n')
}
