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
  'shed',
  'sanitize',
  'health',
  'accessLog',
  'createLogger',
  'requestLogger',
  'prettyLines',
  'streams',
  'queued',
  'httpLines',
  'alertLog',
  'alertWebhook',
  'watchAlerts',
  'clientIp',
  'securityHeaders',
]

// `errors` logs what was thrown, and what was thrown may say anything: redaction by name and by shape comes along. Without it
// the kernel is 4.5 kB; the 6 kB that were aimed at are missed for its sake.
test('PITFALLS 39: the kernel, with redaction, is at most 7 kB, gzipped', async () => {
  const kernel =
    `export { compose, createContext, errors, extend, guard, onEnd, Problem, refuse, unless, when } from './src/index.ts'`
  expect((await bundled(kernel)).gzip).toBeLessThanOrEqual(7_168)
})

/** What an export adds to a bundle that has the others already. */
async function added(name: string, others: string): Promise<number> {
  const base = `export { ${others} } from './src/index.ts'`
  const [without, along] = await Promise.all([
    bundled(base),
    bundled(`${base}\nexport { ${name} } from './src/index.ts'`),
  ])
  return along.gzip - without.gzip
}

test.each(guards)('PITFALLS 39: %s adds at most 3 kB to a policy', async (name) => {
  expect(await added(name, 'policy')).toBeLessThanOrEqual(3_072)
})

// Guards that count bring a store in memory, three ways to count and the outage policy. The first of them brings that along,
// for all; by itself it is more than 3 kB, and the budget holds what was reached.
test('rateLimit, with its store and the outage policy, adds at most 5.75 kB to a policy', async () => {
  expect(await added('rateLimit', 'policy')).toBeLessThanOrEqual(5_888)
})

// All five parts, JSON with its guards, inflating, what may be said of issues, and promises about responses: one wrapper.
test('validate adds at most 5.75 kB to a policy', async () => {
  expect(await added('validate', 'policy')).toBeLessThanOrEqual(5_888)
})

// Both bring what is theirs alone: a registry with its budgets and sketches, a chain with its seals.
test.each(['httpMetrics', 'auditTrail', 'auditLog'])('%s adds at most 5.75 kB to a policy', async (name) => {
  expect(await added(name, 'policy')).toBeLessThanOrEqual(5_888)
})

test.each(['bodyLog', 'createAlerts'])('%s adds at most 4 kB to a policy', async (name) => {
  expect(await added(name, 'policy')).toBeLessThanOrEqual(4_096)
})

// With OpenTelemetry's SDK and its serializer; the page with its style and its script.
test.each([
  ['otel', 26_624],
  ['ops', 15_360],
])('sallyport/%s is at most %d bytes, gzipped', async (entry, most) => {
  expect((await bundled(`export * from './src/telemetry/${entry}.ts'`)).gzip).toBeLessThanOrEqual(most)
})

test.each(['formBody', 'multipartBody', 'openapi'])(
  '%s adds at most 5.75 kB to a policy that validates',
  async (name) => {
    expect(await added(name, 'policy, validate')).toBeLessThanOrEqual(5_888)
  },
)

test.each(['reserve', 'concurrency', 'slowDown', 'bans', 'idempotency', 'tiered', 'local'])(
  'PITFALLS 39: %s adds at most 3 kB to a policy with a rate limit',
  async (name) => {
    expect(await added(name, 'policy, rateLimit')).toBeLessThanOrEqual(3_072)
  },
)

test.each([
  ...['redis', 'upstash', 'durable-object', 'rate-limit-binding', 'deno-kv'].map((store) => `src/stores/${store}`),
  ...['uploads', 'schemas', 'html'].map((entry) => `src/input/${entry}`),
  ...['otel', 'ops'].map((entry) => `src/telemetry/${entry}`),
  ...['src/index', 'adapters/bun', 'adapters/deno', 'adapters/cloudflare', 'adapters/hono', 'adapters/fetch'],
])(
  'PITFALLS 39: %s imports nothing of Node',
  async (entry) => {
    expect((await bundled(`export * from './${entry}.ts'`)).text).not.toMatch(/["']node:/)
  },
)
