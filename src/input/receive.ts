/** The body as a value: of a type that a codec reads, inflated where that is allowed, bounded all the way. */
import type { Bytes } from '../core/body.ts'
import { decodeUtf8, fail, hasBody, readBody, readText } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { isUtf8, mediaType } from '../core/fields.ts'
import type { MaybePromise } from '../core/handler.ts'
import type { BodyCodec, ReceivedBody } from './codec.ts'
import type { Encoding } from './inflate.ts'
import { inflate } from './inflate.ts'
import type { StructureLimits } from './structure.ts'

/** How to receive. */
export interface Receiving {
  readonly codecs: readonly BodyCodec[]
  readonly encodings: readonly Encoding[]
  readonly ratio: number
  readonly structure: StructureLimits
  readonly lists: ReadonlySet<string>
  readonly most: number
}

/** Reads bodies: `undefined` where there is none. Throws, or rejects with, a `Problem` where it is not to be taken. */
export function bodyReader(options: Receiving): (request: Request, context: Context) => MaybePromise<unknown> {
  const { codecs, encodings } = options
  const byType = new Map(codecs.flatMap((codec) => codec.types.map((type) => [type, codec] as const)))
  const accept = [...byType.keys()].join(', ')
  const taken = encodings.join(', ') || 'identity'
  const codecFor = (declared: string): BodyCodec | undefined => {
    const type = mediaType(declared)
    return byType.get(/^application\/.+\+json$/.test(type) && !byType.has(type) ? 'application/json' : type)
  }
  return (request, context) => {
    const present = hasBody(request, context)
    const contentType = request.headers.get('content-type')
    if (!present && contentType === null) return undefined
    const encoding = request.headers.get('content-encoding')?.toLowerCase()
    if (encoding !== undefined && encoding !== 'identity' && !encodings.includes(encoding as Encoding)) {
      fail('content-encoding-unsupported', { headers: { 'accept-encoding': taken } })
    }
    const codec = contentType !== null && isUtf8(contentType) ? codecFor(contentType) : undefined
    if (codec === undefined) {
      fail('content-type-unsupported', { headers: { accept } })
    }
    if (!present) return undefined
    const received = new Received(request, context, contentType!, encoding as Encoding | undefined, options)
    if (request.headers.has('content-length')) return codec.decode(received)
    // Only its end tells that it is empty.
    return readBody(request, context, options.most).then((all) =>
      all.byteLength === 0 ? undefined : codec.decode(received)
    )
  }
}

class Received implements ReceivedBody {
  readonly contentType: string
  readonly context: Context
  readonly structure: StructureLimits
  readonly lists: ReadonlySet<string>
  readonly #request: Request
  readonly #encoding: Encoding | 'identity' | undefined
  readonly #options: Receiving

  constructor(
    request: Request,
    context: Context,
    contentType: string,
    encoding: Encoding | undefined,
    options: Receiving,
  ) {
    this.contentType = contentType
    this.context = context
    this.structure = options.structure
    this.lists = options.lists
    this.#request = request
    this.#encoding = encoding
    this.#options = options
  }

  text(): Promise<string> {
    return this.#isPlain ? readText(this.#request, this.context, this.#options.most) : this.bytes().then(decodeUtf8)
  }

  bytes(): Promise<Bytes> {
    const { most, ratio } = this.#options
    const sent = readBody(this.#request, this.context, most)
    return this.#isPlain ? sent : sent.then((bytes) => inflate(bytes, this.#encoding as Encoding, most, ratio))
  }

  get #isPlain(): boolean {
    return this.#encoding === undefined || this.#encoding === 'identity'
  }
}
