import { fileURLToPath } from 'node:url'
import { closeOnSignal } from '../../adapters/node.ts'
import { announce, commandLine } from './command-line.ts'
import { serveWorkerd } from './workerd.ts'

const line = commandLine()
const server = await serveWorkerd(fileURLToPath(new URL('worker.ts', import.meta.url)), line)
closeOnSignal(server)
announce('workerd', server, line)
