import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Attributes, Context } from '../core/context.ts'
import type { LineSink, LogFields, Logger, LogLevel, LogRecord } from '../core/log.ts'
import { consoleLines } from '../core/log.ts'
import { show } from '../core/quantity.ts'
import type { Redaction } from '../core/redact.ts'
import { standardRedaction } from '../core/redact.ts'
import { GuardedSink } from './guarded-sink.ts'
import type { LeastLevel } from './levels.ts'
import { isLevel, isThinned, leastRank, rankOf } from './levels.ts'
import type { Bound } from './log-line.ts'
import { asFields, LineMaker, merged, UNBOUND } from './log-line.ts'

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /**
   * The least level that is written, in lower or upper case: debug, info, warn, error. `performance` ranks as info;
   * `security` and `audit` are always written. (`'info'`)
   */
  readonly level?: LeastLevel | Uppercase<LeastLevel> | (string & {}) | undefined
  /** Takes each line; a list takes it in turn. (`console.log`) */
  readonly write?: LineSink | readonly LineSink[] | undefined
  /** Fields of every line, e.g. `{ service: 'notes', version: '1.4.2' }`. (none) */
  readonly fields?: LogFields | undefined
  /** What may not be written. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
  /**
   * The share, 0 to 1, of debug, info and performance lines that are kept: of a request all or none. Others are always
   * written. (1)
   */
  readonly sample?: number | undefined
  /** Knows which request is being served: what `requestLogger` was given. (none) */
  readonly storage?: { readonly getStore: () => Context | undefined } | undefined
  /** Where time comes from. (the system's) */
  readonly clock?: Clock | undefined
}

/** A logger that writes lines. */
export interface LineLogger extends Logger {
  /** Lines that sinks lost: they threw, rejected or were too slow. */
  readonly dropped: number
}

/**
 * Makes a logger that writes redacted JSON lines: `time`, `level`, `message`, the request's id and attributes, the bound
 * fields, the record's own. It is itself a {@link Log}, for every option that takes one.
 *
 * The nearer to the line, the stronger: a record's own field hides a bound one of the same name, which hides the request's.
 * None can take the place of `time`, `level` or `message`: a field of such a name is written as `fields.time`. A line is at
 * most 8,192 characters long: what does not fit is cut or left out, and `truncated` says so of the record's own fields.
 *
 * A sink that throws, rejects or hangs touches nobody: its lines are counted in `dropped`, and standard error is told once per
 * outage. Costs 0.7 µs per line, 1.2 µs in a request, and what the sink costs; nothing below `level`. Throws a TypeError
 * for bad options.
 *
 * @example
 * const log = createLogger({ level: process.env.LOG_LEVEL, fields: { service: 'notes' } })
 * const billing = log.child({ module: 'billing' })
 * billing.info('invoice sent', { invoice: 7 })
 */
export function createLogger(options: LoggerOptions = {}): LineLogger {
  const { write = consoleLines, redaction = standardRedaction, sample = 1, storage, clock = systemClock } = options
  const sinks = typeof write === 'function' ? [write] : write
  if (!Array.isArray(sinks) || sinks.length === 0 || sinks.some((sink) => typeof sink !== 'function')) {
    throw new TypeError('createLogger: write must be a function, or a list of them')
  }
  if (!(sample >= 0 && sample <= 1)) {
    throw new TypeError(`createLogger: sample must be a number from 0 to 1, got ${show(sample)}`)
  }
  if (storage !== undefined && typeof storage?.getStore !== 'function') {
    throw new TypeError('createLogger: storage must be an AsyncLocalStorage')
  }
  if (typeof redaction?.line !== 'function') {
    throw new TypeError('createLogger: redaction must be what redaction() makes')
  }
  if (options.fields !== undefined && (typeof options.fields !== 'object' || options.fields === null)) {
    throw new TypeError('createLogger: fields must be an object')
  }
  const guarded = sinks.map((sink: LineSink) => new GuardedSink('createLogger', sink, clock))
  const lines = new LineMaker(redaction, clock)
  const writer = new Writer(lines, guarded, leastRank(options.level ?? 'info', 'createLogger: level'), sample, storage)
  const log = writer.logger(options.fields === undefined ? UNBOUND : lines.bind(UNBOUND, options.fields), undefined)
  return Object.defineProperty(log, 'dropped', { get: () => writer.dropped }) as LineLogger
}

const none = (): void => {}

/** What a logger, its children and those of its requests share. */
class Writer {
  readonly #lines: LineMaker
  readonly #sinks: readonly GuardedSink[]
  readonly #least: number
  readonly #sample: number
  readonly #storage: LoggerOptions['storage']
  readonly #kept = new WeakMap<Attributes, boolean>()
  /** Lines that could not be made. */
  #unmade = 0

  constructor(
    lines: LineMaker,
    sinks: readonly GuardedSink[],
    least: number,
    sample: number,
    storage: LoggerOptions['storage'],
  ) {
    this.#lines = lines
    this.#sinks = sinks
    this.#least = least
    this.#sample = sample
    this.#storage = storage
  }

  get dropped(): number {
    return this.#sinks.reduce((sum, { dropped }) => sum + dropped, this.#unmade)
  }

  /** Closures, so that they may be detached. Made anew for each request: ten of them cost less than to keep in a WeakMap. */
  logger(bound: Bound, context: Context | undefined): Logger {
    const say = (level: LogLevel): (message: string, fields?: LogFields) => void =>
      rankOf(level) < this.#least
        ? none
        : (message, fields) => this.#write(level, message, fields, bound, context, false)
    const log = (record: LogRecord): void => this.#record(record, bound, context)
    log.error = say('error')
    log.warn = say('warn')
    log.info = say('info')
    log.debug = say('debug')
    log.security = say('security')
    log.performance = say('performance')
    log.audit = say('audit')
    log.child = (fields: LogFields): Logger => this.logger(this.#lines.bind(bound, fields), context)
    log.of = (request: Context): Logger => this.logger(bound, request)
    return log
  }

  #record(record: LogRecord, bound: Bound, context: Context | undefined): void {
    try {
      const level = isLevel(record.level) ? record.level : 'info'
      if (rankOf(level) >= this.#least) this.#write(level, record.message, record, bound, context, true)
    } catch {
      this.#unmade++
    }
  }

  #write(
    level: LogLevel,
    message: string,
    fields: LogFields | undefined,
    bound: Bound,
    of: Context | undefined,
    whole: boolean,
  ): void {
    try {
      const context = of ?? this.#storage?.getStore()
      if (this.#sample < 1 && isThinned(level) && !this.#keeps(context)) return
      const own = asFields(fields)
      const line = this.#lines.line(level, message, own, bound, context, whole)
      const record = { ...merged(bound.fields, own), level, message }
      for (const sink of this.#sinks) sink.write(line, record)
    } catch {
      this.#unmade++
    }
  }

  /** Once per request, so that its lines are all there or none. */
  #keeps(context: Context | undefined): boolean {
    if (context === undefined) return Math.random() < this.#sample
    let kept = this.#kept.get(context.attributes)
    if (kept === undefined) this.#kept.set(context.attributes, kept = Math.random() < this.#sample)
    return kept
  }
}
