import { WebSocketServer } from 'ws'
import { serve } from '../../../adapters/node.ts'
import { fixture } from '../app.ts'
import { together } from '../mounts.ts'
import { attach } from './attach.ts'
import { folderFiles } from './folder-files.ts'

// On Node a WebSocket comes as an event of the server, beside the handler.
const app = fixture(() => new Response('upgrade', { status: 426 }), folderFiles)
const server = await serve(together(app), { port: 0 })
const sockets = new WebSocketServer({ noServer: true })
server.server.on(
  'upgrade',
  (request, socket, head) =>
    sockets.handleUpgrade(
      request,
      socket,
      head,
      (peer) => peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary })),
    ),
)
attach(server)
