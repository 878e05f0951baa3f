/** An upload on its way in, as the handler gets it. */
import type { Context } from '../../core/context.ts'
import type { Log } from '../../core/log.ts'
import type { StandardSchema } from '../standard-schema.ts'
import type { FileSink, IncomingFile } from './file.ts'
import { Form } from './form.ts'
import type { Rule } from './rules.ts'

/** A text field, as it came: no schema has seen it. */
export interface IncomingField {
  readonly kind: 'field'
  /** What the client calls it. */
  readonly name: string
  readonly value: string
}

/** One part of a form. */
export type UploadPart<Field extends string = string> =
  | IncomingField
  | (IncomingFile<Field> & { readonly kind: 'file' })

/** A file that has been stored. */
export interface SavedFile<Field extends string = string, Stored = unknown>
  extends Omit<IncomingFile<Field>, 'stream'> {
  /** Bytes. */
  readonly size: number
  /** What the sink made of it. */
  readonly stored: Stored
}

/** A form whose files have all been stored. */
export interface SavedUpload<Field extends string = string, Fields = unknown, Stored = unknown> {
  /** The text fields, as the schema gives them. */
  readonly fields: Fields
  /** In the order in which they came. */
  readonly files: readonly SavedFile<Field, Stored>[]
}

/** A form on its way in. It is read once, by `save` or by `parts`: a second call is a TypeError. */
export interface Upload<Field extends string = string, Fields = unknown> {
  /**
   * Stores every file, and checks the text fields. All or nothing: where anything is refused or fails, what has been
   * stored so far is removed, and this rejects with the `Problem`, which the error boundary sends.
   */
  readonly save: <Stored>(sink: FileSink<Stored>) => Promise<SavedUpload<Field, Fields, Stored>>
  /**
   * The parts as they come, for handlers that do it by hand: what they stored is theirs to remove where it breaks. The
   * files are checked, the text fields are not. To ask for the next part skips what is left of the one before.
   */
  readonly parts: () => AsyncIterable<UploadPart<Field>>
}

/** How far an upload has come. */
export interface UploadProgress<Field extends string = string> {
  /** Bytes of the body so far. */
  readonly received: number
  /** What Content-Length says. */
  readonly expected: number | undefined
  /** The field whose file is being read. */
  readonly field: Field | undefined
}

/** What holds for every upload of one wrapper. */
export interface Plan<Field extends string = string> {
  readonly rules: ReadonlyMap<string, Rule<Field>>
  readonly schema: StandardSchema | undefined
  readonly total: number
  readonly maxField: number
  readonly maxFields: number
  readonly progress: ((progress: UploadProgress<Field>, context: Context) => void) | undefined
  readonly log: Log
}

/** What one upload is known by before it is read. */
export interface Arrival {
  readonly request: Request
  readonly context: Context
  readonly boundary: string
  readonly length: number | undefined
}

/** The upload of a request, whose body is not touched before it is used. */
export function uploadOf<Field extends string, Fields>(plan: Plan<Field>, arrival: Arrival): Upload<Field, Fields> {
  let used = false
  const open = (): Form<Field> => {
    if (used) throw new TypeError('uploads: an upload is read once, by save or by parts')
    used = true
    return new Form(plan, arrival)
  }
  const save = async <Stored>(sink: FileSink<Stored>): Promise<SavedUpload<Field, Fields, Stored>> => {
    if (typeof sink?.store !== 'function' || typeof sink.remove !== 'function') {
      throw new TypeError('uploads: save takes a sink, with store and remove')
    }
    // What the schema gives is what Fields stands for.
    return await open().save(sink) as SavedUpload<Field, Fields, Stored>
  }
  return { save, parts: () => open().parts() }
}
