/** The way to one channel: in order, bounded, with a deadline, and of no consequence to anything else. */
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import { safely } from '../../core/log.ts'
import { LOST, PATIENCE, within } from './deadline.ts'
import type { AlertChannel, AlertNotice } from './notice.ts'

/** Notices that wait for a slow channel; then the oldest is dropped, for the newest tells how things are. */
const MOST = 50

export class Lane {
  readonly #channel: AlertChannel
  readonly #name: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #queue: AlertNotice[] = []
  /** The loop that delivers, if one runs; which one; and since when it has been at its present notice. */
  #working: Promise<void> | undefined
  #shift = 0
  #since = 0
  #complained = false
  dropped = 0

  constructor(channel: AlertChannel, name: string, clock: Clock, log: Log) {
    this.#channel = channel
    this.#name = name
    this.#clock = clock
    this.#log = log
  }

  /** Resolves when all that waits has been delivered or lost. Never rejects. */
  send(notices: readonly AlertNotice[]): Promise<void> {
    if (this.#working !== undefined && this.#clock.monotonic() - this.#since > LOST) {
      // Leaves the loop that hangs where it is: it must touch nothing if it wakes.
      this.#shift++
      this.#working = undefined
      this.#drop(new Error('it was cut off'))
    }
    this.#queue.push(...notices)
    while (this.#queue.length > MOST) {
      this.#queue.shift()
      this.#drop(new Error('it is too slow'))
    }
    if (this.#working !== undefined || this.#queue.length === 0) return this.#working ?? Promise.resolve()
    this.#working = this.#drain(++this.#shift)
    return this.#working
  }

  async #drain(shift: number): Promise<void> {
    while (shift === this.#shift && this.#queue.length > 0) {
      const notice = this.#queue.shift()!
      this.#since = this.#clock.monotonic()
      try {
        await within(PATIENCE, (signal) => this.#channel(notice, signal))
        if (shift === this.#shift) this.#complained = false
      } catch (error) {
        if (shift === this.#shift) this.#drop(error)
      }
    }
    if (shift === this.#shift) this.#working = undefined
  }

  #drop(error: unknown): void {
    this.dropped++
    if (this.#complained) return
    this.#complained = true
    safely(this.#log, {
      level: 'error',
      message: `alerts: notices are lost, ${this.#name} failed`,
      code: 'alert-notices-lost',
      error,
    })
  }
}
