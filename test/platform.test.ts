/**
 * PITFALLS 18: importing and constructing does no I/O, sets no timer, and reads no clock and no randomness, so that a
 * pipeline may be built at a Worker's module scope. Everything that does not need Node is loaded there, with all of that
 * forbidden until the first request.
 */
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root, sources } from './house/source.ts'

const files = sources('src/**/*.ts', 'adapters/**/*.ts').map(({ path }) => path)
  .filter((path) => !/^adapters\/(?:node|file|probes)[./]/.test(path))

const worker = `
import { allow, seen } from './test/platform/forbid.ts'
${files.map((path, i) => `import * as file${i} from './${path}'`).join('\n')}
import { app } from './test/platform/app.ts'

const files = [${files.map((_, i) => `file${i}`)}]
export default {
  fetch(request, env, context) {
    allow()
    if (new URL(request.url).pathname === '/seen') return Response.json({ seen, loaded: files.map(Object.keys).length })
    return app.fetch(request, env, context)
  },
}`

async function bundle(code: string): Promise<{ text: string; inputs: string[] }> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
    ignoreAnnotations: true, // so that `sideEffects: false` hides nothing
  })
  return { text: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs) }
}

function start(text: string): Miniflare {
  return new Miniflare({
    modules: [{ type: 'ESModule', path: 'worker.js', contents: text }],
    compatibilityDate: /compatibility_date = "([\d-]+)"/.exec(readFileSync('wrangler.toml', 'utf8'))?.[1] ?? '',
    cf: false,
    port: 0,
    handleRuntimeStdio: () => {}, // its complaint about a worker that must not start
  })
}

describe('at the module scope of a Worker', () => {
  let text = ''
  let inputs: string[] = []
  let mf: Miniflare | undefined

  beforeAll(async () => {
    ;({ text, inputs } = await bundle(worker))
    mf = start(text)
    await mf.ready
  })
  afterAll(() => mf?.dispose())

  test('every file of the library is loaded, without a node: import', () => {
    expect(files.filter((path) => !inputs.includes(path))).toEqual([])
    expect(text).not.toMatch(/(?:from|import|require\()\s*['"]node:/)
  })

  test('clocks, randomness, timers and the network are really out of reach', async () => {
    const response = await mf?.dispatchFetch('https://worker.test/seen')
    expect(await response?.json()).toEqual({
      seen: [
        'Date.now',
        'performance.now',
        'Math.random',
        'crypto.randomUUID',
        'crypto.getRandomValues',
        'setTimeout',
        'setInterval',
        'fetch',
        'AbortSignal.timeout',
      ],
      loaded: files.length,
    })
  })

  test('a policy with every slot filled is built there, and answers', async () => {
    const response = await mf?.dispatchFetch('https://worker.test/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"note":"hello"}',
    })
    expect(await response?.text()).toBe('through the door: hello')
    expect(response?.status).toBe(200)
    expect(response?.headers.get('x-content-type-options')).toBe('nosniff')
  })
})

test('a worker that reads a clock at module scope does not start', async () => {
  const { text } = await bundle(`
import './test/platform/forbid.ts'
const started = Date.now()
export default { fetch: () => new Response(String(started)) }`)
  const mf = start(text)
  await expect(mf.ready).rejects.toThrow('Date.now at module scope')
  await mf.dispose().catch(() => {}) // it tells of the failed start once more
})
