import { fail } from '../core/body.ts'
import { mediaType } from '../core/fields.ts'
import { count } from '../core/quantity.ts'
import type { BodyCodec, ReceivedBody } from './codec.ts'
import { boundaryOf } from './multipart-head.ts'
import type { FormPart } from './multipart.ts'
import { Multipart, textOf } from './multipart.ts'
import { append } from './parts.ts'
import { STRUCTURE } from './structure.ts'
import { safeName } from './uploads/file-name.ts'

/** Options of {@link multipartBody}. */
export interface MultipartBodyOptions {
  /** How many parts a form may have, fields and files together. (1,000) */
  readonly parts?: number | undefined
}

/**
 * Reads `multipart/form-data` for `validate`: small forms, whole in memory. Texts by name, files as `File`, a list where a
 * name comes twice or is among `lists`. Text stays text: coerce it in the schema. A file input left empty is left out.
 *
 * A file's `name` is made safe, but its `type` is what the client claims: where the kind of a file matters, or files are
 * larger than a form may be, use `uploads` from `sallyport/uploads`. A browser sends such a form for any site without asking
 * (no preflight): where it signs in by cookie, have `csrf` on.
 *
 * @example
 * validate({ body: contact }, { codecs: [multipartBody()] })
 */
export function multipartBody(options: MultipartBodyOptions = {}): BodyCodec {
  const most = count(options.parts ?? STRUCTURE.keys, 'multipartBody: parts')
  return { types: ['multipart/form-data'], decode: (body) => decode(body, most) }
}

type Form = Record<string, string | File | (string | File)[]>

async function decode(body: ReceivedBody, most: number): Promise<Form> {
  const boundary = boundaryOf(body.contentType) ?? fail('body-malformed')
  const bytes = await body.bytes()
  const form = new Multipart(streamOf(bytes).getReader(), boundary, { parts: most, total: bytes.byteLength })
  const fields: Form = Object.create(null)
  let left = body.structure.keys ?? STRUCTURE.keys
  for (let part; (part = await form.next()) !== undefined;) {
    const value = part.filename === undefined ? await textOf(part, Infinity) : await fileOf(part, part.filename)
    if (value === undefined) continue
    if (fields[part.name] === undefined) {
      if (--left < 0) fail('input-too-complex')
      if (body.lists.has(part.name)) fields[part.name] = []
    }
    append(fields, part.name, value)
  }
  return fields
}

async function fileOf(part: FormPart, filename: string): Promise<File | undefined> {
  const pieces: BlobPart[] = []
  // Memory of their own, but TypeScript cannot know.
  for (let bytes; (bytes = await part.read()) !== undefined;) pieces.push(bytes as BlobPart)
  if (filename === '' && pieces.length === 0) return undefined
  const type = mediaType(part.type ?? '') || 'application/octet-stream'
  const file = new File(pieces, safeName(filename), { type })
  // Bun makes it `text/plain;charset=utf-8`, which no schema asks for.
  return file.type === type ? file : Object.defineProperty(file, 'type', { value: type })
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
}
