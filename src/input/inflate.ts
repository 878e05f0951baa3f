/**
 * Compressed request bodies: a kilobyte may be a megabyte, and a megabyte a gigabyte. So the output is bounded while it
 * comes, by a size and by what the input can honestly hold.
 */
import type { Bytes } from '../core/body.ts'
import { fail, gather } from '../core/body.ts'
import { Problem } from '../core/problem.ts'

/** Content codings that every runtime can undo (RFC 9110 §8.4.1). */
export type Encoding = 'gzip' | 'deflate'

/** So much is fed at a time: what it can become (a thousand times as much) is all that can wait at once. */
const STEP = 4_096
/** Small texts may repeat themselves as they like. */
const ALWAYS = 65_536

/** Rejects with a 413 beyond `most` bytes or `ratio` times the input, with a 400 where the input is broken. */
export async function inflate(bytes: Bytes, encoding: Encoding, most: number, ratio: number): Promise<Bytes> {
  let at = 0
  const source = new ReadableStream<Bytes>({
    pull(controller) {
      if (at >= bytes.byteLength) return controller.close()
      controller.enqueue(bytes.slice(at, at += STEP))
    },
  }, { highWaterMark: 0 })
  try {
    const inflated = source.pipeThrough(new DecompressionStream(encoding) as TransformStream<Bytes, Bytes>)
    return await gather(inflated, Math.min(most, Math.max(ALWAYS, bytes.byteLength * ratio)))
  } catch (error) {
    if (error instanceof Problem) throw error
    return fail('body-malformed')
  }
}
