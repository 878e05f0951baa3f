import { fail } from '../core/body.ts'
import { fold } from '../core/compose.ts'
import type { Context } from '../core/context.ts'
import type { Says } from '../core/description.ts'
import type { HasInput, HasParams, HasSanitizer } from '../core/facts.ts'
import type { Decision, Refuse } from '../core/guard.ts'
import { guard, refusal } from '../core/guard.ts'
import type { MaybePromise, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { ProblemCode } from '../core/problem.ts'
import { Problem, PROBLEMS } from '../core/problem.ts'
import type { Size } from '../core/quantity.ts'
import { bytes, count } from '../core/quantity.ts'
import type { BodyCodec } from './codec.ts'
import type { Encoding } from './inflate.ts'
import type { InputError, Part } from './issues.ts'
import { errorAt, inputErrors, invalidInput } from './issues.ts'
import { jsonBody } from './json-body.ts'
import { READERS } from './parts.ts'
import { bodyReader } from './receive.ts'
import type { OnInvalidResponse, ResponseSchemas } from './response.ts'
import { promising } from './response.ts'
import type { OutputOf, StandardSchema } from './standard-schema.ts'
import { isSchema } from './standard-schema.ts'
import type { StructureLimits } from './structure.ts'
import { STRUCTURE, structureFault } from './structure.ts'

/** What to validate, by any Standard Schema. */
export interface Schemas {
  /** What the route's path has for its names: texts. A router outside must add `params`. */
  readonly params?: StandardSchema
  /** Texts by name; a list where a name comes twice. */
  readonly query?: StandardSchema
  /** Texts by name in lower case. */
  readonly headers?: StandardSchema
  /** Texts by name; a list where a name comes twice. */
  readonly cookies?: StandardSchema
  /** What the body's codec makes of it; `undefined` where there is none. */
  readonly body?: StandardSchema
}

/** What the handler finds in `context.input`. */
export type InputOf<S extends Schemas> = { readonly [P in keyof S]: OutputOf<S[P]> }

/** What must lie outside: path parameters come from a router. */
export type NeedsOf<S extends Schemas> = S extends { readonly params: StandardSchema } ? HasParams : {}

/** Options of {@link validate}. */
export interface ValidateOptions {
  /** The largest body; of a compressed one, before and after. (`'1mb'`) */
  readonly max?: Size | undefined
  /** Bounds on each part, before its schema sees it. (depth 32, 1,000 keys, 10,000 items, strings of 1,000,000) */
  readonly structure?: StructureLimits | undefined
  /** Says only that the input is wrong, not where: for sign-in. (false) */
  readonly generic?: boolean | undefined
  /** How bodies are read: `jsonBody`, `formBody`, `multipartBody`, or one of yours. (`[jsonBody()]`) */
  readonly codecs?: readonly BodyCodec[] | undefined
  /** Fields of queries and forms that are lists even if they come once. (none) */
  readonly lists?: readonly string[] | undefined
  /** Compressed bodies to inflate. (none) */
  readonly encodings?: readonly Encoding[] | undefined
  /** The most that a compressed body may grow, if it grows beyond 64 KB. (100 times) */
  readonly ratio?: number | undefined
  /** What the handler promises to send, as JSON: for every 2xx, or by status. (nothing) */
  readonly response?: ResponseSchemas | undefined
  /** What to do with a response that breaks the promise. (`'refuse'`) */
  readonly onInvalidResponse?: OnInvalidResponse | undefined
}

/**
 * Lets only valid input through, and hands it to the handler typed: `context.input.body`, `.query` and so on.
 *
 * The body must be of a type that one of `codecs` reads (JSON in UTF-8, unless they say otherwise), or not be there at all, which the schema sees as
 * `undefined`. Before a schema sees a part, its structure is bounded and keys such as `__proto__` are refused; then
 * `sanitize` cleans it, if that lies outside. The body is read only if all else is valid. The 400 lists where and which
 * rule, at most 20; never a value: a message that repeats what came in is replaced. The log gets the same places
 * (`input.errors`). The handler may still read the request's own body.
 *
 * With `response`, what the handler sends is held against a schema, too: what it should not have said is withheld with a
 * 500, or reported. Only the log learns where it was wrong. It is read whole, up to `max`.
 *
 * Needs:   `params`, if there is a schema for them; nothing else.
 * Adds:    `input`.
 * Refuses: 400 `input-invalid` with `errors`, `body-malformed`, `encoding-invalid`, `input-too-complex` and the codes of
 *          `bodyLimit`; 413 `body-too-large`; 415 `content-type-unsupported`, `content-encoding-unsupported`; 500
 *          `response-invalid`.
 * Throws:  when made: TypeError if there is nothing to validate, a schema is no Standard Schema, or an option not usable. Per
 *          request: what a schema or a codec throws: a 500, and the handler does not run.
 * Fails:   closed.
 * Costs:   the codec, one walk over the value (about a tenth of JSON.parse) and the schema.
 * Source:  RFC 8259; RFC 9110 §8.4, §15.5.16; RFC 9457 §3; RFC 6901; ASVS 5 2.2.1, 15.3.3, 15.3.6, 15.3.7, 16.5.3.
 *
 * @example
 * validate({ query: v.object({ page: v.string() }), body: v.object({ epochs: v.pipe(v.number(), v.minValue(1)) }) })
 */
export function validate<const S extends Schemas>(
  schemas: S,
  options: ValidateOptions = {},
): Wrapper<HasInput<InputOf<S>>, NeedsOf<S>> {
  const { structure = {}, generic = false, codecs = [jsonBody()], response, onInvalidResponse = 'refuse' } = options
  check(schemas, codecs, options)
  const most = bytes(options.max ?? '1mb', 'validate: max')
  const lists: ReadonlySet<string> = new Set(options.lists)
  const receive = bodyReader({
    codecs,
    encodings: options.encodings ?? [],
    ratio: options.ratio ?? 100,
    structure,
    lists,
    most,
  })
  const steps = PARTS.filter((part) => schemas[part] !== undefined).map((part): Step => ({
    part,
    standard: schemas[part]!['~standard'],
    read: part === 'body'
      ? receive
      : (request, context) => READERS[part](request, context, lists, structure.keys ?? STRUCTURE.keys),
  }))

  type Added = HasInput<InputOf<S>>

  /** From the `at`th part on: the head's parts are all looked at, the body only if they are valid. */
  const decide = (
    request: Request,
    context: Context,
    at: number,
    input: Partial<Record<Part, unknown>>,
    errors: InputError[],
  ): MaybePromise<Decision<Added>> => {
    const step = steps[at]
    if (errors.length > 0 && (step === undefined || step.part === 'body')) {
      return refusal(invalidInput(context, errors, generic))
    }
    // Each schema's output is what InputOf computes from it.
    if (step === undefined) return { outcome: 'allow', adds: { input: input as InputOf<S> } }
    return then(step.read(request, context), (raw) =>
      then(checked(step, raw, context), (result) => {
        if ('value' in result) input[step.part] = result.value
        else errors.push(...result.errors)
        return decide(request, context, at + 1, input, errors)
      }))
  }
  const checked = ({ part, standard }: Step, raw: unknown, context: Context): MaybePromise<Checked> => {
    const fault = structureFault(raw, structure)
    if (fault === 'input-too-complex') fail(fault)
    if (fault !== undefined) return { errors: [errorAt(part, '#', fault, 'A key has a forbidden name.')] }
    const { sanitize } = context as Partial<HasSanitizer>
    const value = sanitize === undefined ? raw : sanitize(raw, part)
    return then(
      standard.validate(value),
      (result) => result.issues === undefined ? result : { errors: inputErrors(result.issues, value, part) },
    )
  }
  /** What a reader refuses with is a problem; what else is thrown is a bug. */
  const refused = (error: unknown): Refuse => {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    const { status, code, headers } = error
    return refusal(generic ? { status, code, headers } : error)
  }

  const guarded = guard<Added, NeedsOf<S>>({
    name: 'validate',
    says: saying(schemas, codecs, response, onInvalidResponse),
    decide(request, context) {
      try {
        const decision = decide(request, context, 0, {}, [])
        return isPromise(decision) ? decision.then(undefined, refused) : decision
      } catch (error) {
        return refused(error)
      }
    },
  })
  return response === undefined ? guarded : fold([guarded, promising(response, onInvalidResponse, most)])
}

/** Cheapest first. */
const PARTS: readonly Part[] = ['params', 'query', 'headers', 'cookies', 'body']

interface Step {
  readonly part: Part
  readonly read: (request: Request, context: Context) => MaybePromise<unknown>
  readonly standard: StandardSchema['~standard']
}

type Checked = { readonly value: unknown } | { readonly errors: readonly InputError[] }

/** At once where it can be, for a promise costs more than most schemas. */
function then<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isPromise(value) ? value.then(next) : next(value)
}

