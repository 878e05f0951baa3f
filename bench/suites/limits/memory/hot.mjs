// Run by ../memory.mjs, once per contender and round: nanoseconds per decision on one key, in a process of its own.
import { CONTENDERS } from './contenders.mjs'
import { nanosOf } from './timing.mjs'

const KEY = '203.0.113.7'
const MAX_KEYS = 50_000
const MILLISECONDS = 200

const { decide, bare } = CONTENDERS.find(({ name }) => name === process.argv[2]).make(MAX_KEYS)
const nanos = await nanosOf(() => decide(KEY), MILLISECONDS)
console.log(JSON.stringify({ nanos: bare === undefined ? nanos : nanos - (await nanosOf(bare, MILLISECONDS)) }))
process.exit() // timers of some stores would hold it
