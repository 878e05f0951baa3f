/** One route of a table, and which conditions of wrappers may hold for it. */
import type { Context } from '../../core/context.ts'
import type { Description } from '../../core/description.ts'
import { descriptionsOf } from '../../core/description.ts'
import type { AnyWrapper, Handler } from '../../core/handler.ts'
import { isPromise } from '../../core/handler.ts'
import { show } from '../../core/quantity.ts'
import type { Test } from '../../core/when.ts'

/** Handlers by method and path, `'GET /notes/:id'`; or the wrappers around them, where the handlers are elsewhere. */
export type RouteTable = Readonly<Record<string, Handler<never> | AnyWrapper>>

/** One route. */
export interface Route {
  /** As in the table. */
  readonly key: string
  readonly method: string
  /** In OpenAPI's form: `/notes/{id}`. */
  readonly path: string
  /** What stands in the path, by name. */
  readonly params: readonly string[]
  /** URLs such as it serves. */
  readonly examples: readonly string[]
  /** What its own wrappers say. */
  readonly says: readonly Description[]
}

const KEY = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) (\/\S*)$/

/** What may stand where a path has a name: tests may want a number, a word or a UUID there. */
const SAMPLES = ['1', 'a', '00000000-0000-4000-8000-000000000000']

/** Reads the table. Throws a TypeError that names the route. */
export function routesOf(table: RouteTable): readonly Route[] {
  if (typeof table !== 'object' || table === null) throw new TypeError('openapi: routes must be handlers by route')
  const shapes = new Map<string, Route>()
  return Object.entries(table).map(([key, made]) => {
    if (typeof made !== 'function') throw new TypeError(`openapi: '${key}' must be a handler`)
    const route = routeOf(key, descriptionsOf(made))
    // To OpenAPI, paths that differ in names only are one, and may not both be there.
    const shape = route.path.replace(/\{[^}]*\}/g, '{}')
    const other = shapes.get(shape) ?? route
    if (other.path !== route.path) {
      throw new TypeError(`openapi: '${other.key}' and '${key}' must have the same names in their paths`)
    }
    shapes.set(shape, route)
    return route
  })
}

function routeOf(key: string, says: readonly Description[]): Route {
  const [, method, pattern] = KEY.exec(key) ?? []
  if (method === undefined || pattern === undefined) {
    throw new TypeError(`openapi: a route must be a method and a path such as 'GET /notes/:id', got ${show(key)}`)
  }
  const params: string[] = []
  const steps = pattern.split('/')
  const path = steps.map((step, i) => {
    const name = /^:([A-Za-z_]\w*)$/.exec(step)?.[1] ?? (step === '*' && i === steps.length - 1 ? 'path' : undefined)
    if (name === undefined) {
      if (!/[*{}?#]|^:/.test(step)) return step
      throw new TypeError(`openapi: '${key}' must have ':name' for a step, or '*' as the last, got ${show(step)}`)
    }
    if (params.includes(name)) throw new TypeError(`openapi: '${key}' must not have two steps named '${name}'`)
    params.push(name)
    return `{${name}}`
  }).join('/')
  // As a URL has it: all but ASCII percent-encoded.
  const encoded = path.replace(/[^\0-\x7f]+/g, encodeURIComponent)
  const examples = (params.length === 0 ? [''] : SAMPLES).map((sample) =>
    `http://localhost${encoded.replace(/\{[^}]*\}/g, sample)}`
  )
  return { key, method, path, params, examples, says }
}

/** Does it say something of this route: refuse somebody, and apply to it? */
export function concerns({ mode, tests = [] }: Description, { method, examples }: Route): boolean {
  return mode !== 'report' && examples.some((url) => tests.every((test) => mayPass(test, method, url)))
}

/**
 * May such a request pass the test? Only its method and URL are known. A test that reads anything else (a header, who is
 * calling) is stopped there: it may.
 */
function mayPass(test: Test<never>, method: string, url: string): boolean {
  try {
    const passed: unknown = test(known<Request>({ method, url }), known<Context>({}) as never)
    if (isPromise(passed)) passed.then(undefined, () => {})
    return passed !== false
  } catch {
    return true
  }
}

function known<T extends object>(facts: Partial<T>): T {
  const unknown = (): never => {
    throw new TypeError('openapi: not known of all requests')
  }
  return new Proxy(facts, {
    get: (all, name) => Object.hasOwn(all, name) ? all[name as keyof T] : unknown(),
    has: unknown,
    ownKeys: unknown,
  }) as T
}
