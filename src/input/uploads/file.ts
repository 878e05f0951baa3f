/** What uploads are made of: kinds of files, rules for the files of one field, and where files go. */
import type { Size } from '../../core/quantity.ts'

/** A kind of file, told by its first bytes. */
export interface FileKind {
  /** The media type it is stored and served as, e.g. `image/jpeg`. */
  readonly type: string
  /** Other media types that clients declare for it, e.g. `image/jpg`. (none) */
  readonly aliases?: readonly string[] | undefined
  /** Without the dot, in lower case; the first is used for storing. */
  readonly extensions: readonly string[]
  /** Do a file's first bytes (4,100, or all there are) say that it is one? */
  readonly matches: (head: Uint8Array) => boolean
}

/** What one field of a form may upload. */
export interface FileRule {
  readonly kinds: readonly FileKind[]
  /** The largest file. */
  readonly max: Size
  /** How many files of this field. (1) */
  readonly count?: number | undefined
}

/** A file on its way in. Its kind is known; its size is not. */
export interface IncomingFile<Field extends string = string> {
  /** The form's field: one of those that were declared. */
  readonly field: Field
  /** A name safe for any file system, from what the client calls it: see `safeName`. For people: not unique. */
  readonly name: string
  /** What the client calls it. Hostile until proven otherwise: never a path, never in a header, never in HTML. */
  readonly original: string
  /** A random name with the right extension: unique, and nothing of the client's is in it. Store under this. */
  readonly key: string
  /** The media type of its kind, whatever the client declared. */
  readonly type: string
  /**
   * The bytes, as they arrive, read once. Breaks with a `Problem` where the file is too large, the upload is malformed or
   * the client leaves: then what has been stored so far must go.
   */
  readonly stream: ReadableStream<Uint8Array>
}

/** Where files go: a folder, a bucket, a database. */
export interface FileSink<Stored = unknown> {
  /** Stores one file; rejects, leaving nothing behind, where its stream breaks. */
  readonly store: (file: IncomingFile) => Promise<Stored>
  /** Takes back what it stored, because a later part of the same upload was refused. */
  // A method, for its looser type: whoever takes any sink gives it back only what it stored itself.
  remove(stored: Stored): Promise<void>
}
