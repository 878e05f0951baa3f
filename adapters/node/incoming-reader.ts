/**
 * A request's body straight from Node's message. `request.body` puts two web streams and a copy of every chunk in between,
 * which take twice as long as all that `uploads` does with it.
 */
import type { IncomingMessage } from 'node:http'
import type { ByteReader, ByteResult } from '../../src/core/body.ts'
import { offerReader } from '../../src/core/body.ts'

/** So many chunks may wait; then the client has to. */
const WAITING = 2

/** Offers it where it pays: for forms with files. */
export function offerIncoming(request: Request, incoming: IncomingMessage): void {
  if (incoming.headers['content-type']?.startsWith('multipart/')) {
    offerReader(request, () => new IncomingReader(incoming))
  }
}

class IncomingReader implements ByteReader {
  readonly #incoming: IncomingMessage
  readonly #chunks: Uint8Array[] = []
  #asked: { resolve(result: ByteResult): void; reject(error: unknown): void } | undefined
  #end: { readonly error?: unknown } | undefined

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming
    if (incoming.readableEnded || incoming.destroyed) this.#ended(incoming.readableEnded ? {} : { error: GONE() })
    else incoming.on('data', this.#data).on('end', this.#done).on('error', this.#broken).on('close', this.#gone)
  }

  read(): Promise<ByteResult> {
    const value = this.#chunks.shift()
    if (this.#chunks.length === 0 && this.#end === undefined) this.#incoming.resume()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#end !== undefined) {
      return 'error' in this.#end ? Promise.reject(this.#end.error) : Promise.resolve({ done: true })
    }
    return new Promise((resolve, reject) => this.#asked = { resolve, reject })
  }

  /** What still comes is left to the server, which drops it once it has answered. */
  cancel(reason?: unknown): Promise<void> {
    this.#chunks.length = 0
    if (this.#end === undefined) {
      this.#incoming.pause()
      this.#ended({ error: reason })
    }
    return Promise.resolve()
  }

  readonly #data = (chunk: Buffer): void => {
    // Mostly all that its memory holds; else a copy, for whoever gets it may transfer that memory.
    const whole = chunk.byteLength === chunk.buffer.byteLength
    const value = whole ? new Uint8Array(chunk.buffer) : new Uint8Array(chunk)
    const asked = this.#asked
    this.#asked = undefined
    if (asked !== undefined) asked.resolve({ done: false, value })
    else if (this.#chunks.push(value) >= WAITING) this.#incoming.pause()
  }
  readonly #done = (): void => this.#ended({})
  readonly #broken = (error: unknown): void => this.#ended({ error })
  readonly #gone = (): void => this.#ended({ error: GONE() })

  #ended(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return
    this.#end = end
    const incoming = this.#incoming
    incoming.off('data', this.#data).off('end', this.#done).off('close', this.#gone)
    // An error may still come, and one that nobody listens to ends the process.
    const asked = this.#asked
    this.#asked = undefined
    if (asked === undefined) return
    if ('error' in end) asked.reject(end.error)
    else asked.resolve({ done: true })
  }
}

const GONE = (): Error => new Error('the client left before its request was whole')
