// Runs on the runtime that is measured, and prints one line of JSON per measurement. A wrapper's price is the call
// of a wrapped handler less the call of the bare one beside it, both with a context made for that call.
import { measure } from 'mitata'
import * as sallyport from '../../../dist/src/index.js'
import { createContext, ended } from '../../../dist/src/core/context.js'
import { REQUEST_HEADERS } from '../../apps/shared/job.mjs'
import { median, shuffled } from '../../harness/stats.mjs'
import { CALLS, WRAPPERS } from './table.mjs'

const PASSES = Number(process.argv[2])
const NANOS_PER_MEASUREMENT = 40e6

const REQUEST = new Request('https://api.example/api/items', {
  headers: {
    ...REQUEST_HEADERS,
    host: 'api.example',
    'x-forwarded-for': '198.51.100.1, 203.0.113.7',
  },
})
const RESPONSE = new Response('{}', { headers: { 'content-type': 'application/json' } })
const PEER = {
  connection: { address: '203.0.113.7', port: 50_000, encrypted: true },
  platform: { name: 'fetch', framed: true, ephemeral: false, draining: false },
}
const END = { status: 200, bytes: 2, outcome: 'complete' }

const answer = () => RESPONSE

/** One exchange, as an adapter runs it: a context, the handler, the end. The head is not written: `http` has that. */
function exchange(handler, given) {
  const finish = (context) => {
    ended(context, END)
    return context
  }
  return () => {
    const context = Object.assign(createContext(PEER), given)
    const response = handler(REQUEST, context)
    return response instanceof Promise ? response.then(() => finish(context)) : finish(context)
  }
}

const jobs = []
for (const { name, make, given } of WRAPPERS) {
  add(name, () => ({ call: exchange(make(sallyport)(answer), given), bare: exchange(answer, given) }))
}
for (const { name, make } of CALLS) {
  add(name, () => ({ call: make(sallyport, createContext(PEER)), bare: undefined }))
}

function add(name, prepare) {
  try {
    jobs.push({ name, ...prepare(), nanos: [] })
  } catch (error) {
    console.log(JSON.stringify({ name, error: error.message }))
  }
}

for (let pass = 0; pass < PASSES; pass++) {
  for (const { call, bare, nanos } of shuffled(jobs)) {
    const without = bare === undefined ? 0 : await time(bare)
    nanos.push((await time(call)) - without)
  }
}
for (const { name, nanos } of jobs) console.log(JSON.stringify({ name, nanos: Math.max(0, median(nanos)) }))

async function time(call) {
  const { p25 } = await measure(call, { min_cpu_time: NANOS_PER_MEASUREMENT })
  return p25 // the upper half of the samples is garbage collection and neighbours
}
