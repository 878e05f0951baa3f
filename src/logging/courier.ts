/** What carries lines to a collector: batches them, sends one at a time, tries again, and holds no more than it may. */
import { systemClock } from '../core/clock.ts'
import type { Losses } from './losses.ts'
import type { Failure, Post } from './post-lines.ts'

/** What a {@link Courier} works with. */
export interface CourierOptions {
  readonly post: Post
  readonly deadline: number
  /** Milliseconds that a line may wait for others. */
  readonly every: number
  /** Characters that may wait or be on their way. */
  readonly most: number
  readonly tries: number
  readonly losses: Losses
}

const BATCH_LINES = 1_000
const BATCH_SIZE = 524_288
const FIRST_PAUSE = 500
const LONGEST_PAUSE = 30_000
/** As long as a collector may ask for. */
const LONGEST_AFTER = 300_000
/** How much later than it should have moved on a delivery is taken for one that died with its request. */
const GRACE = 5_000

/** Lines on their way. */
interface Batch {
  readonly lines: readonly string[]
  readonly size: number
  /** When it will have moved on. */
  until: number
}

/** Several deliveries may be under way, but only one that no `flush` began. They share their pauses. */
export class Courier {
  readonly #options: CourierOptions
  readonly losses: Losses
  readonly #lines: string[] = []
  #waiting = 0
  /** With what is on its way. */
  #held = 0
  readonly #deliveries = new Map<Batch, Promise<void>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #hurried = false
  #sending = false
  #failures = 0
  #notBefore = 0
  readonly #paused = new Set<() => void>()
  #closed: Promise<void> | undefined
  #hopeless = false

  constructor(options: CourierOptions) {
    this.#options = options
    this.losses = options.losses
  }

  add(line: string): void {
    if (this.#closed !== undefined) {
      this.losses.count++
      return
    }
    const { most, every } = this.#options
    if (this.#held + line.length >= most) this.#forget()
    if (this.#held + line.length >= most) return this.losses.add(1, 'the collector is too slow')
    this.#lines.push(line)
    this.#waiting += line.length + 1
    this.#held += line.length + 1
    this.#wait(this.#isFull() ? 0 : every)
  }

  readonly flush = async (): Promise<void> => {
    this.#stop()
    // Not those that come meanwhile: it would have no end.
    for (let left = this.#lines.length; left > 0 && this.#lines.length > 0;) {
      const batch = this.#take()
      left -= batch.lines.length
      await this.#begin(batch, true)
    }
    if (this.#lines.length > 0 && this.#closed === undefined) this.#wait(this.#isFull() ? 0 : this.#options.every)
  }

  readonly close = (): Promise<void> => {
    return this.#closed ??= (async () => {
      for (const wake of this.#paused) wake()
      await Promise.all([...this.#deliveries.values(), Promise.resolve().then(this.flush)])
    })()
  }

  #isFull(): boolean {
    return this.#lines.length >= BATCH_LINES || this.#waiting >= BATCH_SIZE
  }

  /** Never sends at once: that would be within a request. */
  #wait(ms: number): void {
    if (this.#sending || (this.#timer !== undefined && (this.#hurried || ms > 0))) return
    this.#stop()
    this.#hurried = ms === 0
    this.#timer = setTimeout(() => void this.#turn(), ms)
    letGo(this.#timer)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #turn(): Promise<void> {
    this.#timer = undefined
    if (this.#lines.length === 0) return
    this.#sending = true
    do await this.#begin(this.#take(), false)
    while (this.#isFull() && this.#closed === undefined)
    this.#sending = false
    if (this.#lines.length > 0 && this.#closed === undefined) this.#wait(this.#options.every)
  }

  #take(): Batch {
    let size = 0
    let n = 0
    while (n < this.#lines.length && n < BATCH_LINES && (n === 0 || size + this.#lines[n]!.length < BATCH_SIZE)) {
      size += this.#lines[n++]!.length + 1
    }
    this.#waiting -= size
    return { lines: this.#lines.splice(0, n), size, until: Infinity }
  }

  #begin(batch: Batch, awaited: boolean): Promise<void> {
    const delivery = this.#deliver(batch, awaited)
    this.#deliveries.set(batch, delivery)
    return delivery
  }

  async #deliver(batch: Batch, awaited: boolean): Promise<void> {
    for (let tries = 1;; tries++) {
      await this.#pause(batch, awaited)
      batch.until = systemClock.monotonic() + this.#options.deadline + GRACE
      const failure = this.#hopeless ? HOPELESS : await this.#options.post(batch.lines)
      // Forgotten meanwhile.
      if (!this.#deliveries.has(batch)) return
      if (failure === undefined) this.#delivered()
      else if (this.#mayTry(failure, tries)) continue
      else this.losses.add(batch.lines.length, failure.why)
      this.#deliveries.delete(batch)
      this.#held -= batch.size
      return
    }
  }

  #delivered(): void {
    this.#failures = 0
    this.#notBefore = 0
    // Under lasting load each batch that is taken makes room for another: that is no end of the outage.
    if (this.#held <= this.#options.most / 2) this.losses.over()
  }

  #mayTry({ again, after }: Failure, tries: number): boolean {
    if (this.#closed !== undefined) this.#hopeless = true
    if (!again) return false
    const pause = Math.min(FIRST_PAUSE * 2 ** Math.min(this.#failures++, 10), LONGEST_PAUSE)
    const wait = Math.max(pause * (1 - Math.random() / 2), Math.min(after, LONGEST_AFTER))
    this.#notBefore = Math.max(this.#notBefore, systemClock.monotonic() + wait)
    return tries < this.#options.tries && this.#closed === undefined
  }

  async #pause(batch: Batch, awaited: boolean): Promise<void> {
    const ms = this.#notBefore - systemClock.monotonic()
    // The delivery is not known before this has been waited for.
    if (ms <= 0 || this.#closed !== undefined) return
    batch.until = this.#notBefore + GRACE
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#paused.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      if (!awaited) letGo(timer)
      this.#paused.add(done)
    })
  }

  /** On Workers a delivery may have died with its request: its lines are lost. */
  #forget(): void {
    const now = systemClock.monotonic()
    for (const batch of this.#deliveries.keys()) {
      if (now < batch.until) continue
      this.#deliveries.delete(batch)
      this.#held -= batch.size
      this.#sending = false
      this.losses.add(batch.lines.length, 'the request that sent them ended')
    }
  }
}

const HOPELESS: Failure = { why: 'the collector is out', again: false, after: 0 }

/** Node's and Bun's timers hold the process; these lines do not. */
function letGo(timer: unknown): void {
  ;(timer as { readonly unref?: () => void }).unref?.()
}
