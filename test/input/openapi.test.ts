import { Validator } from '@seriousme/openapi-schema-validator'
import { toJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { compose } from '../../src/core/compose.ts'
import type { Context } from '../../src/core/context.ts'
import type { Says } from '../../src/core/description.ts'
import { ALLOW, guard, refusal } from '../../src/core/guard.ts'
import type { AnyWrapper, Handler, Wrapper } from '../../src/core/handler.ts'
import { isSecure, onPath } from '../../src/core/request.ts'
import { unless, when } from '../../src/core/when.ts'
import type { OpenApiDocument, OpenApiOptions } from '../../src/input/openapi.ts'
import { openapi, openapiDocument } from '../../src/input/openapi.ts'
import type { SchemaConverter } from '../../src/input/openapi/json-schema.ts'
import { SchemaComponents } from '../../src/input/openapi/json-schema.ts'
import { policy } from '../../src/policy/policy.ts'
import { bodyLimit } from '../../src/request/body-limit.ts'
import { contentType } from '../../src/request/content-type.ts'
import { timeout } from '../../src/request/timeout.ts'
import { csrf } from '../../src/browser/csrf.ts'
import { concurrency } from '../../src/traffic/concurrency.ts'
import { idempotency } from '../../src/traffic/idempotency.ts'
import { byClientIp } from '../../src/traffic/keys.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { reserve } from '../../src/traffic/reserve.ts'
import { shed } from '../../src/traffic/shed.ts'
import { contextOf, requestTo, send } from '../helpers.ts'

const info = { title: 'speech', version: '1.0.0' }
const ok: Handler = () => new Response('ok')
const fromValibot: SchemaConverter = (schema, typeMode) =>
  toJsonSchema(schema, { typeMode, target: 'draft-2020-12', errorMode: 'ignore' })

/** A wrapper that says so much and lets all pass. */
function saying(says: Says, name = 'saying'): Wrapper {
  return guard({ name, says, decide: () => ALLOW })
}

/** The parts of a document that tests look at. */
interface Operation {
  readonly operationId: string
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> }
  readonly responses: Record<string, Reply>
  readonly security?: readonly object[]
  readonly 'x-rate-limits'?: readonly object[]
}

interface Reply {
  readonly description: string
  readonly headers?: Record<string, object>
  readonly content?: Record<string, { readonly schema: object }>
}

function documentOf(options: Omit<OpenApiOptions, 'info'>): OpenApiDocument {
  return openapiDocument({ info, ...options })
}

/** The operation of the one route of a service, all references to components followed. */
function operationOf(
  made: Handler<never> | AnyWrapper,
  more: Partial<OpenApiOptions> = {},
  key = 'POST /x',
): Operation {
  const document = documentOf({ routes: { [key]: made }, ...more })
  const [path] = Object.values(document.paths)
  const operation = path![key.split(' ')[0]!.toLowerCase()] as Operation
  const responses = Object.entries(operation.responses).map(([status, reply]) => [status, followed(reply, document)])
  return { ...operation, responses: Object.fromEntries(responses) as Operation['responses'] }
}

function followed(value: object, document: OpenApiDocument): unknown {
  const { $ref } = value as { readonly $ref?: string }
  return $ref === undefined ? value : pointed($ref, document)
}

function pointed($ref: string, document: object): object | undefined {
  return $ref.slice(2).split('/').reduce<unknown>((at, step) => (at as Record<string, unknown>)?.[step], document) as
    | object
    | undefined
}

/** References that lead nowhere. */
function dangling(document: object): string[] {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, ref]) => ref!)
  return refs.filter((ref) => pointed(ref, document) === undefined)
}

/** Codes by status, as the problems of an operation list them. */
function codesOf({ responses }: Operation): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(responses).flatMap(([status, { content }]) => {
      const schema = content?.['application/problem+json']?.schema as
        | { readonly allOf: readonly [object, { readonly properties: { readonly code: { enum: string[] } } }] }
        | undefined
      return schema === undefined ? [] : [[status, schema.allOf[1].properties.code.enum]]
    }),
  )
}

const validator = new Validator()

async function faultsOf(document: OpenApiDocument): Promise<unknown> {
  const { valid, errors } = await validator.validate(structuredClone(document))
  return valid ? dangling(document) : errors
}

