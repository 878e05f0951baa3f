/** What metrics and spans call a request: by words of their own, never by what a client can make up. */
import type { Context } from '../core/context.ts'

/** OpenTelemetry's known methods: RFC 9110 §9, PATCH and QUERY. */
const METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
]

/** Is it one that may be a label? */
export function isKnownMethod(method: string): boolean {
  return METHODS.includes(method)
}

/** Gives the template that the router chose, e.g. `'/notes/:id'`. */
export type RouteOf = (request: Request, context: Context) => string | undefined

/** What it gives; `undefined` where it throws or gives no text. */
export function templateOf(route: RouteOf, request: Request, context: Context): string | undefined {
  try {
    const template: unknown = route(request, context)
    return typeof template === 'string' ? template : undefined
  } catch {
    return undefined
  }
}
