/** On Workers, the same Redis over REST. */
import { Redis } from '@upstash/redis/cloudflare'
import { toCloudflare, type WorkerLike } from '../../adapters/cloudflare.ts'
import { upstashStore } from '../../src/stores/upstash.ts'
import { createApp } from './app.ts'

interface Env {
  readonly REST_URL: string
  readonly REST_TOKEN: string
}

let service: WorkerLike<Env> | undefined

function serviceFor({ REST_URL: url, REST_TOKEN: token }: Env): WorkerLike<Env> {
  return toCloudflare<Env>(createApp(upstashStore(new Redis({ url, token, retry: false, enableTelemetry: false }))))
}

const worker: WorkerLike<Env> = {
  fetch: (request, env, context) => (service ??= serviceFor(env)).fetch(request, env, context),
}
export default worker
