/**
 * multipart/form-data as it arrives (RFC 7578, RFC 2046 §5.1): one part after the other, each a run of bytes that is read
 * only when asked for, so that a slow disk slows the client down, and a gigabyte passes through the memory of one chunk.
 *
 * Why our own: `@remix-run/multipart-parser` keeps each part whole in memory, `busboy` needs the streams of Node, and
 * `request.formData()` keeps everything. (All three also take what {@link partHead} refuses.)
 *
 * The search for the boundary jumps as Horspool's does, and compares forwards: of what it looks for only the first byte is
 * a CR, so what was compared in vain holds no other beginning, and the time stays linear whatever the client sends.
 */
import type { ByteReader } from '../core/body.ts'
import { decodeUtf8, fail } from '../core/body.ts'
import { isUtf8 } from '../core/fields.ts'
import { Problem } from '../core/problem.ts'
import type { PartHead } from './multipart-head.ts'
import { partHead } from './multipart-head.ts'

/** What a form may be made of. */
export interface MultipartLimits {
  /** Fields and files together; 400 `input-too-complex` beyond. */
  readonly parts: number
  /** Bytes of the whole; 413 `body-too-large` beyond. */
  readonly total: number
}

/** A part of a form. */
export interface FormPart extends PartHead {
  /** The next of its bytes, never none; `undefined` at its end. Rejects once the next part has been asked for. */
  readonly read: () => Promise<Uint8Array | undefined>
}

/** The bytes of a part's head, with the line of its boundary. */
const HEAD = 8_192
const NONE = /* @__PURE__ */ new Uint8Array()
const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d

/**
 * A form, read part by part. What is wrong with it is a {@link Problem}: the call that finds it rejects, as do all calls
 * after it, and the source is cancelled.
 */
export class Multipart {
  readonly #reader: ByteReader
  readonly #limits: MultipartLimits
  readonly #seen: (received: number) => void
  /** CRLF, two dashes and the boundary. */
  readonly #delimiter: Uint8Array
  readonly #jumps: Uint8Array
  readonly #head = new Uint8Array(HEAD)
  /** What has been taken from the source, and how much of it has been dealt with. */
  #chunk: Uint8Array = NONE
  #at = 0
  #received = 0
  /** How many bytes at the end of the chunks before match the delimiter, and how many of these are no bytes of the part. */
  #held = 2
  #given = 2
  /** Has the delimiter been found? */
  #over = false
  #closed = false
  #parts = 0
  /** Tells parts apart that are read from those that have been left. */
  #turn = 0
  #last: Promise<void> = Promise.resolve()
  #fault: { readonly error: unknown } | undefined

  /** `seen` is called after each chunk, with the number of bytes so far. */
  constructor(
    reader: ByteReader,
    boundary: string,
    limits: MultipartLimits,
    seen: (received: number) => void = () => {},
  ) {
    this.#delimiter = new TextEncoder().encode(`\r\n--${boundary}`)
    this.#jumps = jumpsFor(this.#delimiter)
    this.#limits = limits
    this.#seen = seen
    this.#reader = reader
  }

  /** The next part; `undefined` after the last, when the body has ended. What is left of the part before is skipped. */
  next(): Promise<FormPart | undefined> {
    const turn = ++this.#turn
    return this.#inTurn(() => this.#next(turn))
  }

