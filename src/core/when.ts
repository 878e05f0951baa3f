/** Wrappers that apply to some requests only. */
import type { Context } from './context.ts'
import { described, descriptionsOf } from './description.ts'
import type { Wrapper } from './handler.ts'
import { risky } from './handler.ts'

/** Decides whether a wrapper applies. Must not read the body. */
export interface Test<in Needs = {}> {
  (request: Request, context: Context & Needs): boolean
  /** The stricter form of a test that may match too much: see {@link exemption}. */
  readonly '~exempts'?: ((request: Request, context: Context & Needs) => boolean) | undefined
}

/**
 * The test to use where passing it means less protection (to skip, to exempt): a test such as `onPath` takes in doubt what
 * it is to protect, and must not take in doubt what it is to let off.
 */
export function exemption<Needs>(test: Test<Needs>): Test<Needs> {
  return test['~exempts'] ?? test
}

/**
 * Applies `wrapper` to the requests that pass `test`; the others go straight to the handler.
 *
 * What the wrapper adds may not be there, so the handler does not see it in its type.
 */
export function when<Needs = {}, Also = {}>(
  test: Test<Also>,
  wrapper: Wrapper<unknown, Needs>,
): Wrapper<{}, Needs & Also> {
  const conditional: Wrapper<{}, Needs & Also> = (next) => {
    const wrapped = wrapper(next as never)
    return (request, context) => test(request, context) ? wrapped(request, context) : next(request, context)
  }
  risky(conditional, wrapper['~risks'] ?? [])
  const says = descriptionsOf(wrapper).map((one) => ({ ...one, tests: [test, ...one.tests ?? []] }))
  return described(conditional, ...says)
}

/** Applies `wrapper` to the requests that do not pass `test`: `unless(onPath('/health/*'), rateLimit(…))`. */
export function unless<Needs = {}, Also = {}>(
  test: Test<Also>,
  wrapper: Wrapper<unknown, Needs>,
): Wrapper<{}, Needs & Also> {
  const exempt = exemption(test)
  // A test that forgot to be synchronous gives a promise, which exempts nobody.
  return when((request, context: Context & Also) => exempt(request, context) !== true, wrapper)
}
