import { upgradeWebSocket, type WebSocketServerLike } from '@hono/node-server'
import { Hono } from 'hono'
import { WebSocketServer } from 'ws'
import { rethrow, toHono } from '../../../adapters/hono.ts'
import { serve } from '../../../adapters/node.ts'
import { compose, type Context, type Wrapper } from '../../../src/index.ts'
import { fixture } from '../app.ts'
import { attach } from './attach.ts'
import { folderFiles } from './folder-files.ts'

// The handlers are routes of Hono's, so that what they throw goes through Hono first; their context comes this way.
const contexts = new WeakMap<Request, Context>()
const remember: Wrapper = (next) => (request, context) => {
  contexts.set(request, context)
  return next(request, context)
}

const app = new Hono()
for (const { prefix, wrapper, inner } of fixture(() => new Response('upgrade', { status: 426 }), folderFiles)) {
  const below = prefix === '' ? '*' : `${prefix}/*`
  app.use(below, toHono(compose(wrapper, remember)))
  if (prefix === '/ws') {
    app.get(
      below,
      upgradeWebSocket(() => ({ onMessage: ({ data }, peer) => peer.send(data as string) })),
    )
  }
  app.all(below, (c) => inner(c.req.raw, contexts.get(c.req.raw)!))
}
app.onError(rethrow)
const server = new WebSocketServer({ noServer: true }) as WebSocketServerLike
attach(await serve(app, { port: 0, websocket: { server } }))
