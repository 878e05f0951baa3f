/**
 * Sees a body pass, and keeps its beginning. Nothing is read that nobody reads, nothing is read twice, cloned or held back: the
 * one request answers as before, and a stream hands on each chunk when it is asked for one.
 */
import type { Bytes } from '../core/body.ts'
import { contentLength, joined } from '../core/body.ts'

/** What has passed of one body, and the first of it. */
export class BodyTap {
  #most: number
  #chunks: Uint8Array[] = []
  #held = 0
  #text: string | undefined
  #onEnd: (() => void) | undefined
  /** Bytes that have passed; `undefined` if nobody has read. */
  bytes: number | undefined
  /** It passed to its end. */
  whole = false
  /** Nothing more will pass. */
  over = false
  /** The stream through which it passes, if somebody asked for one. */
  stream: ReadableStream<Uint8Array> | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** For a second observer of the same body. */
  widen(most: number): void {
    this.#most = Math.max(this.#most, most)
  }

  see(chunk: Uint8Array): void {
    if (this.over || !(chunk?.byteLength >= 0)) return // it is no bytes: whoever reads it will say so
    this.bytes = (this.bytes ?? 0) + chunk.byteLength
    const room = this.#most - this.#held
    if (room <= 0 || chunk.byteLength === 0) return
    const first = new Uint8Array(chunk.subarray(0, room)) // a copy: who gets the chunk may transfer its memory
    this.#chunks.push(first)
    this.#held += first.byteLength
  }

  /** It was read at once, as text. */
  seeText(text: string, length: number): void {
    if (this.over) return
    this.bytes = length
    this.#text = text.length > this.#most ? text.slice(0, this.#most) : text
    this.#ended(this.#text.length === text.length)
  }

  end(whole: boolean): void {
    if (!this.over) this.#ended(whole && this.#held === (this.bytes ?? 0))
  }

  #ended(whole: boolean): void {
    this.over = true
    this.whole = whole
    this.#onEnd?.()
  }

  /** Calls back when nothing more will pass: at once, if that is so. */
  onEnd(listener: () => void): void {
    if (this.over) listener()
    else this.#onEnd = listener
  }

  /** The beginning, as text; `undefined` if nobody has read. */
  start(): string | undefined {
    if (this.#text !== undefined) return this.#text
    return this.bytes === undefined ? undefined : new TextDecoder().decode(joined(this.#chunks, this.#held))
  }
}

/** The same stream, seen. Not locked before somebody reads: to ask whether there is a body must not use it up. */
export function watched(stream: ReadableStream<Uint8Array>, tap: BodyTap): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let cancelled = false
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        reader ??= stream.getReader()
        const { done, value } = await reader.read()
        if (cancelled) return
        if (done) {
          tap.bytes ??= 0
          tap.end(true)
          controller.close()
          return
        }
        tap.see(value)
        controller.enqueue(value)
      } catch (error) {
        tap.end(false)
        controller.error(error)
        void reader?.cancel(error).catch(() => {})
      }
    },
    cancel(reason) {
      cancelled = true
      tap.end(false)
      return reader === undefined ? stream.cancel(reason) : reader.cancel(reason)
    },
  }, { highWaterMark: 0 })
}

const TAP: unique symbol = Symbol('sallyport.tap')

interface Tapped {
  [TAP]?: BodyTap
}

/** For each kind of request (one or two per runtime), a prototype over its own that sees what its members read. */
const seeing = /* @__PURE__ */ new WeakMap<object, object>()

/**
 * Lets a tap see what is read of this request, by slipping a prototype under the one object, as `readBody` does to answer from
 * memory: it stays the platform's own, and who reads it gets the platform's own answers, a promise later.
 */
export function tapRequest(request: Request & Tapped, most: number): BodyTap {
  const present = request[TAP]
  if (present !== undefined) {
    present.widen(most)
    return present
  }
  const own = Object.getPrototypeOf(request) as Request
  let prototype = seeing.get(own)
  if (prototype === undefined) seeing.set(own, prototype = Object.create(own, membersOver(own)) as object)
  const tap = request[TAP] = new BodyTap(most)
  Object.setPrototypeOf(request, prototype)
  return tap
}

function membersOver(own: Request): PropertyDescriptorMap & ThisType<Request & Required<Tapped>> {
  return {
    text: {
      value(): Promise<string> {
        return own.text.call(this).then((text) => {
          // To count them again takes a copy, so who said how many there are is believed.
          this[TAP].seeText(text, contentLength(this) || new TextEncoder().encode(text).byteLength)
          return text
        })
      },
    },
    arrayBuffer: {
      value(): Promise<ArrayBuffer> {
        return own.arrayBuffer.call(this).then((buffer) => {
          this[TAP].see(new Uint8Array(buffer))
          this[TAP].end(true)
          return buffer
        })
      },
    },
    bytes: {
      value(): Promise<Bytes> {
        return this.arrayBuffer().then((buffer) => new Uint8Array(buffer))
      },
    },
    json: {
      value(): Promise<unknown> {
        return this.text().then(JSON.parse)
      },
    },
    blob: {
      value(): Promise<Blob> {
        return typed(this).then((response) => response.blob())
      },
    },
    formData: {
      value(): Promise<FormData> {
        return typed(this).then((response) => response.formData())
      },
    },
    body: {
      get(): ReadableStream<Uint8Array> | null {
        const stream = Reflect.get(own, 'body', this) as ReadableStream<Uint8Array> | null
        return stream && (this[TAP].stream ??= watched(stream, this[TAP]))
      },
    },
  }
}

function typed(request: Request): Promise<Response> {
  const headers = { 'content-type': request.headers.get('content-type') ?? '' }
  return request.arrayBuffer().then((buffer) => new Response(buffer, { headers }))
}

/** The response with a body that is seen as it is sent; the response itself if it has none that could be. */
export function tapResponse(response: Response, tap: BodyTap): Response {
  const { body } = response
  if (body === null || body.locked || response.bodyUsed) return response
  return new Response(watched(body, tap), response)
}
