/** What sinks that keep lines waiting share: a count of the lines that were lost, and one complaint per outage. */
import type { LineSink, Log } from '../core/log.ts'
import { safely } from '../core/log.ts'

/** A sink that keeps lines until they can be handed over. */
export interface WaitingSink extends LineSink {
  /** Hands over what waits; resolves when that is done, or lost. Never rejects. */
  readonly flush: () => Promise<void>
  /** Does the same, and takes no line any more. Resolves within a minute, whatever hangs. */
  readonly close: () => Promise<void>
  /** Lines that were lost: too many waited, they could not be handed over, or the sink is closed. */
  readonly dropped: number
}

/** Makes a sink of what keeps the lines. */
export function waitingSink(
  keeper: { readonly flush: () => Promise<void>; readonly close: () => Promise<void>; readonly losses: Losses },
  add: LineSink,
): WaitingSink {
  return Object.defineProperties(add, {
    flush: { value: keeper.flush },
    close: { value: keeper.close },
    dropped: { get: () => keeper.losses.count },
  }) as WaitingSink
}

/** Counts lost lines. They must not be lost silently, nor fill another log. */
export class Losses {
  readonly #who: string
  readonly #log: Log
  count = 0
  #complained = false

  constructor(who: string, log: Log) {
    this.#who = who
    this.#log = log
  }

  add(lines: number, why: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.count += lines
    if (this.#complained || lines === 0) return
    this.#complained = true
    safely(this.#log, {
      level: 'error',
      message: `${this.#who}: lines are lost, ${why}`,
      code: 'log-lines-dropped',
      ...fields,
    })
  }

  /** The outage is over: another will be complained of. */
  over(): void {
    this.#complained = false
  }
}
