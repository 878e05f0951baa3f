import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test, vi } from 'vitest'
import { readBody } from '../../src/core/body.ts'
import { compose } from '../../src/core/compose.ts'
import type { Context } from '../../src/core/context.ts'
import { extend } from '../../src/core/context.ts'
import { descriptionsOf } from '../../src/core/description.ts'
import { errors } from '../../src/core/errors.ts'
import type { HasSanitizer, HasSignal } from '../../src/core/facts.ts'
import type { Wrapper } from '../../src/core/handler.ts'
import { Problem } from '../../src/core/problem.ts'
import type { StandardSchema } from '../../src/input/standard-schema.ts'
import {
  audio,
  type FileRule,
  type FileSink,
  type HasUpload,
  images,
  type IncomingFile,
  type SavedUpload,
  textKind,
  type Upload,
  type UploadProgress,
  uploads,
  type UploadsOptions,
  videos,
} from '../../src/input/uploads.ts'
import { limited } from '../../src/core/stream.ts'
import type { Equal } from '../types/assert.ts'
import { contextOf, recorder, send, settled, source, upload as request } from '../helpers.ts'

const PNG = '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'
const JPEG = '\xff\xd8\xff\xe0\0\x10JFIF\0'
const SECRET = 's3cr3t-m4rk3r'

/** A byte per character. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (one) => one.charCodeAt(0))
}

function part(disposition: string, value: string, type?: string): string {
  const line = type === undefined ? '' : `Content-Type: ${type}\r\n`
  return `--b\r\nContent-Disposition: form-data; ${disposition}\r\n${line}\r\n${value}\r\n`
}

const field = (name: string, value: string): string => part(`name="${name}"`, value)
const file = (name: string, filename: string, value: string, type?: string): string =>
  part(`name="${name}"; filename="${filename}"`, value, type)
const picture = (name = 'avatar', value = PNG): string => file(name, 'a.png', value, 'image/png')

/** A source of these bytes in chunks of `size`, which counts what is taken. */
function feed(text: string, size = 65_536, then: 'close' | 'error' | 'hang' = 'close') {
  const whole = bytes(text)
  const out = {
    taken: 0,
    cancelled: [] as unknown[],
    stream: new ReadableStream<Uint8Array>({
      pull(controller): void | Promise<void> {
        const chunk = whole.slice(out.taken, out.taken + size)
        out.taken += chunk.byteLength
        if (chunk.byteLength > 0) return controller.enqueue(chunk)
        if (then === 'hang') return new Promise(() => {})
        if (then === 'error') return controller.error(new Error('the client left'))
        controller.close()
      },
      cancel: (reason) => void out.cancelled.push(reason),
    }, { highWaterMark: 0 }),
  }
  return out
}

type Sink = FileSink<string> & { readonly files: Map<string, string>; readonly removed: string[] }

/** Keeps files in memory; `store` and `remove` may be another's. */
function sinkOf(other: Partial<FileSink<string>> = {}): Sink {
  const files = new Map<string, string>()
  const removed: string[] = []
  return {
    files,
    removed,
    store: other.store ?? (async ({ key, stream }) => {
      let text = ''
      for await (const chunk of stream) text += Array.from(chunk, (byte) => String.fromCharCode(byte)).join('')
      files.set(key, text)
      return key
    }),
    remove: async (key) => {
      await other.remove?.(key)
      removed.push(key)
      files.delete(key)
    },
  }
}

type Plain = UploadsOptions<string, StandardSchema | undefined>
type Handle = (upload: Upload<string, unknown>, request: Request, context: Context) => Promise<unknown>

interface Post {
  readonly options?: Partial<Plain>
  readonly sink?: Sink
  readonly handle?: Handle
  readonly headers?: Record<string, string>
  readonly outside?: Wrapper
  readonly framed?: boolean
}

const about = v.object({ title: v.string() })
const TYPE = 'multipart/form-data; boundary=b'

/** Sends a body through `uploads` and the error boundary: what came of it, for the client, the sink and the log. */
async function result(body: string | ReadableStream<Uint8Array>, post: Post = {}) {
  const { log, records } = recorder()
  const { options = {}, sink = sinkOf(), headers = {} } = post
  const outside: Wrapper = post.outside ?? ((next) => (request, context) => next(request, context))
  const { handle = (upload: Upload<string, unknown>) => upload.save(sink) } = post
  const called = vi.fn(handle)
  const given: Plain = { files: { avatar: images, clips: { ...audio, count: 3 } }, log, ...options }
  const handler = compose(errors({ log }), outside, uploads(given))(async (request, context) => {
    await called(context.upload, request, context)
    return new Response('ok')
  })
  const context = contextOf({ platform: { framed: post.framed ?? false } })
  const stream = typeof body === 'string' ? feed(body).stream : body
  const response = await send(handler, request(stream, { 'content-type': TYPE, ...headers }), context)
  const text = await response.text()
  const problem = response.status === 200 ? undefined : JSON.parse(text) as { code: string; errors?: unknown[] }
  const { events, attributes } = context
  const said = JSON.stringify([text, [...response.headers], events, attributes, records.map(plain)])
  const saved = await (called.mock.results[0]?.value as Promise<SavedUpload<string, unknown, string>> | undefined)
    ?.catch(() => undefined)
  return { status: response.status, code: problem?.code, problem, response, events, records, said, saved, sink, called }
}

