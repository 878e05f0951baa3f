/** How the seven levels rank. */
import type { LogLevel } from '../core/log.ts'
import { show } from '../core/quantity.ts'

/** The least level that is written. `performance` ranks as `info`; `security` and `audit` are always written. */
export type LeastLevel = 'debug' | 'info' | 'warn' | 'error'

const ALWAYS = 4

const RANKS: Readonly<Record<LogLevel, number>> = {
  debug: 0,
  info: 1,
  performance: 1,
  warn: 2,
  error: 3,
  security: ALWAYS,
  audit: ALWAYS,
}

/** Where a level stands. */
export function rankOf(level: LogLevel): number {
  return RANKS[level]
}

/** May lines of this level be thinned out? */
export function isThinned(level: LogLevel): boolean {
  return RANKS[level] <= RANKS.info
}

/** Is it one of the seven? Whoever calls from JavaScript may say anything. */
export function isLevel(level: unknown): level is LogLevel {
  return typeof level === 'string' && Object.hasOwn(RANKS, level)
}

/** The rank of the least level, written in either case. Throws a TypeError that names `option`. */
export function leastRank(level: string, option: string): number {
  const name = String(level).toLowerCase()
  if (isLevel(name) && name !== 'performance' && RANKS[name] < ALWAYS) return RANKS[name]
  throw new TypeError(`${option} must be 'debug', 'info', 'warn' or 'error', got ${show(level)}`)
}
