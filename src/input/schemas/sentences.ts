/** What the schemas share: how they are made, what they say when they refuse, and parts of their types. */
import type { BaseIssue } from 'valibot'

/** Options of every block. */
export interface BlockOptions {
  /** What messages call the value, as the start of a sentence, e.g. `'The title'`. */
  readonly name?: string | undefined
}

/** What clients may send for `T`, in which the keys `K` have defaults. */
export type WithDefaults<T, K extends keyof T> = Omit<T, K> & { readonly [P in K]?: T[P] | undefined }

/** For `v.object`: a key is missing, or there is no object at all. */
export function required(issue: BaseIssue<unknown>): string {
  return issue.path === undefined ? 'A JSON object is required.' : 'This field is required.'
}

/** How long a text may be. */
export function lengthOf(name: string, min: number, max: number): string {
  return `${name} must have ${min === 0 ? 'at most' : `${min} to`} ${max} characters.`
}

/**
 * Makes it at once. This one call, marked as pure, bundlers drop with all that is in it; esbuild would keep the calls
 * inside.
 */
export function made<S>(make: () => S): S {
  return make()
}
