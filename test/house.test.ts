/** The house, DESIGN's rules of what may live and import where, enforced by reading the files. */
import { existsSync } from 'node:fs'
import { extname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  anyTypes,
  defaultExports,
  exportedNames,
  exportStars,
  idleAsync,
  labels,
  runtimeGlobals,
  wrapperFactories,
} from './house/rules.ts'
import { type Import, parse, read, root, type Source, source, sources, trackedFiles } from './house/source.ts'

const src = sources('src/**/*.ts')
const adapters = sources('adapters/**/*.ts')
const library = [...src, ...adapters]
const paths = new Set(library.map(({ path }) => path))

const openTelemetry = ['api', 'sdk-trace-base', 'otlp-transformer'].map((name) => `@opentelemetry/${name}`)
/** Packages that src may import at run time: none, but for sub-paths that say so. A type-only import costs nothing. */
const srcPackages: Record<string, string[]> = { schemas: ['valibot'], html: ['sanitize-html'], otel: openTelemetry }
const adapterPackages: Record<string, string[]> = { node: ['@hono/node-server'], hono: ['hono'] }

/** Not wrappers themselves but what wrappers are made with and put together by. */
const machinery = ['compose', 'guard', 'unless', 'when']

describe('a line lives where it belongs', () => {
  test('there is a house', () => {
    expect(src.length).toBeGreaterThan(0)
    expect(adapters.length).toBeGreaterThan(0)
  })

  test('relative imports name an existing file, with its .ts', () => {
    expect(everyImport(library, ({ target }) => target !== undefined && !paths.has(target))).toEqual([])
  })

  test('imports point inwards: core, then stores, then features, then policy; adapters stand outside', () => {
    expect(everyImport(library, (found, file) => found.target !== undefined && !mayImport(file.path, found))).toEqual(
      [],
    )
  })

  test('no file needs itself, however far round; types may refer to one another', () => {
    expect(cycles(library)).toEqual([])
  })

  test('src needs no runtime and no package', () => {
    expect(everyImport(src, ({ specifier }) => specifier.startsWith('node:'))).toEqual([])
    expect(everyImport(src, (found, file) => {
      const allowed = srcPackages[file.path.split('/')[2]?.replace(/\.ts$/, '') ?? ''] ?? []
      return isPackage(found) && !found.typeOnly && !allowed.includes(name(found))
    })).toEqual([])
    expect(src.flatMap(runtimeGlobals)).toEqual([])
  })

  test('an adapter needs its own runtime only', () => {
    expect(everyImport(adapters, (found, file) => {
      if (!isPackage(found) || found.typeOnly) return false
      const runtime = adapterOf(file.path)
      if (found.specifier.startsWith('node:')) return runtime !== 'node'
      return !(adapterPackages[runtime] ?? []).includes(name(found))
    })).toEqual([])
  })
})

describe('the code keeps the habits', () => {
  test('names only: no default export, no export *', () => {
    expect(library.flatMap(defaultExports)).toEqual([])
    expect(library.flatMap(exportStars)).toEqual([])
  })

  test('only entries re-export: src/index.ts, and a sub-path what lies in its folder', () => {
    const entries = Object.values((JSON.parse(read('deno.json')) as Manifest).exports)
    expect(everyImport(src, ({ reExport, target = '' }, { path }) => {
      if (!reExport || path === 'src/index.ts') return false
      return !entries.includes(`./${path}`) || !target.startsWith(path.replace(/\.ts$/, '/'))
    })).toEqual([])
  })

  test('no any, in what is written and in what is emitted', () => {
    expect(library.flatMap(anyTypes)).toEqual([])
    expect(sources('dist/**/*.d.ts').flatMap(anyTypes)).toEqual([])
  })

  test('no async without await', () => {
    expect(src.flatMap(idleAsync)).toEqual([])
  })

  test('no file is longer than 300 lines, but for the overloads of compose', () => {
    const lines = library.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    expect(lines.filter(({ path, lines }) => lines > 300 && path !== 'src/core/compose.ts')).toEqual([])
  })

  test(`every public wrapper says what it ${labels.join(', ').toLowerCase()}`, () => {
    const ours = exportedNames(source('src/index.ts')).filter((name) => !machinery.includes(name))
    const found = src.flatMap(wrapperFactories).filter(({ name }) => ours.includes(name))
    expect(found.length).toBeGreaterThan(10)
    expect(found.filter(({ missing }) => missing.length > 0)).toEqual([])
  })
})

