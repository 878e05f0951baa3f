// Run by redis.mjs and rest.mjs, with JSON of the rounds, of Redis, and of the front if there is one. All contenders
// in this one process, each with a connection of its own; per round some slices each, every time in a new order.
import { Redis } from 'ioredis'
import { MAX_FOREIGN_LOAD, quietest, watchCpu } from '../../harness/cpu.mjs'
import { median, shuffled } from '../../harness/stats.mjs'

const IN_FLIGHT = 64
const WARMUP_MS = 400
// Many short slices: the machine's own speed changes from one second to the next.
const PASSES = 4
const BUSY_MS = 150
const ALONE_MS = 75
const KEYS = Array.from({ length: 1_000 }, (_, i) => `203.0.${i >> 8}.${i & 255}`)

const { rounds, redis, front } = JSON.parse(process.argv[2])
const { contenders } = await import(front === undefined ? './redis/contenders.mjs' : './rest/contenders.mjs')
const admin = new Redis(redis.url)
await admin.flushall()

let turn = 0
const nextKey = () => KEYS[turn = (turn + 1) % KEYS.length]

const all = []
for (const { name, make } of contenders) {
  const decide = await make(front ?? redis)
  await decide(KEYS[0])
  await busy(decide, WARMUP_MS)
  all.push({ name, decide, slices: [] })
}
for (let pass = 0; pass < rounds * PASSES; pass++) {
  for (const { decide, slices } of shuffled(all)) {
    slices.push(await quietest(() => slice(decide)))
  }
}

const theirs = all.find(({ name }) => name === contenders.find(({ reference }) => reference).name).slices
console.log(JSON.stringify(all.map(({ name, slices }) => {
  const of = (figure) => median(slices.map((one) => one[figure]))
  return {
    app: name,
    perSecond: of('perSecond'),
    ratio: median(slices.map(({ perSecond }, pass) => perSecond / theirs[pass].perSecond)),
    clientMicros: of('clientMicros'),
    redisMicros: of('redisMicros'),
    scriptMicros: of('scriptMicros'),
    frontMicros: front && of('frontMicros'),
    p50Micros: of('p50Micros'),
    p99Micros: of('p99Micros'),
    scripts: Math.max(...slices.map(({ scripts }) => scripts)),
    disturbed: slices.filter(({ foreign }) => foreign > MAX_FOREIGN_LOAD).length,
  }
})))
process.exit()

async function slice(decide) {
  const watched = watchAll()
  const figures = { ...(await counted(decide)), ...(await alone(decide)) }
  return { ...figures, foreign: watched().foreign }
}

function watchAll() {
  return watchCpu(front?.pid ?? redis.pid, redis.pid)
}

/** With many in flight: how many are done, what they cost on each side, and how many scripts Redis says it ran. */
async function counted(decide) {
  await admin.config('RESETSTAT')
  const before = await redisMicros()
  const cpu = process.cpuUsage()
  const watched = watchAll()
  const { decisions, seconds } = await busy(decide, BUSY_MS)
  const { used } = watched()
  const { user, system } = process.cpuUsage(cpu)
  const after = await redisMicros()
  const { calls, micros } = await scripts()
  return {
    perSecond: decisions / seconds,
    clientMicros: (user + system) / decisions,
    redisMicros: (after - before) / decisions,
    scriptMicros: micros / decisions,
    frontMicros: used === undefined ? undefined : (used * 1e6) / decisions,
    scripts: calls / decisions,
  }
}

async function busy(decide, milliseconds) {
  let decisions = 0
  let running = true
  const began = performance.now()
  const timer = setTimeout(() => (running = false), milliseconds)
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    for (; running; decisions++) await decide(nextKey())
  }))
  clearTimeout(timer)
  return { decisions, seconds: (performance.now() - began) / 1_000 }
}

/** One after the other. */
async function alone(decide) {
  const micros = []
  const end = performance.now() + ALONE_MS
  for (let began = performance.now(); began < end;) {
    await decide(nextKey())
    const now = performance.now()
    micros.push((now - began) * 1_000)
    began = now
  }
  micros.sort((a, b) => a - b)
  return { p50Micros: micros[micros.length >> 1], p99Micros: micros[Math.floor(micros.length * 0.99)] }
}

async function redisMicros() {
  const info = await admin.info('cpu')
  const seconds = (kind) => Number(new RegExp(`^used_cpu_${kind}_main_thread:([\\d.]+)`, 'm').exec(info)[1])
  return (seconds('user') + seconds('sys')) * 1e6
}

/** Since the last reset: how many ran, and how long in all. */
async function scripts() {
  const found = (await admin.info('commandstats')).matchAll(/^cmdstat_eval\w*:calls=(\d+),usec=(\d+)/gm)
  let [calls, micros] = [0, 0]
  for (const [, count, time] of found) [calls, micros] = [calls + Number(count), micros + Number(time)]
  return { calls, micros }
}
