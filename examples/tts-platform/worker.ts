/** The same service on Workers: `wrangler deploy`, or `npm start -- --runtime workerd`. */
import { Redis } from '@upstash/redis/cloudflare'
import { type R2BucketLike, r2Sink, toCloudflare, type WorkerLike } from '../../adapters/cloudflare.ts'
import { memoryStore } from '../../src/index.ts'
import { upstashStore } from '../../src/stores/upstash.ts'
import { createApp } from './app.ts'
import { nowhere, type SampleSink } from './datasets.ts'
import { diskSink, type Fetcher } from './disk-sink.ts'
import { restOptions } from './rest.ts'

/** The bindings; without them each isolate counts for itself, and recordings are forgotten. */
interface Env {
  /** On Cloudflare. */
  readonly DATASETS?: R2BucketLike
  /** On this machine. */
  readonly FILES?: Fetcher
  /** Opens `/ops` and `/metrics`; without it nobody may see them. A secret: `wrangler secret put OPS_TOKEN`. */
  readonly OPS_TOKEN?: string
  /** A collector of spans and metrics. */
  readonly OTLP_URL?: string
  readonly UPSTASH_REDIS_REST_URL?: string
  readonly UPSTASH_REDIS_REST_TOKEN?: string
}

// Made at the first request: until then there are no bindings.
let service: WorkerLike<Env> | undefined

function samplesOf({ DATASETS, FILES }: Env): SampleSink {
  return DATASETS !== undefined ? r2Sink(DATASETS) : FILES !== undefined ? diskSink(FILES) : nowhere
}

function serviceFor(env: Env): WorkerLike<Env> {
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token = '', OPS_TOKEN: opsToken, OTLP_URL: otlp } = env
  const store = url === undefined ? memoryStore() : upstashStore(new Redis(restOptions(url, token)))
  return toCloudflare<Env>(createApp({ store, samples: samplesOf(env), opsToken, otlp }).handler)
}

const worker: WorkerLike<Env> = {
  fetch: (request, env, context) => (service ??= serviceFor(env)).fetch(request, env, context),
}
export default worker