/** With the members of errors, causes and all, which JSON leaves out. */
function plain(value: unknown): unknown {
  if (value instanceof Error) return [value.message, plain(value.cause), plain({ ...value })]
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}

describe('lets the good through', () => {
  test('V11, V12: stores files as they come, and gives the handler fields and files', async () => {
    const { status, saved, sink, events, records } = await result(
      file('clips', '../a b.mp3', 'ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0', 'audio/mp3') + field('title', 'Hello') +
        picture('avatar', `${PNG}rest`) + field('x', 'y') + '--b--',
      { options: { fields: about } },
    )
    expect([status, events, records]).toEqual([200, [], []])
    const [sound, image] = saved!.files
    expect(saved).toEqual({
      fields: { title: 'Hello' },
      files: [
        {
          field: 'clips',
          name: 'a b.mp3',
          original: '../a b.mp3',
          type: 'audio/mpeg',
          size: 14,
          key: sound!.stored,
          stored: sound!.key,
        },
        {
          field: 'avatar',
          name: 'a.png',
          original: 'a.png',
          type: 'image/png',
          size: PNG.length + 4,
          key: image!.stored,
          stored: image!.key,
        },
      ],
    })
    expect([...sink.files]).toEqual([[sound!.key, 'ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0'], [image!.key, `${PNG}rest`]])
    const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
    expect(sound!.key).toMatch(new RegExp(`^${uuid}\\.mp3$`))
    expect(image!.key).toMatch(new RegExp(`^${uuid}\\.png$`))
  })

  test('the handler sees types, and none is any', () => {
    const wrapper = uploads({
      files: { avatar: images, clips: audio },
      fields: about,
      progress: ({ field }) => {
        const known: Equal<typeof field, 'avatar' | 'clips' | undefined> = true
        return known
      },
    })
    wrapper(async (_request, { upload }) => {
      const { fields, files } = await upload.save(sinkOf())
      const title: Equal<typeof fields, { title: string }> = true
      const names: Equal<typeof files[number]['field'], 'avatar' | 'clips'> = true
      const stored: Equal<typeof files[number]['stored'], string> = true
      for await (const part of upload.parts()) {
        const name: Equal<(typeof part & { kind: 'file' })['field'], 'avatar' | 'clips'> = true
        if (part.kind === 'field') return Response.json([name, part.value.length])
      }
      return Response.json([title, names, stored])
    })
    const bare: Equal<typeof noFields, Wrapper<HasUpload<'a', {}>>> = true
    const noFields = uploads({ files: { a: images } })
    expect(bare).toBe(true)
    // @ts-expect-error the rule needs a size
    expect(() => uploads({ files: { a: { kinds: images.kinds } } })).toThrow(TypeError)
  })

  test('says what it is to documents', () => {
    const [said] = descriptionsOf(uploads({ files: { avatar: images } }))
    expect(said).toMatchObject({ name: 'uploads', says: { bodyTypes: ['multipart/form-data'] } })
    expect(said!.says!.problems).toMatchObject({
      'file-too-large': 413,
      'file-type-unsupported': 415,
      'file-unexpected': 400,
    })
  })

  test.each<[what: string, body: string, type: string, rule?: FileRule]>([
    ['no type', file('avatar', 'a.png', PNG), 'image/png'],
    ['a type that says nothing', file('avatar', 'a.png', PNG, 'application/octet-stream'), 'image/png'],
    ['an alias', file('avatar', 'a.jpeg', JPEG, 'image/pjpeg'), 'image/jpeg'],
    ['another case, and parameters', file('avatar', 'A.PNG', PNG, 'Image/PNG; x=y'), 'image/png'],
    ['several extensions', file('avatar', 'a.php.png', PNG, 'image/png'), 'image/png'],
    ['a kind that begins like another', file('avatar', 'a.weba', webm(), 'audio/webm'), 'audio/webm', {
      kinds: [...videos.kinds, ...audio.kinds],
      max: '1mb',
    }],
    ['text', file('avatar', 'a.csv', 'a,b\r\n1,2', 'text/csv'), 'text/csv', {
      kinds: [textKind('text/csv', 'csv')],
      max: '1kb',
    }],
    ['nothing in a text', file('avatar', 'a.csv', ''), 'text/csv', {
      kinds: [textKind('text/csv', 'csv')],
      max: '1kb',
    }],
  ])('takes a file with %s', async (_what, body, type, rule = images) => {
    const { status, saved } = await result(`${body}--b--`, { options: { files: { avatar: rule } } })
    expect([status, saved?.files[0]?.type]).toEqual([200, type])
  })

  test('a file input left empty, and a form without parts, are nothing', async () => {
    for (const body of ['', file('avatar', '', '', 'application/octet-stream').repeat(2)]) {
      const { status, saved } = await result(`${body}--b--`)
      expect([status, saved]).toEqual([200, { fields: {}, files: [] }])
    }
    const both = await result(`${file('avatar', '', '')}${picture()}${file('avatar', '', '')}--b--`)
    expect(both.saved?.files).toHaveLength(1)
  })

  test('texts go to the schema as a map without a prototype, lists where a name comes twice; cleaned if `sanitize` is there', async () => {
    const seen: unknown[] = []
    const schema: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => {
          await settled()
          seen.push(value)
          return { value: 'checked' }
        },
      },
    }
    const body = `${field('a', ' 1')}${field('b', '')}${field('a', '2')}--b--`
    const { saved } = await result(body, { options: { fields: schema } })
    expect(saved?.fields).toBe('checked')
    expect(seen).toEqual([{ a: [' 1', '2'], b: '' }])
    expect(Object.getPrototypeOf(seen[0])).toBeNull()

    const sanitize = vi.fn(() => ({ a: 'clean' }))
    const outside: Wrapper = (next) => (request, context) =>
      next(request, extend(context, { sanitize } as unknown as HasSanitizer))
    await result(body, { options: { fields: schema }, outside })
    expect(sanitize).toHaveBeenCalledWith({ a: [' 1', '2'], b: '' }, 'body')
    expect(seen[1]).toEqual({ a: 'clean' })
  })

  test('by hand: every part as it comes, texts unchecked', async () => {
    const seen: unknown[] = []
    const { status } = await result(`${field('a', '1')}${picture('avatar', `${PNG}x`)}${field('a', '2')}--b--`, {
      handle: async (upload) => {
        for await (const part of upload.parts()) {
          seen.push(
            part.kind === 'field' ? [part.name, part.value] : [part.field, await new Response(part.stream).text()],
          )
        }
      },
    })
    expect(status).toBe(200)
    expect(seen).toEqual([['a', '1'], ['avatar', new TextDecoder().decode(bytes(`${PNG}x`))], ['a', '2']])
  })

  test('whatever the chunks, the same bytes are stored', async () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 9_000 }), fc.constantFrom(0, 1, 4_000, 4_071, 4_072, 4_073, 9_000))
    await fc.assert(
      fc.asyncProperty(sizes, async ([chunk, length]) => {
        const value = PNG + '\r\n--'.repeat(length / 4)
        const { saved, sink } = await result(feed(`${picture('avatar', value)}--b--`, chunk).stream)
        expect([...sink.files.values()]).toEqual([value])
        expect(saved?.files[0]?.size).toBe(value.length)
      }),
      { numRuns: 40 },
    )
  })

  test('PITFALLS 11: a body that a guard outside has read is read again', async () => {
    const outside: Wrapper = (next) => async (request, context) => {
      await readBody(request, context, 1_000_000)
      return next(request, context)
    }
    const { saved } = await result(`${picture()}--b--`, { outside })
    expect(saved?.files).toHaveLength(1)
  })

  test('tells how far it has come, and whose file it reads', async () => {
    const seen: UploadProgress[] = []
    const progress = (one: UploadProgress): void => void seen.push(one)
    const body = `${picture('avatar', PNG + 'x'.repeat(900))}--b--`
    const headers = { 'content-length': String(body.length) }
    expect((await result(feed(body, 400).stream, { options: { progress }, headers })).status).toBe(200)
    expect(seen).toEqual([
      { received: 400, expected: body.length, field: undefined },
      { received: 800, expected: body.length, field: 'avatar' },
      { received: body.length, expected: body.length, field: 'avatar' },
    ])
    await result(feed(body, 10_000).stream, { options: { progress } })
    expect(seen[3]).toEqual({ received: body.length, expected: undefined, field: undefined })
  })

  test('the whole may be as large as the rules allow together, and no larger', async () => {
    const files = { avatar: { ...images, max: '1kb' as const, count: 2 } }
    const limit = 2 * 1_024 + 64 * 1_024
    const length = async (bytes: number, more: Partial<Plain> = {}) =>
      (await result('--b--', { options: { files, ...more }, headers: { 'content-length': String(bytes) } })).code
    expect(await length(limit)).toBeUndefined()
    expect(await length(limit + 1)).toBe('body-too-large')
    expect(await length(limit + 100 * 65_536, { fields: about })).toBe('input-invalid') // for there is no title
    expect(await length(limit + 100 * 65_536 + 1, { fields: about })).toBe('body-too-large')
    expect(await length(limit + 2 * 1_024, { fields: about, maxFields: 2, maxField: '1kb' })).toBe('input-invalid')
    expect(await length(limit + 2 * 1_024 + 1, { fields: about, maxFields: 2, maxField: '1kb' })).toBe('body-too-large')
    expect(await length(100, { total: '100b' })).toBeUndefined()
    expect(await length(101, { total: '100b' })).toBe('body-too-large')
  })
})

