/** The same service inside a Hono app, on Node. */
import { Hono } from 'hono'
import { folderSink } from '../../adapters/file.ts'
import { toHono } from '../../adapters/hono.ts'
import { closeOnSignal, onUncaught, serve } from '../../adapters/node.ts'
import { createApp } from './app.ts'
import { announce, commandLine, violationFile } from './command-line.ts'
import { openStore } from './store.ts'

const line = commandLine()
const store = await openStore(line)
const app = createApp({ samples: folderSink(line.uploads), violations: violationFile(line), store })
const hono = new Hono().use(toHono(() => app))
const server = await serve(hono, line)
closeOnSignal(server)
onUncaught(server)
announce('hono', server, line)
