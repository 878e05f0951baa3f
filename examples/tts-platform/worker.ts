/** The same service on Workers: `wrangler deploy`, or `npm start -- --runtime workerd`. */
import { toCloudflare, type WorkerLike } from '../../adapters/cloudflare.ts'
import { createApp } from './app.ts'

const worker: WorkerLike<unknown> = toCloudflare(createApp())
export default worker