function check(schemas: Schemas, codecs: readonly BodyCodec[], options: ValidateOptions): void {
  const { structure = {}, ratio, response, onInvalidResponse = 'refuse', encodings = [] } = options
  const given = Object.entries(schemas ?? {})
  if (given.length === 0 && response === undefined) throw new TypeError('validate: there is no schema')
  for (const [part, schema] of given) {
    if (!PARTS.includes(part as Part)) throw new TypeError(`validate: there is no part '${part}'`)
    if (!isSchema(schema)) {
      throw new TypeError(`validate: ${part} must be a Standard Schema (zod, valibot, arktype, …)`)
    }
  }
  for (const [name, bound] of Object.entries(structure)) {
    if (bound !== undefined) count(bound, `validate: structure.${name}`)
  }
  if (ratio !== undefined) count(ratio, 'validate: ratio')
  if (codecs.length === 0 || !codecs.every(({ types }) => types.every((type) => type === type.toLowerCase()))) {
    throw new TypeError('validate: codecs must be a list of body codecs, with types in lower case')
  }
  if (!encodings.every((encoding) => ['gzip', 'deflate'].includes(encoding))) {
    throw new TypeError(`validate: encodings may hold 'gzip' and 'deflate'`)
  }
  if (response !== undefined && !isSchema(response) && !Object.values(response).every(isSchema)) {
    throw new TypeError('validate: response must be a Standard Schema, or one for each status')
  }
  if (onInvalidResponse !== 'refuse' && onInvalidResponse !== 'report') {
    throw new TypeError(`validate: onInvalidResponse must be 'refuse' or 'report'`)
  }
}

function saying(
  schemas: Schemas,
  codecs: readonly BodyCodec[],
  response: ResponseSchemas | undefined,
  onInvalidResponse: OnInvalidResponse,
): Says {
  const codes: ProblemCode[] = ['input-invalid', 'input-too-complex', 'encoding-invalid']
  if (schemas.body !== undefined) {
    codes.push('body-malformed', 'body-too-large', 'content-type-unsupported', 'content-encoding-unsupported')
  }
  if (response !== undefined && onInvalidResponse === 'refuse') codes.push('response-invalid')
  return {
    problems: Object.fromEntries(codes.map((code) => [code, PROBLEMS[code]])),
    input: schemas as Readonly<Record<string, unknown>>,
    bodyTypes: codecs.flatMap(({ types }) => types),
    responses: isSchema(response) ? { '2XX': response } : response,
  }
}