describe('lets the good through', () => {
  const bearer = { bearer: { type: 'http', scheme: 'bearer' } }
  const training = v.object({ model: v.string(), epochs: v.optional(v.pipe(v.number(), v.minValue(1)), 3) })
  const signedIn = saying({ security: bearer }, 'signed-in')
  const door = policy({
    rateLimit: when(onPath('/api/auth/*'), rateLimit({ key: byClientIp, limit: 5, window: '15m' })),
    timeout: timeout({ after: '10s' }),
    csrf: csrf(),
    idempotency: idempotency({ required: false }),
  })
  const routes = {
    'POST /api/training': compose(
      saying({ input: { body: training }, responses: { 202: training }, problems: { 'input-invalid': 400 } }),
      signedIn,
    )(ok),
    'GET /api/training/:id': compose(saying({ input: { params: z.object({ id: z.uuid() }) } }), signedIn)(ok),
    'DELETE /api/training/:id': signedIn(ok),
    'POST /api/auth/login': saying({ input: { body: type({ name: 'string', password: 'string >= 8' }) } })(ok),
    'GET /files/*': ok,
    'HEAD /files/*': ok,
    'OPTIONS /api/training': ok,
  }
  const document = documentOf({
    routes,
    policy: door,
    jsonSchema: fromValibot,
    operations: { 'POST /api/training': { summary: 'Start a training', tags: ['training'] } },
    servers: [{ url: 'https://api.example' }],
  })

  test('a service of three schema libraries has a valid document, whose references lead somewhere', async () => {
    expect(await faultsOf(document)).toEqual([])
    expect(document).toMatchObject({ openapi: '3.1.0', info, servers: [{ url: 'https://api.example' }] })
  })

  test('the validator finds what is wrong: it is not asked in vain', async () => {
    const wrong = { ...document, paths: { '/x': { get: { parameters: [{ name: 'x', in: 'nowhere' }] } } } }
    expect(await faultsOf(wrong)).not.toEqual([])
    expect(dangling({ a: { $ref: '#/components/schemas/None' } })).toEqual(['#/components/schemas/None'])
  })

  test('every route is there by path and method, save HEAD and OPTIONS', () => {
    const found = Object.entries(document.paths).map(([path, one]) => `${Object.keys(one).join()} ${path}`)
    expect(found).toEqual([
      'post /api/training',
      'get,delete /api/training/{id}',
      'post /api/auth/login',
      'get /files/{path}',
    ])
  })

  test('the same options give the same document, and it shares nothing with them', () => {
    const again = documentOf({ routes, policy: door, jsonSchema: fromValibot })
    expect(again).toEqual(documentOf({ routes, policy: door, jsonSchema: fromValibot }))
    expect(again.info).not.toBe(info)
  })

  test('what people write goes beside what wrappers say', () => {
    const { post } = document.paths['/api/training'] as Record<string, Operation>
    expect(post).toMatchObject({ summary: 'Start a training', tags: ['training'], operationId: 'postApiTraining' })
    const notes = {
      operationId: 'start',
      description: 'Costs *money*.',
      deprecated: true,
      responses: { 202: 'Queued.', 404: 'No such model.' },
    }
    const limit = rateLimit({ key: byClientIp, limit: 5, window: '1h' })
    expect(operationOf(limit, { operations: { 'POST /x': notes } })).toMatchObject({
      operationId: 'start',
      description: 'Costs *money*.\n\nAt most 5 per hour.',
      deprecated: true,
      responses: { 202: { description: 'Queued.' }, 404: { description: 'No such model.' } },
    })
  })

  test('a route that is turned off is left out', () => {
    const options = { routes: { 'GET /a': ok, 'GET /b': ok }, operations: { 'GET /a': false } } as const
    expect(Object.keys(documentOf(options).paths)).toEqual(['/b'])
  })

  test('in place of a handler, the wrapper around it', () => {
    const made = saying({ input: { query: z.object({ q: z.string() }) } })
    expect(operationOf(made)).toEqual(operationOf(made(ok)))
    expect(operationOf(made).parameters).toHaveLength(1)
  })

  test('operations have ids of their own', () => {
    const { paths } = documentOf({
      routes: { 'GET /a/b': ok, 'GET /a-b': ok, 'GET /a/:b': ok, 'GET /': ok },
      operations: { 'GET /': { operationId: 'getAB' } },
    })
    const ids = Object.values(paths).map(({ get }) => (get as Operation).operationId)
    expect(ids).toEqual(['getAB', 'getAB2', 'getAByB', 'getAB3'])
  })

  describe('what comes in', () => {
    const part = (input: Says['input'], key?: string): Operation =>
      operationOf(saying({ input }), { jsonSchema: fromValibot }, key)

    test('query, headers and cookies are parameters, required as the schema has it', () => {
      const { parameters } = part({
        query: v.object({ q: v.string(), page: v.optional(v.pipe(v.string(), v.transform(Number)), '1') }),
        headers: z.object({ 'x-tenant': z.string().describe('Whose it is.'), authorization: z.string() }),
        cookies: z.object({ theme: z.string().default('dark') }),
      })
      expect(parameters).toEqual([
        { name: 'q', in: 'query', required: true, schema: { type: 'string' } },
        { name: 'page', in: 'query', required: false, schema: { type: 'string', default: '1' } },
        {
          name: 'x-tenant',
          in: 'header',
          required: true,
          description: 'Whose it is.',
          schema: { type: 'string', description: 'Whose it is.' },
        },
        { name: 'theme', in: 'cookie', required: false, schema: { type: 'string', default: 'dark' } },
      ])
    })

    test('what stands in the path is required: by its schema, else a text', () => {
      const { parameters } = part({
        params: v.object({ id: v.optional(v.pipe(v.string(), v.uuid())), no: v.string() }),
      }, 'GET /a/:id/:name')
      expect(parameters).toEqual([
        { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } },
        { name: 'name', in: 'path', required: true, schema: { type: 'string' } },
      ])
    })

    test('parameters are found through combinations of objects', () => {
      const { parameters } = part({
        query: v.intersect([
          v.object({ a: v.string() }),
          v.object({ a: v.optional(v.string()) }),
          v.variant('kind', [
            v.object({ kind: v.literal('x'), x: v.string() }),
            v.object({ kind: v.literal('y'), y: v.string() }),
          ]),
        ]),
      })
      const found = parameters!.map(({ name, required }) => `${name}${required ? '' : '?'}`)
      expect(found).toEqual(['a', 'kind', 'x?', 'y?'])
    })

    test('parameters are found behind a reference, and may refer to others', async () => {
      const Tag = z.string().meta({ id: 'Tag' })
      const made = saying({ input: { query: z.object({ tag: Tag }).meta({ id: 'Search' }) } })
      const document = documentOf({ routes: { 'GET /x': made } })
      expect(await faultsOf(document)).toEqual([])
      expect((document.paths['/x']!['get'] as Operation).parameters).toEqual([
        { name: 'tag', in: 'query', required: true, schema: { $ref: '#/components/schemas/Tag' } },
      ])
    })

    test('the body is what is sent, not what the schema makes of it', () => {
      const body = v.object({
        on: v.pipe(v.string(), v.transform((text) => new Date(text))),
        n: v.optional(v.number(), 1),
      })
      expect(part({ body }).requestBody).toEqual({
        required: true,
        content: {
          'application/json': {
            schema: {
              type: 'object',
              properties: { on: { type: 'string' }, n: { type: 'number', default: 1 } },
              required: ['on'],
            },
          },
        },
      })
    })

    test('in each media type that is taken; of two wrappers, the inner one counts', () => {
      const outer = saying({
        input: { body: z.object({ a: z.string() }) },
        bodyTypes: ['application/json', 'text/csv'],
      })
      const inner = saying({ input: { body: z.object({ b: z.string() }) } })
      const { content } = operationOf(compose(outer, inner)).requestBody!
      expect(content).toMatchObject({
        'application/json': { schema: { required: ['b'] } },
        'text/csv': { schema: { required: ['a'] } },
      })
    })

    test('a body of which only the media type is said has no schema', () => {
      const { content } = operationOf(compose(
        saying({ bodyTypes: ['multipart/form-data', 'application/json'] }),
        saying({ input: { body: z.object({}) } }),
      )).requestBody!
      expect(content).toMatchObject({ 'multipart/form-data': {}, 'application/json': { schema: { type: 'object' } } })
      expect(operationOf(saying({ input: { query: z.object({}) }, bodyTypes: ['a/b'] }))).not.toHaveProperty(
        'requestBody',
      )
    })

    test('JSON Schema is taken as it stands', () => {
      const body = { type: 'object', properties: { file: { type: 'string', contentMediaType: 'image/png' } } }
      const operation = operationOf(saying({ input: { body }, bodyTypes: ['multipart/form-data'] }))
      expect(operation.requestBody!.content).toEqual({ 'multipart/form-data': { schema: body } })
    })

    test('idempotency asks for its key where it applies', () => {
      const limited = idempotency({ scope: byClientIp })
      const header = { name: 'idempotency-key', in: 'header', required: true, schema: { type: 'string' } }
      expect(operationOf(limited).parameters).toEqual([header])
      expect(operationOf(limited, {}, 'GET /x')).not.toHaveProperty('parameters')
      expect(document.paths['/api/training']!['post']).toMatchObject({ parameters: [{ required: false }] })
    })
  })

  describe('what goes out', () => {
    test('is what the schema makes: defaults are there', () => {
      const schema = z.object({ n: z.number().default(1) })
      const { responses } = operationOf(saying({ responses: { 201: schema, 204: undefined } }))
      expect(Object.keys(responses)).toEqual(['201', '204'])
      expect(responses['201']!.content).toMatchObject({ 'application/json': { schema: { required: ['n'] } } })
      expect(responses['204']).toEqual({ description: 'Success.' })
    })

    test('where nothing is said, a 200', () => {
      expect(operationOf(ok).responses).toEqual({ 200: { description: 'Success.' } })
      expect(Object.keys(operationOf(saying({ responses: { 404: z.object({}) } })).responses)).toEqual(['200', '404'])
    })

    test('one schema for all that is well is that of the statuses in the notes, else of 2XX', () => {
      const made = saying({ responses: { '2XX': z.object({ id: z.string() }) } })
      expect(Object.keys(operationOf(made).responses)).toEqual(['2XX'])
      const { responses } = operationOf(made, { operations: { 'POST /x': { responses: { 202: 'Queued.' } } } })
      expect(Object.keys(responses)).toEqual(['202'])
      expect(responses['202']).toMatchObject({ description: 'Queued.', content: { 'application/json': {} } })
    })

    test('a schema of your own for a status stands beside its problems', () => {
      const made = saying({ responses: { 404: z.object({}) }, problems: { 'no-such-note': 404 } })
      const reply = operationOf(made).responses['404']!
      expect(Object.keys(reply.content!)).toEqual(['application/problem+json', 'application/json'])
      expect(reply.description).toBe('No such note.')
    })
  })

  describe('what is refused', () => {
    test('by status, with the codes of all wrappers in front', () => {
      const made = compose(saying({ problems: { 'too-late': 409, 'no-such-note': 404 } }), timeout({ after: '1s' }))
      expect(codesOf(operationOf(made(ok), { policy: saying({ problems: { closed: 404 } }) }))).toEqual({
        404: ['closed', 'no-such-note'],
        409: ['too-late'],
        504: ['deadline-exceeded'],
      })
    })

    test('a policy without options refuses bodies that are too large, and has bugs', () => {
      expect(codesOf(operationOf(ok, { policy: policy() }))).toEqual({
        400: ['content-length-invalid', 'body-length-mismatch', 'body-unreadable'],
        413: ['body-too-large'],
        500: ['internal-error'],
      })
    })

    test('what is about bodies concerns only operations that have one', () => {
      const made = compose(bodyLimit(), contentType({ allow: ['application/json'] }), csrf())
      const statuses = (key: string): string[] => Object.keys(codesOf(operationOf(made(ok), {}, key)))
      expect(statuses('GET /x')).toEqual([])
      expect(statuses('DELETE /x')).toEqual(['403'])
      expect(statuses('PUT /x')).toEqual(['400', '403', '413', '415'])
      const withBody = compose(made, saying({ input: { body: z.object({}) } }))
      expect(Object.keys(codesOf(operationOf(withBody(ok), {}, 'DELETE /x')))).toEqual(['400', '403', '413', '415'])
    })

    test('slots of a policy are known by their names', () => {
      const plain: Wrapper = (next) => (request, context) => next(request, context)
      const door = policy({ authorize: plain, headerLimit: plain, ipAccess: plain, own: plain })
      expect(codesOf(operationOf(ok, { policy: door }, 'GET /x'))).toEqual({
        403: ['address-not-allowed', 'forbidden'],
        431: ['headers-too-large'],
        500: ['internal-error'],
      })
    })

    test('a problem is RFC 9457 with the codes of its status; the input is told what is wrong with it', () => {
      const { responses } = operationOf(saying({ problems: { 'input-invalid': 400, 'no-such-note': 404 } }))
      const [problem, input] = [responses['404'], responses['400']].map((one) =>
        one!.content!['application/problem+json']
      )
      const ref = { $ref: '#/components/schemas/Problem' }
      expect(problem).toEqual({ schema: { allOf: [ref, { properties: { code: { enum: ['no-such-note'] } } }] } })
      expect(input).toMatchObject({ schema: { allOf: [ref, { properties: { errors: { type: 'array' } } }] } })
    })

    test('operations that refuse alike share the response', () => {
      const made = saying({ problems: { 'no-such-note': 404 } })
      const { paths, components } = documentOf({
        routes: { 'GET /a': made, 'GET /b': made, 'GET /c': saying({ problems: { 'no-such-user': 404 } }) },
      })
      const refs = Object.values(paths).map(({ get }) => (get as Operation).responses['404'])
      const [first, second] = ['Problem404', 'Problem404_2'].map((name) => ({ $ref: `#/components/responses/${name}` }))
      expect(refs).toEqual([first, first, second])
      expect(Object.keys(components['responses']!)).toEqual(['Problem404', 'Problem404_2'])
    })

    test('problems of another form, where the service has one', async () => {
      const problems = { contentType: 'application/json', schema: { type: 'object', required: ['success'] } }
      const document = documentOf({ routes: { 'GET /x': saying({ problems: { closed: 403 } }) }, problems })
      expect(document.components).toMatchObject({
        schemas: { Problem: { type: 'object', required: ['success'] } },
        responses: {
          Problem403: {
            description: 'Closed.',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        },
      })
      expect(await faultsOf(document)).toEqual([])
    })

    test('a guard that may be unable to decide says so', () => {
      const key = byClientIp
      const codes = (onOutage: 'allow' | 'refuse'): unknown =>
        codesOf(operationOf(rateLimit({ key, limit: 1, window: '1s', onOutage })))['503']
      expect(codes('refuse')).toEqual(['guard-unavailable'])
      expect(codes('allow')).toBeUndefined()
    })
  })

  describe('how often', () => {
    const key = byClientIp

    test('limits are there in words, as data, and in the header fields of responses', () => {
      const operation = operationOf(rateLimit({ key, limit: 5, window: '1h' }))
      expect(operation.description).toBe('At most 5 per hour.')
      expect(operation['x-rate-limits']).toEqual([{ name: 'default', limit: 5, window: 3_600 }])
      expect(Object.keys(operation.responses['200']!.headers!)).toEqual(['RateLimit', 'RateLimit-Policy'])
      expect(Object.keys(operation.responses['429']!.headers!)).toEqual([
        'Retry-After',
        'RateLimit',
        'RateLimit-Policy',
      ])
    })

    test('each in the largest whole unit', () => {
      const limits = [
        { name: 'a', limit: 10, window: '1s' },
        { name: 'b', limit: 200, window: '15m' },
        { name: 'c', limit: 5_000, window: '24h' },
        { name: 'd', limit: 1, window: '1500ms' },
        { name: 'e', limit: 100_000, window: '90m', unit: 'tokens' },
      ] as const
      const operation = operationOf(compose(reserve({ key, limits, estimate: 1 }), concurrency({ key, limit: 3 })))
      expect(operation.description).toBe(
        'At most 10 per second. At most 200 per 15 minutes. At most 5,000 per day. At most 1 per 1.5 seconds. ' +
          'At most 100,000 tokens per 90 minutes. At most 3 at the same time.',
      )
      expect(operation['x-rate-limits']).toContainEqual({ name: 'e', limit: 100_000, window: 5_400, unit: 'tokens' })
      expect(operation['x-rate-limits']).toContainEqual({ name: 'concurrent', limit: 3 })
    })

    test('limits that differ by request are told of by their 429 and the header fields', () => {
      const operation = operationOf(rateLimit({ key, limits: () => [{ name: 'plan', limit: 1, window: '1s' }] }))
      expect(operation).not.toHaveProperty('x-rate-limits')
      expect(operation).not.toHaveProperty('description')
      expect(operation.responses['200']!.headers).toHaveProperty('RateLimit')
      expect(codesOf(operation)).toEqual({ 429: ['rate-limit-exceeded'] })
    })
  })

  describe('who is calling', () => {
    const key = { key: { type: 'apiKey', in: 'header', name: 'x-key' } }
    const optional = saying({ security: bearer, problems: {} }, 'authenticate')

    test('an operation that asks says by which schemes, and refuses with a 401', () => {
      const operation = operationOf(saying({ security: { ...bearer, ...key } }))
      expect(operation.security).toEqual([{ bearer: [] }, { key: [] }])
      expect(codesOf(operation)).toEqual({ 401: ['unauthenticated'] })
      const { components } = documentOf({ routes: { 'GET /x': saying({ security: bearer }) } })
      expect(components['securitySchemes']).toEqual(bearer)
    })

    test('a policy that refuses nobody leaves it open; a route that does closes it', () => {
      expect(operationOf(ok, { policy: optional }).security).toEqual([{ bearer: [] }, {}])
      const needed = saying({ problems: { unauthenticated: 401 } })
      expect(operationOf(needed, { policy: optional }).security).toEqual([{ bearer: [] }])
    })

    test('an operation that does not ask says nothing', () => {
      expect(operationOf(ok)).not.toHaveProperty('security')
    })
  })

  describe('for which routes', () => {
    /** The routes at which a code may come. */
    const where = (wrapper: Wrapper<{}, never>, ...keys: string[]): string[] => {
      const { paths } = documentOf({ routes: Object.fromEntries(keys.map((key) => [key, ok])), policy: wrapper })
      return Object.entries(paths).flatMap(([path, one]) =>
        Object.entries(one).filter(([, operation]) => '403' in (operation as Operation).responses).map(([method]) =>
          `${method} ${path}`
        )
      )
    }
    const closed = saying({ problems: { closed: 403 } })
    const keys = ['GET /api/auth/:name', 'POST /api/auth/login', 'GET /api/notes/:id', 'GET /files/*', 'GET /é']

    test('what applies by path or method is documented there only', () => {
      expect(where(when(onPath('/api/auth/*'), closed), ...keys)).toEqual([
        'get /api/auth/{name}',
        'post /api/auth/login',
      ])
      expect(where(when(onPath('/é'), closed), ...keys)).toEqual(['get /é'])
      expect(where(when(onPath('/api/:kind/:name'), closed), ...keys)).toHaveLength(3)
      expect(where(when(({ method }) => method === 'POST', closed), ...keys)).toEqual(['post /api/auth/login'])
      expect(where(when((request) => new URL(request.url).pathname === '/files/x', closed), ...keys)).toEqual([])
    })

    test('what is off by path is not documented there', () => {
      expect(where(unless(onPath('/api/*', '/é'), closed), ...keys)).toEqual(['get /files/{path}'])
    })

    test('what stands in the path may be a number, a word or a UUID: one that applies is enough', () => {
      const matching = (path: RegExp): Wrapper => when(({ url }) => path.test(new URL(url).pathname), closed)
      for (const path of [/notes\/\d+$/, /notes\/[a-z]+$/, /notes\/[\da-f-]{36}$/]) {
        expect(where(matching(path), ...keys)).toEqual(['get /api/notes/{id}'])
      }
      expect(where(unless(({ url }) => /notes\/\d+$/.test(url), closed), ...keys)).toContain('get /api/notes/{id}')
    })

    test('conditions in conditions must all hold, for one and the same request', () => {
      const both = when(onPath('/api/*'), when(({ method }) => method === 'POST', closed))
      expect(where(both, ...keys)).toEqual(['post /api/auth/login'])
      const number = when(({ url }) => /\d$/.test(url), when(({ url }) => /notes\/[a-z]+$/.test(url), closed))
      expect(where(number, ...keys)).toEqual([])
    })

    test('what only a request can tell may apply everywhere', () => {
      const tests:
        ((request: Request, context: Context & { readonly principal: { readonly id: string } }) => boolean)[] = [
          (request) => request.headers.get('x-beta') === '1',
          (request) => request.headers?.has('authorization') === true,
          (_request, context) => context.principal?.id === 'admin',
          (_request, context) => isSecure(context),
          (_request, context) => 'principal' in context,
          (_request, context) => Object.keys(context).includes('principal'),
          (request) => request.clone().bodyUsed,
          () => undefined as unknown as boolean,
          () => {
            throw new Error('no')
          },
        ]
      for (const one of tests) expect(where(when(one, closed), 'GET /a')).toEqual(['get /a'])
    })

    test('a test that forgot to be synchronous may apply, and its failure hurts nobody', async () => {
      const late = (async (_request: Request, { secure }: { readonly secure: boolean }) => {
        await Promise.resolve()
        return secure
      }) as unknown as () => boolean
      expect(where(when(late, closed), 'GET /a')).toEqual(['get /a'])
      await new Promise((resolve) => setTimeout(resolve, 5))
    })

    test('what only reports refuses nobody, and is left out', () => {
      const refuse = (): Wrapper =>
        guard({
          name: 'bans',
          mode: 'report',
          says: { problems: { closed: 403 } },
          decide: () => refusal({ status: 403, code: 'closed' }),
        })
      expect(where(refuse(), 'GET /a')).toEqual([])
      expect(operationOf(shed({ maxInFlight: 1, mode: 'report' }))).toEqual(operationOf(ok))
      expect(operationOf(rateLimit({ key: byClientIp, limit: 1, window: '1s', mode: 'report' }))).toEqual(
        operationOf(ok),
      )
    })
  })

  describe('definitions', () => {
    const Node = z.object({
      name: z.string(),
      get children(): z.ZodArray<typeof Node> {
        return z.array(Node)
      },
    })
    const Address = z.object({ city: z.string() }).meta({ id: 'Address' })
    const User = z.object({
      home: Address,
      get friend(): z.ZodOptional<typeof User> {
        return User.optional()
      },
    }).meta({ id: 'User' })

    test('named schemas become components, once, however often they are used', async () => {
      const document = documentOf({
        routes: {
          'POST /a': saying({ input: { body: User } }),
          'POST /b': saying({ input: { body: z.object({ user: User, list: z.array(Address) }) } }),
        },
      })
      expect(await faultsOf(document)).toEqual([])
      expect(Object.keys(document.components['schemas']!)).toEqual(['Problem', 'User', 'Address'])
      expect(JSON.stringify(document)).not.toMatch(/\$defs|\$schema|definitions/)
    })

    test('schemas that refer to themselves refer to a component', async () => {
      type Kids = { readonly name: string; readonly kids: readonly Kids[] }
      const Lazy: v.GenericSchema<Kids> = v.object({ name: v.string(), kids: v.array(v.lazy(() => Lazy)) })
      const { box } = type.module({ box: { 'box?': 'box', name: 'string' } })
      const document = documentOf({
        routes: {
          'POST /zod': saying({ input: { body: Node } }),
          'POST /valibot': saying({ input: { body: Lazy } }),
          'POST /arktype': saying({ input: { body: box } }),
        },
        jsonSchema: fromValibot,
      })
      expect(await faultsOf(document)).toEqual([])
      expect(JSON.stringify(document)).not.toMatch(/"#"|"#\/\$defs/)
    })

    test('two that have one name and say something else are kept apart', async () => {
      const one = { $ref: '#/$defs/Thing', $defs: { Thing: { type: 'string' } } }
      const other = { $ref: '#/definitions/Thing', definitions: { Thing: { type: 'number' } } }
      const document = documentOf({
        routes: {
          'POST /a': saying({ input: { body: one } }),
          'POST /b': saying({ input: { body: other } }),
          'POST /c': saying({ input: { body: structuredClone(one) } }),
        },
      })
      expect(document.components['schemas']).toMatchObject({ Thing: { type: 'string' }, Thing2: { type: 'number' } })
      const { requestBody } = document.paths['/c']!['post'] as Operation
      expect(requestBody!.content['application/json']!.schema).toEqual({ $ref: '#/components/schemas/Thing' })
      expect(await faultsOf(document)).toEqual([])
    })

    test('so are two that say the same of others that do not', () => {
      const listOf = (Item: object): object => ({
        $ref: '#/$defs/List',
        $defs: { List: { items: { $ref: '#/$defs/Item' } }, Item },
      })
      const { schemas } = documentOf({
        routes: {
          'POST /a': saying({ input: { body: listOf({ type: 'string' }) } }),
          'POST /b': saying({ input: { body: listOf({ type: 'number' }) } }),
        },
      }).components
      expect(schemas).toMatchObject({
        List: { items: { $ref: '#/components/schemas/Item' } },
        Item: { type: 'string' },
        List2: { items: { $ref: '#/components/schemas/Item2' } },
        Item2: { type: 'number' },
      })
    })

    test('a schema named as ours is kept apart from it', () => {
      const body = { $ref: '#/$defs/Problem', $defs: { Problem: { type: 'string' } } }
      const { schemas } = documentOf({ routes: { 'POST /a': saying({ input: { body } }) } }).components
      expect(schemas).toMatchObject({ Problem: { type: 'object' }, Problem2: { type: 'string' } })
    })

    test('names that a component may not have, and references into a definition', async () => {
      const body = {
        type: 'object',
        properties: {
          a: { $ref: '#/$defs/a~1b%20c' },
          b: { $ref: '#/$defs/a~1b%20c/properties/x' },
          c: { $ref: '#/properties/a' },
        },
        $defs: { 'a/b c': { type: 'object', properties: { x: { type: 'string' } } } },
      }
      const document = documentOf({ routes: { 'POST /a': saying({ input: { body } }) } })
      expect(await faultsOf(document)).toEqual([])
      expect(Object.keys(document.components['schemas']!)).toEqual(['Problem', 'a_b_c', 'Schema'])
      const { requestBody } = document.paths['/a']!['post'] as Operation
      expect(requestBody!.content['application/json']!.schema).toMatchObject({
        properties: {
          a: { $ref: '#/components/schemas/a_b_c' },
          b: { $ref: '#/components/schemas/a_b_c/properties/x' },
          c: { $ref: '#/components/schemas/Schema/properties/a' },
        },
      })
    })

    test('what looks like a keyword and is a name or a value stays', () => {
      const body = {
        type: 'object',
        properties: {
          $ref: { type: 'string' },
          $defs: { const: { $ref: '#/$defs/none' } },
          default: { $ref: '#/$defs/text' },
        },
        default: { $ref: 'x', definitions: 1 },
        enum: [{ $schema: 'y' }],
        $defs: { text: { type: 'string' } },
      }
      const { requestBody } = operationOf(saying({ input: { body } }))
      expect(requestBody!.content['application/json']!.schema).toEqual({
        type: 'object',
        properties: {
          $ref: { type: 'string' },
          $defs: { const: { $ref: '#/$defs/none' } },
          default: { $ref: '#/components/schemas/text' },
        },
        default: { $ref: 'x', definitions: 1 },
        enum: [{ $schema: 'y' }],
      })
    })

    test('whatever refers to whatever, each schema of a document means what it meant before', () => {
      const names = ['A', 'B', 'C', '0', '__schema1']
      const ref = fc.constantFrom('#', ...names.map((name) => `#/$defs/${name}`)).map(($ref) => ({ $ref }))
      const { schema } = fc.letrec<{ schema: object }>((tie) => ({
        schema: fc.oneof(
          { maxDepth: 3 },
          ref,
          fc.constantFrom({ type: 'string' }, { const: 1 }, {}),
          fc.record({ items: tie('schema') }),
          fc.record({ anyOf: fc.array(tie('schema'), { maxLength: 2 }) }),
          fc.record({
            properties: fc.dictionary(fc.constantFrom('a', '$ref', 'properties'), tie('schema'), { maxKeys: 2 }),
          }),
        ),
      }))
      const root = fc.record({
        allOf: fc.tuple(schema),
        $defs: fc.record(Object.fromEntries(names.map((name) => [name, schema]))),
      })
      fc.assert(fc.property(fc.array(root, { minLength: 1, maxLength: 3 }), (roots) => {
        const components = new SchemaComponents()
        const placed = roots.map((one) => components.placed(one, one))
        const document = { components: { schemas: components.schemas } }
        expect(JSON.stringify([placed, document])).not.toMatch(/"#"|"#\/\$defs/)
        for (const [i, one] of roots.entries()) expect(unfolded(placed[i], document)).toEqual(unfolded(one, one))
      }))
    })
  })
})

/** A schema with its references written out, some levels deep. */
function unfolded(schema: unknown, root: object, depth = 6): unknown {
  if (typeof schema !== 'object' || schema === null || depth === 0) return depth === 0 ? 'deep' : schema
  if (Array.isArray(schema)) return schema.map((one) => unfolded(one, root, depth))
  const { $ref } = schema as { readonly $ref?: unknown }
  if (typeof $ref === 'string') return unfolded($ref === '#' ? root : pointed($ref, root), root, depth - 1)
  const members = Object.entries(schema).filter(([name]) => name !== '$defs')
  return Object.fromEntries(members.map(([name, one]) => {
    const named = name === 'properties' && !Array.isArray(one)
    const inner = (value: unknown): unknown => unfolded(value, root, depth)
    return [
      name,
      named ? Object.fromEntries(Object.entries(one as object).map(([key, value]) => [key, inner(value)])) : inner(one),
    ]
  }))
}

describe('refuses the bad', () => {
  test.each<[string, unknown, string]>([
    ['no info', { routes: {} }, 'openapi: info.title must be text'],
    ['no version', { info: { title: 'x' }, routes: {} }, 'openapi: info.version must be text'],
    ['no routes', { info }, 'openapi: routes must be handlers by route'],
    ['a route that is no handler', { info, routes: { 'GET /': {} } }, `openapi: 'GET /' must be a handler`],
    ['a policy that is no wrapper', { info, routes: {}, policy: {} }, 'openapi: policy must be a wrapper'],
    ['a converter that is none', { info, routes: {}, jsonSchema: {} }, 'openapi: jsonSchema must be a function'],
    [
      'problems without a schema',
      { info, routes: {}, problems: { contentType: 'a/b' } },
      'openapi: problems must have',
    ],
    [
      'notes about nothing',
      { info, routes: {}, operations: { 'GET /': {} } },
      `openapi: operations has no route 'GET /'`,
    ],
  ])('%s', (_what, options, message) => {
    expect(() => openapi(options as OpenApiOptions)).toThrow(TypeError)
    expect(() => openapi(options as OpenApiOptions)).toThrow(message)
    expect(() => openapiDocument(options as OpenApiOptions)).toThrow(message)
  })

  test.each([
    '',
    'GET',
    '/a',
    'get /a',
    'GET a',
    'GET  /a',
    'GET /a b',
    'ALL /a',
    'FETCH /a',
    'GET /a?b',
    'GET /a#b',
    'GET /{a}',
    'GET /*/b',
    'GET /a*',
    'GET /:',
    'GET /:1',
    'GET /:a?',
    'GET /:a{\\d+}',
    'GET /:a/:a',
    'GET /:path/*',
  ])(
    'a route that is no method and path: %j',
    (key) => {
      expect(() => openapi({ info, routes: { [key]: ok } })).toThrow(TypeError)
    },
  )

  test('whatever a route is called, it is a TypeError or a path with its parameters', () => {
    const step = fc.oneof(
      fc.constantFrom(':id', ':name', '*', 'a', '', 'a:b', '{id}', ':'),
      fc.string({ maxLength: 4 }),
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 4 }), (steps) => {
      let document: OpenApiDocument
      try {
        document = documentOf({ routes: { [`GET /${steps.join('/')}`]: ok } })
      } catch (error) {
        return error instanceof TypeError
      }
      const [[path, { get }]] = Object.entries(document.paths) as [[string, Record<string, object>]]
      const named = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name)
      const { parameters = [] } = get as Operation
      return path.startsWith('/') && !/[?#*]/.test(path) && named.join() === parameters.map(({ name }) => name).join()
    }))
  })

  test('two paths that differ in the names of their parameters only: OpenAPI takes them for one', () => {
    const routes = { 'GET /a/:id': ok, 'POST /a/:name': ok }
    expect(() => openapi({ info, routes })).toThrow(`'GET /a/:id' and 'POST /a/:name' must have the same names`)
    expect(() => openapi({ info, routes: { 'GET /a/:id': ok, 'POST /b/:name': ok } })).not.toThrow()
  })

  test('a schema that cannot say its JSON Schema, when made: of a route, a response or the policy', () => {
    const made = saying({ input: { body: v.object({}) } })
    const message = `openapi: 'POST /x' has a schema of valibot (body); give jsonSchema to convert it`
    expect(() => openapi({ info, routes: { 'POST /x': made } })).toThrow(new TypeError(message))
    expect(() => openapi({ info, routes: { 'POST /x': ok }, policy: made })).toThrow(message)
    const response = saying({ responses: { 200: v.object({}) } })
    expect(() => openapi({ info, routes: { 'POST /x': response } })).toThrow('(200)')
    expect(() => openapi({ info, routes: { 'POST /x': made }, jsonSchema: fromValibot })).not.toThrow()
    expect(() => openapi({ info, routes: { 'POST /x': made }, operations: { 'POST /x': false } })).not.toThrow()
  })

  test('a limit whose window is none', () => {
    const made = saying({ limits: [{ name: 'x', limit: 1, window: 'soon' as '1s' }] })
    expect(() => openapi({ info, routes: { 'GET /x': made } })).toThrow(`'GET /x': the window of a limit`)
  })
})

