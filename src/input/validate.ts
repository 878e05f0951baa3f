import { hasBody, readText } from '../core/body.ts'
import type { HasInput } from '../core/facts.ts'
import { mediaType } from '../core/fields.ts'
import type { Decision, Refuse } from '../core/guard.ts'
import { guard, refusal } from '../core/guard.ts'
import type { MaybePromise, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { ProblemCode } from '../core/problem.ts'
import { Problem, problem } from '../core/problem.ts'
import type { Size } from '../core/quantity.ts'
import { bytes, count } from '../core/quantity.ts'
import { inputErrors } from './issues.ts'
import type { OutputOf, SchemaResult, StandardSchema } from './standard-schema.ts'
import type { StructureLimits } from './structure.ts'
import { hasMoreKeys, structureFault } from './structure.ts'

/** What to validate, by any Standard Schema. */
export interface Schemas {
  /** The body, as JSON. */
  readonly body: StandardSchema
}

/** What the handler finds in `context.input`. */
export type InputOf<S extends Schemas> = { readonly [Part in keyof S]: OutputOf<S[Part]> }

/** Options of {@link validate}. */
export interface ValidateOptions {
  /** The largest body. (`'1mb'`) */
  readonly max?: Size | undefined
  /** Bounds on the JSON itself, before the schema sees it. (depth 32, 1,000 keys, arrays of 10,000, strings of 1,000,000) */
  readonly structure?: StructureLimits | undefined
  /** Says only that the input is wrong, not where: for sign-in. (false) */
  readonly generic?: boolean | undefined
}

/**
 * Lets only valid input through, and hands it to the handler typed: `context.input.body`.
 *
 * The body must be there as JSON (`application/json` or `+json`, UTF-8) or not at all, which the schema sees as
 * `undefined`. Before the schema, its structure is bounded and keys such as `__proto__` are refused. The 400 lists where and
 * which rule, at most 20; never a value: a message that repeats what came in is replaced. The handler may still read the
 * request's own body.
 *
 * Needs:   nothing.
 * Adds:    `input`.
 * Refuses: 400 `input-invalid` with `errors`, `body-malformed`, `encoding-invalid`, `input-too-complex` and the codes of
 *          `bodyLimit`; 413 `body-too-large`; 415 `content-type-unsupported`, `content-encoding-unsupported`.
 * Throws:  when made: TypeError if `body` is no Standard Schema, `max` no size, or a bound no positive whole number. Per
 *          request: what the schema throws: a 500, and the handler does not run.
 * Fails:   closed.
 * Costs:   JSON.parse, one walk over the value (about a tenth of that) and the schema.
 * Source:  RFC 8259; RFC 9457 §3; RFC 6901; ASVS 5 2.2.1, 15.3.3, 15.3.6, 16.5.3.
 *
 * @example
 * validate({ body: v.object({ epochs: v.pipe(v.number(), v.minValue(1)) }) })
 */
export function validate<const S extends Schemas>(
  schemas: S,
  options: ValidateOptions = {},
): Wrapper<HasInput<InputOf<S>>> {
  const standard = schemas?.body?.['~standard']
  if (standard?.version !== 1 || typeof standard.validate !== 'function') {
    throw new TypeError('validate: body must be a Standard Schema (zod, valibot, arktype, …)')
  }
  const most = bytes(options.max ?? '1mb', 'validate: max')
  const { structure = {}, generic = false } = options
  for (const [name, bound] of Object.entries(structure)) {
    if (bound !== undefined) count(bound, `validate: structure.${name}`)
  }

  const checked = (value: unknown): MaybePromise<Decision<HasInput<InputOf<S>>>> => {
    const fault = structureFault(value, structure)
    if (fault === 'key-forbidden') {
      return invalid([{ pointer: '#', code: fault, message: 'A key has a forbidden name.' }])
    }
    if (fault !== undefined) return no(fault)
    const result = standard.validate(value)
    return isPromise(result) ? result.then((one) => decided(one, value)) : decided(result, value)
  }
  const invalid = (errors: readonly object[]): Refuse =>
    refusal(problem('input-invalid', {
      detail: 'The input does not have the required form.',
      members: generic ? undefined : { errors },
    }))
  const decided = (result: SchemaResult<unknown>, value: unknown): Decision<HasInput<InputOf<S>>> =>
    result.issues === undefined
      // The one schema's output is what InputOf computes from it.
      ? { outcome: 'allow', adds: { input: { body: result.value } as unknown as InputOf<S> } }
      : invalid(inputErrors(result.issues, value))

  return guard<HasInput<InputOf<S>>>({
    name: 'validate',
    decide(request, context) {
      const type = request.headers.get('content-type')
      const present = hasBody(request, context)
      const wrongType = present || type !== null ? typeFault(request, type) : undefined
      if (wrongType !== undefined) return wrongType
      if (!present) return checked(undefined)
      return readText(request, context, most).then((text) => {
        const parsed = hasMoreKeys(text, structure) ? TOO_COMPLEX : parseJson(text)
        return parsed.fault === undefined ? checked(parsed.value) : no(parsed.fault)
      }, refusedBody)
    },
  })
}

function no(code: ProblemCode): Refuse {
  return refusal(problem(code))
}

/** What a reader of bodies refuses with is a problem; what else it throws is a bug. */
function refusedBody(error: unknown): Refuse {
  if (error instanceof Problem && error.status < 500) return refusal(error)
  throw error
}

/** Refuses what is declared to be something else than JSON in UTF-8 as it stands. */
function typeFault(request: Request, declared: string | null): Refuse | undefined {
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    return refusal(problem('content-encoding-unsupported', { headers: { 'accept-encoding': 'identity' } }))
  }
  if (declared === 'application/json') return undefined
  const type = mediaType(declared)
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(declared ?? '')?.[1]?.toLowerCase()
  const json = type === 'application/json' || /^application\/.+\+json$/.test(type)
  return json && (charset === undefined || charset === 'utf-8' || charset === 'utf8')
    ? undefined
    : refusal(problem('content-type-unsupported', { headers: { accept: 'application/json' } }))
}

const TOO_COMPLEX: Parsed = { fault: 'input-too-complex' }

type Parsed = { readonly value: unknown; readonly fault?: undefined } | { readonly fault: ProblemCode }

/** An empty body is `undefined`. */
function parseJson(text: string): Parsed {
  if (text === '') return { value: undefined }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    // Its message quotes the text: nothing of it is kept.
    return { fault: 'body-malformed' }
  }
}
