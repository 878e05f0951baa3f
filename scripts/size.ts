/**
 * What each export costs in a browser or Worker bundle: `npm run size -- [--json FILE] [--why NAME]`.
 *
 * Bundles each alone with esbuild, minified, and gzips it as `gzip -9` does. Fails if a budget is exceeded.
 * `--why 'policy(api)'` tells which files the bytes come from.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

interface Size {
  readonly name: string
  readonly minified: number
  readonly gzip: number
  readonly budget?: number
}

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({ options: { json: { type: 'string' }, why: { type: 'string' } } })

const kits: { name: string; code: string; budget?: number }[] = [
  {
    name: 'compose(requestId())',
    code: `import { compose, requestId } from './src/index.ts'; export default compose(requestId())`,
    budget: 1536,
  },
  {
    name: 'the api preset',
    code: `export { api as default } from './src/index.ts'`,
    budget: 11_264,
  },
  {
    name: 'policy(api)', // with the front door; the budget holds what was reached
    code: `import { api, policy } from './src/index.ts'; export default policy(api)`,
    budget: 13_312,
  },
  {
    name: 'policy(website)',
    code: `import { policy, website } from './src/index.ts'; export default policy(website)`,
  },
]

interface Bundle {
  readonly text: string
  readonly exports: readonly string[]
  /** Minified bytes by file. */
  readonly files: readonly (readonly [file: string, bytes: number])[]
}

async function bundle(code: string): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
  })
  const { exports = [], inputs = {} } = Object.values(metafile.outputs)[0] ?? {}
  const files = Object.entries(inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput] as const)
  return { text: outputFiles[0]?.text ?? '', exports, files: files.filter(([, bytes]) => bytes > 0) }
}

async function measure(name: string, code: string, budget?: number): Promise<Size> {
  const { text } = await bundle(code)
  const size = { name, minified: Buffer.byteLength(text), gzip: gzipSync(text, { level: 9 }).length }
  return budget === undefined ? size : { ...size, budget }
}

function line(size: Size): string {
  const over = size.budget === undefined ? '' : `  ${size.gzip > size.budget ? 'OVER' : 'of'} ${size.budget}`
  return `${size.name.padEnd(28)}${String(size.minified).padStart(10)}${String(size.gzip).padStart(10)}${over}`
}

const { exports } = await bundle(`export * from './src/index.ts'`)
const alone = (name: string): string => `export { ${name} } from './src/index.ts'`
const sizes = await Promise.all([
  ...kits.map((kit) => measure(kit.name, kit.code, kit.budget)),
  measure('everything', `export * from './src/index.ts'`),
  ...exports.toSorted().map((name) => measure(name, alone(name))),
])

console.log(`${'bytes'.padEnd(28)}${'minified'.padStart(10)}${'gzip -9'.padStart(10)}`)
for (const size of sizes) console.log(line(size))
if (values.why !== undefined) {
  const { files } = await bundle(kits.find(({ name }) => name === values.why)?.code ?? alone(values.why))
  console.log(`\n${values.why}, minified, by file`)
  for (const [file, bytes] of files.toSorted(([, a], [, b]) => b - a)) console.log(file.padEnd(48), bytes)
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(sizes, null, 2)}\n`)
if (sizes.some(({ gzip, budget }) => budget !== undefined && gzip > budget)) process.exitCode = 1