describe('survives the broken', () => {
  const everything = { description: 'JSON Schema cannot say what this is.' }
  const bodyOf = (body: unknown, jsonSchema?: SchemaConverter): unknown => {
    const { requestBody } = operationOf(saying({ input: { body } }), { jsonSchema })
    return requestBody!.content['application/json']!.schema
  }

  test('what a library cannot convert takes everything, unless jsonSchema knows better', () => {
    const body = z.object({ at: z.date() })
    expect(bodyOf(body)).toEqual(everything)
    const anyway: SchemaConverter = (schema, io) => z.toJSONSchema(schema, { io, unrepresentable: 'any' })
    expect(bodyOf(body, anyway)).toEqual({ type: 'object', properties: { at: {} }, required: ['at'] })
  })

  test.each<[string, SchemaConverter]>([
    ['throws', () => {
      throw new Error('no')
    }],
    ['gives nothing', () => undefined as unknown as object],
    ['gives a list', () => []],
    ['gives what is no JSON', () => ({ const: 1n })],
    ['gives a circle', () => {
      const circle: Record<string, unknown> = {}
      circle['not'] = circle
      return circle
    }],
  ])('a converter that %s', async (_what, convert) => {
    expect(bodyOf(v.object({}), convert)).toEqual(everything)
    const handler = openapi({
      info,
      routes: { 'POST /x': saying({ input: { query: v.object({}) } }) },
      jsonSchema: convert,
    })
    expect((await send(handler)).status).toBe(200)
  })

  test('references that lead nowhere, and schemas that are nothing but themselves', () => {
    expect(bodyOf({ $ref: '#/$defs/none' })).toEqual({ $ref: '#/$defs/none' })
    expect(bodyOf({ $ref: '#/$defs/%', $defs: { '%': true } })).toEqual({ $ref: '#/$defs/%' })
    expect(bodyOf({ $ref: 'https://example.test/schema' })).toEqual({ $ref: 'https://example.test/schema' })
    const query = { $ref: '#/$defs/a', $defs: { a: { allOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }] } } }
    expect(operationOf(saying({ input: { query } }))).not.toHaveProperty('parameters')
    expect(operationOf(saying({ input: { query: { type: 'string' } } }))).not.toHaveProperty('parameters')
  })

  test('a schema is asked for JSON Schema when the document is wanted, not when it is made', async () => {
    let asked = 0
    const handler = openapi({
      info,
      routes: { 'POST /x': saying({ input: { body: v.object({}) } }) },
      jsonSchema: () => (asked++, {}),
    })
    expect(asked).toBe(0)
    await send(handler)
    await send(handler)
    expect(asked).toBe(1)
  })

  test('routes that are added later are not in it, such as its own', () => {
    const routes: Record<string, Handler> = { 'GET /a': ok }
    const handler = openapi({ info, routes })
    routes['GET /openapi.json'] = handler
    return expect(send(handler).then((response) => response.json())).resolves.toMatchObject({
      paths: { '/a': {} },
    })
  })

  test('no handler, guard or key of the service is called', async () => {
    const never = (): never => {
      throw new Error('called')
    }
    const made = compose(guard({ name: 'never', decide: never }), rateLimit({ key: never, limit: 1, window: '1s' }))(
      never,
    )
    expect((await send(openapi({ info, routes: { 'GET /x': made } }))).status).toBe(200)
  })
})

