import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { folderSink } from '../../adapters/file.ts'
import { Problem } from '../../src/core/problem.ts'
import type { IncomingFile } from '../../src/input/uploads/file.ts'
import { type Source, source } from '../helpers.ts'

const root = mkdtempSync(join(tmpdir(), 'sallyport-folder-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const fresh = (): string => join(root, String(++folders), 'uploads')

const fileOf = (stream: ReadableStream<Uint8Array>, key = 'k1.jpg'): IncomingFile => ({
  field: 'avatar',
  name: 'me.jpg',
  original: '../me.jpg',
  key,
  type: 'image/jpeg',
  stream,
})

/** `count` chunks of `size` bytes, then an error. */
function breaking(size: number, count: number, error: unknown): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      if (count-- > 0) controller.enqueue(new Uint8Array(size))
      else controller.error(error)
    },
  }, { highWaterMark: 0 })
}

describe('lets the good through', () => {
  test('a file is written under its key, byte by byte', async () => {
    const folder = fresh()
    const chunks = Array.from({ length: 50 }, (_, i) => new Uint8Array(i * 997).map((_, at) => (at * 31 + i) & 255))
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk)
        controller.close()
      },
    })
    const stored = await folderSink(folder).store(fileOf(stream))
    const whole = Buffer.concat(chunks)
    expect(stored).toEqual({ path: join(folder, 'k1.jpg'), size: whole.length })
    expect(readFileSync(stored.path).equals(whole)).toBe(true)
    expect(readdirSync(folder)).toEqual(['k1.jpg'])
  })

  test('an empty file is one too', async () => {
    const stored = await folderSink(fresh()).store(fileOf(source(1, 0).stream))
    expect(stored.size).toBe(0)
    expect(readFileSync(stored.path)).toHaveLength(0)
  })

  test('nothing is made before the first file, and then only for the owner', async () => {
    const folder = fresh()
    const sink = folderSink(folder)
    expect(existsSync(folder)).toBe(false)
    const stored = await sink.store(fileOf(source(10, 1).stream))
    expect(statSync(folder).mode & 0o077).toBe(0)
    expect(statSync(stored.path).mode & 0o177).toBe(0)
  })

  test('many at once', async () => {
    const folder = fresh()
    const sink = folderSink(folder)
    const files = Array.from({ length: 20 }, (_, i) => sink.store(fileOf(source(1_000, i).stream, `k${i}`)))
    expect((await Promise.all(files)).map(({ size }) => size)).toEqual(files.map((_, i) => i * 1_000))
    expect(readdirSync(folder)).toHaveLength(20)
  })

  test('what was stored is taken back, once or twice', async () => {
    const folder = fresh()
    const sink = folderSink(folder)
    const stored = await sink.store(fileOf(source(10, 1).stream))
    await sink.store(fileOf(source(10, 1).stream, 'other'))
    await sink.remove(stored)
    await sink.remove(stored)
    expect(readdirSync(folder)).toEqual(['other'])
  })

  test('a folder that was deleted meanwhile is made again', async () => {
    const folder = fresh()
    const sink = folderSink(folder)
    await sink.store(fileOf(source(10, 1).stream))
    rmSync(folder, { recursive: true })
    await sink.store(fileOf(source(10, 1).stream))
    expect(readdirSync(folder)).toEqual(['k1.jpg'])
  })
})

describe('refuses the bad', () => {
  test.each(['../k1', 'a/b', 'a\\b', '/etc/passwd', '.', '..', '', '.hidden', 'a\0b', 'k1:stream', 'a b', '-rf'])(
    'a key that is no bare name: %j',
    async (key) => {
      const folder = fresh()
      await expect(folderSink(folder).store(fileOf(source(10, 1).stream, key))).rejects.toThrow(TypeError)
      expect(existsSync(folder)).toBe(false)
    },
  )

  test('a path that is none, when it is made', () => {
    expect(() => folderSink('')).toThrow(TypeError)
    expect(() => folderSink(undefined as unknown as string)).toThrow(TypeError)
  })
})

describe('survives the broken', () => {
  test.each([
    ['at once', 0],
    ['midway', 30],
  ])('a stream that breaks %s leaves nothing, and its error comes out as it is', async (_name, count) => {
    const folder = fresh()
    const error = new Problem(413, 'body-too-large')
    const caught: unknown = await folderSink(folder).store(fileOf(breaking(10_000, count, error))).catch((e) => e)
    expect(caught).toBe(error)
    expect(readdirSync(folder)).toEqual([])
  })

  test('a file on its way has another name', async () => {
    const folder = fresh()
    let go: (() => void) | undefined
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(new Uint8Array(100))
        await new Promise<void>((resolve) => go = resolve)
        controller.close()
      },
    }, { highWaterMark: 0 })
    const stored = folderSink(folder).store(fileOf(stream))
    await expect.poll(() => existsSync(folder) && go !== undefined && readdirSync(folder)).toEqual(['.k1.jpg.part'])
    go!()
    await stored
    expect(readdirSync(folder)).toEqual(['k1.jpg'])
  })

  test('where it cannot write, it says so, and reads no further', async () => {
    const folder = fresh()
    mkdirSync(join(folder, '..'))
    writeFileSync(folder, 'a file, not a folder')
    const from: Source = source(10)
    await expect(folderSink(folder).store(fileOf(from.stream))).rejects.toMatchObject({ code: 'EEXIST' })
    expect([from.pulled, from.cancelled]).toEqual([0, true])
  })

  test('another that is on its way under the same key is left alone', async () => {
    const folder = fresh()
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, '.k1.jpg.part'), 'theirs')
    const from = source(10)
    await expect(folderSink(folder).store(fileOf(from.stream))).rejects.toMatchObject({ code: 'EEXIST' })
    expect(from.cancelled).toBe(true)
    expect(readFileSync(join(folder, '.k1.jpg.part'), 'utf8')).toBe('theirs')
  })

  test('where the last step fails, nothing is left either', async () => {
    const folder = fresh()
    mkdirSync(join(folder, 'k1.jpg', 'full'), { recursive: true })
    await expect(folderSink(folder).store(fileOf(source(10, 1).stream))).rejects.toThrow()
    expect(readdirSync(folder)).toEqual(['k1.jpg'])
  })
})

describe('leaves streams alone', () => {
  test('one chunk at a time, as fast as the disk', async () => {
    const folder = fresh()
    const sizes: number[] = []
    let produced = 0
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        // What was asked for before is on the disk by now.
        if (produced > 0) sizes.push(statSync(join(folder, '.k1.jpg.part')).size)
        if (produced === 100) return controller.close()
        produced++
        controller.enqueue(new Uint8Array(100_000))
      },
    }, { highWaterMark: 0 })
    const { size } = await folderSink(folder).store(fileOf(stream))
    expect(size).toBe(10_000_000)
    expect(sizes).toEqual(Array.from({ length: 100 }, (_, i) => (i + 1) * 100_000))
  })
})
