/** The same service inside a Hono app, on Node. */
import { Hono } from 'hono'
import { toHono } from '../../adapters/hono.ts'
import { closeOnSignal, onUncaught, serve } from '../../adapters/node.ts'
import { createApp } from './app.ts'
import { announce, commandLine, violationFile } from './command-line.ts'

const line = commandLine()
const app = createApp({ violations: violationFile(line) })
const hono = new Hono().use(toHono(() => app))
const server = await serve(hono, line)
closeOnSignal(server)
onUncaught(server)
announce('hono', server, line)