function webm(): string {
  return '\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02'
}

describe('refuses the bad, before the handler', () => {
  test.each<[what: string, headers: Record<string, string>, code: string]>([
    ['JSON', { 'content-type': 'application/json' }, 'content-type-unsupported'],
    ['a urlencoded form', { 'content-type': 'application/x-www-form-urlencoded' }, 'content-type-unsupported'],
    ['another multipart', { 'content-type': 'multipart/mixed; boundary=b' }, 'content-type-unsupported'],
    [
      'what only looks like a form',
      { 'content-type': 'multipart/form-data-x; boundary=b' },
      'content-type-unsupported',
    ],
    ['no type', { 'content-type': '' }, 'content-type-unsupported'],
    ['no boundary', { 'content-type': 'multipart/form-data' }, 'body-malformed'],
    ['two boundaries', { 'content-type': 'multipart/form-data; boundary=b; boundary=c' }, 'body-malformed'],
    ['a boundary too long', { 'content-type': `multipart/form-data; boundary=${'b'.repeat(71)}` }, 'body-malformed'],
    ['a compressed body', { 'content-encoding': 'gzip' }, 'content-encoding-unsupported'],
    ['a length that is none', { 'content-length': '1e3' }, 'content-length-invalid'],
    ['a length beyond the total', { 'content-length': '2000000000' }, 'body-too-large'],
  ])('%s', async (_what, headers, code) => {
    const body = feed(`${picture()}--b--`)
    const { problem, events, response, called } = await result(body.stream, { headers })
    expect(problem?.code).toBe(code)
    expect(called).not.toHaveBeenCalled()
    expect(body.taken).toBe(0)
    expect(events).toEqual([{ kind: 'refused', guard: 'uploads', code, status: response.status }])
    expect(response.headers.get('accept')).toBe(code === 'content-type-unsupported' ? 'multipart/form-data' : null)
    expect(response.headers.get('accept-encoding')).toBe(code === 'content-encoding-unsupported' ? 'identity' : null)
  })

  test('a form without a body', async () => {
    const handler = uploads({ files: { avatar: images } })(() => new Response('called'))
    for (const method of ['POST', 'GET']) {
      const request = new Request('http://service.test/', { method, headers: { 'content-type': TYPE } })
      const response = await send(handler, request)
      expect([response.status, await response.json()]).toMatchObject([400, { code: 'body-malformed' }])
    }
    // Where the platform gives such a request a stream, its reader finds out.
    expect((await result(source(0, 0).stream)).code).toBe('body-malformed')
  })
})

