import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dateRange, isoDate, isoTimestamp } from '../../../src/input/schemas/dates.ts'
import { tried, wrong } from './tried.ts'

describe('isoDate', () => {
  test.each(['2024-02-29', '2000-02-29', '2023-02-28', '2023-12-31', '0001-01-01', '9999-12-31', '2400-02-29'])(
    'V4: takes %s',
    (value) => {
      expect(tried(isoDate(), value)).toEqual({ out: value })
    },
  )

  test.each([
    '',
    '2023-02-29',
    '1900-02-29',
    '2100-02-29',
    '2023-02-30',
    '2023-04-31',
    '2023-00-01',
    '2023-13-01',
    '2023-01-00',
    '2023-01-32',
    '0000-01-01',
    '0000-02-29',
    '2023-1-1',
    '20230101',
    '2023/01/01',
    '01.01.2023',
    '2023-01-01T00:00:00Z',
    ' 2023-01-01',
    '2023-01-01\n',
    '+012023-01-01',
    'today',
  ])('V4: refuses %j', (value) => {
    expect(tried(isoDate({ name: 'The day' }), value)).toEqual({
      no: ['iso_date The day must be a day, written as YYYY-MM-DD.'],
    })
  })

  test('takes the days that the calendar has, and no others', () => {
    const part = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })
    const days = fc.tuple(
      fc.oneof(part(9_999), fc.integer({ min: 0, max: 99 }).map((n) => n * 100)),
      part(13),
      part(32),
    )
    fc.assert(
      fc.property(days, ([year, month, day]) => {
        const text = [String(year).padStart(4, '0'), ...[month, day].map((n) => String(n).padStart(2, '0'))].join('-')
        // Years of the same kind, away from those that Date takes for the twentieth century.
        const date = new Date(Date.UTC(2_000 + (year % 400), month - 1, day))
        const real = year > 0 && month > 0 && day > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
        expect(wrong(isoDate(), text)).toEqual(real ? [] : ['iso_date'])
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('isoTimestamp', () => {
  test.each([
    '2024-02-29T12:00:00Z',
    '2024-02-29T00:00:00.0Z',
    '2024-02-29T23:59:59.123456789+05:30',
    '2024-02-29T23:59:59-12:00',
  ])('V4: takes %s, which Date reads', (value) => {
    expect(tried(isoTimestamp(), value)).toEqual({ out: value })
    expect(Date.parse(value)).not.toBeNaN()
  })

  test.each([
    '',
    '2024-02-29',
    '2024-02-29T12:00Z',
    '2024-02-29T12:00:00',
    '2024-02-29 12:00:00Z',
    '2024-02-29t12:00:00z',
    '2023-02-29T12:00:00Z',
    '2024-02-29T24:00:00Z',
    '2024-02-29T12:60:00Z',
    '2024-02-29T23:59:60Z',
    '2024-02-29T12:00:00.Z',
    '2024-02-29T12:00:00.1234567890Z',
    '2024-02-29T12:00:00+24:00',
    '2024-02-29T12:00:00+0100',
    '2024-02-29T12:00:00Z\n',
    1_709_208_000_000,
  ])('V4: refuses %j', (value) => {
    expect(tried(isoTimestamp(), value)).toEqual({
      no: [
        `${
          typeof value === 'string' ? 'iso_timestamp' : 'string'
        } The time must be written as YYYY-MM-DDThh:mm:ss, and Z or an offset.`,
      ],
    })
  })
})

describe('dateRange', () => {
  const month = dateRange({ days: 31 })

  test.each([
    ['2024-01-01', '2024-01-01'],
    ['2024-01-01', '2024-01-31'],
    ['2023-12-31', '2024-01-30'],
    ['2024-02-28', '2024-03-29'],
  ])('V4: takes %s to %s', (from, to) => {
    expect(tried(month, { from, to, more: 1 })).toEqual({ out: { from, to } })
  })

  test.each<[value: unknown, says: string[]]>([
    [{ from: '2024-01-02', to: '2024-01-01' }, ['to check The last day must not be before the first.']],
    [{ from: '2024-01-01', to: '2024-02-01' }, ['to check The range must have at most 31 days.']],
    [{ from: '0001-01-01', to: '9999-12-31' }, ['to check The range must have at most 31 days.']],
    [{ from: '2024-01-01', to: '2024-01-99' }, ['to iso_date The last day must be a day, written as YYYY-MM-DD.']],
    [{ from: '2024-01-01' }, ['to object This field is required.']],
    [undefined, ['object A JSON object is required.']],
  ])('V4: refuses %j', (value, no) => {
    expect(tried(month, value)).toEqual({ no })
  })

  test('throws when made for a bad number of days', () => {
    for (const days of [0, 1.5, Number.NaN]) expect(() => dateRange({ days })).toThrow(/^dateRange: days must be/)
  })
})
