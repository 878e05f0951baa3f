import { fileURLToPath } from 'node:url'
import { closeOnSignal } from '../../adapters/node.ts'
import { announce, commandLine } from './command-line.ts'
import { serveWorkerd } from './workerd.ts'

const line = commandLine()
const bindings: Record<string, string> = {
  OPS_TOKEN: line.opsToken,
  ...(line.otlp !== undefined && { OTLP_URL: line.otlp }),
  ...(line.store === 'upstash' &&
    { UPSTASH_REDIS_REST_URL: line.restUrl, UPSTASH_REDIS_REST_TOKEN: line.restToken }),
}
const server = await serveWorkerd(fileURLToPath(new URL('worker.ts', import.meta.url)), line, bindings, line.uploads)
closeOnSignal(server)
announce('workerd', server, line)
