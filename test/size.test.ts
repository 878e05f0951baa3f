import { gzipSync } from 'node:zlib'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')

/** Gzipped bytes of a bundle, and what it imports from outside. */
async function bundled(code: string): Promise<{ gzip: number; text: string }> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['node:*'],
  })
  const text = outputFiles[0]!.text
  return { gzip: gzipSync(text, { level: 9 }).length, text }
}

const guards = [
  'hosts',
  'methods',
  'ipAccess',
  'httpsRedirect',
  'headerLimit',
  'bodyLimit',
  'contentType',
  'timeout',
  'csrf',
  'cors',
  'rateLimit',
  'validate',
  'health',
  'accessLog',
  'clientIp',
  'securityHeaders',
]

test('PITFALLS 39: the kernel is at most 6 kB, gzipped', async () => {
  const kernel =
    `export { compose, createContext, errors, extend, guard, onEnd, Problem, refuse, unless, when } from './src/index.ts'`
  expect((await bundled(kernel)).gzip).toBeLessThanOrEqual(6_144)
})

test.each(guards)('PITFALLS 39: %s adds at most 3 kB to a policy', async (name) => {
  const policy = `export { policy } from './src/index.ts'`
  const [without, along] = await Promise.all([
    bundled(policy),
    bundled(`${policy}\nexport { ${name} } from './src/index.ts'`),
  ])
  expect(along.gzip - without.gzip).toBeLessThanOrEqual(3_072)
})

test.each(['src/index', 'adapters/bun', 'adapters/deno', 'adapters/cloudflare', 'adapters/hono', 'adapters/fetch'])(
  'PITFALLS 39: %s imports nothing of Node',
  async (entry) => {
    expect((await bundled(`export * from './${entry}.ts'`)).text).not.toMatch(/["']node:/)
  },
)
