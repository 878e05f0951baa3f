/**
 * What wrappers say of themselves, for documents such as OpenAPI's. Told when a pipeline is made, read when a document is;
 * no request pays for it.
 *
 * A wrapper that tells is marked, and so is every handler it makes: with its own description, then those of the handler
 * inside. So a route's handler knows all that stands before it, and a policy all that is in its slots.
 */
import type { AnyWrapper, Handler } from './handler.ts'
import type { Duration } from './quantity.ts'
import type { Test } from './when.ts'

/** One wrapper, as documents see it. */
export interface Description {
  /** Kebab-case: the `guard` of its events. */
  readonly name: string
  /** `'report'` refuses nobody. */
  readonly mode?: 'enforce' | 'report' | undefined
  /** `'refuse'`: it may have to refuse because it cannot decide, with a 503. */
  readonly onDegraded?: 'refuse' | 'allow' | undefined
  readonly says?: Says | undefined
  /** It applies to requests that pass all of these. Absent: to all. */
  readonly tests?: readonly Test<never>[] | undefined
}

/** What a wrapper means to clients. */
export interface Says {
  /** Codes it may refuse with, and their status. `{}`: it refuses nobody. */
  readonly problems?: Readonly<Record<string, number>> | undefined
  /**
   * How to say who is calling: OpenAPI security schemes by name; one of them is enough. Brings 401 `unauthenticated`, unless
   * `problems` says otherwise. Where nothing refuses with a 401, who is calling may be left unsaid.
   */
  readonly security?: Readonly<Record<string, object>> | undefined
  /** How often one may call. */
  readonly limits?: readonly SaidLimit[] | undefined
  /**
   * Schemas of what comes in, by part: `params`, `query`, `headers`, `cookies`, `body`. A Standard Schema; what is none is
   * JSON Schema as it stands.
   */
  readonly input?: Readonly<Record<string, unknown>> | undefined
  /** Media types of the body. Said without `input`: there is a body, of which no more is known. (`'application/json'`) */
  readonly bodyTypes?: readonly string[] | undefined
  /** Header fields it reads, as text. True: there must be one. */
  readonly headers?: Readonly<Record<string, boolean>> | undefined
  /** Schemas of what goes out, by status, or one for every 2xx. `undefined`: there is no body. */
  readonly responses?: Readonly<Record<number, unknown>> | { readonly '2XX': unknown } | undefined
}

/** A limit: so much per window. */
export interface SaidLimit {
  readonly name: string
  readonly limit: number
  /** Absent for what is held at the same time. */
  readonly window?: Duration | undefined
  /** What is counted. (`'requests'`) */
  readonly unit?: string | undefined
}

const SAID = /* @__PURE__ */ new WeakMap<object, readonly Description[]>()

/** What a wrapper, or a handler made by wrappers, says: outermost first. */
export function descriptionsOf(made: AnyWrapper | Handler<never>): readonly Description[] {
  return SAID.get(made) ?? []
}

/**
 * Marks a wrapper of yours with what it means to clients, beside what it says already, and every handler it makes. Compose
 * it with others: a function that is no marked wrapper, put around a marked handler by hand, hides what that one says.
 *
 * @example
 * export const signedIn = described(mine, { name: 'signed-in', says: { problems: { unauthenticated: 401 } } })
 */
export function described<W extends AnyWrapper>(wrapper: W, ...more: readonly Description[]): W {
  const descriptions = [...more, ...descriptionsOf(wrapper)]
  const marked = ((next: Handler<never>) => {
    const handler = wrapper(next)
    // A wrapper that is off hands back what it was given, which is marked already.
    if (handler !== next) SAID.set(handler, [...descriptions, ...descriptionsOf(next)])
    return handler
  }) as unknown as W
  SAID.set(marked, descriptions)
  return wrapper['~risks'] === undefined ? marked : Object.assign(marked, { '~risks': wrapper['~risks'] })
}
