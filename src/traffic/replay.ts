/**
 * What is kept under an idempotency key, as text, and how a response comes to be kept: `idempotency` decides when.
 *
 * A response is kept if its body is short, or it has none. A short one is read into memory and goes on to the client from
 * there; anything else goes on untouched, and what is kept is only that it was given.
 */
import type { Bytes } from '../core/body.ts'
import { joined } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { pathOf } from '../core/request.ts'

/** What a key stands for. */
export type Entry = Running | Done | Kept

/** The request is being worked on, by whoever knows the lease. */
export interface Running {
  /** The fingerprint of the request. */
  readonly print: string
  readonly lease: string
}

/** It was answered, but the answer is not kept. */
export interface Done {
  readonly print: string
  readonly status: number
}

/** It was answered, with this. */
export interface Kept extends Done {
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly text?: string | undefined
  /** In base64, where the body is no UTF-8. */
  readonly bytes?: string | undefined
}

/** Of the form, not of the library: a record of another is no usable answer. */
const VERSION = 1

/** As a store keeps it. */
export function written(entry: Entry): string {
  return JSON.stringify({ v: VERSION, ...entry })
}

/** What a store has kept; `undefined` if that is nothing of ours. */
export function entryOf(value: unknown): Entry | undefined {
  let entry: Partial<Running & Kept & { readonly v: number }>
  try {
    entry = JSON.parse(String(value)) ?? {}
  } catch {
    return undefined
  }
  if (entry.v !== VERSION || typeof entry.print !== 'string') return undefined
  return typeof entry.lease === 'string' || isStatus(entry.status) ? entry as Entry : undefined
}

function isStatus(status: unknown): boolean {
  return Number.isInteger(status) && status as number >= 100 && status as number <= 599
}

const BARE = /^[\x21\x23-\x2b\x2d-\x7e]{1,255}$/
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/

/** The key: a structured-field String (RFC 9651 §3.3.3), or bare. Two fields, which are joined by a comma, are none. */
export function keyIn(field: string): string | undefined {
  if (BARE.test(field)) return field
  return QUOTED.exec(field)?.[1]?.replace(/\\(.)/g, '$1')
}

/**
 * Where the store has it. No two scopes, methods and paths run into one another; of a path every spelling is the same, since
 * a router may take them for the same.
 */
export function recordKey(scope: string, request: Request, key: string): string {
  const path = pathOf(request)
  return `${scope.length}:${scope}${request.method} ${path.length}:${path}${key}`
}

/** A request in few characters: method, target, media type and body. Others of the same key are another's. */
export async function fingerprint({ method, url, headers }: Request, body: Bytes): Promise<string> {
  const target = url.slice(url.indexOf('://') + 3)
  const head = new TextEncoder().encode(JSON.stringify([method, target, headers.get('content-type')]))
  const whole = joined([head, body], head.byteLength + body.byteLength)
  return base64(new Uint8Array(await crypto.subtle.digest('SHA-256', whole)))
}

/** The response again. Throws where what was kept cannot be one. */
export function replayed({ status, headers, text, bytes }: Kept): Response {
  const body = text !== undefined
    ? new TextEncoder().encode(text)
    : bytes !== undefined
    ? Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))
    : null
  return new Response(body, { status, headers: headers.map(([name, value]): [string, string] => [name, value]) })
}

/** What to keep of a response, and the response to send in its place. */
export interface Taken {
  readonly entry: Done | Kept
  readonly response: Response
}

/** Reads a response if it is short, at most `most` bytes. */
export async function take(
  response: Response,
  request: Request,
  context: Context,
  print: string,
  most: number,
): Promise<Taken> {
  const { status } = response
  const done: Taken = { entry: { print, status }, response }
  if (status === 101 || (response as { webSocket?: unknown }).webSocket) return done
  const headers = ownFields(response)
  const bodiless = request.method === 'HEAD' || status === 204 || status === 205 || status === 304
  if (bodiless) return { entry: { print, status, headers }, response }
  const type = response.headers.get('content-type')
  if (!isShort(response, type, context, most)) return done
  if (response.body === null) return { entry: { print, status, headers }, response }
  const body = await drain(response.body, most)
  if (body instanceof ReadableStream) return { entry: { print, status }, response: new Response(body, response) }
  const text = textOf(body)
  const kept: Kept = text === undefined
    ? { print, status, headers, bytes: base64(body) }
    : { print, status, headers, text }
  // Bun gives a string its type when it is sent: it must stay one, and the others must be told.
  if (type !== null || text === undefined || context.platform.name !== 'bun') {
    return { entry: kept, response: new Response(body, response) }
  }
  const typed: Kept = { ...kept, headers: [...headers, ['content-type', 'text/plain;charset=utf-8']] }
  return { entry: typed, response: new Response(text, response) }
}

/** Is the body short, by what the head says? */
function isShort(response: Response, type: string | null, { platform }: Context, most: number): boolean {
  // On Workers what is to be encoded may not be yet.
  if (response.headers.has('content-encoding')) return false
  const length = response.headers.get('content-length')
  if (length !== null) return /^\d+$/.test(length) && Number(length) <= most
  if (type === null) return platform.name === 'bun' || response.body === null
  // The one of a string. `text/plain; charset=utf-8`, spelled by hand, is what streams of models have.
  if (type === 'text/plain;charset=UTF-8') return true
  return /^(?:application\/|[^;]*\+)json\s*(?:;|$)/i.test(type)
}

/**
 * Not kept: what belongs to one connection or one exchange, what the runtime computes, and `Set-Cookie`, a credential that
 * a store should not hold and that whoever tries again has no right to if the first has lost it.
 */
const NOT_KEPT: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

function ownFields({ headers }: Response): [name: string, value: string][] {
  return [...headers].filter(([name]) => !NOT_KEPT.has(name))
}

/** What says that it is short has this long to be all there. */
const PATIENCE = 1_000

/** The whole body, or, if it is too long, too slow or broken, the body as it was: a stream with all of it. */
async function drain(
  stream: ReadableStream<Uint8Array>,
  most: number,
): Promise<Bytes | ReadableStream<Uint8Array>> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), PATIENCE))
  try {
    for (;;) {
      const reading = reader.read()
      const step = await Promise.race([reading, late]).catch(() => undefined)
      if (step === undefined) return resumed(reader, chunks, reading)
      if (step.done) return joined(chunks, length)
      chunks.push(step.value)
      length += step.value.byteLength
      if (!(length <= most)) return resumed(reader, chunks, undefined)
    }
  } finally {
    clearTimeout(timer)
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** What was read, what is being read, and the rest. */
function resumed(
  reader: Reader,
  chunks: Uint8Array[],
  reading: ReturnType<Reader['read']> | undefined,
): ReadableStream<Uint8Array> {
  let pending = reading
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift()
      if (chunk !== undefined) return controller.enqueue(chunk)
      const { done, value } = await (pending ?? reader.read())
      pending = undefined
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 })
}

const STRICT = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Bytes): string | undefined {
  try {
    return STRICT.decode(bytes)
  } catch {
    return undefined
  }
}

function base64(bytes: Uint8Array): string {
  let text = ''
  // Not all at once: each byte is an argument.
  for (let at = 0; at < bytes.byteLength; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  }
  return btoa(text)
}
