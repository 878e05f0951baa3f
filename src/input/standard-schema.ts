/**
 * Standard Schema v1, as its specification invites: copied, not depended on. zod, valibot, arktype and others implement it.
 * https://standardschema.dev
 */
import type { MaybePromise } from '../core/handler.ts'

/** Whatever can validate. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => MaybePromise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What validating gives. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One thing that is wrong. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema makes of its input. */
export type OutputOf<S> = S extends StandardSchema<unknown, infer Output> ? Output : never

/** Is it a Standard Schema? arktype's are functions. */
export function isSchema(value: unknown): value is StandardSchema {
  const standard = (value as StandardSchema | undefined)?.['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function'
}