describe('refuses the bad, on the way', () => {
  /** All but the last file is good, so something is there to be removed. */
  async function refused(body: string | ReadableStream<Uint8Array>, post: Post = {}) {
    const outcome = await result(typeof body === 'string' ? `${picture('first')}${body}--b--` : body, {
      ...post,
      options: { files: { avatar: images, first: images }, ...post.options },
    })
    expect(outcome.sink.files.size).toBe(0)
    const { code, response } = outcome
    expect(outcome.events).toEqual([{ kind: 'refused', guard: 'uploads', code, status: response.status }])
    return outcome
  }

  test('a file that was not asked for', async () => {
    for (const name of ['other', 'Avatar', '', '__proto__', 'constructor']) {
      const { status, problem, sink } = await refused(picture(name))
      expect([status, problem?.code, problem?.errors]).toEqual([400, 'file-unexpected', undefined])
      expect(sink.removed).toHaveLength(1)
    }
  })

  test('more files of a field than it takes', async () => {
    const { status, problem, sink } = await refused(picture().repeat(2))
    expect([status, problem]).toMatchObject([400, {
      code: 'file-unexpected',
      errors: [{ pointer: '#/avatar', code: 'file-unexpected', message: 'One file is taken here.' }],
    }])
    expect(sink.removed).toHaveLength(2)
    const rule = { ...images, count: 2 }
    const three = await result(`${picture('a/b~').repeat(3)}--b--`, { options: { files: { 'a/b~': rule } } })
    expect(three.problem?.errors).toEqual([
      { pointer: '#/a~1b~0', code: 'file-unexpected', message: 'At most 2 files are taken here.' },
    ])
  })

  test('a file too large: its stream breaks, and at most one chunk more is read', async () => {
    const rule: FileRule = { ...images, max: '10kb' }
    const size = (bytes: number) => picture('avatar', PNG.padEnd(bytes, 'x'))
    const files = { avatar: rule, first: images }
    expect((await result(`${size(10_240)}--b--`, { options: { files } })).status).toBe(200)
    const { status, problem } = await refused(size(10_241), { options: { files } })
    expect([status, problem]).toMatchObject([413, {
      code: 'file-too-large',
      errors: [{ pointer: '#/avatar', code: 'file-too-large', message: 'A file here may have at most 10kb.' }],
    }])
    const body = feed(picture('first') + size(1_000_000), 1_000)
    const broken: unknown[] = []
    const store = async ({ field, stream }: IncomingFile): Promise<string> => {
      try {
        for await (const _chunk of stream);
      } catch (error) {
        broken.push(error)
        throw error
      }
      return field
    }
    const { sink } = await refused(body.stream, { options: { files }, sink: sinkOf({ store }) })
    expect(broken).toMatchObject([{ name: 'Problem', code: 'file-too-large' }])
    expect(sink.removed).toEqual(['first'])
    expect(body.taken).toBeLessThan(12_500)
    expect(body.cancelled).toEqual(broken)
  })

  test('a file too large for a limit below what tells its kind', async () => {
    const files = { avatar: { ...images, max: '1kb' as const } }
    const body = feed(picture('avatar', PNG.padEnd(4_000, 'x')), 10)
    const store = vi.fn(sinkOf().store)
    const { code } = await refused(body.stream, { options: { files }, sink: sinkOf({ store }) })
    expect(code).toBe('file-too-large')
    expect(store).not.toHaveBeenCalled()
    expect(body.taken).toBeLessThan(1_200)
  })

  test('a kind looks at 4,100 bytes, or all there are, whatever the chunks', async () => {
    for (const chunk of [1, 100, 4_200, 50_000]) {
      const seen: number[] = []
      const matches = (head: Uint8Array): boolean => seen.push(head.byteLength) > 0
      const files = {
        avatar: { kinds: [{ type: 'a/b', extensions: ['png'], matches }], max: '1mb' as const, count: 3 },
      }
      const three = [0, 100, 9_000].map((length) => file('avatar', 'a.png', 'x'.repeat(length)))
      expect((await result(feed(`${three.join('')}--b--`, chunk).stream, { options: { files } })).status).toBe(200)
      expect(seen).toEqual([0, 100, 4_100])
    }
  })

  test.each<[what: string, body: string]>([
    ['HTML', file('avatar', 'a.html', '<!doctype html><script>', 'text/html')],
    ['HTML as a picture', file('avatar', 'a.png', '<!doctype html><script>', 'image/png')],
    ['SVG', file('avatar', 'a.svg', '<svg xmlns="http://www.w3.org/2000/svg">', 'image/svg+xml')],
    ['a script', file('avatar', 'a.png', '#!/bin/sh\n', 'image/png')],
    ['nothing', file('avatar', 'a.png', '', 'image/png')],
    ['half of its first bytes', file('avatar', 'a.png', PNG.slice(0, 4), 'image/png')],
    ['another kind than its name says', file('avatar', 'a.png', JPEG, 'image/png')],
    ['another type than its bytes say', file('avatar', 'a.png', PNG, 'image/jpeg')],
    ['a type that nobody knows', file('avatar', 'a.png', PNG, 'image')],
    ['an active type', file('avatar', 'a.png', PNG, 'text/html')],
    ['another extension', file('avatar', 'a.php', PNG, 'image/png')],
    ['another extension at the end', file('avatar', 'a.png.php', PNG, 'image/png')],
    ['another extension behind a dot', file('avatar', 'a.png.', PNG.replace('\x89', 'x'), 'image/png')],
    ['no extension', file('avatar', 'png', PNG, 'image/png')],
    ['no name', file('avatar', '', PNG, 'image/png')],
    ['an alternate stream of Windows', file('avatar', 'a.php::$DATA', PNG, 'image/png')],
    ['a kind of another field', file('avatar', 'a.mp3', 'ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0', 'audio/mpeg')],
  ])('V11: a file with %s is of no kind that is taken', async (_what, body) => {
    const { status, problem } = await refused(body)
    expect([status, problem]).toMatchObject([415, {
      code: 'file-type-unsupported',
      errors: [{
        pointer: '#/avatar',
        code: 'file-type-unsupported',
        message: 'A file here must be one of: jpg, jpeg, jpe, jfif, png, apng, gif, webp.',
      }],
    }])
  })

  test('V1, V2: texts that the schema refuses, when all files have come', async () => {
    const { status, problem, sink } = await refused(field('title', '1').repeat(2), { options: { fields: about } })
    expect([status, problem]).toMatchObject([400, {
      code: 'input-invalid',
      errors: [{ pointer: '#/title', code: 'string' }],
    }])
    expect(sink.removed).toHaveLength(1)
  })

  test('texts where no text is taken', async () => {
    const { status, problem } = await refused(field('title', '1'))
    expect([status, problem]).toMatchObject([400, {
      code: 'input-invalid',
      errors: [{ pointer: '#', code: 'field-unexpected', message: 'No text is taken here, only files.' }],
    }])
  })

  test('PITFALLS 15, fault 24: texts with names that objects have, also by hand', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      const { problem } = await refused(field(name, '1'), { options: { fields: about } })
      expect(problem?.errors).toMatchObject([{ pointer: '#', code: 'key-forbidden' }])
      const handle: Handle = async (upload) => {
        for await (const _part of upload.parts());
      }
      expect((await refused(field(name, '1'), { handle })).code).toBe('input-invalid')
    }
  })

  test('too many texts, too long ones, too many parts', async () => {
    const options = { fields: v.record(v.string(), v.any()), maxFields: 3, maxField: '10b' as const }
    const texts = (count: number, value: string) => field('a', value).repeat(count)
    const { status } = await result(`${texts(3, '0123456789')}--b--`, { options })
    expect(status).toBe(200)
    expect((await refused(texts(4, ''), { options })).code).toBe('input-too-complex')
    expect((await refused(texts(1, '0123456789-'), { options })).code).toBe('body-too-large')
    expect((await refused(file('avatar', '', '').repeat(2_000))).code).toBe('input-too-complex')
  })

  test.each<[what: string, body: string, code: string]>([
    ['no last boundary', '--x', 'body-malformed'],
    ['filename twice', part('name=avatar; filename="a.png"; filename="a.php"', PNG), 'body-malformed'],
    ['a NUL in a filename', file('avatar', 'a.php\0.png', PNG), 'body-malformed'],
    ['a name that is no UTF-8', file('avatar', '\xff.png', PNG), 'encoding-invalid'],
    ['text that is no UTF-8', field('title', '\xff'), 'encoding-invalid'],
  ])('a form with %s', async (_what, body, code) => {
    expect((await refused(body === '--x' ? feed(picture('first') + picture()).stream : body)).code).toBe(code)
  })

  test('PITFALLS 12: a body beyond the total, without a length or with a false one', async () => {
    const body = `${picture('first')}${picture('avatar', PNG.padEnd(5_000, 'x'))}--b--`
    const options = { total: '2kb' as const }
    expect((await refused(feed(body, 100).stream, { options })).code).toBe('body-too-large')
    expect((await refused(feed(body, 100).stream, { headers: { 'content-length': '1000' } })).code).toBe(
      'body-too-large',
    )
  })

  test('PITFALLS 14: nothing that came in is said, to the client, the log or in events', async () => {
    const options: Partial<Plain> = { fields: v.strictObject({ title: v.literal('x') }) }
    const bodies = [
      file(SECRET, `${SECRET}.png`, SECRET, `image/${SECRET}`),
      file('avatar', `${SECRET}.exe`, SECRET, `image/${SECRET}`),
      file('avatar', `${SECRET}.png`, PNG + SECRET).repeat(2),
      field(SECRET, SECRET),
      field('title', SECRET),
      field(SECRET, SECRET).repeat(101),
      part(`name="${SECRET}`, SECRET),
      `--b\r\n${SECRET}: ${SECRET}\r\n\r\n${SECRET}\r\n`,
      SECRET,
    ]
    for (const body of bodies) {
      const remove = () => Promise.reject(new Error('the disk is gone'))
      const { status, said } = await result(`${file('avatar', `${SECRET}.png`, PNG)}${body}--b--`, {
        options,
        sink: sinkOf({ remove }),
      })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(said).not.toContain(SECRET)
    }
  })
})

