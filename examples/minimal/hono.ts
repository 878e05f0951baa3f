import { Hono } from 'hono'
import { rethrow, toHono } from '../../adapters/hono.ts'
import { closeOnSignal, onUncaught, serve } from '../../adapters/node.ts'
import { secure } from './app.ts'

const app = new Hono()
  .use(toHono(secure))
  .get('/', (c) => c.json({ hello: c.get('clientIp'), request: c.get('requestId') }))
  .onError(rethrow)

const server = await serve(app, { port: 3000 })
closeOnSignal(server)
onUncaught(server)
console.log(`listening on ${server.url}`)
