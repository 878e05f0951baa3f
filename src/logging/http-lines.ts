/** Lines to a collector over HTTP: in batches, tried again, bounded. */
import type { MaybePromise } from '../core/handler.ts'
import type { Log } from '../core/log.ts'
import { consoleLog } from '../core/log.ts'
import type { Duration, Size } from '../core/quantity.ts'
import { bytes, count, milliseconds } from '../core/quantity.ts'
import { Courier } from './courier.ts'
import type { WaitingSink } from './losses.ts'
import { Losses, waitingSink } from './losses.ts'
import type { Fetch, HeaderSource } from './post-lines.ts'
import { poster } from './post-lines.ts'

/** Options of {@link httpLines}. */
export interface HttpLinesOptions {
  /** Where batches are posted to; credentials belong into `headers`. */
  readonly url: string | URL
  /** Sent with each batch; a function is asked each time, for tokens that change. (none) */
  readonly headers?: HeaderSource | (() => MaybePromise<HeaderSource>) | undefined
  /**
   * How a batch is written: a line each (`application/x-ndjson`), one array (`application/json`), or as a function says
   * (`application/json`, unless `headers` say otherwise). (`'ndjson'`)
   */
  readonly body?: 'ndjson' | 'json' | ((lines: readonly string[]) => string) | undefined
  /** How long a line may wait for others. 1,000 lines, or 512 kB, do not wait. (`'2s'`) */
  readonly flushEvery?: Duration | undefined
  /** How much may wait, in characters, with what is on its way; lines beyond are dropped and counted. (`'8mb'`) */
  readonly maxBuffered?: Size | undefined
  /** How long one answer may take. (`'10s'`) */
  readonly deadline?: Duration | undefined
  /** How often a batch is sent before it is given up. (5) */
  readonly tries?: number | undefined
  /** Sends. (`fetch`) */
  readonly fetch?: Fetch | undefined
  /** Told once per outage that lines are lost. (`consoleLog`) */
  readonly log?: Log | undefined
}

/**
 * A sink that posts lines to a collector, in batches.
 *
 * What got no answer, or 408, 429 or 5xx, is sent again: after half a second, then twice as long each time, to half a
 * minute, by chance up to half less, and never before `Retry-After`. So a batch may arrive twice, and batches not in
 * order: lines have their time. Another answer is final. Redirects are not followed: a token is for one collector. Lost
 * lines are counted, and reported once per outage, without the URL's query or any header.
 *
 * On Workers, what is begun during a request ends with it: give `context.waitUntil(sink.flush())` when the line is
 * written. `flush` sends what waits, and does not wait for what is on its way already; `close` waits for all, tries
 * each batch once more, and after one that fails no other. Close it before a process ends. Throws a TypeError for a bad
 * option.
 *
 * @example
 * const write = httpLines({ url: 'https://in.logs.example', headers: { authorization: `Bearer ${token}` } })
 */
export function httpLines(options: HttpLinesOptions): WaitingSink {
  const deadline = milliseconds(options.deadline ?? '10s', 'httpLines: deadline')
  const courier = new Courier({
    post: poster(options, deadline),
    deadline,
    every: milliseconds(options.flushEvery ?? '2s', 'httpLines: flushEvery'),
    most: bytes(options.maxBuffered ?? '8mb', 'httpLines: maxBuffered'),
    tries: count(options.tries ?? 5, 'httpLines: tries'),
    losses: new Losses('httpLines', options.log ?? consoleLog),
  })
  return waitingSink(courier, (line) => courier.add(line))
}
