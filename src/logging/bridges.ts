/** Bridges between our logs and those of pino and LogTape, either way, by their shapes: neither is imported. */
import { systemClock } from '../core/clock.ts'
import type { Log, LogLevel, LogRecord } from '../core/log.ts'
import { safely } from '../core/log.ts'
import type { Redaction } from '../core/redact.ts'
import { standardRedaction } from '../core/redact.ts'
import { isLevel } from './levels.ts'

/** Options of {@link pinoLog} and {@link logtapeLog}. */
export interface BridgeOptions {
  /** What may not be handed over. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
}

/** What {@link pinoLog} needs of a pino logger. */
export type PinoLogger = Readonly<Record<'debug' | 'info' | 'warn' | 'error', PinoFunction>>

/** A function of a pino logger. */
export type PinoFunction = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** What {@link logtapeLog} needs of a LogTape logger. */
export interface LogTapeLogger {
  readonly emit: (record: {
    readonly timestamp: number
    readonly level: LogTapeLevel
    readonly message: readonly unknown[]
    readonly rawMessage: string
    readonly properties: Record<string, unknown>
  }) => void
  readonly getChild: (name: string) => LogTapeLogger
}

/** LogTape's levels. */
export type LogTapeLevel = 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'fatal'

/** What {@link logtapeSink} reads of a LogTape record. */
export interface LogTapeRecord {
  readonly category: readonly string[]
  readonly level: LogTapeLevel
  readonly message: readonly unknown[]
  readonly rawMessage: string | readonly string[]
  readonly properties: Readonly<Record<string, unknown>>
}

/** Which of four levels each of ours goes to, in a logger that has no more. */
const FOUR = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  security: 'warn',
  performance: 'info',
  audit: 'info',
} as const

const LOGTAPE: Readonly<Record<LogTapeLevel, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  fatal: 'error',
}

/**
 * A log that forwards records to a pino logger, redacted. `security` becomes a warning, `performance` and `audit` become
 * infos; the field `log.level` then has the level. pino's own level decides what is written. Throws a TypeError if `pino`
 * is no logger.
 *
 * @example
 * errors({ log: pinoLog(pino()) })
 */
export function pinoLog(pino: PinoLogger, options: BridgeOptions = {}): Log {
  if (typeof pino?.info !== 'function') throw new TypeError('pinoLog: pino must be a pino logger')
  const { redaction = standardRedaction } = options
  return (record) => {
    const level = levelOf(record)
    const fields = aside(fieldsOf(record, redaction), ['time', 'msg'])
    if (FOUR[level] !== level) fields['log.level'] = level
    pino[FOUR[level]](fields, textOf(record, redaction))
  }
}

/**
 * A log that forwards records to a LogTape logger, redacted. `security`, `performance` and `audit` go to its children of these
 * names, as warnings and infos, so that LogTape can send each elsewhere by category. Braces in a message are no
 * placeholders. Throws a TypeError if `logger` is no logger.
 *
 * @example
 * errors({ log: logtapeLog(getLogger('notes')) })
 */
export function logtapeLog(logger: LogTapeLogger, options: BridgeOptions = {}): Log {
  if (typeof logger?.emit !== 'function') throw new TypeError('logtapeLog: logger must be a LogTape logger')
  const { redaction = standardRedaction } = options
  const children: Partial<Record<LogLevel, LogTapeLogger>> = {
    security: logger.getChild('security'),
    performance: logger.getChild('performance'),
    audit: logger.getChild('audit'),
  }
  return (record) => {
    const level = levelOf(record)
    const four = FOUR[level]
    const text = textOf(record, redaction)
    const target = children[level] ?? logger
    target.emit({
      timestamp: systemClock.now(),
      level: four === 'warn' ? 'warning' : four,
      message: [text],
      rawMessage: text,
      properties: fieldsOf(record, redaction),
    })
  }
}

/**
 * A destination for pino whose lines become records of `log`: for a framework that logs by pino. pino's own time is left
 * out; a line that is no JSON becomes a message. Never throws.
 *
 * @example
 * fastify({ loggerInstance: pino(pinoDestination(createLogger())) })
 */
export function pinoDestination(log: Log): { readonly write: (line: string) => void } {
  if (typeof log !== 'function') throw new TypeError('pinoDestination: log must be a function')
  return { write: (line) => safely(log, ofPino(line)) }
}

/**
 * A sink for LogTape whose records become records of `log`, with `category` as a field. The message is the template, and what
 * stands in its braces are fields: within a text no key would tell what is secret. Never throws.
 *
 * @example
 * configure({ sinks: { ours: logtapeSink(createLogger()) }, loggers: [{ category: [], sinks: ['ours'] }] })
 */
export function logtapeSink(log: Log): (record: LogTapeRecord) => void {
  if (typeof log !== 'function') throw new TypeError('logtapeSink: log must be a function')
  return (record) => {
    try {
      safely(log, ofLogTape(record))
    } catch {
      // LogTape makes properties when they are read.
    }
  }
}

function ofPino(line: string): LogRecord {
  try {
    const { level, msg, time: _, ...fields } = JSON.parse(line) as Record<string, unknown>
    const message = String(msg ?? fields['message'] ?? '')
    return { ...aside(fields, ['message']), level: ofNumber(level), message }
  } catch {
    return { level: 'info', message: line.trimEnd() }
  }
}

/** pino's levels are numbers, or by `formatters.level` what the user likes. */
function ofNumber(level: unknown): LogLevel {
  if (isLevel(level)) return level
  const number = Number(level)
  return number >= 50 ? 'error' : number >= 40 ? 'warn' : number <= 20 ? 'debug' : 'info'
}

function ofLogTape({ category, level, message, rawMessage, properties }: LogTapeRecord): LogRecord {
  return {
    category: category.join('.'),
    ...aside(properties, ['level', 'message']),
    level: LOGTAPE[level] ?? 'info',
    // A tagged template names nothing: its values stand in the text.
    message: typeof rawMessage === 'string' ? rawMessage : message.map(partOf).join(''),
  }
}

function partOf(part: unknown): string {
  return typeof part === 'string' ? part : standardRedaction.line(part, 500)
}

function levelOf({ level }: LogRecord): LogLevel {
  return isLevel(level) ? level : 'info'
}

function textOf({ message }: LogRecord, redaction: Redaction): string {
  return redaction.text(typeof message === 'string' ? message : redaction.line(message)).slice(0, 2_048)
}

function fieldsOf(record: LogRecord, redaction: Redaction): Record<string, unknown> {
  const { level: _level, message: _message, ...fields } = redaction.copy(record) as LogRecord
  return fields
}

/** The fields, with those of these names, which the other logger writes itself, renamed. */
function aside(fields: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  const out = { ...fields }
  for (const name of names) {
    if (!Object.hasOwn(out, name)) continue
    out[`fields.${name}`] = out[name]
    delete out[name]
  }
  return out
}
