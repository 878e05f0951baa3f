// Puts in place what the bench needs: its own dependencies, and the build of sallyport that users would run.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BENCH, TOP } from './paths.mjs'

export function prepare(suites) {
  if (changedAt(INSTALLED) < changedAt(WANTED)) npm(['ci', '--no-audit', '--no-fund'], BENCH)
  if (!suites.some((suite) => OF_THE_BUILD.includes(suite))) return
  if (!existsSync(BUILT)) npm(['run', 'build'], TOP)
  if (newest(['src', 'adapters']) > changedAt(BUILT)) {
    console.log('WARNING  dist is older than the sources: this measures the old build (npm run build makes a new one)')
  }
}

const BUILT = join(TOP, 'dist', 'src', 'index.js')
const OF_THE_BUILD = ['http', 'wrappers', 'observe']
const WANTED = join(BENCH, 'package-lock.json')
const INSTALLED = join(BENCH, 'node_modules', '.package-lock.json')

function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newest(folders) {
  const files = folders.flatMap((folder) =>
    readdirSync(join(TOP, folder), { recursive: true }).map((file) => join(TOP, folder, file))
  )
  return Math.max(...files.map((file) => statSync(file).mtimeMs))
}

function npm(args, cwd) {
  console.log(`npm ${args.join(' ')}  (in ${cwd})`)
  const { status } = spawnSync('npm', args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${cwd}`)
}
