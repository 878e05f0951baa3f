/**
 * The parts of a request's head as maps for a schema: texts by name, without a prototype. A name that comes twice becomes a
 * list, which a schema for one value refuses: no part of a service can then take the first where another takes the last.
 */
import { fail } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import type { HasParams } from '../core/facts.ts'

/** Texts by name; a list where the name came more than once. */
export type Fields = Record<string, string | string[]>

/** Reads one part. */
export type PartReader = (request: Request, context: Context, lists: ReadonlySet<string>, most: number) => Fields

/** Every part but the body, cheapest first. */
export const READERS: Readonly<Record<'params' | 'query' | 'headers' | 'cookies', PartReader>> = {
  params: (_request, context) => ({ __proto__: null, ...(context as Context & HasParams).params }) as unknown as Fields,
  query: ({ url }, _context, lists, most) => {
    const start = url.indexOf('?')
    const hash = url.indexOf('#')
    if (start < 0 || (hash >= 0 && hash < start)) return Object.create(null)
    return pairs(url.slice(start + 1, hash < 0 ? url.length : hash), lists, most)
  },
  headers: ({ headers }) => {
    const fields: Fields = Object.create(null)
    headers.forEach((value, name) => fields[name] = value)
    return fields
  },
  cookies: ({ headers }) => {
    const fields: Fields = Object.create(null)
    for (const pair of (headers.get('cookie') ?? '').split(';')) {
      const at = pair.indexOf('=')
      if (at < 0) continue
      const value = pair.slice(at + 1).trim()
      append(fields, pair.slice(0, at).trim(), unescaped(/^".*"$/.test(value) ? value.slice(1, -1) : value))
    }
    return fields
  },
}

/**
 * The pairs of a query or a urlencoded form, at most `most` (400 `input-too-complex`). Names are taken as they are: `a[b][c]` is one
 * name, and nests nothing. Bytes that are no UTF-8 are refused (400 `encoding-invalid`), where the platform replaces them.
 */
export function pairs(text: string, lists: ReadonlySet<string>, most: number): Fields {
  const fields: Fields = Object.create(null)
  let left = most
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) if (--left <= 0) fail('input-too-complex')
  let replaced = false
  for (const [name, value] of new URLSearchParams(text)) {
    replaced ||= value.includes('\ufffd') || name.includes('\ufffd')
    if (lists.has(name) && fields[name] === undefined) fields[name] = []
    append(fields, name, value)
  }
  // Unless the client sent the replacement character itself.
  if (replaced && !/%EF%BF%BD|\ufffd/i.test(text)) fail('encoding-invalid')
  return fields
}

/** Adds a value; one that is there already becomes a list, which a schema for one value refuses. */
export function append<T>(fields: Record<string, T | T[]>, name: string, value: T): void {
  const known = fields[name]
  if (known === undefined) fields[name] = value
  else if (Array.isArray(known)) known.push(value)
  else fields[name] = [known, value]
}

/** What servers write in cookies is mostly percent-encoded (RFC 6265 §4.1.1 names no encoding); what is not stays as it is. */
function unescaped(value: string): string {
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
