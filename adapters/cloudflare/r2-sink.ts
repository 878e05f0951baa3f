/** Uploads to an R2 bucket, on Cloudflare Workers. */
import type { FileSink } from '../../src/input/uploads/file.ts'

/** An R2 bucket, as a Worker has it. */
export interface R2BucketLike {
  put(key: string, value: Uint8Array, options: R2PutOptionsLike): Promise<R2ObjectLike>
  createMultipartUpload(key: string, options: R2PutOptionsLike): Promise<R2UploadLike>
  delete(key: string): Promise<void>
}

/** What goes with an object. */
export interface R2PutOptionsLike {
  readonly httpMetadata: { readonly contentType: string }
}

/** An upload in parts. */
export interface R2UploadLike {
  uploadPart(number: number, value: Uint8Array): Promise<R2PartLike>
  complete(parts: R2PartLike[]): Promise<R2ObjectLike>
  abort(): Promise<void>
}

/** A part that has arrived. */
export interface R2PartLike {
  readonly partNumber: number
  readonly etag: string
}

/** What R2 says of an object that it has. */
export interface R2ObjectLike {
  readonly etag: string
}

/** Options of {@link r2Sink}. */
export interface R2SinkOptions {
  /** What keys begin with, e.g. `'avatars/'`. (`''`) */
  readonly prefix?: string | undefined
}

/** A file in a bucket. */
export interface StoredObject {
  /** With the prefix. */
  readonly key: string
  /** In bytes. */
  readonly size: number
  readonly etag: string
}

/** R2 takes parts of at least 5 MiB, all of one size but the last. */
const PART = 5 * 1_048_576
/** Most files are small, and a Worker has 128 MB for all that it does at once. */
const FIRST = 65_536

/**
 * A sink that writes each file to a bucket, under its `key` and with its type. R2 wants to know how long a body is, which
 * nobody knows before it has arrived: what fits one part is put as a whole, the rest goes in parts. An object appears when
 * it is complete; where its stream breaks, nothing does.
 *
 * Costs nothing to make: a handler makes one for each request, from its bindings.
 *
 * Throws: when made: TypeError for something that is no bucket.
 * Fails:  rejects with what the stream broke with, or with R2's error.
 * Costs:  up to 5 MiB of memory for each file on its way. One operation for a file of up to 5 MiB; else two, and one for
 *         every 5 MiB.
 *
 * @example
 * const { files } = await upload.save(r2Sink(env.BUCKET, { prefix: 'avatars/' }))
 */
export function r2Sink(bucket: R2BucketLike, options: R2SinkOptions = {}): FileSink<StoredObject> {
  if (typeof bucket?.createMultipartUpload !== 'function') throw new TypeError('r2Sink: bucket must be an R2 bucket')
  const { prefix = '' } = options
  return {
    async store(file) {
      const key = prefix + file.key
      const about: R2PutOptionsLike = { httpMetadata: { contentType: file.type } }
      const reader = file.stream.getReader()
      let buffer: Uint8Array = new Uint8Array(FIRST)
      let filled = 0
      let size = 0
      let upload: R2UploadLike | undefined
      const parts: R2PartLike[] = []
      try {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) break
          size += value.byteLength
          for (let from = 0; from < value.byteLength;) {
            // Only now is it known that the full one is not the last.
            if (filled === PART) {
              upload ??= await bucket.createMultipartUpload(key, about)
              parts.push(await upload.uploadPart(parts.length + 1, buffer))
              filled = 0
            }
            const piece = value.subarray(from, from + PART - filled)
            buffer = withRoom(buffer, filled + piece.byteLength)
            buffer.set(piece, filled)
            filled += piece.byteLength
            from += piece.byteLength
          }
        }
        const rest = buffer.subarray(0, filled)
        if (upload === undefined) {
          const { etag } = await bucket.put(key, rest, about)
          return { key, size, etag }
        }
        parts.push(await upload.uploadPart(parts.length + 1, rest))
        const { etag } = await upload.complete(parts)
        return { key, size, etag }
      } catch (error) {
        void reader.cancel(error).catch(() => {})
        // What went wrong before is what there is to say. R2 itself drops parts that nobody completes, after seven days.
        await upload?.abort().catch(() => {})
        throw error
      }
    },
    async remove({ key }) {
      await bucket.delete(key)
    },
  }
}

/** `buffer`, or a larger one that begins with the same. */
function withRoom(buffer: Uint8Array, bytes: number): Uint8Array {
  if (bytes <= buffer.byteLength) return buffer
  const larger = new Uint8Array(Math.min(PART, Math.max(bytes, 2 * buffer.byteLength)))
  larger.set(buffer)
  return larger
}
