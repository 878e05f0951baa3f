/** Values that no log, error or console prints, wherever they end up. */
import { REDACTED, SECRET } from './redact.ts'

/** What consoles ask for: Node and Bun the first, Deno the other. */
const INSPECT = ['nodejs.util.inspect.custom', 'Deno.customInspect']

/**
 * A value that prints as `[redacted]`: as text, in a template, in JSON, on the console of Node, Deno and Bun, in our logs,
 * spans and audit lines. Spreading and cloning it give nothing. Only `reveal()` gives the value.
 *
 * It keeps accidents out, not code that runs beside it: whoever has it may reveal it.
 */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
    for (const name of INSPECT) Object.defineProperty(this, Symbol.for(name), { value: () => REDACTED })
    Object.defineProperty(this, SECRET, { value: true })
    Object.freeze(this)
  }

  /** The value itself. Ask for it where it is used, and keep it nowhere. */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [Symbol.toPrimitive](): string {
    return REDACTED
  }
}

/**
 * Wraps a value that must never be printed.
 *
 * @example
 * const key = secret(env.API_KEY)
 * console.log({ key }) // { key: [redacted] }
 * await sign(body, key.reveal())
 */
export function secret<T>(value: T): Secret<T> {
  return new Secret(value)
}
