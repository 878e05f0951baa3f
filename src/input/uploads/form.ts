/** How an upload comes about: the parts of its form, held to their rules as they pass. */
import { fail, readerOf } from '../../core/body.ts'
import type { Context } from '../../core/context.ts'
import { record } from '../../core/event.ts'
import type { HasRequestId, HasSanitizer, HasSignal } from '../../core/facts.ts'
import { isPromise } from '../../core/handler.ts'
import { safely } from '../../core/log.ts'
import type { ProblemInit } from '../../core/problem.ts'
import { Problem, problem, thrown } from '../../core/problem.ts'
import type { InputError } from '../issues.ts'
import { errorAt, inputErrors, invalidInput } from '../issues.ts'
import type { FormPart } from '../multipart.ts'
import { Multipart, textOf } from '../multipart.ts'
import { append } from '../parts.ts'
import { structureFault } from '../structure.ts'
import { extensionOf, safeName } from './file-name.ts'
import type { FileSink } from './file.ts'
import type { Rule } from './rules.ts'
import { BEGINNING, kindFor } from './rules.ts'
import type { Arrival, IncomingField, Plan, SavedFile, SavedUpload, UploadPart } from './upload.ts'

/** One upload. Read once: by `save`, or by `parts`. */
export class Form<Field extends string> {
  readonly #plan: Plan<Field>
  readonly #context: Context
  readonly #form: Multipart
  readonly #counts = new Map<string, number>()
  #fields = 0
  /** Whose file is being read. */
  #field: Field | undefined
  /** How much of the file has been handed on. */
  #size: () => number = () => 0
  #fault: { readonly error: unknown } | undefined

  constructor(plan: Plan<Field>, { request, context, boundary, length }: Arrival) {
    this.#plan = plan
    this.#context = context
    let parts = plan.maxFields
    for (const { count } of plan.rules.values()) parts += count + 1 // with an input left empty
    const limits = { parts, total: length ?? plan.total }
    const body = readerOf(request) ?? fail('body-malformed')
    this.#form = new Multipart(body, boundary, limits, (received) => this.#tell(received, length))
    const { signal } = context as Partial<HasSignal>
    if (signal === undefined) return
    // So that a deadline ends what has no answer to give any more. Where all has been read, there is nothing to end.
    const stop = (): void => this.#form.stop(new Problem(400, 'body-unreadable', { cause: signal.reason }))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  }

  async *parts(): AsyncGenerator<UploadPart<Field>, void, undefined> {
    try {
      for (let part; (part = await this.#form.next()) !== undefined;) {
        const found = await (part.filename === undefined ? this.#textField(part) : this.#file(part, part.filename))
        if (found !== undefined) yield found
        this.#field = undefined
      }
    } catch (error) {
      throw this.#broken(error)
    }
  }

  async save<Stored>(sink: FileSink<Stored>): Promise<SavedUpload<Field, unknown, Stored>> {
    const fields: Record<string, string | string[]> = Object.create(null)
    const files: SavedFile<Field, Stored>[] = []
    try {
      for await (const part of this.parts()) {
        if (part.kind === 'field') {
          if (this.#plan.schema === undefined) throw this.#invalid([NO_FIELDS])
          append(fields, part.name, part.value)
          continue
        }
        const size = this.#size
        // One that breaks, and the sink does not mind: then there is no next part, and what it stored is removed, too.
        const stored = await sink.store(part)
        const { field, name, original, key, type } = part
        files.push({ field, name, original, key, type, size: size(), stored })
      }
      return { fields: await this.#checked(fields), files }
    } catch (error) {
      // What a sink or a driver throws because the stream broke may hide why it did.
      const reason = this.#fault === undefined ? this.#broken(error) : this.#fault.error
      await this.#takeBack(sink, files)
      throw reason
    }
  }

  async #textField(part: FormPart): Promise<IncomingField> {
    if (++this.#fields > this.#plan.maxFields) fail('input-too-complex')
    const value = await textOf(part, this.#plan.maxField)
    if (structureFault({ [part.name]: '' }) !== undefined) throw this.#invalid([FORBIDDEN])
    return { kind: 'field', name: part.name, value }
  }

  async #file(part: FormPart, original: string): Promise<UploadPart<Field> | undefined> {
    const rule = this.#plan.rules.get(part.name)
    if (rule === undefined) throw thrown(UNEXPECTED)
    this.#field = rule.field
    const pieces = await beginningOf(part, rule)
    if (original === '' && pieces.length === 0) return undefined // an input left empty
    const count = (this.#counts.get(rule.field) ?? 0) + 1
    if (count > rule.count) throw thrown(rule.tooMany)
    this.#counts.set(rule.field, count)
    const name = safeName(original)
    const kind = kindFor(rule, pieces[0], extensionOf(name), part.type)
    if (kind === undefined) throw thrown(rule.wrongKind)
    return {
      kind: 'file',
      field: rule.field,
      name,
      original,
      key: `${crypto.randomUUID()}.${kind.extensions[0]!}`,
      type: kind.type,
      stream: this.#streamOf(part, pieces, rule.max, rule.tooLarge),
    }
  }

  #streamOf(
    part: FormPart,
    pieces: Uint8Array[],
    max: number,
    tooLarge: ProblemInit,
  ): ReadableStream<Uint8Array> {
    let size = 0
    let left = false
    this.#size = () => size
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const bytes = pieces.shift() ?? await part.read()
          if (left) return // cancelled in the meantime
          if (bytes === undefined) return controller.close()
          size += bytes.byteLength
          if (size > max) throw thrown(tooLarge)
          controller.enqueue(bytes)
        } catch (error) {
          // One that is read too late breaks alone.
          throw error instanceof Problem ? this.#broken(error) : error
        }
      },
      cancel() {
        left = true
      },
    }, { highWaterMark: 0 })
  }

  async #checked(fields: Record<string, string | string[]>): Promise<unknown> {
    const { schema } = this.#plan
    if (schema === undefined) return {}
    const { sanitize } = this.#context as Partial<HasSanitizer>
    const value = sanitize === undefined ? fields : sanitize(fields, 'body')
    const result = await schema['~standard'].validate(value)
    if (result.issues === undefined) return result.value
    throw this.#invalid(inputErrors(result.issues, value))
  }

