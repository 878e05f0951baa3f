import { closeOnSignal, onUncaught, serve } from '../../adapters/bun.ts'
import { app } from './app.ts'

const server = await serve(app, { port: 3000 })
closeOnSignal(server)
onUncaught(server)
console.log(`listening on ${server.url}`)
