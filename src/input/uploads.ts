/** Uploads: the entry `sallyport/uploads`. Files go from the request to where they are kept, and never whole through memory. */
import { contentLength, hasBody } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { mediaType } from '../core/fields.ts'
import { guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Log } from '../core/log.ts'
import { consoleLog } from '../core/log.ts'
import type { ProblemCode } from '../core/problem.ts'
import { problem, PROBLEMS } from '../core/problem.ts'
import type { Size } from '../core/quantity.ts'
import { bytes, count } from '../core/quantity.ts'
import { boundaryOf } from './multipart-head.ts'
import type { OutputOf, StandardSchema } from './standard-schema.ts'
import { isSchema } from './standard-schema.ts'
import type { FileRule } from './uploads/file.ts'
import type { Rule } from './uploads/rules.ts'
import { rulesOf } from './uploads/rules.ts'
import type { Upload, UploadProgress } from './uploads/upload.ts'
import { uploadOf } from './uploads/upload.ts'

export type { FileKind, FileRule, FileSink, IncomingFile } from './uploads/file.ts'
export { safeName } from './uploads/file-name.ts'
export {
  audio,
  avi,
  gif,
  images,
  jpeg,
  kindOf,
  mov,
  mp3,
  mp4,
  mpeg,
  ogg,
  pdf,
  png,
  textKind,
  videos,
  wav,
  webm,
  webmAudio,
  webp,
  zip,
} from './uploads/kinds.ts'
export type { IncomingField, SavedFile, SavedUpload, Upload, UploadPart, UploadProgress } from './uploads/upload.ts'

/** Options of {@link uploads}. */
export interface UploadsOptions<
  Field extends string = string,
  Schema extends StandardSchema | undefined = StandardSchema | undefined,
> {
  /** The fields that may hold files, and what files. */
  readonly files: Readonly<Record<Field, FileRule>>
  /** A schema for the text fields together: texts by name, a list where a name comes twice. (none: no text is taken) */
  readonly fields?: Schema | undefined
  /** The largest body. (the largest files in their greatest number, as much text as may be, and 64 KB) */
  readonly total?: Size | undefined
  /** The largest text field. (`'64kb'`) */
  readonly maxField?: Size | undefined
  /** How many text fields. (100) */
  readonly maxFields?: number | undefined
  /** Called after each chunk of the body. What it throws is dropped. (nobody) */
  readonly progress?: ((progress: UploadProgress<Field>, context: Context) => void) | undefined
  /** Where it is logged that a file could not be removed. (JSON lines on standard error) */
  readonly log?: Log | undefined
}

/** What the handler gets of the text fields. */
export type FieldsOf<Schema> = Schema extends StandardSchema ? OutputOf<Schema> : {}

/** Added by {@link uploads}. */
export interface HasUpload<Field extends string = string, Fields = unknown> {
  readonly upload: Upload<Field, Fields>
}

/**
 * Takes forms with files, and hands them to the handler as they come in: `upload.save(sink)` stores them, or all of nothing.
 *
 * A file is taken where its field is declared, its first bytes are of a kind that the field takes, and the extension of its
 * name and the type it is declared to have say the same kind. It is stored under `key`, a random name, with the type of its
 * kind: what the client calls it is for people to read. It is held to its size as it passes; what is slow to store slows the
 * client down. Text fields go through the schema, as with `validate`, after the last file has come.
 *
 * A policy takes bodies of up to 1 MB, and the `api` preset JSON only: where files come in, let those off.
 * `bodyLimit: unless(onPath('/uploads/*'), bodyLimit())`, and likewise `contentType`. A browser sends forms for any site
 * without asking (no preflight): where it signs in by cookie, have `csrf` on.
 *
 * Needs:   nothing; obeys `signal` and uses `sanitize` where they are there.
 * Adds:    `upload`; event `refused` when an upload breaks, too.
 * Refuses: 400 `body-malformed`, `content-length-invalid`; 413 `body-too-large`; 415 `content-type-unsupported`,
 *          `content-encoding-unsupported`. While the upload is read: 400 `body-malformed`, `body-unreadable`,
 *          `encoding-invalid`, `input-invalid` and `file-unexpected` with `errors`, `input-too-complex`; 413
 *          `body-too-large`, `file-too-large`; 415 `file-type-unsupported`.
 * Throws:  when made: TypeError if an option is not usable. Per request: what the sink or the schema throws; TypeError if
 *          the upload is read twice.
 * Fails:   closed: where an upload breaks, the body is cancelled and the sink asked to remove what it has stored. A file it
 *          cannot remove is logged.
 * Costs:   a search of the bytes for the boundary, above 2 GB a second; memory for one chunk, and 8 KB.
 * Source:  RFC 7578; RFC 2046 §5.1; ASVS 5 5.2.1, 5.2.2, 5.3.2; CVE-2022-24434, CVE-2025-47935, CVE-2025-48997.
 *
 * @example
 * uploads({ files: { avatar: images } })(async (_request, { upload }) => {
 *   const { files } = await upload.save(folderSink('uploads'))
 *   return Response.json(files.map(({ name, size }) => ({ name, size })), { status: 201 })
 * })
 */