describe('what users get is what we say', () => {
  const manifest = JSON.parse(read('package.json')) as Manifest
  const jsr = JSON.parse(read('deno.json')) as Manifest

  test('npm and JSR offer the same entries, and each exists', () => {
    const { './package.json': own, ...entries } = manifest.exports
    expect(own).toBe('./package.json')
    expect(Object.fromEntries(Object.entries(entries).map(([key, file]) => [key, asSource(file)]))).toEqual(jsr.exports)
    const files = [...Object.values(jsr.exports), ...(existsSync(join(root, 'dist')) ? Object.values(entries) : [])]
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })

  test('every file right under adapters is an entry; what they share lies deeper', () => {
    const entries = Object.values(jsr.exports)
    const outside = adapters.filter(({ path }) => path.split('/').length === 2 && !entries.includes(`./${path}`))
    expect(outside.map(({ path }) => path)).toEqual([])
  })

  test('npm and JSR publish the same version under the same licence, with no dependency', () => {
    expect([jsr.version, jsr.license]).toEqual([manifest.version, manifest.license])
    expect(manifest.dependencies).toBeUndefined()
  })

  test('no file tells where it was made', () => {
    const hints = /(?<![\w./-])\/(?:work|root|tmp\/n24)(?![\w-])|registry\.(?:npmjs|yarnpkg)\.\w+|"resolved": "http/
    const binary = ['.png', '.gz', '.ico', '.woff2', '.pdf']
    const files = trackedFiles().filter((path) => !binary.includes(extname(path)) && path !== 'test/house.test.ts')
    expect(files.flatMap((path) => {
      const line = read(path).split('\n').findIndex((text) => hints.test(text))
      return line < 0 ? [] : [`${path}:${line + 1}`]
    })).toEqual([])
  })
})

test('the rules see what they forbid', () => {
  const bad = parse(
    'src/bad.ts',
    `export * from './x.ts'
import 'node:fs'
export default 1
const x: any = process.env, y = globalThis['Deno'], fine = { process: 1 }.process
async function idle(): Promise<void> { const inner = async () => { await x }; void inner }
async function busy(): Promise<void> { for await (const z of y) void z }
/**
 * Needs: nothing.
 */
export function wrap(): Wrapper<{}, {}> { return wrap() }`,
  )
  expect(exportStars(bad)).toEqual(['src/bad.ts:1'])
  expect(bad.imports.map(({ specifier }) => specifier)).toEqual(['./x.ts', 'node:fs'])
  expect(defaultExports(bad)).toEqual(['src/bad.ts:3'])
  expect(anyTypes(bad)).toEqual(['src/bad.ts:4'])
  expect(runtimeGlobals(bad)).toEqual(['src/bad.ts:4 process', 'src/bad.ts:4 Deno'])
  expect(idleAsync(bad)).toEqual(['src/bad.ts:5'])
  expect(wrapperFactories(bad)).toEqual([{ name: 'wrap', where: 'src/bad.ts:10', missing: labels.slice(1) }])
})

interface Manifest {
  readonly version: string
  readonly license: string
  readonly exports: Record<string, string>
  readonly dependencies?: Record<string, string>
}

function everyImport(files: Source[], wrong: (found: Import, file: Source) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports.filter((found) => wrong(found, file)).map(({ specifier }) => `${file.path} -> ${specifier}`)
  )
}

/** Whether a file of ours may import this other file of ours. */
function mayImport(path: string, { target = '', typeOnly }: Import): boolean {
  const [from, to] = [folderOf(path), folderOf(target)]
  if (to === 'index') return false
  if (to === 'adapters') return from === 'adapters' && target.split('/').length > 2 // never another's entry
  if (from === 'adapters') return to === 'core' || typeOnly
  if (to === 'stores') return from !== 'core' // a feature's embedded default
  return from === 'index' || from === to || to === 'core' || from === 'policy'
}

/** `core` of `src/core/handler.ts`, `index` of `src/index.ts`, `adapters` of all adapters. */
function folderOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  if (top === 'adapters') return top
  return second.replace(/\.ts$/, '')
}

/** `node` of `adapters/node.ts` and of `adapters/node/file-sink.ts`. */
function adapterOf(path: string): string {
  return path.split('/')[1]?.replace(/\.ts$/, '') ?? ''
}

function isPackage({ target }: Import): boolean {
  return target === undefined
}

/** `@hono/node-server` of `@hono/node-server/utils/response`. */
function name({ specifier }: Import): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function asSource(built: string): string {
  return built.replace(/^\.\/dist\//, './').replace(/\.js$/, '.ts')
}

function cycles(files: Source[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    if (done.has(path) || trail.includes(path)) return
    for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) {
      if (target !== undefined && !typeOnly) visit(target, [...trail, path])
    }
    done.add(path)
  }
  for (const { path } of files) visit(path, [])
  return found
}
