/** Numbers and flags: as JSON has them, and as the text that a query has. */
import * as v from 'valibot'
import { count, show } from '../../core/quantity.ts'
import type { BlockOptions } from './sentences.ts'

/** Options of {@link wholeNumber}, {@link decimalNumber} and {@link numberText}. */
export interface NumberOptions extends BlockOptions {
  /** The least. */
  readonly min: number
  /** The most. */
  readonly max: number
}

/** A whole number of JSON. Text is refused, whatever it holds. */
/* @__NO_SIDE_EFFECTS__ */
export function wholeNumber(options: NumberOptions): v.GenericSchema<number> {
  const { min, max, range } = whole('wholeNumber', options)
  return v.pipe(v.number(range), v.integer(range), v.minValue(min, range), v.maxValue(max, range))
}

/** A number of JSON, with or without decimals. `1e999`, which JSON reads as infinity, is beyond every `max`. */
/* @__NO_SIDE_EFFECTS__ */
export function decimalNumber(options: NumberOptions): v.GenericSchema<number> {
  const { min, max, name = 'The value' } = options
  if (!Number.isFinite(min) || !Number.isFinite(max) || min > max) {
    throw new TypeError(`decimalNumber: min and max must be numbers in order, got ${show(min)} and ${show(max)}`)
  }
  const range = `${name} must be a number from ${min} to ${max}.`
  return v.pipe(v.number(range), v.minValue(min, range), v.maxValue(max, range))
}

/**
 * A whole number of a query, a path or a form, where all is text: decimal digits, after a hyphen if it is negative.
 * Refuses what `Number` would take: nothing, spaces, a plus sign, leading zeros, `0x10`, `1e3`, `1.0`, and a parameter
 * given twice.
 *
 * @example
 * v.object({ page: v.optional(numberText({ min: 1, max: 100, name: 'The page' }), '1') })
 */
/* @__NO_SIDE_EFFECTS__ */
export function numberText(options: NumberOptions): v.GenericSchema<string, number> {
  const { min, max, range } = whole('numberText', options)
  return v.pipe(
    v.string(range),
    v.regex(/^(?:0|-?[1-9]\d{0,15})$/, range),
    v.transform(Number),
    v.number(),
    v.integer(),
    v.minValue(min, range),
    v.maxValue(max, range),
  )
}

/** A flag of a query or a form: `'true'` or `'false'`, as they stand. */
/* @__NO_SIDE_EFFECTS__ */
export function flagText(options: BlockOptions = {}): v.GenericSchema<'true' | 'false', boolean> {
  const { name = 'The flag' } = options
  return v.pipe(v.picklist(['true', 'false'], `${name} must be true or false.`), v.transform((flag) => flag === 'true'))
}

function whole(block: string, options: NumberOptions): { min: number; max: number; range: string } {
  const min = count(options.min, `${block}: min`, Number.MIN_SAFE_INTEGER)
  const max = count(options.max, `${block}: max`, min)
  return { min, max, range: `${options.name ?? 'The value'} must be a whole number from ${min} to ${max}.` }
}
