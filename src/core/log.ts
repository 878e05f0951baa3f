/** Where log records go. A sink is a function: the console here, files under `sallyport/node`, yours anywhere. */
import type { Context } from './context.ts'
import { isPromise } from './handler.ts'
import { jsonLine } from './redact.ts'

/**
 * How bad it is, or what it is about: `security` is for who defends the service, `performance` for who makes it fast, `audit`
 * for who must answer for what was done.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'security' | 'performance' | 'audit'

/** Fields of a record. */
export type LogFields = Readonly<Record<string, unknown>>

/** One record. Beside these it may hold any field; secrets are redacted by key before it is written. */
export interface LogRecord {
  readonly level: LogLevel
  readonly message: string
  readonly [field: string]: unknown
}

/** Takes one record. What it throws is dropped; what it returns is not awaited. */
export interface Log {
  (record: LogRecord): void
}

/** A log with a function per level. Its functions may be detached. None of them throws or waits. */
export interface Logger extends Log {
  readonly error: (message: string, fields?: LogFields) => void
  readonly warn: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly debug: (message: string, fields?: LogFields) => void
  readonly security: (message: string, fields?: LogFields) => void
  readonly performance: (message: string, fields?: LogFields) => void
  readonly audit: (message: string, fields?: LogFields) => void
  /** The same log, with these fields on every line. */
  readonly child: (fields: LogFields) => Logger
  /** The same log, with the id, the trace id and the attributes of this request on every line. */
  readonly of: (context: Context) => Logger
}

/**
 * Takes one finished line, without its newline, and the record it was made of, for sinks that sort: its values are not
 * redacted. What it throws is dropped; it must not block.
 */
export type LineSink = (line: string, record?: LogRecord) => void

/** Writes lines to standard output (`console.log`): the default everywhere. */
export const consoleLines: LineSink = (line) => console.log(line)

/** Writes records as redacted JSON lines, warnings and errors to standard error. The default. */
export const consoleLog: Log = (record) => {
  const line = jsonLine({ time: new Date().toISOString(), ...record })
  if (record.level === 'error') console.error(line)
  else if (record.level === 'warn') console.warn(line)
  else console.log(line)
}

/** Logs, whatever the sink does: a broken logger must not touch a request. */
export function safely(log: Log, record: LogRecord): void {
  try {
    const returned: unknown = log(record)
    if (isPromise(returned)) returned.then(undefined, () => {})
  } catch {
    // Nowhere left to say it.
  }
}

const warned = new WeakMap<object, Set<string>>()

/** Warns once per server, not per request, with the same words: about something that its operator should know. */
export function warnOnce(
  context: Pick<Context, 'platform'>,
  code: string,
  message: string,
  log: Log = consoleLog,
): void {
  let said = warned.get(context.platform)
  if (said === undefined) warned.set(context.platform, said = new Set())
  if (said.has(message) || said.size >= 1_000) return
  said.add(message)
  safely(log, { level: 'warn', message, code })
}
