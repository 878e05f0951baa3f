import { type HasBunServer, serve } from '../../../adapters/bun.ts'
import type { Context, Handler } from '../../../src/index.ts'
import { fixture } from '../app.ts'
import { together } from '../mounts.ts'
import { attach } from './attach.ts'

const upgrade = (
  request: Request,
  { server }: Context & HasBunServer,
): Response | undefined => server.upgrade(request) ? undefined : new Response('upgrade', { status: 426 })
const websocket = {
  message(peer: { send(data: unknown): void }, data: unknown): void {
    peer.send(data)
  },
}
attach(await serve(together(fixture(upgrade as Handler)), { port: 0, websocket }))
