/**
 * OpenTelemetry's context in an `AsyncLocalStorage` that is handed in: its own manager imports modules of Node's that others
 * lack.
 */
import type { ContextManager } from '@opentelemetry/api'
import { ROOT_CONTEXT } from '@opentelemetry/api'

/** What is used of `AsyncLocalStorage`. */
export interface StorageLike {
  run<T>(store: unknown, run: () => T): T
  getStore(): unknown
}

type OtelContext = ReturnType<ContextManager['active']>

/** Keeps which span is the current one, across `await`. */
export class StoredContext implements ContextManager {
  readonly #storage: StorageLike

  constructor(storage: StorageLike) {
    if (typeof storage?.run !== 'function' || typeof storage.getStore !== 'function') {
      throw new TypeError('openTelemetry: storage must be an AsyncLocalStorage')
    }
    this.#storage = storage
  }

  active(): OtelContext {
    return (this.#storage.getStore() as OtelContext | undefined) ?? ROOT_CONTEXT
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: OtelContext,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(context, () => fn.call(thisArg as ThisParameterType<F>, ...args))
  }

  bind<T>(context: OtelContext, target: T): T {
    if (typeof target !== 'function') return target
    const run = (self: unknown, given: unknown[]): unknown =>
      this.#storage.run(context, () => Reflect.apply(target, self, given) as unknown)
    return function (this: unknown, ...given: unknown[]): unknown {
      return run(this, given)
    } as T
  }

  enable(): this {
    return this
  }

  disable(): this {
    return this
  }
}
