/**
 * Spans that have ended, until they are exported.
 *
 * On servers in batches: a full one at once, others after a delay, one export at a time, so that what a slow collector holds
 * up is bounded. On the edge with the request that they belong to, in its `waitUntil`: a timer would not outlive the request,
 * and no request may wait for what another began.
 */
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { systemClock } from '../../core/clock.ts'
import type { Context } from '../../core/context.ts'
import type { Redaction } from '../../core/redact.ts'
import type { Exporter } from './exporter.ts'
import { timerOf } from './exporter.ts'
import { redactSpan } from './redacted-span.ts'

/** What is needed of a request: its context has it. */
export interface Circumstance {
  readonly platform: Pick<Context['platform'], 'ephemeral'>
  readonly waitUntil: Context['waitUntil']
}

/** Spans of one export. As JSON it takes about 2 ms to make, and 200 kB. */
const BATCH = 256
/** Milliseconds that one export may take, with all its tries. */
const PATIENCE = 60_000
/** The same on the edge, where what `waitUntil` holds is ended after 30 s. */
const EDGE_PATIENCE = 20_000

/** One export on its way. */
interface Flight {
  readonly spans: number
  readonly until: number
}

/** Takes spans from the SDK. Never throws into what ends them. */
export class Batches implements SpanProcessor {
  readonly #exporter: Exporter
  readonly #most: number
  readonly #every: number
  readonly #timeout: number
  readonly #redaction: Redaction
  readonly #queue: ReadableSpan[] = []
  /** On the edge a request, and its export with it, may be cut off without a word: each flight is over at its time. */
  readonly #flights = new Set<Flight>()
  #flying = 0
  #ephemeral = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #working: Promise<void> | undefined
  #closed: Promise<void> | undefined
  dropped = 0

  constructor(exporter: Exporter, most: number, every: number, timeout: number, redaction: Redaction) {
    this.#exporter = exporter
    this.#most = most
    this.#every = every
    this.#timeout = timeout
    this.#redaction = redaction
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    try {
      if ((span.spanContext().traceFlags & 1) === 0) return
      if (this.#closed !== undefined) {
        this.dropped++
        return
      }
      if (this.#isFull()) return this.#drop(1, 'too many wait for the collector')
      this.#queue.push(span)
      if (this.#ephemeral || this.#working !== undefined) return
      // A full batch too goes by timer: writing it must not delay the request that filled it.
      if (this.#queue.length === BATCH) this.#wait(0)
      else if (this.#timer === undefined) this.#wait(this.#every)
    } catch (error) {
      this.#drop(1, `one could not be kept (${error instanceof Error ? error.name : typeof error})`)
    }
  }

  /** The request's span has ended: on the edge, what waits goes now. */
  flush({ platform, waitUntil }: Circumstance): void {
    this.#ephemeral = platform.ephemeral
    if (!this.#ephemeral) return
    this.#rest()
    if (this.#queue.length > 0) waitUntil(this.#export(this.#queue.splice(0), EDGE_PATIENCE))
  }

  /** For the SDK: `provider.forceFlush()`. */
  forceFlush(): Promise<void> {
    return this.settled()
  }

  /** For the SDK: `provider.shutdown()`. */
  shutdown(): Promise<void> {
    return this.close()
  }

  /** Exports what waits. On the edge it does not wait for what other requests export. */
  async settled(): Promise<void> {
    if (this.#ephemeral) return await this.#export(this.#queue.splice(0), EDGE_PATIENCE)
    while (this.#queue.length > 0 || this.#working !== undefined) await this.#drain()
  }

  close(): Promise<void> {
    return this.#closed ??= this.#finish()
  }

  async #finish(): Promise<void> {
    this.#rest()
    this.#exporter.hurry()
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, this.#timeout))
    await Promise.race([this.settled(), late])
    clearTimeout(timer)
    const left = this.#queue.splice(0).length
    if (left > 0) this.#drop(left, 'the collector did not take them before the end')
    this.#exporter.abandon()
    await this.#working
  }

  #wait(ms: number): void {
    this.#rest()
    this.#timer = timerOf(() => void this.#drain(), ms)
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #drain(): Promise<void> {
    this.#rest()
    return this.#working ??= this.#work()
  }

  /** One batch, and those that have filled up meanwhile; all, where somebody waits. */
  async #work(): Promise<void> {
    do await this.#export(this.#queue.splice(0, BATCH), PATIENCE)
    while (this.#queue.length >= BATCH || (this.#closed !== undefined && this.#queue.length > 0))
    this.#working = undefined
    if (this.#queue.length > 0) this.#wait(this.#every)
  }

  async #export(spans: ReadableSpan[], patience: number): Promise<void> {
    if (spans.length === 0) return
    const flight = { spans: spans.length, until: systemClock.monotonic() + patience }
    this.#flights.add(flight)
    this.#flying += flight.spans
    try {
      for (const span of spans) redactSpan(span, this.#redaction)
      const body = new TextDecoder().decode(JsonTraceSerializer.serializeRequest(spans))
      const lost = await this.#exporter.send(body, spans.length, patience)
      this.dropped += lost
      // Under lasting load each batch that is taken makes room for one more: that is no end of the outage.
      if (lost === 0 && this.#queue.length <= this.#most / 2) this.#exporter.recovered()
    } catch (error) {
      this.#drop(spans.length, `they could not be written (${error instanceof Error ? error.name : typeof error})`)
    } finally {
      this.#land(flight)
    }
  }

  #land(flight: Flight): void {
    if (this.#flights.delete(flight)) this.#flying -= flight.spans
  }

  #isFull(): boolean {
    if (this.#queue.length + this.#flying < this.#most) return false
    const now = systemClock.monotonic()
    for (const flight of this.#flights) if (flight.until < now) this.#land(flight)
    return this.#queue.length + this.#flying >= this.#most
  }

  #drop(spans: number, why: string): void {
    this.dropped += spans
    this.#exporter.complain(why)
  }
}
