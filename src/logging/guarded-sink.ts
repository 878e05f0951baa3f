/** A sink as a logger calls it: whatever it does, the caller goes on, and what is lost is counted. */
import type { Clock } from '../core/clock.ts'
import { isPromise } from '../core/handler.ts'
import type { LineSink, LogRecord } from '../core/log.ts'
import { consoleLog, safely } from '../core/log.ts'

/** How long a sink must have been well for its next failure to be another outage. */
const OUTAGE = 30_000
/** How many lines a sink that gives promises may have in hand, and how long it may stand still with them. */
const MOST = 1_000
const PATIENCE = 30_000

/** Never throws, never waits. A sink that comes and goes is one outage, and complained of once. */
export class GuardedSink {
  readonly #who: string
  readonly #write: LineSink
  readonly #clock: Clock
  /** When it last failed, in an outage that is not over. */
  #failedAt: number | undefined
  #inHand = 0
  #movedAt = 0
  #busy = false
  /** Lines that it lost. */
  dropped = 0

  constructor(who: string, write: LineSink, clock: Clock) {
    this.#who = who
    this.#write = write
    this.#clock = clock
  }

  write(line: string, record: LogRecord): void {
    // A sink that logs to its own logger would never end.
    if (this.#busy) return this.#lose('the sink writes to itself')
    if (this.#inHand >= MOST && !this.#givenUp()) return this.#lose('the sink is too slow')
    this.#busy = true
    try {
      // An async function passes for a sink; its rejection would end the process.
      const written: unknown = this.#write(line, record)
      if (isPromise(written)) this.#await(written)
      else if (this.#failedAt !== undefined) this.#wrote()
    } catch (error) {
      this.#lose('the sink failed', error)
    } finally {
      this.#busy = false
    }
  }

  #await(written: Promise<unknown>): void {
    if (this.#inHand++ === 0) this.#movedAt = this.#clock.monotonic()
    const moved = (): void => {
      if (this.#inHand > 0) this.#inHand--
      this.#movedAt = this.#clock.monotonic()
    }
    written.then(() => {
      moved()
      if (this.#failedAt !== undefined) this.#wrote()
    }, (error: unknown) => {
      moved()
      this.#lose('the sink failed', error)
    })
  }

  /** On Workers, what a request began may never end: its lines are not waited for. */
  #givenUp(): boolean {
    if (this.#clock.monotonic() - this.#movedAt < PATIENCE) return false
    this.dropped += this.#inHand
    this.#inHand = 0
    return true
  }

  #wrote(): void {
    if (this.#clock.monotonic() - this.#failedAt! >= OUTAGE) this.#failedAt = undefined
  }

  #lose(why: string, error?: unknown): void {
    this.dropped++
    const first = this.#failedAt === undefined
    this.#failedAt = this.#clock.monotonic()
    if (!first) return
    safely(consoleLog, {
      level: 'error',
      message: `${this.#who}: lines are lost, ${why}`,
      code: 'log-lines-dropped',
      error,
    })
  }
}
