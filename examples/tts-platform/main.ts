/** `npm start -- --runtime node|bun|deno|workerd|hono --port N`: the same service on any runtime. */
import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CommandLine, commandLine, misused } from './command-line.ts'
import type { StoreChoice } from './store.ts'

const line = commandLine()
const args = process.argv.slice(2)
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

switch (line.runtime) {
  case 'node':
    await import('./serve.node.ts')
    break
  case 'hono':
    await import('./serve.hono.ts')
    break
  case 'bun':
    run(binary('@oven/bun-*/bin/bun', 'bun'), ['run', file('serve.bun.ts')])
    break
  case 'deno': {
    const folders = [line.logs, line.uploads].join()
    const hosts = [line.hostname, ...storeHosts(line), ...calledHosts(line)].join()
    const allowed = [
      `--allow-net=${hosts}`,
      '--allow-env',
      '--allow-sys',
      `--allow-read=${folders}`,
      `--allow-write=${folders}`,
    ]
    run(binary('@deno/*/deno', 'deno'), ['run', '--no-lock', '--cached-only', ...allowed, file('serve.deno.ts')])
    break
  }
  case 'workerd':
    run(process.execPath, [file('serve.workerd.ts')])
    break
  default:
    misused(`--runtime ${line.runtime} is none of node, bun, deno, workerd and hono`)
}

/** What the store is reached at. */
function storeHosts({ store, redisUrl, restUrl }: StoreChoice): string[] {
  return store === 'memory' ? [] : [new URL(store === 'redis' ? redisUrl : restUrl).host]
}

/** Who is told of what is seen. */
function calledHosts({ otlp, webhook }: CommandLine): string[] {
  return [otlp, webhook?.url].flatMap((url) => url === undefined ? [] : [new URL(url).host])
}

/** The binary that npm installed for this machine, or the one on PATH. */
function binary(pattern: string, name: string): string {
  const [found] = globSync(file(`../../node_modules/${pattern}`)).filter(existsSync)
  return found ?? name
}

/** Runs the service in a process of its own, which ends with this one: its standard input is a pipe that closes. */
function run(command: string, entry: readonly string[]): void {
  const child = spawn(command, [...entry, ...args, '--attached'], {
    stdio: ['pipe', 'inherit', 'inherit'],
    // Out of the terminal's reach: Ctrl+C would come twice, and the second means "at once".
    detached: true,
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal))
  if (line.attached) process.stdin.resume().on('end', () => child.stdin.end())
  child.on('error', ({ message }) => misused(`${line.runtime}: ${message}`))
  child.on('exit', (code) => process.exit(code ?? 1))
}
