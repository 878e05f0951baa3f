/** The command line that every runtime's entry reads, and what it says when it listens. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { StoreChoice } from './store.ts'

const USAGE = `Usage: npm start -- [options]
  --runtime node|bun|deno|workerd|hono   (node)
  --port N                               0 takes a free one (3000)
  --host ADDRESS                         (127.0.0.1)
  --store memory|redis|upstash           where the limits count (memory)
  --redis URL                            for redis (REDIS_URL, or redis://127.0.0.1:6379)
  --rest URL --token TOKEN               for upstash (UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN)
  --logs FOLDER                          app.log, error.log, security.log, rate-limit.log and audit.log (logs)
  --ops-token TOKEN                      opens /ops and /metrics (OPS_TOKEN, or one made at random and shown)
  --otlp URL                             a collector of traces and metrics (OTEL_EXPORTER_OTLP_ENDPOINT, or none)
  --webhook URL --webhook-secret SECRET  is told of alerts (ALERT_WEBHOOK_URL, ALERT_WEBHOOK_SECRET, or none)
  --uploads FOLDER                       uploaded recordings (uploads)
  --attached                             stop when standard input ends`

const STORES = ['memory', 'redis', 'upstash']

/** What was asked for. */
export interface CommandLine extends StoreChoice {
  readonly runtime: string
  readonly port: number
  readonly hostname: string
  readonly logs: string
  readonly opsToken: string
  /** Nobody chose it: it has to be shown. */
  readonly opsTokenIsNew: boolean
  readonly otlp: string | undefined
  readonly webhook: { readonly url: string; readonly secret: string } | undefined
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
        logs: { type: 'string', default: 'logs' },
        'ops-token': { type: 'string', default: process.env['OPS_TOKEN'] ?? '' },
        otlp: { type: 'string', default: process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '' },
        webhook: { type: 'string', default: process.env['ALERT_WEBHOOK_URL'] ?? '' },
        'webhook-secret': { type: 'string', default: process.env['ALERT_WEBHOOK_SECRET'] ?? '' },
        uploads: { type: 'string', default: 'uploads' },
        attached: { type: 'boolean', default: false },
      },
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new TypeError(`--port ${values.port} is no port`)
    const { runtime, host: hostname, logs, uploads, attached, store, otlp } = values
    const { redis: redisUrl, rest: restUrl, token } = values
    if (!STORES.includes(store)) throw new TypeError(`--store ${store} is none of ${STORES.join(', ')}`)
    if (store === 'upstash' && !(URL.canParse(restUrl) && token !== '')) {
      throw new TypeError('--store upstash needs --rest URL and --token TOKEN')
    }
    if (store === 'redis' && runtime === 'workerd') {
      throw new TypeError('a Worker reaches Redis over REST: --store upstash')
    }
    if (otlp !== '' && !URL.canParse(otlp)) throw new TypeError(`--otlp ${otlp} is no URL`)
    const webhook = { url: values.webhook, secret: values['webhook-secret'] }
    if (webhook.url !== '' && webhook.secret === '') throw new TypeError('--webhook needs --webhook-secret')
    return {
      ...{ runtime, port, hostname, logs, uploads, attached, store, redisUrl, restUrl, restToken: token },
      opsToken: values['ops-token'] || randomBytes(24).toString('base64url'),
      opsTokenIsNew: values['ops-token'] === '',
      otlp: otlp || undefined,
      webhook: webhook.url === '' ? undefined : webhook,
    }
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error))
  }
}

/** Says what is wrong, and ends the process with code 2. */
export function misused(message: string): never {
  console.error(`${message}\n${USAGE}`)
  process.exit(2)
}

/** Makes the folder of the logs. */
export function folders({ logs }: CommandLine): void {
  mkdirSync(logs, { recursive: true })
}

/** Says where it listens, and where to look. With `--attached`, stops when whoever started it is gone, however that came about. */
export function announce(
  runtime: string,
  { url, close }: { readonly url: string; readonly close: () => Promise<void> },
  { attached, logs, opsToken, opsTokenIsNew, otlp }: CommandLine,
): void {
  if (attached) process.stdin.resume().on('end', () => void close().finally(() => process.exit(0)))
  const token = opsTokenIsNew ? opsToken : 'the ops token'
  const files = runtime === 'workerd' ? 'this terminal' : `${logs}/{app,error,security,rate-limit,audit}.log`
  console.log(`tts-platform on ${runtime} listening on ${url}
  what happens   ${url}/ops        (user: ops, password: ${token})
  metrics        ${url}/metrics    (the same, or as a bearer token)
  health         ${url}/health
  logs           ${files}
  traces         ${otlp ?? 'only their ids: --otlp URL sends them to a collector'}`)
}
