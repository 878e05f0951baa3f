/** Finds the handler of a request. Matches the path in the same normal form as the limits do. */
import { type Context, extend, type Handler, type HasParams, pathOf, problem, refuse } from '../../src/index.ts'

/** Routes by method and path: `'GET /api/training/:id'`. */
export type Routes<Needs> = Readonly<Record<string, Handler<Needs & HasParams>>>

/** Answers with the first route that matches; 404 if there is none, 405 if it is only the method that differs. */
export function router<Needs>(table: Routes<Needs>): Handler<Needs> {
  const routes = Object.entries(table).map(([route, handler]) => {
    const [method, path] = route.split(' ') as [string, string]
    return { method, path, segments: path.split('/'), handler }
  })
  return (request, context) => {
    const segments = pathOf(request).split('/')
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const allowed: string[] = []
    for (const route of routes) {
      const params = match(route.segments, segments)
      if (params === undefined) continue
      context.attributes['http.route'] = route.path
      if (route.method === method) return route.handler(request, extend(context, { params }))
      allowed.push(route.method === 'GET' ? 'GET, HEAD' : route.method)
    }
    return nothing(context, allowed)
  }
}

function match(route: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  if (route.length !== path.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, segment] of route.entries()) {
    if (segment.startsWith(':')) params[segment.slice(1)] = path[i]!
    else if (segment !== path[i]) return undefined
  }
  return params
}

function nothing(context: Context, allowed: readonly string[]): Response {
  return allowed.length === 0
    ? refuse(context, problem('not-found'))
    : refuse(context, problem('method-not-allowed', { headers: { allow: allowed.join(', ') } }))
}
