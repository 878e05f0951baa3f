// What both programs have: everything they import, the schemas, and a router's wrapper.
import * as v from 'valibot'
import type { HasParams, Wrapper } from 'sallyport'
export {
  accessLog,
  bodyLimit,
  byClientIp,
  clientIp,
  compose,
  cors,
  errors,
  rateLimit,
  requestId,
  securityHeaders,
  timeout,
  validate,
} from 'sallyport'

export const params = v.object({ id: v.pipe(v.string(), v.uuid()) })
export const query = v.object({
  page: v.pipe(v.string(), v.transform(Number), v.integer(), v.minValue(1)),
  sort: v.optional(v.picklist(['name', 'price', 'date']), 'name'),
})
export const headers = v.object({ 'x-version': v.pipe(v.string(), v.regex(/^\d+$/)) })
export const cookies = v.object({ theme: v.picklist(['dark', 'light']) })
export const body = v.variant('kind', [
  v.object({ kind: v.literal('text'), text: v.pipe(v.string(), v.maxLength(500)), tags: v.array(v.string()) }),
  v.object({ kind: v.literal('file'), name: v.string(), size: v.pipe(v.number(), v.integer()) }),
])

export declare const routed: Wrapper<HasParams>
