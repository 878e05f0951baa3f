/**
 * An OpenAPI document without a second description of the service: the schemas, the limits and the refusals are read from
 * the wrappers that enforce them, so that what is documented is what happens.
 */
import type { Context } from '../core/context.ts'
import type { Description } from '../core/description.ts'
import { descriptionsOf } from '../core/description.ts'
import type { AnyWrapper, Handler } from '../core/handler.ts'
import { problem, refuse } from '../core/problem.ts'
import { milliseconds } from '../core/quantity.ts'
import type { SchemaConverter } from './openapi/json-schema.ts'
import { mute } from './openapi/json-schema.ts'
import type { OperationNotes } from './openapi/operation.ts'
import { Operations } from './openapi/operation.ts'
import type { ProblemSchema } from './openapi/problems.ts'
import type { Route, RouteTable } from './openapi/route.ts'
import { concerns, routesOf } from './openapi/route.ts'

/** Options of {@link openapi} and {@link openapiDocument}. */
export interface OpenApiOptions {
  /** What the document calls the service, and whatever else OpenAPI's Info Object has. */
  readonly info: OpenApiInfo
  /**
   * Handlers by method and path: `'GET /notes/:id'`, `'GET /files/*'`. Where the handlers are in a router of another kind,
   * the wrappers around them. HEAD and OPTIONS are left out.
   */
  readonly routes: RouteTable
  /** What stands before all of them. (nothing) */
  readonly policy?: AnyWrapper | undefined
  /**
   * Makes JSON Schema where a schema does not say its own: `(schema, typeMode) => toJsonSchema(schema, { typeMode, target:
   * 'draft-2020-12', errorMode: 'ignore' })` for valibot. Asked too where a schema has something that its own cannot say.
   */
  readonly jsonSchema?: SchemaConverter | undefined
  /** What to tell people, by route; `false` leaves it out of the document. (nothing) */
  readonly operations?: Readonly<Record<string, OperationNotes | false>> | undefined
  /** Where it is served. (where the document is) */
  readonly servers?: readonly { readonly url: string; readonly description?: string | undefined }[] | undefined
  /** How problems look, where `errors` has another `format`. (RFC 9457) */
  readonly problems?: ProblemSchema | undefined
}

/** OpenAPI's Info Object. */
export interface OpenApiInfo {
  readonly title: string
  /** Of the service's interface. */
  readonly version: string
  readonly [member: string]: unknown
}

/** An OpenAPI 3.1 document, to be sent as JSON. */
export type OpenApiDocument = {
  readonly openapi: string
  readonly info: OpenApiInfo
  readonly servers?: readonly object[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>
}

/**
 * An OpenAPI 3.1 document of a service, as a plain object: for a file, or a test that holds it against the last one.
 *
 * Says of each route: parameters and body by the schemas of `validate`, responses, limits (in words, and as
 * `x-rate-limits`), how to sign in, and each problem that a wrapper in front may refuse with. A wrapper of yours takes part
 * with `says` of `guard`, or with `described`. What only reports, and what is not for this route (`when`, `unless`), is left
 * out; where only a request can tell, it is there.
 *
 * Throws a TypeError if an option is not usable, or a schema does not say its JSON Schema and `jsonSchema` is not given.
 *
 * @example
 * openapiDocument({ info: { title: 'notes', version: '1.0.0' }, routes, policy: door })
 */
export function openapiDocument(options: OpenApiOptions): OpenApiDocument {
  return JSON.parse(planned(options)()) as OpenApiDocument
}

/**
 * Serves the {@link openapiDocument} as JSON. Made at the first request and kept.
 *
 * It tells everyone who gets it what there is to be attacked, though nothing that trying would not: wrap it if it is not
 * for everyone.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: 405 `method-not-allowed` for what is neither GET nor HEAD.
 * Throws:  when made: TypeError as {@link openapiDocument}.
 * Fails:   what JSON Schema cannot say is a schema that takes everything, and says so.
 * Costs:   the document in memory; `ETag` and `Cache-Control: no-cache`, so that whoever has it already gets a 304.
 * Source:  OpenAPI 3.1; RFC 9110 §13.1.2; RFC 9457.
 *
 * @example
 * const documented = openapi({ info: { title: 'notes', version: '1.0.0' }, routes, policy: door })
 * const all = { ...routes, 'GET /openapi.json': documented }
 */
export function openapi(options: OpenApiOptions): Handler {
  const make = planned(options)
  let kept: Served | undefined
  return async (request: Request, context: Context): Promise<Response> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse(context, problem('method-not-allowed', { headers: { allow: 'GET, HEAD' } }))
    }
    const { text, etag } = kept ??= await served(make())
    const headers = { etag, 'cache-control': 'no-cache' }
    if (isKnown(etag, request.headers.get('if-none-match'))) return new Response(null, { status: 304, headers })
    return new Response(request.method === 'HEAD' ? null : text, {
      headers: { ...headers, 'content-type': 'application/json' },
    })
  }
}

