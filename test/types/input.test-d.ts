import { type } from 'arktype'
import * as v from 'valibot'
import { describe, test } from 'vitest'
import * as z from 'zod'
import type { Handler, HasInput, HasParams, InputOf, Wrapper } from '../../src/index.ts'
import { api, byClientIp, compose, formBody, policy, rateLimit, validate } from '../../src/index.ts'
import { type Equal, type IsAny, no, yes } from './assert.ts'

const params = v.object({ id: v.pipe(v.string(), v.uuid()) })
const query = z.object({ page: z.coerce.number() })
const headers = type({ 'x-version': 'string' })
const cookies = v.object({ theme: v.picklist(['dark', 'light']) })
const body = v.pipeAsync(
  v.object({ n: v.string() }),
  v.transformAsync(async ({ n }) => await Promise.resolve(n.length)),
)

const schemas = { params, query, headers, cookies, body }

/** What a wrapper needs, as the handler that it makes does. */
type NeedsOf<W> = W extends Wrapper<infer _Adds, infer Needs> ? Needs : never

declare const routed: Wrapper<HasParams>

describe('validate', () => {
  test('infers every part from its schema, of whatever library, sync or async', () => {
    compose(routed, validate(schemas))((_request, { input }) => {
      no<IsAny<typeof input>>()
      yes<Equal<typeof input.params, { id: string }>>()
      yes<Equal<typeof input.query, { page: number }>>()
      yes<Equal<typeof input.headers, { 'x-version': string }>>()
      yes<Equal<typeof input.cookies, { theme: 'dark' | 'light' }>>()
      yes<Equal<typeof input.body, number>>()
      return new Response()
    })
  })

  test('a part without a schema is not there', () => {
    validate({ query })((_request, { input }) => {
      // @ts-expect-error there is no schema for it
      void input.body
      return new Response()
    })
  })

  test('a handler that lives elsewhere says what it takes, and is held to it', () => {
    // As it would stand in another file.
    const list: Handler<HasInput<InputOf<{ query: typeof query }>>> = (_request, { input }) => {
      yes<Equal<typeof input.query, { page: number }>>()
      return Response.json(input.query.page)
    }
    const other: Handler<HasInput<{ query: { page: string } }>> = (_request, { input }) =>
      new Response(input.query.page)
    const route: Handler = validate({ query })(list)
    void route
    // @ts-expect-error it wants a text, and gets a number
    validate({ query })(other)
    // @ts-expect-error it wants a query, and gets a body
    validate({ body })(list)
  })

  test('needs a router outside if it looks at params, and only then', () => {
    yes<Equal<NeedsOf<ReturnType<typeof validate<{ query: typeof query }>>>, {}>>()
    yes<Equal<NeedsOf<ReturnType<typeof validate<{ params: typeof params }>>>, HasParams>>()
    // @ts-expect-error nothing adds `params`
    const bare: Handler = validate({ params })(() => new Response())
    void bare
    const ok: Handler = compose(routed, validate({ params }))(() => new Response())
    void ok
  })

  test('only parts that exist, only schemas', () => {
    // @ts-expect-error no such part
    validate({ bodi: body })
    // @ts-expect-error no schema
    validate({ body: { n: 'string' } })
    // @ts-expect-error no codec
    validate({ body }, { codecs: ['json'] })
    validate({ body }, { codecs: [formBody()], response: { 200: query, 404: body } })
    validate({}, { response: query })
  })

  test('in a policy, with ten wrappers', () => {
    const app: Handler = compose(
      policy({ ...api, rateLimit: rateLimit({ key: byClientIp, limit: 1, window: '1m' }) }),
      routed,
      validate(schemas),
    )((_request, context) => {
      yes<Equal<typeof context.input.query.page, number>>()
      yes<Equal<typeof context.clientIp, string>>()
      return new Response()
    })
    void app
  })
})
