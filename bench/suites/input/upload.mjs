// A film of 100 MB, uploaded over HTTP: how fast it is, what it costs the server, and how far its memory grows.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { measured, started } from '../../harness/child.mjs'
import { MAX_FOREIGN_LOAD, watchCpu } from '../../harness/cpu.mjs'
import { LOAD_CORE, SERVER_CORE } from '../../harness/runtimes.mjs'
import { median, shuffled } from '../../harness/stats.mjs'
import { decimal, printTable, whole } from '../../harness/table.mjs'

const SIZE = 100e6
const WARMUPS = 8
const SLOW = 'hono' // one is enough to see how slow
// An upload is over before the machine's speed changes: several short slices say more than one.
const PASSES = 2
const APPS = ['sallyport', 'busboy', 'formidable', 'hono']
const [OURS, PEER] = APPS
const SINKS = ['dropped', 'to a file']

export async function run({ runtimes, rounds }) {
  if (!runtimes.includes('node')) return []
  console.log(`\ninput: uploads of 100 MB, ${rounds} rounds; the server on one core, the client on another`)
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  try {
    const rows = await served(rounds, folder)
    printServed(rows)
    const parsers = (await measured(SERVER_CORE, 'input/upload/parsers.mjs', [])) ?? []
    printParsers(parsers)
    return [...rows, ...parsers]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function served(rounds, folder) {
  const client = talking(LOAD_CORE, 'input/upload/client.mjs', [SIZE])
  const servers = []
  try {
    for (const sink of SINKS) {
      for (const app of sink === 'dropped' ? APPS : APPS.filter((one) => one !== SLOW)) {
        const args = sink === 'dropped' ? [app] : [app, folder]
        const server = talking(SERVER_CORE, 'input/upload/server.mjs', args, ['--expose-gc'])
        servers.push({ app, sink, server, port: await server.answer(), slices: [] })
      }
    }
    for (const one of servers) await warmUp(client, one)
    for (const one of servers) one.warm = await one.server.ask('level')
    for (let pass = 0; pass < rounds * PASSES; pass++) {
      for (const { app, server, port, slices } of shuffled(servers)) {
        if (app !== SLOW || pass === 0) slices.push(await upload(client, server, port, servers))
      }
    }
    for (const one of servers) {
      const { server, port } = one
      const { now, peak } = await server.ask('collect')
      await client.ask(port)
      Object.assign(one, { peak, collected: now, live: (await server.ask('level')).peak })
    }
  } finally {
    for (const { end } of [client, ...servers.map(({ server }) => server)]) end()
  }
  return servers.map((one) => rowOf(one, servers.find(({ app, sink }) => app === PEER && sink === one.sink)))
}

async function warmUp(client, { app, port }) {
  for (let i = 0; i < (app === SLOW ? 1 : WARMUPS); i++) await client.ask(port)
}

async function upload(client, server, port, servers) {
  const watched = watchCpu(server.pid, client.pid, ...servers.map((one) => one.server.pid))
  const { seconds, answer } = await client.ask(port)
  const { used, foreign } = watched()
  return answer === 'whole' ? { seconds, used, foreign } : { foreign, failed: answer }
}

function rowOf({ app, sink, slices, warm, peak, collected, live }, peer) {
  const failed = slices.find((slice) => slice.failed !== undefined)?.failed
  if (failed !== undefined) {
    process.exitCode = 1
    console.log(`FAILED  ${app}, ${sink}: ${failed}`)
  }
  const ratio = (figure) => median(slices.map((slice, pass) => peer.slices[pass][figure] / slice[figure]))
  return {
    app,
    sink,
    perSecond: median(slices.map(({ seconds }) => SIZE / seconds)),
    ratio: ratio('seconds'),
    cpuSeconds: median(slices.map(({ used }) => used)),
    cpuRatio: ratio('used'),
    idle: warm.now.resident,
    resident: peak.resident,
    growth: peak.resident - warm.peak.resident,
    live: live.heap - collected.heap,
    disturbed: slices.filter(({ foreign }) => foreign > MAX_FOREIGN_LOAD).length,
  }
}

const megabytes = (value) => decimal(value && value / 1e6, 1)

function printServed(rows) {
  printTable(
    ['app', 'file', 'MB/s', '/busboy', 'cpu ms', '/busboy', 'RSS idle, MB', 'busy', 'grows by', 'in use, MB'],
    rows.map((row) => [
      row.app,
      row.sink,
      whole(row.perSecond && row.perSecond / 1e6),
      decimal(row.ratio, 2),
      whole(row.cpuSeconds && row.cpuSeconds * 1e3),
      decimal(row.cpuRatio, 2),
      megabytes(row.idle),
      megabytes(row.resident),
      megabytes(row.growth),
      megabytes(row.live),
    ]),
  )
  const disturbed = rows.reduce((sum, row) => sum + row.disturbed, 0)
  if (disturbed > 0) console.log(`${disturbed} uploads were disturbed by other processes`)
}

function printParsers(rows) {
  console.log('\ninput: parsers of forms alone, without sockets, MB/s')
  const of = (app, film) => rows.find((row) => row.app === app && row.film === film)?.perSecond
  const films = [...new Set(rows.map(({ film }) => film))]
  printTable(
    ['parser', ...films.flatMap((film) => [film, '/busboy'])],
    [...new Set(rows.map(({ app }) => app))].map((app) => [
      app,
      ...films.flatMap((
        film,
      ) => [whole(of(app, film) && of(app, film) / 1e6), decimal(of(app, film) / of(PEER, film), 2)]),
    ]),
  )
}

export function targets(rows) {
  return SINKS.flatMap((sink) => {
    const { ratio, growth, live } = rows.find((row) => row.app === OURS && row.sink === sink) ?? {}
    return [
      { what: `upload of 100 MB, ${sink}: rate by busboy's`, value: ratio, least: 0.7 },
      { what: `upload of 100 MB, ${sink}: MB that RSS grows by once warm`, value: growth && growth / 1e6, most: 8 },
      { what: `upload of 100 MB, ${sink}: MB in use`, value: live && live / 1e6, most: 8 },
    ]
  })
}

/** A process that answers each line with one of JSON. */
function talking(core, script, args, flags) {
  const child = started(core, script, args, { flags })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { done, value } = await lines.next()
    if (done) throw new Error(`${script} ${args.join(' ')}: ${child.complaint()}`)
    return JSON.parse(value)
  }
  return {
    pid: child.pid,
    answer,
    ask(line) {
      child.stdin.write(`${line}\n`)
      return answer()
    },
    end: () => child.stdin.end(),
  }
}
