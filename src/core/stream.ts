/** Bodies as streams, passed through chunk by chunk: counted against a limit, or tapped to see how they end. */
import { fail } from './body.ts'

/** Passes a stream through, counting, and breaks it with a 413 problem after `most` bytes; the source is cancelled. */
export function limited(stream: ReadableStream<Uint8Array>, most: number): ReadableStream<Uint8Array> {
  let length = 0
  return through(stream, (chunk) => {
    length += chunk.byteLength
    if (!(length <= most)) fail('body-too-large')
  })
}

/** How a tapped body ended. */
export type BodyEnd = (bytes: number, outcome: 'complete' | 'aborted' | 'failed') => void

/** Passes a stream through and tells once how it ended: complete, aborted (the reader cancelled) or failed (the source). */
export function tap(stream: ReadableStream<Uint8Array>, end: BodyEnd): ReadableStream<Uint8Array> {
  let length = 0
  return through(stream, (chunk) => {
    length += chunk.byteLength
  }, (outcome) => end(length, outcome))
}

/** One chunk in, the same chunk out, only when asked for; cancelling reaches the source. */
function through(
  stream: ReadableStream<Uint8Array>,
  see: (chunk: Uint8Array) => void,
  end: (outcome: 'complete' | 'aborted' | 'failed') => void = () => {},
): ReadableStream<Uint8Array> {
  const reader = stream.getReader()
  let over = false
  const tell = (outcome: 'complete' | 'aborted' | 'failed'): void => {
    if (over) return
    over = true
    try {
      end(outcome)
    } catch {
      // Who listens must not touch the stream.
    }
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (over) return // cancelled in the meantime
        if (done) {
          controller.close()
          tell('complete')
          return
        }
        see(value)
        controller.enqueue(value)
      } catch (error) {
        controller.error(error)
        void reader.cancel(error).catch(() => {})
        tell('failed')
      }
    },
    cancel(reason) {
      tell('aborted')
      return reader.cancel(reason)
    },
  }, { highWaterMark: 0 })
}
