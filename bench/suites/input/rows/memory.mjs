// Run by ../rows.mjs with --expose-gc: how much memory one request takes, and how much the handler finds taken.
import { setImmediate as turn } from 'node:timers/promises'
import { GCProfiler } from 'node:v8'
import * as v from 'valibot'
import { JOBS } from '../jobs.mjs'
import { createContext, validate } from '../sallyport.mjs'

const CHUNK = 65_536
const TIMES = 16
const { text: rows, schema: Rows } = JOBS.rows

/** 16 MB: many small values, or few large ones. */
const BODIES = {
  rows: {
    text: `[${Array(TIMES).fill(rows.slice(1, -1)).join(',')}]`,
    small: JSON.stringify(JSON.parse(rows).slice(0, 100)),
    schema: Rows,
    structure: { items: 20_000 * TIMES, keys: 200_000 * TIMES },
  },
  texts: {
    text: JSON.stringify(Array.from({ length: TIMES + 1 }, (_, i) => String(i % 10).repeat(960_000))),
    small: JSON.stringify(['x']),
    schema: v.array(v.string()),
    structure: {},
  },
}

const [name, arrival, side] = process.argv.slice(2)
const { text, small, schema, structure } = BODIES[name]
let held

const run = {
  guarded: validate({ body: schema }, { structure, max: '32mb' })((_request, { input }) => seen(input.body)),
  async bare(request) {
    const { success, output } = v.safeParse(schema, JSON.parse(await request.text()))
    return success ? seen(output) : new Response(null, { status: 400 })
  },
}[side]

for (let i = 0; i < 20; i++) await once(Buffer.from(small))
const bytes = Buffer.from(text)
const before = await settled()
const profiler = new GCProfiler()
profiler.start()
await once(bytes)
const collections = profiler.stop().statistics
const ends = [taken(), ...collections.map(({ beforeGC }) => of(beforeGC.heapStatistics))]
console.log(JSON.stringify({ peak: Math.max(...ends) - before, held: held - before }))

async function once(whole) {
  const platform = { name: 'node', framed: arrival === 'with its length', ephemeral: false, draining: false }
  const request = requestOf(whole)
  const { status } = await run(request, createContext({ platform }))
  if (status !== 204) throw new Error(`error: it answers ${status}`)
  return request // which an adapter holds until it has answered
}

/** Its chunks are made when they are asked for, as a socket's are. */
function requestOf(whole) {
  let at = 0
  const body = new ReadableStream({
    pull(controller) {
      if (at >= whole.byteLength) return controller.close()
      controller.enqueue(new Uint8Array(whole.subarray(at, at += CHUNK)))
    },
  }, { highWaterMark: 0 })
  const headers = { 'content-type': 'application/json' }
  if (arrival === 'with its length') headers['content-length'] = String(whole.byteLength)
  return new Request('http://service.test/', { method: 'POST', headers, body, duplex: 'half' })
}

/** What is there while the handler has its input, when nothing is left to collect. */
async function seen(input) {
  held = await settled()
  return new Response(null, { status: input.length > 0 ? 204 : 400 })
}

async function settled() {
  for (let pass = 0; pass < 3; pass++) {
    await turn() // what the last call held on its stack is let go
    globalThis.gc()
  }
  return taken()
}

function taken() {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function of({ usedHeapSize, externalMemory }) {
  return usedHeapSize + externalMemory
}
