// Requests per second and CPU per request of every app, on every runtime, over a real socket.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PATH } from '../apps/shared/job.mjs'
import { MAX_FOREIGN_LOAD, quietest, watchCpu } from '../harness/cpu.mjs'
import { load, LOAD_TOOL } from '../harness/load.mjs'
import { versionOf } from '../harness/runtimes.mjs'
import { startApp } from '../harness/server.mjs'
import { smoke } from '../harness/smoke.mjs'
import { median, shuffled } from '../harness/stats.mjs'
import { decimal, printTable, whole } from '../harness/table.mjs'

const EVERYWHERE = ['node', 'bun', 'deno']

/** The apps, with how much of the job each does; `smoke` holds them to it. */
const APPS = [
  { name: 'node-bare', level: 'bare', runtimes: ['node'] },
  { name: 'fetch-bare', level: 'bare', runtimes: EVERYWHERE },
  { name: 'fetch-headers', level: 'headers', runtimes: EVERYWHERE },
  { name: 'express-winston', level: 'stack', runtimes: ['node'] },
  { name: 'express-pino', level: 'stack', runtimes: ['node'] },
  { name: 'fastify', level: 'stack', runtimes: ['node'] },
  { name: 'hono', level: 'stack', runtimes: EVERYWHERE },
  { name: 'sallyport', level: 'stack', runtimes: EVERYWHERE },
  { name: 'sallyport-hono', level: 'stack', runtimes: EVERYWHERE },
]
const METHODS = ['GET', 'POST']
const SLICE_SECONDS = 1

/** What every ratio is taken against, and the two others that the table compares with. */
const bareOf = (runtime) => (runtime === 'node' ? 'node-bare' : 'fetch-bare')
const FLOOR = 'fetch-headers'
const PEER = 'hono'

export async function run(options) {
  const rows = []
  for (const runtime of options.runtimes) {
    const apps = APPS.filter(
      ({ name, runtimes }) =>
        runtimes.includes(runtime) && (!options.apps || options.apps.includes(name) || name === bareOf(runtime)),
    )
    rows.push(...(await measureRuntime(runtime, apps, options)))
  }
  return rows
}

export async function measureRuntime(runtime, apps, { rounds, warmupSeconds }) {
  console.log(`\nhttp on ${runtime} ${versionOf(runtime)}, ${LOAD_TOOL}, ${rounds} rounds`)
  const logs = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const running = []
  try {
    for (const app of apps) {
      try {
        running.push({ ...app, runtime, server: await startApp(app.name, runtime, logs), slices: [] })
      } catch (error) {
        failed(app.name, [`it does not start: ${error.message}`])
      }
    }
    for (const app of running) failed(app.name, await smoke(app.server, app.level))
    for (const app of running) for (const method of METHODS) await slice(app, method, warmupSeconds)
    for (let round = 0; round < rounds; round++) {
      for (const app of shuffled(running)) {
        for (const method of METHODS) {
          app.slices.push({ round, method, ...(await quietest(() => slice(app, method, SLICE_SECONDS))) })
        }
      }
      if (process.stdout.isTTY) process.stdout.write(`round ${round + 1} of ${rounds}\r`)
    }
    const rows = summarise(running)
    print(runtime, rows)
    return rows
  } finally {
    for (const { server } of running) await server.stop()
    rmSync(logs, { recursive: true, force: true })
  }
}

function failed(app, failures) {
  if (failures.length === 0) return
  process.exitCode = 1
  for (const failure of failures) console.log(`FAILED  ${app}: ${failure}`)
}

async function slice({ server }, method, seconds) {
  const watched = watchCpu(server.pid)
  const done = await load(server.url + PATH, method, seconds)
  const { used, foreign } = watched()
  server.emptyLog()
  return {
    rps: done.requests / done.seconds,
    cpuMicros: used === undefined ? undefined : (used * 1e6) / done.requests,
    failed: done.failed,
    foreign,
  }
}

function summarise(running) {
  return running.flatMap((app) =>
    METHODS.map((method) => {
      const slices = app.slices.filter((one) => one.method === method)
      return {
        suite: 'http',
        runtime: app.runtime,
        app: app.name,
        method,
        rps: median(slices.map(({ rps }) => rps)),
        ratio: ratioTo(bareOf(app.runtime), slices, running),
        cpuMicros: median(slices.map(({ cpuMicros }) => cpuMicros)),
        ofHeaders: ratioTo(FLOOR, slices, running),
        ofHono: ratioTo(PEER, slices, running),
        disturbed: slices.filter(({ foreign }) => foreign > MAX_FOREIGN_LOAD).length,
        failed: slices.reduce((sum, one) => sum + one.failed, 0),
      }
    })
  )
}

/** The median over rounds of this app's rate by the other's of the same round: what disturbs both cancels out. */
function ratioTo(other, slices, running) {
  const theirs = running.find(({ name }) => name === other)?.slices
  return median(
    slices.map(({ round, method, rps }) => {
      const their = theirs?.find((one) => one.round === round && one.method === method)
      return their && rps / their.rps
    }),
  )
}

function print(runtime, rows) {
  const columns = (row) => [
    whole(row.rps),
    decimal(row.ratio, 2),
    decimal(row.ofHeaders, 2),
    decimal(row.ofHono, 1),
    decimal(row.cpuMicros, 1),
  ]
  const title = (method) => [`${method} req/s`, '/bare', '/headers', '/hono', 'cpu us']
  printTable(
    ['app', ...METHODS.flatMap(title)],
    rows
      .filter(({ method }) => method === METHODS[0])
      .map(({ app }) => {
        const row = (method) => rows.find((one) => one.app === app && one.method === method)
        return [app, ...METHODS.flatMap((method) => columns(row(method)))]
      }),
  )
  const disturbed = rows.reduce((sum, row) => sum + row.disturbed, 0)
  if (disturbed > 0) console.log(`${disturbed} slices were disturbed by other processes even when repeated`)
  for (const { app, method, failed } of rows) {
    if (failed > 0) console.log(`FAILED  ${app}: ${failed} ${method} requests were refused or broke`)
  }
  console.log(`/bare is the ratio to ${bareOf(runtime)}, /headers to ${FLOOR}, /hono to the hono stack`)
}