  #invalid(errors: readonly InputError[]): Problem {
    return thrown(invalidInput(this.#context, errors))
  }

  async #takeBack<Stored>(sink: FileSink<Stored>, files: readonly SavedFile<Field, Stored>[]): Promise<void> {
    const removals = await Promise.allSettled(files.map(async ({ stored }) => await sink.remove(stored)))
    for (const removal of removals) {
      if (removal.status === 'fulfilled') continue
      safely(this.#plan.log, {
        level: 'error',
        message: 'uploads: a file that was stored could not be removed',
        requestId: (this.#context as Partial<HasRequestId>).requestId,
        error: removal.reason,
      })
    }
  }

  /** Stops the source, and remembers the first fault. Gives back what there is to throw. */
  #broken(error: unknown): unknown {
    if (this.#fault !== undefined) return error
    this.#fault = { error }
    this.#form.stop(error)
    if (error instanceof Problem && error.status < 500) {
      const { code, status } = error
      record(this.#context, { kind: 'refused', guard: 'uploads', code, status })
    }
    return error
  }

  #tell(received: number, expected: number | undefined): void {
    try {
      const returned: unknown = this.#plan.progress?.({ received, expected, field: this.#field }, this.#context)
      if (isPromise(returned)) returned.then(undefined, () => {})
    } catch {
      // Who watches must not touch the upload.
    }
  }
}

/** A file's beginning, gathered: in the first piece 4,100 bytes or more, unless that is all there are. */
async function beginningOf(part: FormPart, { max, tooLarge }: Rule): Promise<Uint8Array[]> {
  let bytes = await part.read()
  if (bytes === undefined || bytes.byteLength >= BEGINNING) return bytes === undefined ? [] : [bytes]
  const gathered = new Uint8Array(BEGINNING)
  let length = 0
  for (; bytes !== undefined; bytes = await part.read()) {
    if (length + bytes.byteLength > max) throw thrown(tooLarge)
    const taken = bytes.subarray(0, BEGINNING - length)
    gathered.set(taken, length)
    length += taken.byteLength
    if (length === BEGINNING) {
      const rest = bytes.subarray(taken.byteLength)
      return rest.byteLength > 0 ? [gathered, rest] : [gathered]
    }
  }
  return [gathered.subarray(0, length)]
}

const FORBIDDEN = /* @__PURE__ */ errorAt('body', '#', 'key-forbidden', 'A key has a forbidden name.')
const NO_FIELDS = /* @__PURE__ */ errorAt('body', '#', 'field-unexpected', 'No text is taken here, only files.')
const UNEXPECTED = /* @__PURE__ */ problem('file-unexpected', { detail: 'A file came that was not asked for.' })
