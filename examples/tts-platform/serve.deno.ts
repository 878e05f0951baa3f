import { closeOnSignal, onUncaught, serve } from '../../adapters/deno.ts'
import { createApp } from './app.ts'
import { announce, commandLine, violationFile } from './command-line.ts'

const line = commandLine()
const server = await serve(createApp({ violations: violationFile(line) }), line)
closeOnSignal(server)
onUncaught(server)
announce('deno', server, line)
