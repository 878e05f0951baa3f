import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { serveWorkerd } from '../tts-platform/workerd.ts'
import { attached } from './attached.ts'

const [REST_URL, REST_TOKEN] = process.argv.slice(2) as [string, string]
const file = fileURLToPath(new URL('worker.ts', import.meta.url))
attached(await serveWorkerd(file, { port: 0, hostname: '127.0.0.1' }, { REST_URL, REST_TOKEN }))
