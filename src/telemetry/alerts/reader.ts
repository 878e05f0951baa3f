/** Reads a rule's value, whatever it does: throws, hangs, or gives what is no number. */
import { isPromise } from '../../core/handler.ts'
import type { Log } from '../../core/log.ts'
import { safely } from '../../core/log.ts'
import type { StoreCall } from '../../core/store.ts'
import { PATIENCE, within } from './deadline.ts'
import type { AlertRule } from './rules.ts'

/** While a call is out, none is added: for so long, for it may have been lost. */
const OUT = 60_000

export class Reader {
  readonly #rule: AlertRule
  readonly #log: Log
  /** Since when a call has been out. */
  #out: { readonly since: number } | undefined
  #complained = false

  constructor(rule: AlertRule, log: Log) {
    this.#rule = rule
    this.#log = log
  }

  /** `undefined` where there is nothing to judge by. Never rejects. */
  async read(call: StoreCall): Promise<number | undefined> {
    try {
      const value: unknown = await within(PATIENCE, (signal) => this.#ask(signal, call))
      if (value === undefined || Number.isFinite(value)) {
        this.#complained = false
        return value as number | undefined
      }
      this.#complain(
        new TypeError(`its value must be a number, got ${typeof value === 'number' ? value : typeof value}`),
      )
    } catch (error) {
      this.#complain(error)
    }
    return undefined
  }

  #ask(signal: AbortSignal, call: StoreCall): unknown {
    const now = call.clock.monotonic()
    if (this.#out !== undefined && now - this.#out.since < OUT) throw new Error('it has not answered the last time')
    const given: unknown = this.#rule.value(signal, call)
    if (!isPromise(given)) return given
    const mine = this.#out = { since: now }
    const back = (): void => {
      if (this.#out === mine) this.#out = undefined
    }
    given.then(back, back)
    return given
  }

  #complain(error: unknown): void {
    if (this.#complained) return
    this.#complained = true
    const { name } = this.#rule
    safely(this.#log, {
      level: 'error',
      message: `alerts: the rule '${name}' cannot be read, so it neither fires nor is resolved`,
      code: 'alert-rule-unreadable',
      alert: name,
      error,
    })
  }
}
