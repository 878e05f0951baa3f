/**
 * The two types that everything here is made of: a handler, and a wrapper that turns one handler into another.
 *
 * Why the types look as they do (each line was forced by an experiment, and `test/types` pins it):
 * - {@link Wrap} is generic in what lies outside it, so a wrapper that forgets to add its fact, or passes on a context
 *   of its own making, does not compile, without a cast.
 * - `NoInfer` on `next` stops the needs of a handler written elsewhere from leaking outwards.
 * - {@link Wrapper} is an intersection: as an interface extending both halves, the checker falsely refuses
 *   `authenticate(bearer(verify))` written inline.
 * - {@link Declares} comes first: an order error then ends with `Property 'principal' is missing in type …`.
 */
import type { Context } from './context.ts'

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>

/** Answers a request. `Added` is what it needs in the context beyond {@link Context}. */
export type Handler<Added = {}> = (request: Request, context: Context & Added) => MaybePromise<Response>

/**
 * Turns a handler into a handler.
 *
 * `Adds` is what it puts in the context for the handler inside it, `Needs` what must already be there.
 */
export type Wrapper<Adds = {}, Needs = {}> = Declares<Adds, Needs> & Wrap<Adds, Needs>

/** The function that a wrapper is. */
export interface Wrap<out Adds, in Needs> {
  <Outer extends Needs>(next: Handler<NoInfer<Outer> & Adds>): Handler<Outer>
}

/** Types for inference and for short errors, and the list of risks; `~` marks what users need not read. */
export interface Declares<out Adds, in Needs> {
  /** Never present at run time. */
  readonly '~adds'?: Adds | undefined
  /** Never present at run time. */
  readonly '~needs'?: After<Needs> | undefined
  /** Options of this wrapper that weaken security: `policy` lists them once at start-up. */
  readonly '~risks'?: readonly string[] | undefined
}

/** Goes after whatever puts `Needs` in the context. */
export interface After<in Needs> {
  /** Never present at run time. */
  readonly '~'?: ((context: Needs) => void) | undefined
}

/** The top type of wrappers: adds something unknown, needs nothing that we can name. */
export type AnyWrapper = Wrapper<unknown, never>

/** Marks a wrapper with the options that weaken it, for `policy` to list. */
export function risky<W extends AnyWrapper>(wrapper: W, risks: readonly string[]): W {
  return risks.length === 0 ? wrapper : Object.assign(wrapper, { '~risks': risks })
}

/** Is it a promise, of whatever realm? */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function'
}
