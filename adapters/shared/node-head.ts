/**
 * The head on Node: announced fields and the response's own, joined when `writeHead` is called into the one flat list that
 * it takes. No `Headers` object is made, and a light Response stays light: this is most of what a pipeline costs there.
 *
 * Structural on purpose: `sallyport/hono` uses this too, and must not import `node:http`.
 */
import type { Context, Platform } from '../../src/core/context.ts'
import { ended } from '../../src/core/context.ts'
import { record } from '../../src/core/event.ts'
import type { HasRequestId } from '../../src/core/facts.ts'
import { consoleLog, safely } from '../../src/core/log.ts'
import type { Early } from './early.ts'
import { early } from './early.ts'

/** The platform of our own server on Node. */
export interface NodePlatform extends Platform {
  draining: boolean
  /** It listens no more: answers say `Connection: close`. Before that they would only make clients come back. */
  closing: boolean
}

/** What `writeHead` takes: a record (values may be numbers or lists), or a flat list. */
export type OwnFields = Readonly<Record<string, unknown>> | readonly unknown[]

/** The part of a ServerResponse that is used here. */
export interface Outgoing {
  readonly statusCode: number
  readonly destroyed: boolean
  readonly writableLength: number
  readonly headersSent: boolean
  readonly errored?: unknown
  readonly req?: { readonly method?: string | undefined }
  shouldKeepAlive?: boolean
  getHeaderNames(): string[]
  getHeader(name: string): unknown
  removeHeader(name: string): void
  on(event: 'finish' | 'close', listener: () => void): unknown
  writeHead(status: number, reason?: unknown, fields?: unknown): unknown
  write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean
  end(chunk?: unknown, encoding?: unknown, callback?: unknown): unknown
  flushHeaders(): void
  /** The context of its request. Present, if only as `undefined`, on a response that our server made. */
  '~context'?: Context | undefined
  /** Bytes of body written so far. */
  '~bytes'?: number
  '~watched'?: boolean
  '~original'?: Pick<Outgoing, 'writeHead' | 'write' | 'end' | 'flushHeaders'> & { body?: string }
}

/**
 * Lets `outgoing` write the head of `context`, and tell its listeners how the exchange ended. A response that our server
 * made does so by itself; on any other, its writing methods are laid over.
 */
export function handOver(outgoing: Outgoing, context: Context): void {
  const ours = '~context' in outgoing
  outgoing['~context'] = context
  if (ours) return
  const { writeHead, write, end, flushHeaders } = outgoing
  outgoing['~original'] = { writeHead, write, end, flushHeaders }
  outgoing.writeHead = patchedWriteHead
  outgoing.write = patchedWrite
  outgoing.end = patchedEnd
  outgoing.flushHeaders = patchedFlushHeaders
}

function patchedWriteHead(this: Outgoing, status: number, reason?: unknown, fields?: unknown): unknown {
  const { writeHead } = this['~original']!
  const context = this['~context']!
  const own = (typeof reason === 'string' ? fields : reason) as OwnFields | undefined
  try {
    const whole = headFor(this, context, status, own)
    return typeof reason === 'string'
      ? writeHead.call(this, status, reason, whole)
      : writeHead.call(this, status, whole)
  } catch (error) {
    if (this.headersSent) throw error
    const broken = brokenHead(this, context, error)
    this['~original']!.body = broken.body
    return writeHead.call(this, broken.status, broken.fields)
  }
}

function patchedWrite(this: Outgoing, chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
  const { write, body } = this['~original']!
  if (body !== undefined) return true
  watch(this)
  count(this, chunk, encoding)
  return write.call(this, chunk, encoding, callback)
}

function patchedFlushHeaders(this: Outgoing): void {
  watch(this)
  this['~original']!.flushHeaders.call(this)
}

function patchedEnd(this: Outgoing, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  const { end, body = chunk } = this['~original']!
  count(this, body, encoding)
  const ended = end.call(this, body, encoding, callback)
  settle(this)
  return ended
}

const BROKEN = early('internal-error')

/**
 * The head, and the body, of the 500 for a response that cannot be written: a field holds what HTTP cannot carry (a light
 * Response does not check), or its stream broke before the first chunk. `@hono/node-server` would answer with the error's
 * message, or let the rejection take the process down.
 */
export function brokenHead(
  outgoing: Outgoing,
  context: Context,
  error: unknown,
): Early & { readonly fields: string[] } {
  record(context, { kind: 'error', guard: 'node', code: 'internal-error', status: 500 })
  if (error !== undefined) {
    const { requestId } = context as Partial<HasRequestId>
    const message = 'the response could not be written'
    safely(consoleLog, { level: 'error', message, code: 'internal-error', requestId, error })
  }
  const own = [...BROKEN.fields, 'content-length', String(BROKEN.body.length)]
  return { ...BROKEN, fields: headFor(outgoing, context, 500, own) }
}

