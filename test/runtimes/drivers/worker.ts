import { toCloudflare, type WorkerLike } from '../../../adapters/cloudflare.ts'
import type { Context } from '../../../src/index.ts'
import { diskSink, type Fetcher } from '../../../examples/tts-platform/disk-sink.ts'
import { fixture } from '../app.ts'
import type { Files } from '../input.ts'
import { together } from '../mounts.ts'

interface WorkerGlobal {
  readonly WebSocketPair: new () => {
    0: WebSocket
    1: WebSocket & { accept(): void }
  }
}

function upgrade(request: Request): Response {
  if (request.headers.get('upgrade') !== 'websocket') {
    return new Response('upgrade', { status: 426 })
  }
  const { 0: client, 1: server } = new (globalThis as unknown as WorkerGlobal)
    .WebSocketPair()
  server.accept()
  server.addEventListener('message', ({ data }) => server.send(data as string))
  return new Response(null, { status: 101, webSocket: client } as ResponseInit)
}

/** workerd's own folder: see `examples/tts-platform/workerd.ts`. */
function filesOf(context: Context): Files {
  const { FILES } = (context as Context & { env: { FILES: Fetcher } }).env
  return { sink: diskSink(FILES), read: (key) => FILES.fetch(`http://files/${key}`) }
}

const worker: WorkerLike<unknown> = toCloudflare(together(fixture(upgrade, filesOf)))
export default worker
