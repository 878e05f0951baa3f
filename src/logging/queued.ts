/** A queue before a sink that takes its time, so that no request waits for it. */
import { systemClock } from '../core/clock.ts'
import { isPromise } from '../core/handler.ts'
import type { LineSink, Log, LogRecord } from '../core/log.ts'
import { consoleLog } from '../core/log.ts'
import { count } from '../core/quantity.ts'
import type { WaitingSink } from './losses.ts'
import { Losses, waitingSink } from './losses.ts'

/** Options of {@link queued}. */
export interface QueuedOptions {
  /** Lines that may wait; those beyond are dropped and counted. (10,000) */
  readonly most?: number | undefined
  /** Told once per outage that lines are lost. (`consoleLog`) */
  readonly log?: Log | undefined
}

/** How long a sink may take with a line before it is given up, and how long `flush` and `close` wait. */
const PATIENCE = 30_000
/** How long lines are handed over in one go: a sink that blocks must leave time for requests. */
const SLICE = 5

/**
 * A sink around one that blocks, is slow or gives promises: lines wait in a bounded queue and are handed over one at a
 * time, in order, never while a request is in the middle of anything.
 *
 * On Workers, what is begun during a request ends with it: give `context.waitUntil(sink.flush())` when the line is
 * written. Throws a TypeError for a bad option.
 *
 * @example
 * const write = queued(async (line) => await queue.send(line))
 */
export function queued(sink: LineSink, options: QueuedOptions = {}): WaitingSink {
  if (typeof sink !== 'function') throw new TypeError('queued: sink must be a function')
  const most = count(options.most ?? 10_000, 'queued: most')
  const queue = new Queue(sink, most, new Losses('queued', options.log ?? consoleLog))
  return waitingSink(queue, (line, record) => queue.add(line, record))
}

class Queue {
  readonly #sink: LineSink
  readonly #most: number
  readonly losses: Losses
  readonly #lines: [line: string, record: LogRecord | undefined][] = []
  /** The loop that hands over, if one runs; which one; when it last moved; whether the sink has a line. */
  #working: Promise<void> | undefined
  #shift = 0
  #since = 0
  #handing = false
  #closed: Promise<void> | undefined

  constructor(sink: LineSink, most: number, losses: Losses) {
    this.#sink = sink
    this.#most = most
    this.losses = losses
  }

  add(line: string, record: LogRecord | undefined): void {
    if (this.#closed !== undefined) {
      this.losses.count++
      return
    }
    if (this.#working !== undefined && systemClock.monotonic() - this.#since > PATIENCE) this.#giveUp()
    if (this.#lines.length >= this.#most) return this.losses.add(1, 'the sink is too slow')
    this.#lines.push([line, record])
    this.#working ??= this.#drain(++this.#shift)
  }

  readonly flush = async (): Promise<void> => {
    // A loop that has not begun may be another request's, and end with it.
    if (!this.#handing && this.#lines.length > 0) this.#working = this.#drain(++this.#shift)
    if (this.#working !== undefined) await within(this.#working, PATIENCE)
  }

  readonly close = (): Promise<void> => {
    return this.#closed ??= this.flush().then(() => {
      this.#giveUp()
      this.losses.add(this.#lines.length, 'the sink is too slow')
      this.#lines.length = 0
    })
  }

  async #drain(shift: number): Promise<void> {
    this.#since = systemClock.monotonic()
    await turn()
    let began = systemClock.monotonic()
    while (shift === this.#shift && this.#lines.length > 0) {
      const now = systemClock.monotonic()
      if (now - began > SLICE) {
        await turn()
        began = systemClock.monotonic()
        continue
      }
      this.#since = now
      this.#handing = true
      const [line, record] = this.#lines.shift()!
      try {
        const returned: unknown = this.#sink(line, record)
        if (isPromise(returned)) await returned
        if (shift !== this.#shift) return
        // Under lasting load each line that is taken makes room for one more: that is no end of the outage.
        if (this.#lines.length <= this.#most / 2) this.losses.over()
      } catch (error) {
        if (shift !== this.#shift) return
        this.losses.add(1, 'the sink failed', { error })
      }
      this.#handing = false
    }
    if (shift === this.#shift) this.#working = undefined
  }

  /** Leaves the loop that hangs where it is. */
  #giveUp(): void {
    this.#shift++
    this.#working = undefined
    if (this.#handing) this.losses.add(1, 'a line took too long')
    this.#handing = false
  }
}

/** Not a microtask: those come before the response is sent. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

function within(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    void work.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