export function uploads<const Field extends string, Schema extends StandardSchema | undefined = undefined>(
  options: UploadsOptions<Field, Schema>,
): Wrapper<HasUpload<Field, FieldsOf<Schema>>> {
  const rules = rulesOf(options.files)
  const { fields: schema, progress, log = consoleLog } = options
  if (schema !== undefined && !isSchema(schema)) {
    throw new TypeError('uploads: fields must be a Standard Schema (zod, valibot, arktype, …)')
  }
  const maxField = bytes(options.maxField ?? '64kb', 'uploads: maxField')
  const maxFields = count(options.maxFields ?? 100, 'uploads: maxFields')
  const total = options.total === undefined
    ? mostOf(rules.values()) + (schema === undefined ? 0 : maxField * maxFields) + OVERHEAD
    : bytes(options.total, 'uploads: total')
  for (const [name, value] of Object.entries({ progress, log })) {
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`uploads: ${name} must be a function`)
  }
  const plan = { rules, schema, total, maxField, maxFields, progress, log }

  return guard<HasUpload<Field, FieldsOf<Schema>>>({
    name: 'uploads',
    says: { problems: SAID, bodyTypes: [FORM] },
    decide(request, context) {
      const encoding = request.headers.get('content-encoding')
      if (encoding !== null && encoding.toLowerCase() !== 'identity') return ENCODED
      const type = request.headers.get('content-type')
      if (mediaType(type) !== FORM) return NO_FORM
      const boundary = boundaryOf(type!)
      const length = contentLength(request)
      if (Number.isNaN(length)) return BAD_LENGTH
      if (length !== undefined && length > total) return TOO_LARGE
      if (boundary === undefined || !hasBody(request, context)) return MALFORMED
      return { outcome: 'allow', adds: { upload: uploadOf(plan, { request, context, boundary, length }) } }
    },
  })
}

const FORM = 'multipart/form-data'
/** Boundaries and heads of parts. */
const OVERHEAD = 65_536

const ENCODED = /* @__PURE__ */ refusal(
  /* @__PURE__ */ problem('content-encoding-unsupported', { headers: { 'accept-encoding': 'identity' } }),
)
const NO_FORM = /* @__PURE__ */ refusal(
  /* @__PURE__ */ problem('content-type-unsupported', { headers: { accept: FORM } }),
)
const BAD_LENGTH = /* @__PURE__ */ refusal(/* @__PURE__ */ problem('content-length-invalid'))
const TOO_LARGE = /* @__PURE__ */ refusal(/* @__PURE__ */ problem('body-too-large'))
const MALFORMED = /* @__PURE__ */ refusal(/* @__PURE__ */ problem('body-malformed'))

const CODES: readonly ProblemCode[] = [
  'body-malformed',
  'body-unreadable',
  'content-length-invalid',
  'encoding-invalid',
  'file-unexpected',
  'input-invalid',
  'input-too-complex',
  'body-too-large',
  'file-too-large',
  'content-encoding-unsupported',
  'content-type-unsupported',
  'file-type-unsupported',
]
const SAID = /* @__PURE__ */ Object.fromEntries(/* @__PURE__ */ CODES.map((code) => [code, PROBLEMS[code]]))

function mostOf(rules: Iterable<Rule>): number {
  let sum = 0
  for (const { max, count } of rules) sum += max * count
  return sum
}
