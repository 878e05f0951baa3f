import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { MiniflareOptions } from 'miniflare'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { R2BucketLike, StoredObject } from '../../adapters/cloudflare.ts'
import { r2Sink } from '../../adapters/cloudflare.ts'
import { root } from '../runtimes/processes.ts'

const MB = 1_048_576
let mf: Miniflare
let disk: string

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'test/fleet/r2-worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
  })
  disk = await mkdtemp(join(tmpdir(), 'sallyport-r2-'))
  const options: MiniflareOptions = {
    modules: [{ type: 'ESModule', path: 'worker.js', contents: outputFiles[0]?.text ?? '' }],
    compatibilityDate: '2026-07-30',
    r2Buckets: ['BUCKET', 'EMPTY'],
    r2Persist: disk,
    cf: false,
    host: '127.0.0.1',
    port: 0,
  }
  mf = new Miniflare(options)
  await mf.ready
})
afterAll(async () => {
  await mf.dispose()
  await rm(disk, { recursive: true, force: true })
})
/** Bytes that repeat in no part. */
function film(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = size + 1
  for (let i = 0; i < size; i++) bytes[i] = (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) >>> 16
  return bytes
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function store(body: Uint8Array | null, query = ''): Promise<{ status: number; said: unknown }> {
  const response = await mf.dispatchFetch(`http://r2.test/store?${query}`, { method: 'POST', body })
  return { status: response.status, said: await response.json() }
}

async function fetched(key: string): Promise<{ digest: string; type: string | null }> {
  const response = await mf.dispatchFetch(`http://r2.test/${key}`)
  return {
    digest: digest(new Uint8Array(await response.arrayBuffer())),
    type: response.headers.get('content-type'),
  }
}

const listed = async (query = ''): Promise<unknown> => (await mf.dispatchFetch(`http://r2.test/list?${query}`)).json()

/** How many bodies, whole or parts, the bucket for what breaks keeps on the disk. */
async function kept(): Promise<number> {
  // There is no folder before the first.
  return (await readdir(join(disk, 'EMPTY', 'blobs')).catch(() => [])).length
}

describe('lets the good through', () => {
  test.each([
    ['nothing', 0, 0],
    ['20 kB', 20_000, 0],
    ['exactly one part', 5 * MB, 0],
    ['9 MB', 9_000_000, 2],
    ['exactly two parts', 10 * MB, 2],
    ['12 MB', 12 * MB, 3],
  ])('V11: %s, byte by byte, in as few requests as there can be', async (_name, size, parts) => {
    const body = film(size)
    const { status, said } = await store(body)
    expect([status, said]).toEqual([200, { key: 'k1.mp4', size, etag: expect.any(String) as string }])
    // R2 marks what came in parts with their number.
    expect((said as StoredObject).etag).toMatch(parts === 0 ? /^[0-9a-f]{32}$/ : new RegExp(`-${parts}$`))
    expect(await fetched('k1.mp4')).toEqual({ digest: digest(body), type: 'video/mp4' })
  })

  test.each([1_000, 5 * MB - 1, 6 * MB])('in chunks of %s bytes', async (chunk) => {
    const body = film(12 * MB + 1)
    expect(await store(body, `chunk=${chunk}`)).toMatchObject({ status: 200, said: { size: body.length } })
    expect((await fetched('k1.mp4')).digest).toBe(digest(body))
  })

  test('three at once', async () => {
    const bodies = [6 * MB, 100, 7 * MB].map(film)
    await Promise.all(bodies.map((body, i) => store(body, `key=k${i}`)))
    for (const [i, body] of bodies.entries()) expect((await fetched(`k${i}`)).digest).toBe(digest(body))
  })

  test('under a prefix, and taken back, once or twice', async () => {
    const { said } = await store(film(100), 'prefix=avatars/')
    expect(said).toMatchObject({ key: 'avatars/k1.mp4', size: 100 })
    await store(film(200), 'key=other')
    for (let i = 0; i < 2; i++) {
      await mf.dispatchFetch('http://r2.test/remove', { method: 'POST', body: JSON.stringify(said) })
      const left = await listed()
      expect(left).toContainEqual({ key: 'other', size: 200 })
      expect(left).not.toContainEqual({ key: 'avatars/k1.mp4', size: 100 })
    }
  })
})

describe('survives the broken', () => {
  test.each([
    ['at once', 0],
    ['in the first part', 3 * MB],
    ['in the third', 11 * MB],
    ['where a part ends', 10 * MB],
  ])('a stream that breaks %s leaves nothing, and its error comes out as it is', async (_name, after) => {
    const { status, said } = await store(null, `breaks=${after}`)
    expect([status, said]).toEqual([500, { broken: true, text: 'Error: the stream broke' }])
    expect(await listed('breaks')).toEqual([])
    await expect.poll(kept).toBe(0)
  })
})

describe('a bucket that fails', () => {
  const error = new Error('R2 is down')
  const fails = (): Promise<never> => Promise.reject(error)
  /** A bucket of which one thing fails; what was asked of it, in order. */
  function failing(what: string, asked: string[]): R2BucketLike {
    const step = <T>(name: string, result: T): Promise<T> => {
      asked.push(name)
      return name.startsWith(what) ? fails() : Promise.resolve(result)
    }
    return {
      put: () => step('put', { etag: 'e' }),
      delete: () => step('delete', undefined),
      createMultipartUpload: () =>
        step('create', {
          uploadPart: (partNumber, value) =>
            step(`part ${partNumber} ${value.byteLength}`, { partNumber, etag: String(partNumber) }),
          complete: (parts) => step(`complete ${parts.map(({ partNumber }) => partNumber).join()}`, { etag: 'e' }),
          abort: () => step('abort', undefined),
        }),
    }
  }

  test.each([
    ['put', 100, ['put']],
    ['create', 12 * MB, ['create']],
    ['part 2', 12 * MB, ['create', `part 1 ${5 * MB}`, `part 2 ${5 * MB}`, 'abort']],
    ['part 3', 12 * MB, ['create', `part 1 ${5 * MB}`, `part 2 ${5 * MB}`, `part 3 ${2 * MB}`, 'abort']],
    ['complete', 6 * MB, ['create', `part 1 ${5 * MB}`, `part 2 ${MB}`, 'complete 1,2', 'abort']],
  ])(
    'at %s: its error comes out, what was begun is given up, and nothing more is read',
    async (what, size, expected) => {
      const asked: string[] = []
      let cancelled: unknown
      let rest = size
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (rest === 0) return controller.close()
          const chunk = Math.min(rest, MB)
          rest -= chunk
          controller.enqueue(new Uint8Array(chunk))
        },
        cancel: (reason) => void (cancelled = reason),
      }, { highWaterMark: 0 })
      const file = { field: 'f', name: 'n', original: 'o', key: 'k', type: 'video/mp4', stream }
      const caught: unknown = await r2Sink(failing(what, asked)).store(file).catch((e) => e)
      expect(caught).toBe(error)
      expect(asked).toEqual(expected)
      if (rest > 0) expect(cancelled).toBe(error)
    },
  )

  test('even where it cannot give up', async () => {
    const asked: string[] = []
    const bucket = failing('part 2', asked)
    const sink = r2Sink({
      ...bucket,
      createMultipartUpload: async (key, options) => ({
        ...await bucket.createMultipartUpload(key, options),
        abort: () => Promise.reject(new Error('nor this')),
      }),
    })
    const stream = new Response(new Uint8Array(6 * MB)).body!
    const file = { field: 'f', name: 'n', original: 'o', key: 'k', type: 'video/mp4', stream }
    await expect(sink.store(file)).rejects.toBe(error)
  })

  test('what is no bucket is told when it is made', () => {
    expect(() => r2Sink(undefined as unknown as R2BucketLike)).toThrow(TypeError)
    expect(() => r2Sink({} as R2BucketLike)).toThrow(TypeError)
  })
})
