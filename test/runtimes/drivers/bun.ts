import { type HasBunServer, serve } from '../../../adapters/bun.ts'
import type { Context, Handler } from '../../../src/index.ts'
import { fixture } from '../app.ts'
import { together } from '../mounts.ts'
import { attach } from './attach.ts'
import { folderFiles } from './folder-files.ts'

const upgrade = (
  request: Request,
  { server }: Context & HasBunServer,
): Response | undefined => server.upgrade(request) ? undefined : new Response('upgrade', { status: 426 })
const websocket = {
  message(peer: { send(data: unknown): void }, data: unknown): void {
    peer.send(data)
  },
}
const app = together(fixture(upgrade as Handler, folderFiles))
attach(await serve(app, { port: 0, websocket, maxRequestBodySize: '300mb' }))
