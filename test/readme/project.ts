/** A project of a reader's, with the files that the pages show, and servers started from it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import type { ShownFile } from './blocks.ts'

export const root: string = join(import.meta.dirname, '../..')
const bin = join(root, 'node_modules/.bin')

const sourceFiles = (JSON.parse(readFileSync(join(root, 'deno.json'), 'utf8')) as { exports: Record<string, string> })
  .exports

/** What the package offers: `.`, `./node` and the rest. */
export const entries: readonly string[] = Object.keys(manifest().exports).filter((key) => key !== './package.json')

export function manifest(): { exports: object; scripts: object; peerDependencies: object } {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as ReturnType<typeof manifest>
}

/** The source of an entry: deno.json has the same entries as package.json (test/house.test.ts sees to it), as sources. */
export function sourceOf(entry: string): string {
  return join(root, sourceFiles[entry]!)
}

/** A server that runs. */
export interface Running {
  readonly url: string
  readonly child: ChildProcess
}

export class Project {
  readonly #folder: string
  readonly #children: ChildProcess[] = []
  readonly #workers: Miniflare[] = []

  /**
   * Writes the files into a folder whose package is itself named sallyport, so that every runtime and compiler finds our
   * sources under that name. `serve` listens on a free port there, tells which, and has no time for grace.
   */
  constructor(files: readonly ShownFile[]) {
    mkdirSync(join(root, '.tmp'), { recursive: true })
    this.#folder = mkdtempSync(join(root, '.tmp/readme-'))
    const exported = Object.fromEntries(entries.map((entry) => [entry, `./sallyport/${nameOf(entry)}.ts`]))
    this.#write('package.json', JSON.stringify({ name: 'sallyport', type: 'module', exports: exported }))
    for (const entry of entries) this.#write(`sallyport/${nameOf(entry)}.ts`, facade(entry))
    for (const { name, text } of files) this.#write(name, text)
    this.#write('tsconfig.json', JSON.stringify({ compilerOptions: STRICT, files: files.map(({ name }) => name) }))
  }

  #write(name: string, text: string): void {
    const path = join(this.#folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  /** What the compiler says of the files; what it says of ours is another test's. */
  async compile(): Promise<string> {
    const said = await this.run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', this.#folder])
    return said.split(/\n(?=\S)/).filter((one) => !one.startsWith('../')).join('\n')
  }

  /** Runs a command in the project; its output if it fails, else ''. */
  run(command: string, args: readonly string[]): Promise<string> {
    return new Promise((resolve) => {
      execFile(
        command,
        args,
        { cwd: this.#folder },
        (error, out, err) => resolve(error ? `${out}${err}` || error.message : ''),
      )
    })
  }

  /** Starts a server; resolves when it says where it listens. */
  start(command: string, args: readonly string[]): Promise<Running> {
    const child = spawn(command === 'node' ? process.execPath : join(bin, command), args, { cwd: this.#folder })
    this.#children.push(child)
    let said = ''
    child.stderr.on('data', (chunk) => said += chunk)
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code) => reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${said}`)))
      createInterface(child.stdout).on('line', (line) => line.startsWith('http://') && resolve({ url: line, child }))
    })
  }

  /** Starts a Worker in workerd; resolves to where it listens. */
  async startWorker(name: string): Promise<string> {
    const script = await this.#bundle(`export { default } from './${name}'`)
    const worker = new Miniflare({ modules: true, script, compatibilityDate: '2026-07-30' })
    this.#workers.push(worker)
    return String(await worker.ready)
  }

  /** A file as a module of this process, with `toFetch` beside what it exports. */
  async load<Module>(name: string): Promise<Module & Pick<typeof import('../../adapters/fetch.ts'), 'toFetch'>> {
    const code = await this.#bundle(`export * from './${name}'; export { toFetch } from 'sallyport/fetch'`)
    const path = join(this.#folder, `${name}.bundle.mjs`)
    writeFileSync(path, code)
    return await import(path) as Module & Pick<typeof import('../../adapters/fetch.ts'), 'toFetch'>
  }

  async #bundle(contents: string): Promise<string> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: this.#folder, loader: 'ts' },
      bundle: true,
      write: false,
      format: 'esm',
      external: ['node:*', 'ioredis'], // a Redis client is for servers only
    })
    return outputFiles[0]!.text
  }

  async remove(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(this.#workers.map((worker) => worker.dispose()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function nameOf(entry: string): string {
  return entry === '.' ? 'index' : entry.slice(2)
}

function facade(entry: string): string {
  const source = JSON.stringify(sourceOf(entry))
  if (!['./node', './bun', './deno'].includes(entry)) return `export * from ${source}\n`
  return `import { serve as theirs } from ${source}
export * from ${source}
export const serve: typeof theirs = async (app, options) => {
  const server = await theirs(app, { ...options, port: 0, grace: '1ms' })
  console.log(server.url)
  return server
}
`
}

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  target: 'es2022',
  lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
  types: ['node'],
  module: 'nodenext',
}
