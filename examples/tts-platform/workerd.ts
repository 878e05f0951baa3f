/** A Worker on this machine: bundled by esbuild, run by workerd itself, which on SIGTERM finishes what is in flight. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { build } from 'esbuild'

// workerd comes with miniflare.
const workerd =
  (createRequire(createRequire(import.meta.url).resolve('miniflare'))('workerd') as { default: string }).default

const configOf = (address: string, bindings: Bindings, files: string): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-07-30",
    bindings = [${
  Object.entries(bindings).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)}), `).join('')
}(name = "FILES", service = "files")],
  )), (name = "internet", network = (allow = ["public", "private"])),
    (name = "files", disk = (path = ${JSON.stringify(files)}, writable = true))],
  sockets = [(name = "http", address = "${address}", http = (), service = "main")],
);
`

/** Text that a Worker gets in its `env`, where `FILES` is a folder as well: see `disk-sink.ts`. */
export type Bindings = Readonly<Record<string, string>>

/** A Worker that listens. */
export interface Workerd {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly close: () => Promise<void>
}

/** Starts a Worker; resolves when it listens. Its files are in `files`, or in a folder that goes when it ends. */
export async function serveWorkerd(
  entry: string,
  { port, hostname }: { readonly port: number; readonly hostname: string },
  bindings: Bindings = {},
  files?: string,
): Promise<Workerd> {
  const folder = await mkdtemp(join(tmpdir(), 'workerd-'))
  const disk = files ?? join(folder, 'files')
  await mkdir(disk, { recursive: true })
  await build({
    entryPoints: [entry],
    outfile: join(folder, 'worker.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
  })
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  await writeFile(join(folder, 'config.capnp'), configOf(`${host}:${port}`, bindings, disk))
  const child = spawn(workerd, ['serve', join(folder, 'config.capnp'), '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    // Out of the terminal's reach: it is for us to say when.
    detached: true,
  })
  const ended = once(child, 'exit').finally(() => rm(folder, { recursive: true, force: true }))
  process.on('exit', () => child.kill('SIGKILL'))
  const bound = await Promise.race([
    listening(child.stdio[3] as Readable),
    ended.then(([code]) => Promise.reject(new Error(`workerd ended with code ${code}`))),
  ])
  return {
    url: `http://${host}:${bound}`,
    port: bound,
    pid: child.pid!,
    close: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function listening(control: Readable): Promise<number> {
  for await (const chunk of control) {
    const port = /"event":"listen".*"port":(\d+)/.exec(String(chunk))?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error('workerd did not start')
}
