/** Days and moments, as texts: what comes out is what came in, and sorts as text where all are of one form. */
import * as v from 'valibot'
import { count } from '../../core/quantity.ts'
import type { BlockOptions } from './sentences.ts'
import { required } from './sentences.ts'

// The 29th of February in leap years, and every other day that the calendar has. There is no year 0000 in databases.
const DAY = '(?!0000)(?:(?:\\d\\d(?:[2468][048]|[13579][26]|0[48])|(?:[02468][048]|[13579][26])00)-02-29|' +
  '\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8])))'
const DATE = /* @__PURE__ */ new RegExp(`^${DAY}$`)
const TIMESTAMP = /* @__PURE__ */ new RegExp(
  `^${DAY}T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$`,
)

/**
 * A day, e.g. `2024-02-29`. Refuses days that no calendar has, such as `2023-02-29`, and the year 0000.
 *
 * Source: RFC 3339 §5.6 `full-date`; ISO 8601.
 */
/* @__NO_SIDE_EFFECTS__ */
export function isoDate(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The date' } = options
  const message = `${name} must be a day, written as YYYY-MM-DD.`
  return v.pipe(v.string(message), { ...v.isoDate<string, string>(message), requirement: DATE })
}

/**
 * A moment, e.g. `2024-02-29T12:00:00Z` or `2024-02-29T13:00:00.5+01:00`: with seconds and with an offset, for without
 * one it is another moment at each place. `T` and `Z` are capital. Refuses leap seconds, which no clock here has.
 *
 * Source: RFC 3339 §5.6 `date-time`; ISO 8601.
 */
/* @__NO_SIDE_EFFECTS__ */
export function isoTimestamp(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The time' } = options
  const message = `${name} must be written as YYYY-MM-DDThh:mm:ss, and Z or an offset.`
  return v.pipe(v.string(message), { ...v.isoTimestamp<string, string>(message), requirement: TIMESTAMP })
}

/** Days from one to another, both included. */
export interface DateRange {
  readonly from: string
  readonly to: string
}

/** Options of {@link dateRange}. */
export interface DateRangeOptions {
  /** Most days, the first and the last included. */
  readonly days: number
}

/**
 * Two days in order, `from` and `to`, that are at most so far apart: what bounds the rows that a report reads.
 *
 * @example
 * v.intersect([pagination, dateRange({ days: 31 })])
 */
/* @__NO_SIDE_EFFECTS__ */
export function dateRange(options: DateRangeOptions): v.GenericSchema<DateRange> {
  const days = count(options.days, 'dateRange: days')
  return v.pipe(
    v.object({ from: isoDate({ name: 'The first day' }), to: isoDate({ name: 'The last day' }) }, required),
    v.forward(v.check(({ from, to }) => from <= to, 'The last day must not be before the first.'), ['to']),
    // What is no day is said already, and NaN is not beyond.
    v.forward(
      v.check(
        ({ from, to }) => !(Date.parse(to) - Date.parse(from) >= days * 86_400_000),
        `The range must have at most ${days} days.`,
      ),
      ['to'],
    ),
  )
}
