/** How the fixture is put together: parts of the path, each behind a door of its own. */
import type { Handler, Wrapper } from '../../src/index.ts'
import { pathOf, problem, refuse } from '../../src/index.ts'

/** One part of the fixture: everything below a path, behind one wrapper. */
export interface Mount {
  readonly prefix: string
  readonly wrapper: Wrapper
  readonly inner: Handler
}

/** Handlers by the path below the prefix. */
export type Table<Adds> = Readonly<Record<string, Handler<Adds>>>

/** Makes a mount. What the wrapper adds the handlers see; from outside, it is one handler that needs nothing. */
export function mount<Adds>(prefix: string, wrapper: Wrapper<Adds>, inner: Table<Adds> | Handler<Adds>): Mount {
  const table: Handler<Adds> = (request, context) => {
    const handler = (inner as Table<Adds>)[pathOf(request).slice(prefix.length)]
    return handler === undefined ? refuse(context, problem('not-found')) : handler(request, context)
  }
  const handler = typeof inner === 'function' ? inner : table
  return { prefix, wrapper: wrapper as unknown as Wrapper, inner: handler as unknown as Handler }
}

/** The mounts as one handler; the last takes what no other does. */
export function together(mounts: readonly Mount[]): Handler {
  const parts = mounts.map(({ prefix, wrapper, inner }) => ({ prefix, handler: wrapper(inner) }))
  return (request, context) => {
    const path = `${pathOf(request)}/`
    const part = parts.find(({ prefix }) => path.startsWith(`${prefix}/`)) ??
      parts.at(-1)!
    return part.handler(request, context)
  }
}
