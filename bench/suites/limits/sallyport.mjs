// sallyport from its sources (Node drops the types and nothing else), and the limits that the parts of this suite use.
import { limitSet } from '../../../src/core/store.ts'

export * from '../../../src/index.ts'

const [SECOND, MINUTE, DAY] = [1_000, 60_000, 86_400_000]

/** Too high to be reached: what is measured is counting, not refusing. */
export const QUOTA = 1_000_000_000

/** As services have them: a burst, a rate, a day. */
export const SETS = setsOf(QUOTA, SECOND, MINUTE, DAY)

/** Where no count may be over before it is looked at again, a bucket's drain included. */
export const PATIENT_SETS = setsOf(1_000, DAY, DAY, DAY)

/** The same limits as `rateLimit` takes them. */
export const specsOf = ({ limits }) =>
  limits.map(({ name, quota, window, algorithm }) => ({ name, limit: quota, window: `${window}ms`, algorithm }))

function setsOf(quota, burst, rate, day) {
  const limit = (algorithm) => (name, window) => ({ name, quota, window, algorithm })
  const [fixed, sliding, bucket] = ['fixed-window', 'sliding-window', 'token-bucket'].map(limit)
  return {
    fixed: limitSet([fixed('rate', rate)]),
    sliding: limitSet([sliding('rate', rate)]),
    bucket: limitSet([bucket('rate', rate)]),
    three: limitSet([fixed('burst', burst), fixed('rate', rate), fixed('daily', day)]),
    mixed: limitSet([bucket('burst', burst), sliding('rate', rate), fixed('daily', day)]),
  }
}
