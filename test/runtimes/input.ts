/** The fixture's part about what comes in: parameters, forms, compressed bodies, and files of every size. */
import * as v from 'valibot'
import {
  api,
  compose,
  type Context,
  extend,
  formBody,
  type HasParams,
  jsonBody,
  multipartBody,
  pathOf,
  policy,
  sanitize,
  validate,
  type Wrapper,
} from '../../src/index.ts'
import { type FileSink, images, type IncomingFile, uploads, videos } from '../../src/input/uploads.ts'
import { type Mount, mount } from './mounts.ts'

/** Where a runtime's files go, and how to get them back. */
export interface Files {
  readonly sink: FileSink
  readonly read: (key: string) => Promise<Response>
  readonly list?: () => Promise<readonly string[]>
}

export type FilesOf = (context: Context) => Files

const quiet = { ...api, accessLog: false, contentType: false } as const

/** The last segment of the path is `id`. */
const routed: Wrapper<HasParams> = (next) => (request, context) =>
  next(request, extend(context, { params: { id: pathOf(request).split('/').at(-1)! } }))

const fields = v.object({ name: v.pipe(v.string('The name must be text.'), v.minLength(1, 'The name is empty.')) })

/** Takes the bytes, and keeps a sum of every 64th, which depends on their order. */
const summing: FileSink<{ readonly sum: number }> = {
  async store({ stream }: IncomingFile) {
    let sum = 0
    let at = 0 // of the next one, in the chunk
    for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
      for (; at < chunk.length; at += 64) sum = (sum * 31 + chunk[at]!) | 0
      at -= chunk.length
    }
    return { sum }
  },
  remove: () => Promise.resolve(),
}

export function input(filesOf: FilesOf): readonly Mount[] {
  return [
    mount(
      '/input',
      policy({
        ...quiet,
        sanitize: sanitize(),
        own: compose(
          routed,
          validate({
            params: v.object({ id: v.pipe(v.string(), v.digits('The id must be a number.'), v.toNumber()) }),
            query: v.object({ page: v.optional(v.pipe(v.string('One page.'), v.digits('A page is a number.')), '1') }),
            headers: v.object({ 'x-version': v.optional(v.string()) }),
            cookies: v.object({ theme: v.optional(v.picklist(['dark', 'light'], 'There is no such theme.')) }),
            body: v.optional(fields),
          }, {
            codecs: [jsonBody({ duplicateKeys: 'refuse' }), formBody(), multipartBody()],
            encodings: ['gzip', 'deflate'],
          }),
        ),
      }),
      (_request, { input, events }) => Response.json({ input, events: events.map(({ kind }) => kind) }),
    ),
    mount(
      '/promise',
      policy({ ...quiet, own: validate({}, { response: v.strictObject({ id: v.number() }) }) }),
      {
        '/kept': () => Response.json({ id: 1 }),
        '/broken': () => Response.json({ id: 1, secret: 'hunter2' }),
      },
    ),
    mount(
      '/images',
      policy({ ...quiet, bodyLimit: false, own: uploads({ files: { image: images }, total: '20mb' }) }),
      async (
        _request,
        context,
      ) => {
        const { files: [file] } = await context.upload.save(filesOf(context).sink)
        return Response.json(file, { status: 201 })
      },
    ),
    mount('/videos', policy({ ...quiet, bodyLimit: false, own: uploads({ files: { video: videos } }) }), async (
      _request,
      { upload },
    ) => {
      const { files: [file] } = await upload.save(summing)
      return Response.json(file, { status: 201 })
    }),
    mount('/stored', policy(quiet), async (request, context) => {
      const { list, read } = filesOf(context)
      const key = pathOf(request).split('/')[2]!
      return key === 'all' ? Response.json(await list?.() ?? null) : new Response((await read(key)).body)
    }),
  ]
}
