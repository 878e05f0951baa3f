/**
 * Where a redis-server is: on PATH; else Debian's, fetched once into `.tmp/redis`, unpacked and not installed, so
 * without root. The sources are those of the machine's apt; its package lists too where it has some, else lists of our
 * own.
 */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const tmp = join(import.meta.dirname, '../../.tmp')
const home = join(tmp, 'redis')
const lock = join(tmp, 'redis.lock')
const STALE = 120_000

// The link has its name by which the program knows that it is a server and not a checker of files.
const LAUNCHER = `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH=$(ls -d "$here"/usr/lib/*-linux-* "$here"/lib/*-linux-* 2>/dev/null | tr '\\n' ':')
export LD_LIBRARY_PATH
exec "$here/usr/bin/redis-server" "$@"
`

/** The path of a redis-server that runs here. */
export async function redisBinary(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && existsSync(join(folder, 'redis-server'))) return join(folder, 'redis-server')
  }
  const ready = join(home, 'redis-server')
  mkdirSync(tmp, { recursive: true })
  while (!existsSync(ready)) {
    if (!locked()) {
      await sleep(100) // another process fetches it
      continue
    }
    try {
      if (!existsSync(ready)) await fetched()
    } finally {
      rmdirSync(lock)
    }
  }
  return ready
}

function locked(): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch {
    // Whoever has it may have been killed. Two who fetch at once do no harm: the folder appears by renaming.
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (since !== undefined && Date.now() - since > STALE) rmSync(lock, { recursive: true, force: true })
    return false
  }
}

async function fetched(): Promise<void> {
  const made = join(tmp, `redis-${process.pid}-${Date.now()}`)
  const debs = join(made, 'debs')
  mkdirSync(debs, { recursive: true })
  try {
    await download(debs, []).catch(() => download(debs, ownLists(made)))
    for (const name of readdirSync(debs)) await run('dpkg', ['-x', join(debs, name), made])
    const server = join(made, 'usr/bin/redis-server')
    if (!existsSync(server)) symlinkSync('redis-check-rdb', server)
    writeFileSync(join(made, 'redis-server'), LAUNCHER)
    chmodSync(join(made, 'redis-server'), 0o755)
    await run(join(made, 'redis-server'), ['--version'])
    for (const extra of [debs, ...globSync(join(made, 'apt*'))]) rmSync(extra, { recursive: true, force: true })
    if (!existsSync(home)) renameSync(made, home)
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}

/** Fetches the server and the libraries that it needs beside those that every system has. */
async function download(into: string, options: readonly string[]): Promise<void> {
  const env = { ...process.env, LC_ALL: 'C' }
  if (options.length > 0) await run('apt-get', [...options, 'update'], { env })
  const { stdout } = await run('apt-cache', [...options, 'depends', 'redis-tools'], { env })
  const libraries = [...stdout.matchAll(/^ *\|?Depends: ((?:lib|lua)[\w.+-]+)$/gm)].map(([, name]) => name!)
  const wanted = libraries.filter((name) => name !== 'libc6')
  await run('apt-get', [...options, 'download', 'redis-tools', ...wanted], { cwd: into, env })
}

/** Apt's sources and the machine's installed packages, but lists and caches of our own. */
function ownLists(under: string): string[] {
  for (const folder of ['apt-lists/partial', 'apt-cache/archives/partial']) {
    mkdirSync(join(under, folder), { recursive: true })
  }
  return [
    `Dir::State::lists=${join(under, 'apt-lists')}`,
    `Dir::Cache=${join(under, 'apt-cache')}`,
    'Debug::NoLocking=true',
    'APT::Sandbox::User=', // as root, apt would become a user who may not write here
  ].flatMap((option) => ['-o', option])
}
