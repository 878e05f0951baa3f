/**
 * Programs that tests need and npm does not have: the one on PATH; else Debian's, fetched once into `.tmp`, unpacked and not
 * installed, so without root. The sources are those of the machine's apt; its package lists too where it has some, else
 * lists of our own. What the machine has installed is not fetched.
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
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const tmp = join(import.meta.dirname, '../.tmp')
const STALE = 300_000

/** A program of Debian's. */
interface Program {
  /** As on PATH; a path in the packages if it is not in `usr/bin`. */
  readonly name: string
  readonly path?: string | undefined
  /** In which packages it is, and what it needs beside their dependencies. */
  readonly packages: readonly string[]
  /** Needs none of its packages' dependencies. (false) */
  readonly alone?: boolean | undefined
  /** The program has another name in the package, by which it knows what to be. */
  readonly linkOf?: string | undefined
  /** Fonts and their configuration are the packages', then the machine's. (false) */
  readonly fonts?: boolean | undefined
}

export const REDIS: Program = { name: 'redis-server', packages: ['redis-tools'], linkOf: 'redis-check-rdb' }
export const PROMTOOL: Program = { name: 'promtool', packages: ['prometheus'], alone: true }
export const CHROMIUM: Program = {
  name: 'chromium',
  path: 'usr/lib/chromium/chromium',
  packages: ['chromium', 'fonts-inter', 'fonts-liberation'],
  fonts: true,
}

/** The path of the program, ready to run here. */
export async function debianBinary(program: Program): Promise<string> {
  const { name } = program
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && existsSync(join(folder, name))) return join(folder, name)
  }
  const home = join(tmp, name)
  const lock = `${home}.lock`
  const ready = join(home, name)
  mkdirSync(tmp, { recursive: true })
  while (!existsSync(ready)) {
    if (!locked(lock)) {
      await sleep(100) // another process fetches it
      continue
    }
    try {
      if (!existsSync(ready)) await fetched(program, home)
    } finally {
      rmdirSync(lock)
    }
  }
  return ready
}

function locked(lock: string): boolean {
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

async function fetched(program: Program, home: string): Promise<void> {
  const { name, path = `usr/bin/${name}`, linkOf, fonts } = program
  const made = `${home}-${process.pid}-${Date.now()}`
  const debs = join(made, 'debs')
  mkdirSync(debs, { recursive: true })
  try {
    await download(program, debs, []).catch(() => download(program, debs, ownLists(made)))
    for (const deb of readdirSync(debs)) await run('dpkg', ['-x', join(debs, deb), made])
    if (linkOf !== undefined && !existsSync(join(made, path))) symlinkSync(linkOf, join(made, path))
    if (fonts === true) writeFileSync(join(made, 'fonts.conf'), fontsOf(home))
    writeFileSync(join(made, name), launcher(path, fonts === true))
    chmodSync(join(made, name), 0o755)
    await run(join(made, name), ['--version'])
    for (const extra of [debs, ...globSync(join(made, 'apt*'))]) rmSync(extra, { recursive: true, force: true })
    if (!existsSync(home)) renameSync(made, home)
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}

function launcher(path: string, fonts: boolean): string {
  return `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH=$(ls -d "$here"/usr/lib/*-linux-* "$here"/usr/lib/*-linux-*/*/ "$here"/lib/*-linux-* 2>/dev/null | tr '\\n' ':')
export LD_LIBRARY_PATH
${fonts ? 'export FONTCONFIG_FILE="$here/fonts.conf"\n' : ''}exec "$here/${path}" "$@"
`
}

/** A machine without a desktop may have neither fonts nor a configuration that names one. */
function fontsOf(home: string): string {
  const alias = (family: string, font: string): string =>
    `<alias binding="strong"><family>${family}</family><prefer><family>${font}</family></prefer></alias>`
  return `<?xml version="1.0"?>
<fontconfig>
<dir>${join(home, 'usr/share/fonts')}</dir><dir>/usr/share/fonts</dir><cachedir>${join(home, 'font-cache')}</cachedir>
${alias('system-ui', 'Inter')}${alias('sans-serif', 'Inter')}${alias('monospace', 'Liberation Mono')}
</fontconfig>
`
}

/** Fetches the packages, and all that they depend on and that is not installed. */
async function download({ packages, alone }: Program, into: string, options: readonly string[]): Promise<void> {
  const env = { ...process.env, LC_ALL: 'C' }
  if (options.length > 0) await run('apt-get', [...options, 'update'], { env })
  const wanted = alone === true ? packages : await missing(packages, options, env)
  await run('apt-get', [...options, 'download', ...wanted], { cwd: into, env })
}

async function missing(
  packages: readonly string[],
  options: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const { stdout } = await run('apt-get', [
    ...options,
    'install',
    '--simulate',
    '--no-install-recommends',
    ...packages,
  ], { env })
  const needed = [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!)
  // One that is installed, but not on PATH, is fetched all the same.
  return [...new Set([...packages, ...needed])]
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
