// Runs one of this suite's scripts in a process of its own, on a core of its own.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BENCH } from '../../harness/paths.mjs'
import { commandOf, pinned } from '../../harness/runtimes.mjs'

/** What the script printed last, as JSON; `undefined` if it failed, and then the run says so. */
export async function measured(core, script, args, flags = []) {
  const child = started(core, script, args, flags)
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const code = await child.ended
  if (code === 0) return JSON.parse(output.trim().split('\n').at(-1))
  process.exitCode = 1
  console.log(`FAILED  ${script} ${args.join(' ')}: ${child.complaint()}`)
}

/** Starts it. Its stdin is a pipe that we hold: should the bench die, it reads the end of it. */
export function started(core, script, args, flags = []) {
  const [node] = commandOf('node')
  const file = join(BENCH, 'suites', 'limits', script)
  const [program, ...rest] = pinned(core, [node, ...flags, file, ...args.map(String)])
  const child = spawn(program, rest, { cwd: BENCH, stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += chunk))
  const complaint = () => errors.trim().split('\n').find((line) => line.includes('rror')) ?? 'it exited'
  return Object.assign(child, { complaint, ended: new Promise((resolve) => child.once('close', resolve)) })
}