describe('serves it', () => {
  const handler = openapi({ info, routes: { 'GET /a': ok } })

  test('as JSON that is checked each time', async () => {
    const response = await send(handler)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('cache-control')).toBe('no-cache')
    expect(response.headers.get('etag')).toMatch(/^"[\w+/=]{44}"$/)
    expect(await response.json()).toEqual(documentOf({ routes: { 'GET /a': ok } }))
  })

  test('again and again, with the same tag; another document has another', async () => {
    const tags = await Promise.all([handler, handler, openapi({ info, routes: { 'GET /b': ok } })].map(async (one) => {
      return (await send(one)).headers.get('etag')
    }))
    expect(tags[0]).toBe(tags[1])
    expect(tags[0]).not.toBe(tags[2])
  })

  test('HEAD: the head', async () => {
    const response = await send(handler, requestTo('/', { method: 'HEAD' }))
    expect([response.status, response.body]).toEqual([200, null])
    expect(response.headers.get('etag')).toBe((await send(handler)).headers.get('etag'))
    expect(response.headers.get('content-type')).toBe('application/json')
  })

  test.each([['*', 304], ['TAG', 304], ['W/TAG', 304], ['"a", W/"b" , TAG', 304], ['"a"', 200], ['', 200], [
    'W/',
    200,
  ]])(
    'If-None-Match: %s is a %d',
    async (field, status) => {
      const etag = (await send(handler)).headers.get('etag')!
      for (const method of ['GET', 'HEAD']) {
        const headers = { 'if-none-match': field.replace('TAG', etag) }
        const response = await send(handler, requestTo('/', { method, headers }))
        expect(response.status).toBe(status)
        expect(response.headers.get('etag')).toBe(etag)
        expect(response.headers.get('cache-control')).toBe('no-cache')
        if (status === 304) expect(await response.text()).toBe('')
      }
    },
  )

  test('not to be written to', async () => {
    const response = await send(handler, requestTo('/', { method: 'POST', body: 'x' }))
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })

  test('under a policy as any other handler, and wrapped where it is not for everybody', async () => {
    const closed = guard({ name: 'closed', decide: () => refusal({ status: 403, code: 'closed' }) })
    const status = async (door: Wrapper): Promise<number> =>
      (await send(door(handler), requestTo(), contextOf({ address: '203.0.113.9' }))).status
    expect(await status(policy())).toBe(200)
    expect(await status(policy({ own: closed }))).toBe(403)
  })

  test('it tells nothing of who asks, nor of the request', async () => {
    const response = await send(
      policy()(handler),
      requestTo('/?marker-in-query', { headers: { 'x-request-id': 'marker-in-header', cookie: 'marker' } }),
      contextOf({ address: '203.0.113.9' }),
    )
    const text = await response.text()
    expect(text).not.toContain('marker')
    expect(text).not.toContain('203.0.113.9')
  })
})
