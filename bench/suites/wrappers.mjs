// What one wrapper adds to a request that it lets pass, in nanoseconds, without sockets.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { BENCH } from '../harness/paths.mjs'
import { commandOf, pinned, SERVER_CORE, versionOf } from '../harness/runtimes.mjs'
import { printTable, whole } from '../harness/table.mjs'

const SCRIPT = join(BENCH, 'suites', 'wrappers', 'measure.mjs')

export async function run({ runtimes, rounds, apps }) {
  if (apps !== undefined) return [] // the choice of apps is for the suites that have apps
  const rows = runtimes.flatMap((runtime) => measureOn(runtime, rounds))
  if (rows.length === 0) return rows
  const names = [...new Set(rows.map(({ app }) => app))]
  const nanosOf = (app, runtime) => rows.find((row) => row.app === app && row.runtime === runtime)?.nanos
  console.log('\nwrappers: what each adds to a GET that it lets pass, in ns')
  printTable(
    ['wrapper', ...runtimes.map((runtime) => `${runtime} ${versionOf(runtime)}`)],
    names.map((name) => [name, ...runtimes.map((runtime) => whole(nanosOf(name, runtime)))]),
  )
  return rows
}

function measureOn(runtime, rounds) {
  const [program, ...args] = pinned(SERVER_CORE, [...commandOf(runtime), SCRIPT, String(rounds)])
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: BENCH, encoding: 'utf8' })
  if (status !== 0) {
    failed(runtime, stderr.trim().split('\n').find((line) => line.includes('rror')) ?? `exited with ${status}`)
    return []
  }
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line))
  for (const { name, error } of lines) if (error !== undefined) failed(runtime, `${name}: ${error}`)
  return lines
    .filter(({ error }) => error === undefined)
    .map(({ name, nanos }) => ({ suite: 'wrappers', runtime, app: name, method: 'GET', nanos }))
}

function failed(runtime, why) {
  process.exitCode = 1
  console.log(`FAILED  wrappers on ${runtime}: ${why}`)
}
