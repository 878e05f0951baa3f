/** Quantities with a unit, written as people write them: `'15m'`, `'1mb'`. A bare number has no unit, so none is taken. */

/** A length of time, e.g. `'250ms'`, `'30s'`, `'15m'`, `'1h'`, `'7d'`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** A number of bytes, e.g. `'512b'`, `'100kb'`, `'1mb'`, `'1gb'`. A kilobyte is 1,024 bytes. */
export type Size = `${number}${'b' | 'kb' | 'mb' | 'gb'}`

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const DURATION = `a duration such as '250ms', '30s', '15m', '1h' or '7d'`
const SIZE = `a size such as '512b', '100kb' or '1mb'`
const BYTES = { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 } as const

/** Milliseconds of a {@link Duration}. Throws a TypeError that names `option` unless it is positive and finite. */
export function milliseconds(duration: Duration, option: string): number {
  const value = quantity(duration, MILLISECONDS, option, DURATION)
  return Number(value.toPrecision(15)) // '1.001s' is 1001, not 1000.9999999999999
}

/** Whole bytes of a {@link Size}. Throws a TypeError that names `option` unless it is positive and finite. */
export function bytes(size: Size, option: string): number {
  const whole = Math.floor(quantity(size, BYTES, option, SIZE))
  return whole > 0 ? whole : refused(size, option, SIZE)
}

/** `value` if it is a whole number of at least `least`. Throws a TypeError that names `option` otherwise. */
export function count(value: number, option: string, least = 1): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new TypeError(`${option} must be a whole number of at least ${least}, got ${show(value)}`)
}

function quantity(text: unknown, units: Readonly<Record<string, number>>, option: string, wanted: string): number {
  const match = typeof text === 'string' ? /^(\d{1,15}(?:\.\d{1,6})?)([a-z]{1,2})$/.exec(text) : null
  const unit = match && Object.hasOwn(units, match[2]!) ? units[match[2]!]! : Number.NaN
  const value = Number(match?.[1]) * unit
  return value > 0 && value <= Number.MAX_SAFE_INTEGER ? value : refused(text, option, wanted)
}

function refused(text: unknown, option: string, wanted: string): never {
  throw new TypeError(`${option} must be ${wanted}, got ${show(text)}`)
}

/** A value as an error about an option shows it. Options come from the program, never from a request. */
export function show(value: unknown): string {
  try {
    return (typeof value === 'string' ? JSON.stringify(value) : String(value)).slice(0, 80)
  } catch {
    return typeof value
  }
}
