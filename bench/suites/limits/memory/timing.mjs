// Clocks for calls that take less than reading a clock does.

const BATCH = 500
const WARMUP_MS = 100

/**
 * Nanoseconds per call: the lower quartile of short batches, since what is above it is garbage collection and
 * neighbours. It takes so many milliseconds of this thread's CPU, so that code is compiled even where they are busy.
 */
export async function nanosOf(call, milliseconds) {
  const batches = []
  const began = cpu()
  for (let used = 0; used < WARMUP_MS + milliseconds; used = cpu() - began) {
    const started = performance.now()
    await batch(call)
    const nanos = ((performance.now() - started) * 1e6) / BATCH
    if (used >= WARMUP_MS) batches.push(nanos)
  }
  return batches.sort((a, b) => a - b)[batches.length >> 2]
}

/** Milliseconds, in steps of the scheduler's. */
function cpu() {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

async function batch(call) {
  const first = call()
  if (!(first instanceof Promise)) { for (let i = 1; i < BATCH; i++) call() }
  else {
    await first
    for (let i = 1; i < BATCH; i++) await call()
  }
}

/** The median and the p99 of single calls, one per value, in nanoseconds, with one reading of the clock. */
export async function spreadOf(call, values) {
  const nanos = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const began = performance.now()
    const answer = call(values[i])
    if (answer instanceof Promise) await answer
    nanos[i] = (performance.now() - began) * 1e6
  }
  nanos.sort()
  return { p50: nanos[values.length >> 1], p99: nanos[Math.floor(values.length * 0.99)] }
}
