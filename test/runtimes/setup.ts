/** Starts the fixture on every runtime, side by side, before the suite; stops them after it. */
import type { TestProject } from 'vitest/node'
import { binary, type Running, start, stop } from './processes.ts'

/** One server that the suite calls. */
export interface Target {
  readonly name: 'node' | 'bun' | 'deno' | 'workerd' | 'hono'
  readonly url: string
  readonly port: number
  readonly pid: number
}

declare module 'vitest' {
  interface ProvidedContext {
    targets: Target[]
  }
}

const running: Running[] = []

async function target(name: Target['name'], command: string, args: readonly string[]): Promise<Target> {
  const process = await start(name, command, [...args, `test/runtimes/drivers/${name}.ts`], /LISTENING (\d+) (\d+)/)
  running.push(process)
  const port = Number(process.ready[1])
  return { name, url: `http://127.0.0.1:${port}`, port, pid: Number(process.ready[2]) }
}

export async function setup(project: TestProject): Promise<void> {
  const deno = [
    'run',
    '--no-lock',
    '--cached-only',
    '--allow-net=127.0.0.1',
    '--allow-read=.tmp',
    '--allow-write=.tmp',
    '--allow-env', // OpenTelemetry's SDK reads its variables
  ]
  const started = await Promise.allSettled([
    // With little room for new objects, garbage goes soon, and what memory grows by is what is held.
    target('node', process.execPath, ['--max-semi-space-size=1']),
    target('bun', binary('@oven/bun-*/bin/bun', 'bun'), ['run']),
    target('deno', binary('@deno/*/deno', 'deno'), deno),
    target('workerd', process.execPath, []),
    target('hono', process.execPath, ['--max-semi-space-size=1']),
  ])
  const failed = started.find((one) => one.status === 'rejected')
  if (failed !== undefined) {
    await teardown()
    throw failed.reason
  }
  project.provide('targets', started.flatMap((one) => one.status === 'fulfilled' ? [one.value] : []))
}

export async function teardown(): Promise<void> {
  await Promise.all(running.map(stop))
}
