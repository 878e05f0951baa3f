// Runs a suite's script in a process of its own, on a core of its own.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BENCH } from './paths.mjs'
import { commandOf, pinned } from './runtimes.mjs'

/** What the script printed last, as JSON; `undefined` if it failed, and then the run says so. */
export async function measured(core, script, args, { flags, runtime } = {}) {
  const child = started(core, script, args, { flags, runtime })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const code = await child.ended
  const last = output.trim().split('\n').at(-1)
  if (code === 0 && last !== '') return JSON.parse(last)
  process.exitCode = 1
  console.log(`FAILED  ${script} ${args.join(' ').slice(0, 200)}: ${child.complaint()}`)
}

/** Starts a script of `suites`. Its stdin is a pipe that we hold: should the bench die, it reads the end of it. */
export function started(core, script, args, { flags = [], runtime = 'node' } = {}) {
  const [command, ...before] = commandOf(runtime)
  const file = join(BENCH, 'suites', script)
  const [program, ...rest] = pinned(core, [command, ...before, ...flags, file, ...args.map(String)])
  const child = spawn(program, rest, { cwd: BENCH, stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += chunk))
  const complaint = () => {
    const lines = errors.trim().split('\n')
    return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.find((line) => line.includes('rror')) ?? 'it exited'
  }
  return Object.assign(child, { complaint, ended: new Promise((resolve) => child.once('close', resolve)) })
}