/** Is it what `@hono/node-server` sends for a response that broke? It says the error's message next. */
export function isFallback(status: number, own: unknown): boolean {
  if (status !== 500 || typeof own !== 'object' || own === null) return false
  const names = Object.keys(own)
  return names.length === 1 && (own as Record<string, unknown>)['Content-Type'] === 'text/plain'
}

/** The whole head of a response that is about to be written. */
export function headFor(outgoing: Outgoing, context: Context, status: number, own: OwnFields | undefined): string[] {
  const flat: string[] = []
  if (own !== undefined && own !== null) list(flat, own)
  const earlier = outgoing.getHeaderNames()
  if (earlier.length > 0) adopt(flat, outgoing, earlier)
  if ((context.platform as NodePlatform).closing === true) outgoing.shouldKeepAlive = false
  return context.head.flatten(flat, status)
}

function list(flat: string[], own: OwnFields): void {
  if (!Array.isArray(own)) {
    const record = own as Readonly<Record<string, unknown>>
    for (const name in record) push(flat, name, record[name])
  } else if (Array.isArray(own[0])) {
    for (const [name, value] of own as readonly (readonly [string, unknown])[]) push(flat, name, value)
  } else {
    for (let i = 0; i < own.length; i += 2) push(flat, String(own[i]), own[i + 1])
  }
}

function push(flat: string[], name: string, value: unknown): void {
  if (typeof value === 'string') flat.push(name, value)
  else if (Array.isArray(value)) { for (const one of value) flat.push(name, String(one)) }
  else if (value !== undefined) flat.push(name, String(value))
}

/** What somebody outside (Express, `compression`) has set on the response counts as its own where it has no such field. */
function adopt(flat: string[], outgoing: Outgoing, names: readonly string[]): void {
  const own = new Set<string>()
  for (let i = 0; i < flat.length; i += 2) own.add(flat[i]!.toLowerCase())
  for (const name of names) {
    if (!own.has(name) || name === 'vary' || name === 'set-cookie') push(flat, name, outgoing.getHeader(name))
    outgoing.removeHeader(name)
  }
}

/**
 * To be called before a part of the body is written: from here on the end is watched, if somebody asked. Shared functions:
 * nothing is made per response. Whichever comes first tells; the other finds nobody left to tell.
 */
export function watch(outgoing: Outgoing): void {
  if (outgoing['~watched'] === true || outgoing['~context']?.endListeners === undefined) return
  outgoing['~watched'] = true
  if (outgoing.destroyed) return tell(outgoing, 'aborted')
  outgoing.on('finish', onFinish)
  outgoing.on('close', onClose)
}

/** To be called after `end`: what went to the system at once needs no watching, which costs as much as the log line. */
export function settle(outgoing: Outgoing): void {
  if (outgoing['~watched'] === true || outgoing['~context']?.endListeners === undefined) return
  if (outgoing.destroyed || outgoing.writableLength > 0) watch(outgoing)
  else tell(outgoing, 'complete')
}

function onFinish(this: unknown): void {
  tell(this as Outgoing, 'complete')
}

function onClose(this: unknown): void {
  // A source that breaks destroys the response with its error; a client that leaves does not.
  tell(this as Outgoing, (this as Outgoing).errored ? 'failed' : 'aborted')
}

function tell(outgoing: Outgoing, outcome: 'complete' | 'aborted' | 'failed'): void {
  const { statusCode: status, req } = outgoing
  const bodiless = req?.method === 'HEAD' || status === 204 || status === 304
  ended(outgoing['~context']!, { status, bytes: bodiless ? 0 : outgoing['~bytes'] ?? 0, outcome })
}

interface ByteLength {
  readonly Buffer: { byteLength(text: string, encoding?: string): number }
}

/** Counts a chunk of body, if somebody will want to know. */
export function count(outgoing: Outgoing, chunk: unknown, encoding: unknown): void {
  if (outgoing['~context']?.endListeners === undefined || outgoing.destroyed) return
  const size = typeof chunk === 'string'
    ? (globalThis as unknown as ByteLength).Buffer.byteLength(chunk, typeof encoding === 'string' ? encoding : 'utf8')
    : (chunk as Uint8Array | null | undefined)?.byteLength ?? 0
  outgoing['~bytes'] = (outgoing['~bytes'] ?? 0) + size
}