describe('throws what is the program’s fault', () => {
  const rule = (over: object): { avatar: FileRule } => ({ avatar: { ...images, ...over } as FileRule })
  const kind = (over: object) => rule({ kinds: [{ ...images.kinds[0], ...over }] })

  test.each<[says: string, options: object]>([
    ['files must name', {}],
    ['files must name', { files: {} }],
    ['files.avatar.max must be a size', { files: { avatar: undefined } }],
    ['files.avatar.max must be a size', { files: rule({ max: 100 }) }],
    ['files.avatar.max must be a size', { files: rule({ max: '0kb' }) }],
    ['files.avatar.max must be a size', { files: rule({ max: undefined }) }],
    ['files.avatar.count must be a whole', { files: rule({ count: 0 }) }],
    ['files.avatar.count must be a whole', { files: rule({ count: 1.5 }) }],
    ['files.avatar.kinds must be a list', { files: rule({ kinds: [] }) }],
    ['files.avatar.kinds must be a list', { files: rule({ kinds: images.kinds[0] }) }],
    ['files.avatar.kinds[0] must have media types', { files: rule({ kinds: [undefined] }) }],
    ['files.avatar.kinds[0] must have media types', { files: kind({ type: 'image/*' }) }],
    ['files.avatar.kinds[0] must have media types', { files: kind({ type: 'Image/PNG' }) }],
    ['files.avatar.kinds[0] must have media types', { files: kind({ type: '' }) }],
    ['files.avatar.kinds[0] must have media types', { files: kind({ aliases: ['image'] }) }],
    ['files.avatar.kinds[0].extensions must be', { files: kind({ extensions: [] }) }],
    ['files.avatar.kinds[0].extensions must be', { files: kind({ extensions: ['.png'] }) }],
    ['files.avatar.kinds[0].extensions must be', { files: kind({ extensions: ['PNG'] }) }],
    ['files.avatar.kinds[0].extensions must be', { files: kind({ extensions: ['../x'] }) }],
    ['files.avatar.kinds[0].matches must be', { files: kind({ matches: undefined }) }],
    ['fields must be a Standard Schema', { fields: {} }],
    ['fields must be a Standard Schema', { fields: null }],
    ['total must be a size', { total: 100 }],
    ['maxField must be a size', { maxField: '1' }],
    ['maxFields must be a whole', { maxFields: 0 }],
    ['progress must be a function', { progress: 'yes' }],
    ['log must be a function', { log: {} }],
  ])('when made: %s', (says, options) => {
    const given = {
      ...(says.startsWith('files must') ? {} : { files: { avatar: images } }),
      ...options,
    } as unknown as Plain
    expect(() => uploads(given)).toThrow(TypeError)
    expect(() => uploads(given)).toThrow(`uploads: ${says}`)
  })

  test('an upload that is read twice', async () => {
    const found: unknown[] = []
    const attempt = async (act: () => unknown): Promise<void> =>
      void found.push(await Promise.resolve().then(act).catch((error: unknown) => error))
    for (const first of ['save', 'parts'] as const) {
      await result(`${picture()}--b--`, {
        handle: async (upload) => {
          if (first === 'save') await upload.save(sinkOf())
          else for await (const _part of upload.parts());
          await attempt(() => upload.save(sinkOf()))
          await attempt(() => upload.parts())
        },
      })
    }
    expect(found).toHaveLength(4)
    for (const error of found) expect(error).toBeInstanceOf(TypeError)
  })

  test('a sink that is none, which costs nothing', async () => {
    for (const sink of [undefined, {}, { store: () => Promise.resolve('') }]) {
      const handle: Handle = async (upload) => {
        await expect(upload.save(sink as unknown as Sink)).rejects.toThrow('uploads: save takes a sink')
        await upload.save(sinkOf())
      }
      expect((await result(`${picture()}--b--`, { handle })).status).toBe(200)
    }
  })

  test('a body that somebody else is reading', async () => {
    const outside: Wrapper = (next) => (request, context) => {
      request.body!.getReader()
      return next(request, context)
    }
    const { status, records } = await result(`${picture()}--b--`, { outside })
    expect([status, records]).toMatchObject([500, [{ error: { name: 'TypeError' } }]])
  })
})

