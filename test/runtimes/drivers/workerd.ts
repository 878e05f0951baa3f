import { fileURLToPath } from 'node:url'
import { serveWorkerd } from '../../../examples/tts-platform/workerd.ts'
import { attach } from './attach.ts'

const worker = fileURLToPath(new URL('worker.ts', import.meta.url))
attach(await serveWorkerd(worker, { port: 0, hostname: '127.0.0.1' }))
