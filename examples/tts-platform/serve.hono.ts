/** The same service inside a Hono app, on Node. */
import { Hono } from 'hono'
import { toHono } from '../../adapters/hono.ts'
import { closeOnSignal, onUncaught, serve } from '../../adapters/node.ts'
import { announce, commandLine } from './command-line.ts'
import { createService, together } from './server.ts'
import { openStore } from './store.ts'

const line = commandLine()
const service = createService(line, await openStore(line))
const hono = new Hono().use(toHono(() => service.handler))
const server = together(await serve(hono, line), service)
closeOnSignal(server)
onUncaught(server)
announce('hono', server, line)