describe('survives the broken', () => {
  const two = `${picture()}${file('clips', 'a.wav', 'RIFF\0\0\0\0WAVEfmt ', 'audio/wav')}--b--`

  /** Stores the first file as it should be, and does this with the second. */
  function second(store: (file: IncomingFile) => Promise<string>): Sink {
    const sink = sinkOf()
    let count = 0
    return { ...sink, store: (file) => ++count === 2 ? store(file) : sink.store(file) }
  }

  test('a sink that fails: what it has stored is removed, the body cancelled', async () => {
    const full = new Error('the disk is full')
    const body = feed(two + 'x'.repeat(1_000), 50)
    const { status, code, records, sink, events } = await result(body.stream, {
      sink: second(() => Promise.reject(full)),
    })
    expect([status, code]).toEqual([500, 'internal-error'])
    expect([sink.files.size, sink.removed.length]).toEqual([0, 1])
    expect(records).toMatchObject([{ level: 'error', error: full }])
    expect(events).toMatchObject([{ kind: 'error', guard: 'errors' }])
    expect(body.cancelled).toEqual([full])
  })

  test('a sink that throws at once', async () => {
    const sink = second(() => {
      throw new Error('no')
    })
    const { status } = await result(two, { sink })
    expect([status, sink.removed.length]).toEqual([500, 1])
  })

  test('a sink that refuses with a problem of its own', async () => {
    const { status, code, sink, events } = await result(two, {
      sink: second(() => Promise.reject(new Problem(422, 'virus-found'))),
    })
    expect([status, code, sink.removed.length]).toEqual([422, 'virus-found', 1])
    expect(events).toEqual([{ kind: 'refused', guard: 'uploads', code: 'virus-found', status: 422 }])
  })

  test('a sink that hides why its stream broke does not hide it from the client', async () => {
    const files = { avatar: images, clips: { ...audio, max: '10b' as const } }
    const drain = async ({ stream }: IncomingFile): Promise<string> => {
      for await (const _chunk of stream);
      return 'stored'
    }
    const sinks: ((file: IncomingFile) => Promise<string>)[] = [
      drain,
      (file) => drain(file).catch((error: unknown) => Promise.reject(new Error('database error', { cause: error }))),
      (file) => drain(file).catch(() => Promise.reject(new Error('aborted'))),
      (file) => drain(file).catch(() => 'half a file'),
      (file) => file.stream.pipeTo(new WritableStream()).then(() => 'stored'),
    ]
    const long = `${picture()}${file('clips', 'a.wav', 'RIFF\0\0\0\0WAVEfmt '.padEnd(9_000, 'x'))}--b--`
    for (const store of sinks) {
      const sink = second(store)
      const { status, code, records } = await result(feed(long, 1_000).stream, {
        sink,
        options: { files: { ...files, clips: { ...audio, max: '5kb' } } },
      })
      expect([status, code, records, sink.files.size]).toEqual([413, 'file-too-large', [], 0])
      // The half file, too, if the sink says that it has stored it.
      expect(sink.removed.length).toBe(store === sinks[3] ? 2 : 1)
    }
  })

  test('a sink that cannot remove: that is logged, the others are removed, the problem is said', async () => {
    for (
      const fails of [() => Promise.reject(new Error('the disk is gone')), () => {
        throw new Error('the disk is gone')
      }]
    ) {
      const { store, files } = sinkOf()
      const remove = vi.fn((key: string): Promise<void> => {
        if (key.endsWith('png')) return fails()
        files.delete(key)
        return Promise.resolve()
      })
      const body = `${two.replace('--b--', field('x', ''))}--b--`
      const { status, code, records } = await result(body, { sink: { ...sinkOf(), store, remove } })
      expect([status, code]).toEqual([400, 'input-invalid'])
      expect(remove).toHaveBeenCalledTimes(2)
      expect([...files.keys()]).toEqual([expect.stringMatching(/png$/)])
      const message = 'uploads: a file that was stored could not be removed'
      expect(records).toMatchObject([{ level: 'error', message, error: { message: 'the disk is gone' } }])
    }
  })

  test('a schema that throws is a 500, and nothing stays', async () => {
    const fields: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('a bug')
        },
      },
    }
    const { status, sink } = await result(two, { options: { fields } })
    expect([status, sink.files.size, sink.removed.length]).toEqual([500, 0, 2])
  })

  test('who watches cannot touch it', async () => {
    for (
      const progress of [() => Promise.reject(new Error('no')), () => {
        throw new Error('no')
      }]
    ) {
      expect((await result(two, { options: { progress: progress as () => void } })).status).toBe(200)
    }
  })

  test('fault 43: a client that leaves', async () => {
    for (const keep of [0, 60, 130, 200, two.length - 7]) {
      const { code, sink } = await result(feed(two.slice(0, keep), 50, 'error').stream)
      expect([keep, code, sink.files.size]).toEqual([keep, 'body-unreadable', 0])
    }
  })

  test('a limit outside that breaks the body is what is said', async () => {
    const { code, sink } = await result(limited(feed(two, 10).stream, 150))
    expect([code, sink.files.size]).toEqual(['body-too-large', 0])
  })

  test('PITFALLS 16: a deadline ends it', async () => {
    const deadline = new AbortController()
    const outside: Wrapper = (next) => (request, context) =>
      next(request, extend(context, { signal: deadline.signal } as HasSignal))
    const body = feed(two.slice(0, -20), 50, 'hang')
    const outcome = result(body.stream, { outside })
    while (body.taken < two.length - 20) await settled()
    deadline.abort(new Error('late'))
    const { code, sink } = await outcome
    expect([code, sink.files.size, sink.removed.length]).toEqual(['body-unreadable', 0, 1])
    expect(body.cancelled).toMatchObject([{ code: 'body-unreadable', cause: { message: 'late' } }])
    // And one that has passed already.
    const late = feed(two)
    expect((await result(late.stream, { outside })).code).toBe('body-unreadable')
    expect(late.taken).toBe(0)
  })

  test('a deadline that passes afterwards is nobody’s concern', async () => {
    const deadline = new AbortController()
    const outside: Wrapper = (next) => (request, context) =>
      next(request, extend(context, { signal: deadline.signal } as HasSignal))
    const { status, events, sink } = await result(two, { outside })
    deadline.abort()
    await settled()
    expect([status, events, sink.removed]).toEqual([200, [], []])
  })

  test('a sink that reads nothing, or cancels, skips the file', async () => {
    const skips: ((file: IncomingFile) => Promise<string>)[] = [
      () => Promise.resolve('nothing'),
      ({ stream }) => stream.cancel().then(() => 'nothing'),
      async ({ stream }) => {
        const reader = stream.getReader()
        await reader.read()
        await reader.cancel()
        return 'nothing'
      },
    ]
    for (const store of skips) {
      const body = feed(
        `${picture('avatar', PNG.padEnd(20_000, 'x'))}${file('clips', 'a.wav', 'RIFF\0\0\0\0WAVEfmt ')}--b--`,
        1_000,
      )
      const { status, saved } = await result(body.stream, { sink: sinkOf({ store }) })
      expect(status).toBe(200)
      expect(saved?.files.map(({ field }) => field)).toEqual(['avatar', 'clips'])
    }
  })
})

