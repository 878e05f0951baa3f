/**
 * What stands before the bytes of a part, and in the `Content-Type` of the whole (RFC 7578, RFC 2046 §5.1.1, RFC 2183).
 *
 * Strict, because parsers that differ are the attack: a firewall that takes the second `filename` does not see what a
 * service that takes the first will store. What senders are known to write is read; all else is refused, not guessed at.
 */
import { fail } from '../core/body.ts'
import { isToken, mediaType } from '../core/fields.ts'

/** What a part says of itself. */
export interface PartHead {
  readonly name: string
  /** What the client calls the file: `''` for a file input left empty, `undefined` for what is no file. */
  readonly filename: string | undefined
  /** Its `Content-Type`, as the client claims. */
  readonly type: string | undefined
}

/** The boundary in the `Content-Type` of a form: `undefined` unless it has exactly one, of RFC 2046's characters. */
export function boundaryOf(contentType: string): string | undefined {
  const boundary = parametersOf(contentType)?.get('boundary')
  return boundary !== undefined && BOUNDARY.test(boundary) ? boundary : undefined
}

const BOUNDARY = /^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/

const FIELDS = 16

/**
 * The head of a part, from what lies between its boundary and the empty line: the rest of the boundary's own line, then
 * the fields. Throws a `Problem` where it is not that of a form's part.
 */
export function partHead(text: string): PartHead {
  const [padding, ...lines] = text.split('\r\n')
  if (!/^[ \t]*$/.test(padding!)) fail('body-malformed')
  if (lines.length > FIELDS) fail('input-too-complex')
  const fields = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon)).toLowerCase()
    // No continued lines, either: they have crashed parsers (CVE-2022-24434), and no client sends them.
    if (!isToken(name) || fields.has(name) || CONTROL.test(line)) fail('body-malformed')
    fields.set(name, line.slice(colon + 1).trim())
  }
  const type = fields.get('content-type') || undefined
  // RFC 7578 §4.3 and §4.7 did away with both.
  const nested = type !== undefined && mediaType(type).startsWith('multipart/')
  if (nested || !PLAIN.test(fields.get('content-transfer-encoding') ?? '')) fail('body-malformed')
  return { ...disposition(fields.get('content-disposition') ?? ''), type }
}

/** All but the tab. Here: a bare CR or LF, too. */
const CONTROL = /[^\P{Cc}\t]/u
const PLAIN = /^(?:7bit|8bit|binary|)$/i

function disposition(field: string): Pick<PartHead, 'name' | 'filename'> {
  const found = parametersOf(field)
  const kind = field.split(';', 1)[0]!.trim().toLowerCase()
  const name = found?.get('name')
  if (found === undefined || kind !== 'form-data' || name === undefined) return fail('body-malformed')
  // `filename*0` and the like are in no form; read by one parser and not by another, they hide a file's name.
  for (const one of found.keys()) if (one.includes('*') && one !== 'filename*') fail('body-malformed')
  const extended = found.get('filename*')
  const filename = found.get('filename') ?? (extended === undefined ? undefined : decodeExtended(extended))
  if (ANY_CONTROL.test(name) || ANY_CONTROL.test(filename ?? '')) fail('body-malformed')
  return { name, filename }
}

const ANY_CONTROL = /\p{Cc}/u

/** RFC 8187. RFC 7578 §4.2 forbids it in forms, and Python's clients sent it for years. */
function decodeExtended(value: string): string {
  const encoded = /^utf-8'[a-z\d-]*'((?:%[\da-f]{2}|[\w!#$&+.^`|~-])*)$/i.exec(value)?.[1]
  try {
    return encoded === undefined ? fail('body-malformed') : decodeURIComponent(encoded)
  } catch {
    return fail('body-malformed')
  }
}

const PARAMETER = /[ \t]*;[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?/gy

/** The parameters after the first `;`, by name in lower case; `undefined` if one comes twice, or something is none. */
function parametersOf(field: string): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>()
  const text = field.trim()
  const start = text.indexOf(';')
  if (start < 0) return found
  const rest = text.slice(start)
  let end = 0
  for (const [all, key, quoted, bare] of rest.matchAll(PARAMETER)) {
    end += all.length
    if (key === undefined) continue
    const name = key.toLowerCase()
    if (found.has(name)) return undefined
    found.set(name, quoted === undefined ? bare! : unquoted(quoted))
  }
  return end === rest.length ? found : undefined
}

/**
 * Browsers write `%22`, `%0D` and `%0A` for what a quoted string cannot hold, and escape nothing else (HTML, "multipart
 * form data"); older clients put a backslash before quotes and backslashes. Any other backslash is one, as in `C:\a.png`.
 */
function unquoted(text: string): string {
  return text.replace(
    /\\(["\\])|%(22|0d|0a)/gi,
    (_all, character: string | undefined, hex: string) => character ?? String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
