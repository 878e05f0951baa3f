/** What proxies say of a request: `X-Forwarded-For` and `Forwarded` (RFC 7239), as lists from client to nearest proxy. */
import { listMembers } from '../core/fields.ts'

/** One step: the node that the proxy saw, and the scheme it was spoken to with, where the field says so. */
export interface Hop {
  readonly node: string
  readonly proto: string | undefined
}

// Forwarding chains are short. What is longer is forged, and its left end, which nobody reads, is not parsed.
const MOST = 2_048

/** The hops of a list such as `X-Forwarded-For`, joined with those of `X-Forwarded-Proto` where it has as many or one. */
export function forwardedFor(nodes: string, protos: string | null): Hop[] {
  const list = listMembers(tail(nodes))
  const schemes = listMembers(protos?.slice(-MOST) ?? '')
  return list.map((node, i) => {
    const fromRight = list.length - i
    return { node, proto: (schemes.length === 1 ? schemes[0] : schemes.at(-fromRight))?.toLowerCase() }
  })
}

/**
 * The hops of a `Forwarded` field. A part that does not parse gives a hop whose node no address matches; a quote that is
 * never closed swallows what our own proxies have added after it, so then nothing of the field is believed.
 */
export function forwarded(value: string): Hop[] {
  const hops: Hop[] = []
  for (const element of split(tail(value), ',') ?? []) {
    const pairs = new Map<string, string>()
    for (const pair of split(element, ';') ?? []) {
      const equals = pair.indexOf('=')
      if (equals > 0) pairs.set(pair.slice(0, equals).trim().toLowerCase(), unquote(pair.slice(equals + 1).trim()))
    }
    if (element.trim() !== '') hops.push({ node: pairs.get('for') ?? '', proto: pairs.get('proto')?.toLowerCase() })
  }
  return hops
}

function tail(value: string): string {
  if (value.length <= MOST) return value
  const cut = value.slice(-MOST)
  return cut.slice(cut.indexOf(',') + 1)
}

/** Splits at a separator outside quoted strings (RFC 9110 §5.6.4); `undefined` if one is not closed. */
function split(text: string, separator: string): string[] | undefined {
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '\\' && quoted) i++
    else if (char === '"') quoted = !quoted
    else if (char === separator && !quoted) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return quoted ? undefined : parts
}

function unquote(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replace(/\\(.)/g, '$1')
    : text
}
