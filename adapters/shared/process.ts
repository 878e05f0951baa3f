/**
 * The process around a server: what to do when something was thrown that nobody caught, and when it is told to stop.
 * For Node, Bun and Deno, by the `process` that all three have; structural, so that nothing is imported.
 */
import type { Log } from '../../src/core/log.ts'
import { consoleLog, safely } from '../../src/core/log.ts'
import type { Duration } from '../../src/core/quantity.ts'
import { milliseconds } from '../../src/core/quantity.ts'

/** Something that closes: what every `serve` returns. */
export interface Closable {
  readonly close: () => Promise<void>
}

/** Options of {@link onUncaught}. */
export interface UncaughtOptions {
  /** Where it is logged, once, with its cause. (JSON lines on standard error) */
  readonly log?: Log | undefined
  /** Lets requests in flight finish before the process ends: the server's `close`. (nothing) */
  readonly close?: (() => Promise<void>) | undefined
  /** Ends the process. (`process.exit`) */
  readonly exit?: ((code: number) => void) | undefined
  /** How long `close` may take. (`'10s'`) */
  readonly timeout?: Duration | undefined
}

/** Options of {@link closeOnSignal}. */
export interface SignalOptions {
  /** Which signals. (`['SIGTERM', 'SIGINT']`) */
  readonly signals?: readonly string[] | undefined
  /** Ends the process. (`process.exit`) */
  readonly exit?: ((code: number) => void) | undefined
}

interface ProcessLike {
  on(event: string, listener: (...values: unknown[]) => void): unknown
  off(event: string, listener: (...values: unknown[]) => void): unknown
  exit(code: number): void
}

interface Timers {
  setTimeout(callback: () => void, ms: number): unknown
}

function theProcess(): ProcessLike {
  const { process } = globalThis as { process?: Partial<ProcessLike> }
  if (typeof process?.on === 'function') return process as ProcessLike
  throw new TypeError('this runtime has no process to listen to')
}

/**
 * Logs what nobody caught, lets requests in flight finish, and ends the process with code 1: its state cannot be trusted
 * any more. Whatever follows the first one is logged too. Returns a function that stops listening.
 *
 * @example
 * onUncaught({ close: server.close })
 */
export function onUncaught(options: UncaughtOptions = {}): () => void {
  const { log = consoleLog, close, timeout = '10s' } = options
  const process = theProcess()
  const { exit = (code) => process.exit(code) } = options
  const within = milliseconds(timeout, 'onUncaught: timeout')
  let ending = false
  const listen = (message: string) => (error: unknown): void => {
    safely(log, { level: 'error', message, code: 'uncaught', error })
    if (ending) return
    ending = true
    const leave = once(() => exit(1))
    if (close === undefined) return leave() // Not unref'd: it is what ends the process if `close` hangs.
    ;(globalThis as unknown as Timers).setTimeout(leave, within)
    void settled(close).then(leave)
  }
  const uncaught = listen('uncaught exception')
  const unhandled = listen('unhandled rejection')
  process.on('uncaughtException', uncaught)
  process.on('unhandledRejection', unhandled)
  return () => {
    process.off('uncaughtException', uncaught)
    process.off('unhandledRejection', unhandled)
  }
}

/**
 * Closes `server` on the first of `signals` and ends the process with code 0; a second signal ends it at once, with 1.
 * Returns a function that stops listening.
 *
 * @example
 * closeOnSignal(await serve(app))
 */
export function closeOnSignal(server: Closable, options: SignalOptions = {}): () => void {
  const { signals = ['SIGTERM', 'SIGINT'] } = options
  const process = theProcess()
  const { exit = (code) => process.exit(code) } = options
  let closing = false
  const listener = (): void => {
    if (closing) return exit(1)
    closing = true
    void settled(server.close).then(() => exit(0))
  }
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}

async function settled(close: () => Promise<void>): Promise<void> {
  try {
    await close()
  } catch {
    // There is nothing better to do than to end.
  }
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (!done) action()
    done = true
  }
}
