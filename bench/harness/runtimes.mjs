// Where node, bun and deno are, and how each is told to run one of our files.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { TOP } from './paths.mjs'

const FLAGS = {
  node: [],
  bun: ['run'],
  deno: ['run', '--allow-all', '--no-config', '--no-lock', '--cached-only', '--node-modules-dir=manual'],
}

/** The command that runs a file on a runtime, as a list; `undefined` where the runtime is not installed. */
export function commandOf(runtime) {
  const program = programOf(runtime)
  return program && [program, ...FLAGS[runtime]]
}

/** For the report: the first number that `--version` prints. */
export function versionOf(runtime) {
  const { stdout } = spawnSync(programOf(runtime), ['--version'], { encoding: 'utf8' })
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0]
}

/** The pinned one of the repository if there is one, else whatever is on PATH. */
function programOf(runtime) {
  const pinned = join(TOP, 'node_modules', '.bin', runtime)
  if (existsSync(pinned)) return pinned
  if (runtime === 'node') return process.execPath
  return isOnPath(runtime) ? runtime : undefined
}

export function isOnPath(program) {
  return !spawnSync(program, ['--version'], { stdio: 'ignore' }).error
}

const CAN_PIN = availableParallelism() > 1 && isOnPath('taskset')

/** Puts a command on one CPU core, where the system can. */
export function pinned(core, command) {
  return CAN_PIN ? ['taskset', '-c', String(core), ...command] : command
}

/** Moves a process that runs, with all its threads. */
export function pin(core, pid) {
  if (CAN_PIN) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)])
}

export const SERVER_CORE = 0
export const LOAD_CORE = 1
