// Two ways of doing the same, in turn, so that whatever else the machine does happens to both.
import process from 'node:process'

const WARMUP_MS = 100
/** Shorter than what a scheduler gives at once, so that most batches are undisturbed. */
const BATCH_MS = 0.3

/** Nanoseconds per call of each side of a pair. It takes so many milliseconds of CPU, for the busy machine's sake. */
export async function nanosOf(pair, milliseconds) {
  const sides = ['bare', 'guarded'].map((name) => ({ name, ...pair[name], batch: 1, nanos: [] }))
  const began = cpu()
  let warm = false
  for (let used = 0; used < WARMUP_MS + milliseconds; used = cpu() - began) {
    if (!warm && used >= WARMUP_MS) {
      warm = true
      for (const side of sides) side.nanos = []
    }
    for (const side of sides.reverse()) {
      side.nanos.push(await batchOf(side))
      if (!warm) side.batch = Math.ceil((BATCH_MS * 1e6) / Math.min(...side.nanos.slice(-100)))
    }
  }
  return Object.fromEntries(sides.map(({ name, nanos }) => [name, quartile(nanos)]))
}

/** The lower one: what is above it is garbage collection and neighbours. */
export function quartile(values) {
  return values.sort((a, b) => a - b)[values.length >> 2]
}

/** Milliseconds that this thread has used, in steps of the scheduler's. */
export function cpu() {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

async function batchOf({ prepare = nothing, call, batch }) {
  const inputs = Array.from({ length: batch }, prepare)
  const began = performance.now()
  for (let i = 0; i < batch; i++) await call(inputs[i])
  return ((performance.now() - began) * 1e6) / batch
}

function nothing() {}

/** Does it let pass what it should? */
export async function passes({ prepare = nothing, call }) {
  const answer = await call(prepare())
  return answer === true || answer.status === 204 || answer.statusCode === 204
}
