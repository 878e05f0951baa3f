/** The command line that every runtime's entry reads, and what it says when it listens. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { fileLines } from '../../adapters/file.ts'
import type { LineSink } from '../../src/index.ts'
import type { StoreChoice } from './store.ts'

const USAGE = `Usage: npm start -- [options]
  --runtime node|bun|deno|workerd|hono   (node)
  --port N                               0 takes a free one (3000)
  --host ADDRESS                         (127.0.0.1)
  --store memory|redis|upstash           where the limits count (memory)
  --redis URL                            for redis (REDIS_URL, or redis://127.0.0.1:6379)
  --rest URL --token TOKEN               for upstash (UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN)
  --log FILE                             violations and security events (logs/rate-limit.log)
  --uploads FOLDER                       uploaded recordings (uploads)
  --attached                             stop when standard input ends`

const STORES = ['memory', 'redis', 'upstash']

/** What was asked for. */
export interface CommandLine extends StoreChoice {
  readonly runtime: string
  readonly port: number
  readonly hostname: string
  readonly file: string
  readonly uploads: string
  readonly attached: boolean
}

/** Reads the command line; says how it is used, and ends the process, if it makes no sense. */
export function commandLine(args: string[] = process.argv.slice(2)): CommandLine {
  try {
    const { values } = parseArgs({
      args,
      options: {
        runtime: { type: 'string', default: 'node' },
        port: { type: 'string', default: '3000' },
        host: { type: 'string', default: '127.0.0.1' },
        store: { type: 'string', default: 'memory' },
        redis: { type: 'string', default: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' },
        rest: { type: 'string', default: process.env['UPSTASH_REDIS_REST_URL'] ?? '' },
        token: { type: 'string', default: process.env['UPSTASH_REDIS_REST_TOKEN'] ?? '' },
        log: { type: 'string', default: 'logs/rate-limit.log' },
        uploads: { type: 'string', default: 'uploads' },
        attached: { type: 'boolean', default: false },
      },
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new TypeError(`--port ${values.port} is no port`)
    const { runtime, host: hostname, log: file, uploads, attached, store } = values
    const { redis: redisUrl, rest: restUrl, token } = values
    if (!STORES.includes(store)) throw new TypeError(`--store ${store} is none of ${STORES.join(', ')}`)
    if (store === 'upstash' && !(URL.canParse(restUrl) && token !== '')) {
      throw new TypeError('--store upstash needs --rest URL and --token TOKEN')
    }
    if (store === 'redis' && runtime === 'workerd') {
      throw new TypeError('a Worker reaches Redis over REST: --store upstash')
    }
    return { runtime, port, hostname, file, uploads, attached, store, redisUrl, restUrl, restToken: token }
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error))
  }
}

/** Says what is wrong, and ends the process with code 2. */
export function misused(message: string): never {
  console.error(`${message}\n${USAGE}`)
  process.exit(2)
}

/** The separate log of violations, where there is a disk. */
export function violationFile({ file }: CommandLine): LineSink {
  mkdirSync(dirname(file), { recursive: true })
  return fileLines(file)
}

/** Says where it listens. With `--attached`, stops when whoever started it is gone, however that came about. */
export function announce(
  runtime: string,
  { url, close }: { readonly url: string; readonly close: () => Promise<void> },
  { attached }: CommandLine,
): void {
  if (attached) process.stdin.resume().on('end', () => void close().finally(() => process.exit(0)))
  console.log(`tts-platform on ${runtime} listening on ${url}`)
}
