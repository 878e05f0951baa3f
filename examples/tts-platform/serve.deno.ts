import { closeOnSignal, onUncaught, serve } from '../../adapters/deno.ts'
import { announce, commandLine } from './command-line.ts'
import { createService, together } from './server.ts'
import { openStore } from './store.ts'

const line = commandLine()
const service = createService(line, await openStore(line))
const server = together(await serve(service.handler, line), service)
closeOnSignal(server)
onUncaught(server)
announce('deno', server, line)
