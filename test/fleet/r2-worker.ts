/** The Worker that the tests of `r2Sink` talk to: it stores what it is sent, and looks into the bucket. */
import type { HasBindings, R2BucketLike, StoredObject, WorkerLike } from '../../adapters/cloudflare.ts'
import { r2Sink, toCloudflare } from '../../adapters/cloudflare.ts'
import type { IncomingFile } from '../../src/input/uploads/file.ts'

/** What the tests ask of a bucket, beyond what the sink does. */
interface Bucket extends R2BucketLike {
  get(key: string): Promise<{ readonly body: ReadableStream; readonly httpMetadata: { contentType: string } } | null>
  list(): Promise<{ readonly objects: readonly { readonly key: string; readonly size: number }[] }>
}

interface Env {
  readonly BUCKET: Bucket
  /** Where only what breaks is sent. */
  readonly EMPTY: Bucket
}

/** What went wrong on purpose. */
const BROKEN = new Error('the stream broke')

/** The body in chunks of so many bytes. */
function rechunked(body: ReadableStream<Uint8Array>, size: number): ReadableStream<Uint8Array> {
  let chunk = new Uint8Array(size)
  let filled = 0
  const pass = (controller: TransformStreamDefaultController<Uint8Array>): void => {
    controller.enqueue(chunk.subarray(0, filled))
    chunk = new Uint8Array(size)
    filled = 0
  }
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, controller) {
        for (let from = 0; from < bytes.length;) {
          const piece = bytes.subarray(from, from + size - filled)
          chunk.set(piece, filled)
          filled += piece.length
          from += piece.length
          if (filled === size) pass(controller)
        }
      },
      flush: pass,
    }),
  )
}

/** A stream that breaks after so many bytes. */
function breaking(after: number): ReadableStream<Uint8Array> {
  let left = after
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.error(BROKEN)
      const size = Math.min(left, 65_536)
      left -= size
      controller.enqueue(new Uint8Array(size))
    },
  }, { highWaterMark: 0 })
}

const worker: WorkerLike<Env> = toCloudflare<Env>(async (request, { env }: HasBindings<Env>) => {
  const url = new URL(request.url)
  const bucket = url.searchParams.has('breaks') ? env.EMPTY : env.BUCKET
  const sink = r2Sink(bucket, { prefix: url.searchParams.get('prefix') ?? undefined })
  switch (url.pathname) {
    case '/store': {
      const breaks = url.searchParams.get('breaks')
      const chunk = Number(url.searchParams.get('chunk') ?? 65_536)
      const body = request.body ?? new Response('').body!
      const file: IncomingFile = {
        field: 'film',
        name: 'film.mp4',
        original: 'film.mp4',
        key: url.searchParams.get('key') ?? 'k1.mp4',
        type: 'video/mp4',
        stream: breaks === null ? rechunked(body, chunk) : breaking(Number(breaks)),
      }
      try {
        return Response.json(await sink.store(file))
      } catch (error) {
        return Response.json({ broken: error === BROKEN, text: String(error) }, { status: 500 })
      }
    }
    case '/remove':
      await sink.remove(await request.json() as StoredObject)
      return new Response()
    case '/list':
      return Response.json((await bucket.list()).objects.map(({ key, size }) => ({ key, size })))
    default: {
      const object = await bucket.get(url.pathname.slice(1))
      if (object === null) return new Response(null, { status: 404 })
      return new Response(object.body, { headers: { 'content-type': object.httpMetadata.contentType } })
    }
  }
})
export default worker
