/** What `npm publish` would send, installed in an empty project: it runs everywhere, type-checks and bundles. */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Record<string, string> }
const entries = Object.keys(manifest.exports).filter((key) => key !== './package.json')
  .map((key) => `sallyport${key.slice(1)}`)
const servers = ['sallyport/node', 'sallyport/file', 'sallyport/probes']
const edgeEntries = entries.filter((entry) => !servers.includes(entry))

let project = ''
let installed = ''

// Inside the repository, so that the peers resolve from its node_modules: no network.
beforeAll(() => {
  mkdirSync(join(root, '.tmp'), { recursive: true })
  project = mkdtempSync(join(root, '.tmp/pack-'))
  installed = join(project, 'node_modules/sallyport')
  mkdirSync(installed, { recursive: true })
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', project]
  const tarball = run('npm', pack, root).split('\n').at(-1) ?? ''
  run('tar', ['xzf', join(project, tarball), '-C', installed, '--strip-components=1'], root)
  write('package.json', '{ "type": "module" }')
})
afterAll(() => rmSync(project, { recursive: true, force: true }))

describe('the package', () => {
  test('holds the library, its sources and its terms, and nothing else', () => {
    const top = globSync('*', { cwd: installed }).toSorted()
    expect(top).toEqual(['LICENSE', 'README.md', 'adapters', 'cli', 'dist', 'package.json', 'src'])
    const kinds = globSync('{dist,src,adapters,cli}/**/*.*', { cwd: installed }).map((path) =>
      /\.[a-z.]+$/.exec(path)?.[0]
    )
    expect(new Set(kinds)).toEqual(new Set(['.ts', '.js', '.js.map', '.d.ts', '.d.ts.map']))
  })

  test('has source maps that lead to sources', () => {
    const maps = globSync('dist/**/*.map', { cwd: installed })
    expect(maps.length).toBeGreaterThan(0)
    const lost = maps.filter((map) => {
      const { sources } = JSON.parse(readFileSync(join(installed, map), 'utf8')) as { sources: string[] }
      return sources.some((source) => !existsSync(join(installed, dirname(map), source)))
    })
    expect(lost).toEqual([])
  })
})

describe('in an empty project every entry is imported and a request is served over HTTP', () => {
  // What sanitize-html is made of looks for colours when it is loaded.
  const env = '--allow-env=CI,FORCE_COLOR,NO_COLOR,TERM'
  const deno = ['run', '--no-lock', '--cached-only', '--node-modules-dir=manual', '--no-config', '--allow-net', env]
  const runtimes: [name: string, runtime: string, command: string, args: string[]][] = [
    ...nodes().map((path): [string, string, string, string[]] => [`Node ${version(path)}`, 'node', path, []]),
    ['Bun', 'bun', join(root, 'node_modules/.bin/bun'), []],
    ['Deno', 'deno', join(root, 'node_modules/.bin/deno'), deno],
  ]

  beforeAll(() => {
    for (const runtime of ['node', 'bun', 'deno']) write(`${runtime}.mjs`, server(runtime))
  })

  test.each(runtimes)('%s', (_name, runtime, command, args) => {
    const lines = run(command, [...args, join(project, `${runtime}.mjs`)], project).split('\n')
    expect(lines.at(-1)).toBe('200 nosniff through the door') // after the access log's line
  })

  test.runIf(process.platform === 'linux')('Node 22 and 24 were among them', () => {
    const majors = runtimes.map(([name]) => name.replace(/^Node v(\d+).*/, 'Node $1'))
    expect(majors).toEqual(expect.arrayContaining(['Node 22', 'Node 24']))
  })
})

describe('for Workers it bundles without a node: import', () => {
  test.each(edgeEntries)('%s', async (entry) => {
    const { outputFiles } = await build({
      stdin: { contents: `export * from '${entry}'`, resolveDir: project },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      conditions: ['workerd', 'worker', 'browser'],
      external: ['node:*'],
    })
    expect(outputFiles[0]?.text).toMatch(/export \{/)
    expect(outputFiles[0]?.text).not.toMatch(/(?:from|import|require\()\s*['"]node:/)
  })
})

describe('its types are checked by a strict consumer', () => {
  const compilers = ['typescript', 'typescript-5.6']

  beforeAll(() => {
    write('server.ts', consumer(entries))
    write('worker.ts', consumer(edgeEntries))
    write('tsconfig.server.json', tsconfig('server.ts', { module: 'nodenext', lib: ['es2023'], types: ['node'] }))
    const bundler = { module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'webworker'], types: [] }
    write('tsconfig.worker.json', tsconfig('worker.ts', bundler))
  })

  test.each(compilers)('on a server, nodenext, %s', (compiler) => {
    expect(typecheck(compiler, 'server')).toEqual([])
  })
  test.each(compilers)('in a Worker, bundler, %s', (compiler) => {
    expect(typecheck(compiler, 'worker')).toEqual([])
  })
})

function run(command: string, args: string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', timeout: 60_000 }).trim()
}

function write(name: string, text: string): void {
  writeFileSync(join(project, name), `${text}\n`)
}

/** This Node, the machine's own and Node 22: each once. */
function nodes(): string[] {
  const node22 = globSync('test/node22/node_modules/node-*/bin/node', { cwd: root }).map((path) => join(root, path))
  const found = [process.execPath, ...node22, '/usr/bin/node', '/usr/local/bin/node'].filter(existsSync)
  return [...new Map(found.map((path) => [version(path), path])).values()]
}

function version(node: string): string {
  return run(node, ['--version'], root)
}

function server(runtime: string): string {
  return `
${entries.map((entry) => `import '${entry}'`).join('\n')}
import { api, policy } from 'sallyport'
import { serve } from 'sallyport/${runtime}'

const app = policy(api)(() => new Response('through the door'))
const server = await serve(app, { port: 0 })
const response = await fetch(server.url)
console.log(response.status, response.headers.get('x-content-type-options'), await response.text())
await server.close()`
}

function consumer(from: string[]): string {
  return `
${from.map((entry, i) => `import * as entry${i} from '${entry}'`).join('\n')}
import { api, policy, type Context, type Handler, type Wrapper } from 'sallyport'

export const all: readonly object[] = [${from.map((_, i) => `entry${i}`)}]
export const shout: Wrapper<{ readonly shout: string }> = (next) => (request, context) =>
  next(request, Object.assign(context, { shout: request.url.toUpperCase() }))
export const app: Handler = policy({ ...api, own: shout })((_request, context) =>
  Response.json({ shout: context.shout, id: context.requestId, address: context.clientIp }))
export const peer = (context: Context): string | undefined => context.connection.address`
}

function tsconfig(file: string, options: Record<string, unknown>): string {
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, target: 'es2022' }
  return JSON.stringify({ compilerOptions: { ...strict, ...options }, files: [file] })
}

/** What the compiler complains of, but for hono's own declarations: they need the DOM's types and TypeScript 5.7. */
function typecheck(compiler: string, name: string): string[] {
  try {
    const tsc = join(root, 'node_modules', compiler, 'bin/tsc')
    run(process.execPath, [tsc, '--pretty', 'false', '-p', join(project, `tsconfig.${name}.json`)], project)
    return []
  } catch (error) {
    const { stdout } = error as { stdout: string }
    return stdout.trim().split('\n').filter((line) => !/^[./]*node_modules\/hono\//.test(line))
  }
}
