/** Real processes of every runtime, started and stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'

export const root: string = join(import.meta.dirname, '../..')

/** The binary that npm installed for this machine, or the one on PATH. */
export function binary(pattern: string, name: string): string {
  return globSync(join(root, 'node_modules', pattern)).find((path) => existsSync(path)) ?? name
}

/** A process, and what it has printed so far. */
export interface Running {
  readonly child: ChildProcess
  /** What matched, when the line it waited for came. */
  readonly ready: RegExpExecArray
  readonly output: () => string
  /** Resolves to its exit code once it ends; a signal's name where one ended it. */
  readonly exit: Promise<number | string>
}

/** Starts a process and waits for a line. It ends with us: its standard input is a pipe, and it watches that. */
export function start(name: string, command: string, args: readonly string[], line: RegExp): Promise<Running> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    const late = setTimeout(() => fail('not up after a minute'), 60_000)
    const fail = (why: string): void => {
      clearTimeout(late)
      child.kill('SIGKILL')
      reject(new Error(`${name}: ${why}\n${output}`))
    }
    const exit = new Promise<number | string>((ended) => {
      child.on('exit', (code, signal) => {
        ended(code ?? String(signal))
        fail(`exit ${code ?? signal}`)
      })
    })
    const read = (chunk: Buffer): void => {
      output += String(chunk)
      const ready = line.exec(output)
      if (ready === null) return
      clearTimeout(late)
      resolve({ child, ready, output: () => output, exit })
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.stdin.on('error', () => {})
    child.on('error', ({ message }) => fail(message))
  })
}

/** Ends a process: asks, and after three seconds insists. */
export async function stop({ child, exit }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  child.stdin?.end()
  const late = setTimeout(() => child.kill('SIGKILL'), 3_000)
  await exit
  clearTimeout(late)
}
