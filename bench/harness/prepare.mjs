// Puts in place what the bench needs: its own dependencies, and the build of sallyport that users would run.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BENCH, TOP } from './paths.mjs'

export function prepare() {
  if (!existsSync(join(BENCH, 'node_modules'))) npm(['ci', '--no-audit', '--no-fund'], BENCH)
  if (!existsSync(BUILT)) npm(['run', 'build'], TOP)
  if (newest(['src', 'adapters']) > statSync(BUILT).mtimeMs) {
    console.log('WARNING  dist is older than the sources: this measures the old build (npm run build makes a new one)')
  }
}

const BUILT = join(TOP, 'dist', 'src', 'index.js')

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
