/** The same service on Workers: `wrangler deploy`, or `npm start -- --runtime workerd`. */
import { Redis } from '@upstash/redis/cloudflare'
import { toCloudflare, type WorkerLike } from '../../adapters/cloudflare.ts'
import { memoryStore } from '../../src/index.ts'
import { upstashStore } from '../../src/stores/upstash.ts'
import { createApp } from './app.ts'
import { restOptions } from './rest.ts'

/** The bindings; without them each isolate counts for itself. */
interface Env {
  readonly UPSTASH_REDIS_REST_URL?: string
  readonly UPSTASH_REDIS_REST_TOKEN?: string
}

// Made at the first request: until then there are no bindings.
let service: WorkerLike<Env> | undefined

function serviceFor({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token = '' }: Env): WorkerLike<Env> {
  const store = url === undefined ? memoryStore() : upstashStore(new Redis(restOptions(url, token)))
  return toCloudflare<Env>(createApp({ store }))
}

const worker: WorkerLike<Env> = {
  fetch: (request, env, context) => (service ??= serviceFor(env)).fetch(request, env, context),
}
export default worker
