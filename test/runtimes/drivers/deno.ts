import { serve } from '../../../adapters/deno.ts'
import { fixture } from '../app.ts'
import { together } from '../mounts.ts'
import { attach } from './attach.ts'
import { folderFiles } from './folder-files.ts'

interface DenoGlobal {
  readonly Deno: {
    upgradeWebSocket(request: Request): { socket: WebSocket; response: Response }
  }
}

function upgrade(request: Request): Response {
  if (request.headers.get('upgrade') !== 'websocket') {
    return new Response('upgrade', { status: 426 })
  }
  const { socket, response } = (globalThis as unknown as DenoGlobal).Deno
    .upgradeWebSocket(request)
  socket.onmessage = ({ data }): void => socket.send(data as string)
  return response
}

attach(await serve(together(fixture(upgrade, folderFiles)), { port: 0 }))
