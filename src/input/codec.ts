/** How a body becomes a value for a schema: one codec per kind of media type. JSON's is in `json-body.ts`. */
import type { Bytes } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import type { MaybePromise } from '../core/handler.ts'
import type { StructureLimits } from './structure.ts'

/** Reads bodies of some media types. */
export interface BodyCodec {
  /** In lower case, without parameters. `'application/json'` brings `application/*+json`. */
  readonly types: readonly string[]
  /**
   * The value, which the structure guard, `sanitize` and then the schema look at. Throws a `Problem` where the body is not
   * of its kind. Maps have no prototype. Not called for an empty body, which is `undefined`.
   */
  readonly decode: (body: ReceivedBody) => MaybePromise<unknown>
}

/** A body as a codec gets it: bounded, and inflated where that is allowed. */
export interface ReceivedBody {
  /** The `Content-Type`, with its parameters. */
  readonly contentType: string
  readonly context: Context
  /** What the structure guard will hold the value to: refuse early what is sure to be refused. */
  readonly structure: StructureLimits
  /** Names of fields that are lists even if they come once. */
  readonly lists: ReadonlySet<string>
  /** In UTF-8; rejects with a `Problem` where it is not, or starts with a byte-order mark. */
  readonly text: () => Promise<string>
  readonly bytes: () => Promise<Bytes>
}
