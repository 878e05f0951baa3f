// Run by ../memory.mjs, once per contender, with --expose-gc: what keys cost, from none to three million.
import { setImmediate as turn } from 'node:timers/promises'
import { CONTENDERS } from './contenders.mjs'
import { spreadOf } from './timing.mjs'

const FEW = 1_000
const DEFAULT_KEYS = 50_000
const MANY = 1_000_000
const FLOOD = 3_000_000
const CHUNK = 10_000
const SAMPLED_CHUNKS = 30
const CHECK_EVERY = 10

const { make } = CONTENDERS.find(({ name }) => name === process.argv[2])
const made = (keys) => make(keys, true)

await insert(made(CHUNK), 0, 2 * CHUNK) // compiles it
const normal = made(MANY)
await insert(normal, 0, FEW)

const atFirst = await memory()
const small = made(DEFAULT_KEYS)
await insert(small, 0, DEFAULT_KEYS)
const smallFull = await memory()

const store = made(MANY)
const insertNanos = await insert(store, 0, MANY)
const full = await memory()
const wrong = await wrongOf(store)
const [few, many] = await spreads([[normal, FEW], [store, MANY]])
await insert(store, MANY, FLOOD)
const flooded = await memory()

console.log(JSON.stringify({
  smallBytes: (smallFull - atFirst) / DEFAULT_KEYS,
  bytes: (full - smallFull) / MANY,
  growthBytes: flooded - full,
  insertNanos,
  wrong,
  few,
  many,
}))
for (const one of [normal, small, store]) one.decide('so that it is not collected before')
process.exit()

/** Distinct addresses in an order that looks random: an odd factor permutes the 32-bit numbers. */
function address(index) {
  const bits = Math.imul(index + 1, 0x9e3779b1)
  const text = `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`
  Number(text) // makes one flat string of the pieces, as a socket's address is
  return text
}

/** Counts every key once; nanoseconds per key, the middle of the chunks. */
async function insert({ decide }, from, to) {
  const nanos = []
  for (let start = from; start < to; start += CHUNK) {
    const keys = Array.from({ length: Math.min(CHUNK, to - start) }, (_, i) => address(start + i))
    const began = performance.now()
    for (const key of keys) {
      const answer = decide(key)
      if (answer instanceof Promise) await answer
    }
    nanos.push(((performance.now() - began) * 1e6) / keys.length)
  }
  return middle(nanos)
}

/** The share of keys that are not counted as they should be, the second time they come. */
async function wrongOf({ decide, counted }) {
  if (counted === undefined) return undefined
  let failures = 0
  for (let i = 0; i < MANY; i += CHECK_EVERY) if (counted(await decide(address(i))) !== 2) failures++
  return failures / (MANY / CHECK_EVERY)
}

/** For each store, with so many keys, how long decisions on random ones of them take; in turn, the middle of chunks. */
async function spreads(stores) {
  const all = stores.map(() => [])
  for (let chunk = 0; chunk < SAMPLED_CHUNKS; chunk++) {
    for (const [i, [{ decide }, count]] of stores.entries()) {
      const keys = Array.from({ length: CHUNK }, () => address(Math.floor(Math.random() * count)))
      all[i].push(await spreadOf(decide, keys))
    }
  }
  return all.map((chunks) => ({ p50: middle(chunks.map(({ p50 }) => p50)), p99: middle(chunks.map(({ p99 }) => p99)) }))
}

async function memory() {
  for (let pass = 0; pass < 3; pass++) {
    await turn() // what the last call held on its stack is let go
    globalThis.gc()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function middle(values) {
  return values.sort((a, b) => a - b)[values.length >> 1]
}
