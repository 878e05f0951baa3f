// The program: ten wrappers, five schemas, and a handler that is told what it gets. What is claimed about its types here
// does not compile if it is wrong.
import * as all from './schemas.ts'

type IsAny<T> = 0 extends 1 & T ? true : false
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
type Body =
  | { kind: 'text'; text: string; tags: string[] }
  | { kind: 'file'; name: string; size: number }

declare function yes<_T extends true>(): void
declare function no<_T extends false>(): void

const { params, query, headers, cookies, body } = all

export const app = all.compose(
  all.requestId(),
  all.clientIp(),
  all.accessLog(),
  all.errors(),
  all.timeout({ after: '10s' }),
  all.securityHeaders(),
  all.cors({ origins: ['https://app.example'] }),
  all.rateLimit({ key: all.byClientIp, limit: 100, window: '1m' }),
  all.routed,
  all.validate({ params, query, headers, cookies, body }),
)((request, context) => {
  const { input } = context
  no<IsAny<typeof request>>()
  no<IsAny<typeof context>>()
  no<IsAny<typeof input>>()
  no<IsAny<typeof input.params>>()
  no<IsAny<typeof input.query>>()
  no<IsAny<typeof input.headers>>()
  no<IsAny<typeof input.cookies>>()
  no<IsAny<typeof input.body>>()
  yes<Equal<typeof input.params, { id: string }>>()
  yes<Equal<typeof input.query, { page: number; sort: 'name' | 'price' | 'date' }>>()
  yes<Equal<typeof input.headers, { 'x-version': string }>>()
  yes<Equal<typeof input.cookies, { theme: 'dark' | 'light' }>>()
  yes<Equal<typeof input.body, Body>>()
  yes<Equal<typeof context.requestId, string>>()
  yes<Equal<typeof context.clientIp, string>>()
  yes<Equal<typeof context.signal, AbortSignal>>()
  // @ts-expect-error so that it is known to bite
  yes<IsAny<typeof input.body>>()
  // @ts-expect-error no schema has it
  void input.body.other
  return Response.json(input.body.kind === 'text' ? input.body.tags : input.body.size)
})
