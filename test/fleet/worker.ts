/** The Worker that the tests talk to: stores over its bindings, and the class of the objects. */
import { allow } from '../platform/forbid.ts' // first: from here on, no clock, no randomness, no timer, no network
import type { HasBindings, WorkerLike } from '../../adapters/cloudflare.ts'
import { toCloudflare } from '../../adapters/cloudflare.ts'
import type { Store as AnyStore } from '../../src/core/store.ts'
import { denoKvStore } from '../../src/stores/deno-kv.ts'
import type { ObjectNamespaceLike, ObjectStateLike } from '../../src/stores/durable-object.ts'
import { durableObjectStore, SallyportStore } from '../../src/stores/durable-object.ts'
import type { RateLimitBinding } from '../../src/stores/rate-limit-binding.ts'
import { bindingStore } from '../../src/stores/rate-limit-binding.ts'
import { answer } from './remote.ts'

interface Env {
  readonly STORE: ObjectNamespaceLike
  readonly LIMITER_1: RateLimitBinding
  readonly LIMITER_3: RateLimitBinding
  readonly LIMITER_50: RateLimitBinding
}

// At module scope, as users make them.
denoKvStore(() => Promise.reject(new Error('not here')))
const stores: Record<string, AnyStore> = {
  '/': durableObjectStore(({ env }: HasBindings<Env>) => env.STORE),
  '/one': durableObjectStore<Env>(({ env }) => env.STORE, { shards: 1 }),
  '/binding/1': bindingStore(({ env }: HasBindings<Env>) => env.LIMITER_1),
  '/binding/3': bindingStore(({ env }: HasBindings<Env>) => env.LIMITER_3),
  '/binding/50': bindingStore<Env>(({ env }) => env.LIMITER_50),
}

allow()

/** With a look inside. */
export class Store extends SallyportStore {
  readonly #state: ObjectStateLike

  constructor(state: ObjectStateLike) {
    super(state)
    this.#state = state
  }

  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== '/rows') return await super.fetch(request)
    const { sql } = this.#state.storage
    const rows = ['counts', 'leases', 'records'].map((table) => sql.exec(`SELECT * FROM ${table}`).toArray().length)
    return Response.json(rows)
  }
}

const worker: WorkerLike<Env> = toCloudflare<Env>(async (request, context) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/rows') {
    const { STORE } = context.env
    const response = await STORE.get(STORE.idFromName('sallyport:0')).fetch('https://x.test/rows', {
      method: 'POST',
      body: '',
    })
    return new Response(await response.text())
  }
  return answer(stores[pathname]!, request, context)
})
export default worker