  /** Gives up: cancels the source; whatever is asked from now on rejects with the reason, or with the fault before it. */
  stop(reason: unknown): void {
    if (this.#fault !== undefined) return
    this.#fault = { error: reason }
    void this.#reader.cancel(reason).catch(() => {})
  }

  /** One step at a time, in the order they were asked for. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (this.#fault !== undefined) throw this.#fault.error
      return step()
    })
    this.#last = result.then(() => {}, (error: unknown) => this.stop(error))
    return result
  }

  async #next(turn: number): Promise<FormPart | undefined> {
    if (this.#closed) return undefined
    while (await this.#piece() !== undefined) if (this.#parts === 0) fail('body-malformed') // a preamble
    const text = await this.#headText()
    if (text === undefined) {
      this.#closed = true
      while (await this.#more()); // the epilogue
      return undefined
    }
    if (++this.#parts > this.#limits.parts) fail('input-too-complex')
    const head = partHead(text)
    // The line break before a boundary may be the one that ends the head (RFC 2046 §5.1.1); before the body there is none.
    this.#held = this.#given = 2
    this.#over = false
    let ended = false
    const read = (): Promise<Uint8Array | undefined> => {
      if (ended) return Promise.resolve(undefined)
      if (turn !== this.#turn) return Promise.reject(this.#fault?.error ?? new TypeError(LEFT))
      return this.#inTurn(async () => {
        const bytes = await this.#piece()
        ended = bytes === undefined
        return bytes
      })
    }
    return { ...head, read }
  }

  /** The next bytes before the delimiter; `undefined` once that has been passed. */
  async #piece(): Promise<Uint8Array | undefined> {
    while (!this.#over) {
      if (this.#at === this.#chunk.byteLength && !await this.#more()) fail('body-malformed')
      const bytes = this.#held > 0 ? this.#resume() : this.#search()
      if (bytes.byteLength > 0) return bytes
    }
    return undefined
  }

  /** Does the delimiter that the chunks before may have begun go on in this one? If not, gives back what was held. */
  #resume(): Uint8Array {
    const [chunk, delimiter] = [this.#chunk, this.#delimiter]
    let [at, held] = [this.#at, this.#held]
    while (at < chunk.byteLength && held < delimiter.byteLength && chunk[at] === delimiter[held]) {
      at++
      held++
    }
    this.#over = held === delimiter.byteLength
    if (this.#over || at === chunk.byteLength) {
      this.#held = this.#over ? 0 : held
      this.#dealtWith(at)
      return NONE
    }
    const bytes = delimiter.slice(this.#given, this.#held)
    this.#held = this.#given = 0
    return bytes
  }

  #search(): Uint8Array {
    const [chunk, delimiter, from] = [this.#chunk, this.#delimiter, this.#at]
    const found = find(chunk, from, delimiter, this.#jumps)
    if (found >= 0) {
      this.#over = true
      this.#dealtWith(found + delimiter.byteLength)
      // A copy if more is to be read from this chunk: who gets the bytes may transfer their memory, all of the chunk's.
      return this.#chunk === chunk ? chunk.slice(from, found) : chunk.subarray(from, found)
    }
    const end = beginning(chunk, from, delimiter)
    this.#held = chunk.byteLength - end
    this.#dealtWith(chunk.byteLength)
    return chunk.subarray(from, end)
  }

  #dealtWith(at: number): void {
    const whole = at === this.#chunk.byteLength
    this.#at = whole ? 0 : at
    if (whole) this.#chunk = NONE
  }

  /** What follows a delimiter, up to the empty line; `undefined` if it was the last. */
  async #headText(): Promise<string | undefined> {
    const head = this.#head
    for (let length = 0;;) {
      while (this.#at < this.#chunk.byteLength) {
        const byte = head[length++] = this.#chunk[this.#at++]!
        if (length === 2 && byte === DASH && head[0] === DASH) return undefined
        if (
          byte === LF && length > 3 && head[length - 2] === CR && head[length - 3] === LF && head[length - 4] === CR
        ) {
          return decodeUtf8(head.subarray(0, length - 4))
        }
        if (length === HEAD) fail('input-too-complex')
      }
      if (!await this.#more()) fail('body-malformed')
    }
  }

  /** Takes the next chunk; false at the end. */
  async #more(): Promise<boolean> {
    const { done, value } = await this.#reader.read().catch((error: unknown) => {
      throw error instanceof Problem ? error : new Problem(400, 'body-unreadable', { cause: error })
    })
    if (this.#fault !== undefined) throw this.#fault.error // stopped while it waited
    if (done) return false
    this.#received += value.byteLength
    if (!(this.#received <= this.#limits.total)) fail('body-too-large') // so that NaN, of what is no bytes, does not pass
    this.#chunk = value
    this.#at = 0
    this.#seen(this.#received)
    return true
  }
}

const LEFT = 'multipart: this part was left when the next was asked for; read it before, or not at all'

/** By byte at the end of the window: how far the window may jump. */
function jumpsFor(delimiter: Uint8Array): Uint8Array {
  const last = delimiter.byteLength - 1
  const jumps = new Uint8Array(256).fill(delimiter.byteLength)
  for (let i = 0; i < last; i++) jumps[delimiter[i]!] = last - i
  return jumps
}

/** Where the delimiter begins; -1 if it is not there whole. */
function find(chunk: Uint8Array, from: number, delimiter: Uint8Array, jumps: Uint8Array): number {
  const last = delimiter.byteLength - 1
  const end = chunk.byteLength
  for (let at = from + last; at < end; at += jumps[chunk[at]!]!) {
    if (chunk[at - last] === CR && matches(chunk, at - last, delimiter)) return at - last
  }
  return -1
}

/** Is the chunk, from there to its own end or the delimiter's, the delimiter's beginning? */
function matches(chunk: Uint8Array, from: number, delimiter: Uint8Array): boolean {
  const most = Math.min(delimiter.byteLength, chunk.byteLength - from)
  for (let i = 0; i < most; i++) if (chunk[from + i] !== delimiter[i]) return false
  return true
}

/** Where at the end of the chunk the delimiter may have begun; the end if nowhere. */
function beginning(chunk: Uint8Array, from: number, delimiter: Uint8Array): number {
  const first = Math.max(from, chunk.byteLength - delimiter.byteLength + 1)
  for (let at = chunk.byteLength - 1; at >= first; at--) {
    // The last CR decides: there is but one in the delimiter.
    if (chunk[at] === CR) return matches(chunk, at, delimiter) ? at : chunk.byteLength
  }
  return chunk.byteLength
}

/** A text field's text: in UTF-8, at most `most` bytes. */
export async function textOf(part: FormPart, most: number): Promise<string> {
  if (part.type !== undefined && !isUtf8(part.type)) fail('encoding-invalid')
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined })
    } catch {
      return fail('encoding-invalid')
    }
  }
  let text = ''
  let left = most
  for (let bytes; (bytes = await part.read()) !== undefined;) {
    left -= bytes.byteLength
    if (left < 0) fail('body-too-large')
    text += decode(bytes)
  }
  return text + decode()
}
