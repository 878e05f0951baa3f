import { closeOnSignal, onUncaught, serve } from '../../adapters/node.ts'
import { folderSink } from '../../adapters/file.ts'
import { createApp } from './app.ts'
import { announce, commandLine, violationFile } from './command-line.ts'
import { openStore } from './store.ts'

const line = commandLine()
const store = await openStore(line)
const server = await serve(
  createApp({ samples: folderSink(line.uploads), violations: violationFile(line), store }),
  line,
)
closeOnSignal(server)
onUncaught(server)
announce('node', server, line)
