/** Workers in workerd, as miniflare runs them: bundled once, bound to one another. */
import { join } from 'node:path'
import { build } from 'esbuild'
import type { MiniflareOptions } from 'miniflare'
import { Miniflare } from 'miniflare'
import { root } from '../runtimes/processes.ts'
import type { RemoteStore } from './remote.ts'
import { remote } from './remote.ts'

/** Four Workers, `w0` to `w3`, that share the objects of the first. */
export async function fourWorkers(persist?: string): Promise<Miniflare> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'test/fleet/worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
  })
  const contents = outputFiles[0]?.text ?? ''
  const workers = [0, 1, 2, 3].map((i) => ({
    name: `w${i}`,
    routes: [`w${i}.test/*`],
    compatibilityDate: '2026-07-30',
    modules: [{ type: 'ESModule', path: 'worker.js', contents }],
    durableObjects: { STORE: { className: 'Store', useSQLite: true, scriptName: 'w0' } },
    ratelimits: Object.fromEntries(
      [1, 3, 50].map((limit) => [`LIMITER_${limit}`, { namespace_id: String(limit), simple: { limit, period: 60 } }]),
    ),
  }))
  const options = { workers, cf: false, host: '127.0.0.1', port: 0, durableObjectsPersist: persist ?? false }
  const mf = new Miniflare(options as MiniflareOptions)
  await mf.ready
  return mf
}

/** The store that one of the Workers has at this path. */
export function storeOf(mf: Miniflare, worker: number, path = '/'): RemoteStore {
  return remote((body) => mf.dispatchFetch(`http://w${worker}.test${path}`, { method: 'POST', body }))
}