describe('leaves streams alone', () => {
  test('nothing is taken from the body before the handler asks, nor if it does not', async () => {
    const body = feed(`${picture()}--b--`)
    const { status } = await result(body.stream, { handle: () => settled() })
    expect([status, body.taken, body.cancelled]).toEqual([200, 0, []])
  })

  test('a slow sink slows the client down', async () => {
    const body = feed(`${picture('avatar', PNG.padEnd(1_000_000, 'x'))}--b--`, 10_000)
    const ahead: number[] = []
    const store = async ({ stream }: IncomingFile): Promise<string> => {
      let stored = 0
      for await (const chunk of stream) {
        stored += chunk.byteLength
        await settled()
        ahead.push(body.taken - stored)
      }
      return String(stored)
    }
    const { saved } = await result(body.stream, { sink: sinkOf({ store }) })
    expect(saved?.files[0]?.stored).toBe('1000000')
    expect(ahead.length).toBeGreaterThan(90)
    expect(Math.max(...ahead)).toBeLessThan(10_500)
  })

  test('the first part is there before the last has been sent', async () => {
    const body = feed(`${picture('avatar', PNG.padEnd(1_000_000, 'x'))}--b--`, 10_000)
    await result(body.stream, {
      handle: async (upload) => {
        for await (const part of upload.parts()) {
          expect(part.kind).toBe('file')
          expect(body.taken).toBe(10_000)
        }
      },
    })
    expect(body.taken).toBeGreaterThan(1_000_000)
  })

  test('who has found its file may leave the loop and read it then', async () => {
    let text = ''
    const { status } = await result(feed(`${picture('avatar', `${PNG}${'x'.repeat(9_000)}`)}--b--`, 1_000).stream, {
      handle: async (upload) => {
        let found: IncomingFile | undefined
        for await (const part of upload.parts()) {
          if (part.kind !== 'file') continue
          found = part
          break
        }
        text = await new Response(found!.stream).text()
      },
    })
    expect([status, text.endsWith('xxx'), text.length > 9_000]).toEqual([200, true, true])
  })

  test('a file that is read too late breaks alone, and does not pass for a short one', async () => {
    const caught: unknown[] = []
    const names: string[] = []
    const text = (file: IncomingFile) => new Response(file.stream).text().catch((error: unknown) => error)
    const body = feed(`${picture('avatar', PNG.padEnd(20_000, 'x'))}${field('a', '1')}${field('b', '2')}--b--`, 1_000)
    const { status, events } = await result(body.stream, {
      handle: async (upload) => {
        const files: IncomingFile[] = []
        for await (const part of upload.parts()) {
          if (part.kind === 'file') files.push(part)
          else names.push(part.name)
          if (names.length === 1) caught.push(await text(files[0]!))
        }
      },
    })
    expect([status, events, names]).toEqual([200, [], ['a', 'b']])
    expect(caught).toMatchObject([{ name: 'TypeError' }])
  })

  test('a file that is cancelled while a chunk is on its way is skipped, whatever its size', async () => {
    const files = { avatar: { ...images, max: '5kb' as const } }
    const store = async ({ stream }: IncomingFile): Promise<string> => {
      const reader = stream.getReader()
      for (let size = 0; size < 4_500;) size += (await reader.read()).value!.byteLength
      const pending = reader.read()
      await reader.cancel()
      await pending
      return 'skipped'
    }
    const body = feed(`${picture('avatar', PNG.padEnd(20_000, 'x'))}--b--`, 1_000)
    expect((await result(body.stream, { options: { files }, sink: sinkOf({ store }) })).status).toBe(200)
  })
})