interface Served {
  readonly text: string
  readonly etag: string
}

async function served(text: string): Promise<Served> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return { text, etag: `"${btoa(String.fromCharCode(...new Uint8Array(digest)))}"` }
}

/** By weak comparison (RFC 9110 §13.1.2). */
function isKnown(etag: string, field: string | null): boolean {
  if (field === null) return false
  return field.trim() === '*' || field.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
}

/** Checks the options now, makes the document when asked: as text, so that it is plain JSON and shares nothing. */
function planned(options: OpenApiOptions): () => string {
  const { info, policy, jsonSchema, operations = {}, servers, problems } = options
  for (const member of ['title', 'version'] as const) {
    if (typeof info?.[member] !== 'string') throw new TypeError(`openapi: info.${member} must be text`)
  }
  if (policy !== undefined && typeof policy !== 'function') throw new TypeError('openapi: policy must be a wrapper')
  if (jsonSchema !== undefined && typeof jsonSchema !== 'function') {
    throw new TypeError('openapi: jsonSchema must be a function')
  }
  if (problems !== undefined && (typeof problems.contentType !== 'string' || typeof problems.schema !== 'object')) {
    throw new TypeError('openapi: problems must have a contentType and a schema')
  }
  const all = routesOf(options.routes)
  for (const key of Object.keys(operations)) {
    if (!all.some((route) => route.key === key)) throw new TypeError(`openapi: operations has no route '${key}'`)
  }
  const before = policy === undefined ? [] : descriptionsOf(policy)
  const routes = all.filter(({ key, method }) => {
    return method !== 'HEAD' && method !== 'OPTIONS' && operations[key] !== false
  })
  const saying = (route: Route): Description[] => [...before, ...route.says]
  for (const route of routes) check(route.key, saying(route), jsonSchema !== undefined)

  return () => {
    const made = new Operations(jsonSchema, problems)
    const paths: Record<string, Record<string, object>> = {}
    for (const route of routes) {
      const says = saying(route).filter((one) => concerns(one, route))
      const operation = made.operation(route, says, operations[route.key] || {})
      paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation }
    }
    return JSON.stringify({ openapi: '3.1.0', info, servers, paths, components: made.components })
  }
}

function check(key: string, descriptions: readonly Description[], converts: boolean): void {
  for (const { limits = [], input = {}, responses = {} } of descriptions.map((one) => one.says ?? {})) {
    for (const { window } of limits) {
      if (window !== undefined) milliseconds(window, `openapi: '${key}': the window of a limit`)
    }
    for (const [part, schema] of [...Object.entries(input), ...Object.entries(responses)]) {
      const vendor = converts ? undefined : mute(schema)
      if (vendor === undefined) continue
      throw new TypeError(`openapi: '${key}' has a schema of ${vendor} (${part}); give jsonSchema to convert it`)
    }
  }
}
