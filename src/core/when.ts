/** Wrappers that apply to some requests only. */
import type { Context } from './context.ts'
import type { Wrapper } from './handler.ts'
import { risky } from './handler.ts'

/** Decides whether a wrapper applies. Must not read the body. */
export type Test<Needs = {}> = (request: Request, context: Context & Needs) => boolean

/**
 * Applies `wrapper` to the requests that pass `test`; the others go straight to the handler.
 *
 * What the wrapper adds may not be there, so the handler does not see it in its type.
 */
export function when<Needs = {}, Also = {}>(test: Test<Also>, wrapper: Wrapper<unknown, Needs>): Wrapper<{}, Needs & Also> {
  const conditional: Wrapper<{}, Needs & Also> = (next) => {
    const wrapped = wrapper(next as never)
    return (request, context) => test(request, context) ? wrapped(request, context) : next(request, context)
  }
  return risky(conditional, wrapper['~risks'] ?? [])
}

/** Applies `wrapper` to the requests that do not pass `test`: `unless(onPath('/health/*'), rateLimit(…))`. */
export function unless<Needs = {}, Also = {}>(test: Test<Also>, wrapper: Wrapper<unknown, Needs>): Wrapper<{}, Needs & Also> {
  return when((request, context: Context & Also) => !test(request, context), wrapper)
}
