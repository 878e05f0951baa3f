import { toCloudflare, type WorkerLike } from '../../adapters/cloudflare.ts'
import { app } from './app.ts'

const worker: WorkerLike<unknown> = toCloudflare(app)
export default worker
