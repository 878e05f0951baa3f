/**
 * The REST face of Upstash in front of a real Redis: what `@upstash/redis` and `@upstash/ratelimit` ask of it, so
 * single commands, `/pipeline` and `/multi-exec`, a bearer token, and texts in base64.
 *
 * Upstash's own Lua flag `#!lua flags=allow-key-locking` is unknown to Redis: that line is dropped, and the hash that
 * the client has computed of the whole script stands for the rest.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Redis } from 'ioredis'

/** A running front. */
export interface RestFront {
  readonly url: string
  readonly token: string
  /** Requests so far. */
  readonly requests: number
  /** Changes how it behaves: `hang` never answers, `fail` answers 500, `garbage` answers 200 with nonsense. */
  be(mood: 'answer' | 'hang' | 'fail' | 'garbage', latency?: number): void
  stop(): Promise<void>
}

type Command = readonly (string | number)[]
type Reply = { readonly result: unknown } | { readonly error: string }

/** Starts one in front of the Redis on that port. */
export async function startRestFront(redisPort: number): Promise<RestFront> {
  const token = 'test-token'
  const redis = new Redis({ port: redisPort, host: '127.0.0.1', maxRetriesPerRequest: 0 })
  redis.on('error', () => {})
  const plainHashes = new Map<string, string>()
  let mood: 'answer' | 'hang' | 'fail' | 'garbage' = 'answer'
  let latency = 0
  let requests = 0

  const plain = (script: string): string => {
    const stripped = script.replace(/^#!lua[^\n]*\n/, '')
    plainHashes.set(sha1(script), sha1(stripped))
    return stripped
  }
  const translated = ([name, ...args]: Command): [string, ...(string | number)[]] => {
    const command = String(name).toLowerCase()
    const [first, ...rest] = args
    if (command.startsWith('evalsha')) return [command, plainHashes.get(String(first)) ?? first!, ...rest]
    if (command.startsWith('eval')) return [command, plain(String(first)), ...rest]
    if (command === 'script' && /^load$/i.test(String(first))) return [command, 'LOAD', plain(String(rest[0]))]
    return [command, ...args]
  }
  const one = (command: Command, base64: boolean): Promise<Reply> =>
    redis.callBuffer(...translated(command)).then(
      (result) => ({ result: encoded(result, base64) }),
      (error: Error) => ({ error: error.message }),
    )
  const together = async (commands: readonly Command[], base64: boolean): Promise<Reply[] | Reply> => {
    try {
      const results = await redis.multi(commands.map(translated)).exec()
      return (results ?? []).map(([error, result]) =>
        error ? { error: error.message } : { result: encoded(result, base64) }
      )
    } catch (error) {
      return { error: (error as Error).message }
    }
  }
  const answer = async (request: IncomingMessage, body: string): Promise<[status: number, body: unknown]> => {
    if (request.headers.authorization !== `Bearer ${token}`) return [401, { error: 'Unauthorized' }]
    const base64 = request.headers['upstash-encoding'] === 'base64'
    const commands = JSON.parse(body)
    if (request.url === '/pipeline') {
      return [200, await Promise.all(commands.map((command: Command) => one(command, base64)))]
    }
    const reply = request.url === '/multi-exec' ? await together(commands, base64) : await one(commands, base64)
    return ['error' in reply ? 400 : 200, reply]
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests++
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (latency > 0) await new Promise((resolve) => setTimeout(resolve, latency))
    if (mood === 'hang') return
    const [status, body] = mood === 'fail'
      ? [500, { error: 'ERR out of order' }]
      : mood === 'garbage'
      ? [200, request.url === '/pipeline' ? [{ result: 'Z2FyYmFnZQ==' }] : { result: ['Z2FyYmFnZQ==', null] }]
      : await answer(request, String(Buffer.concat(chunks)))
    response.writeHead(status, { 'content-type': 'application/json', 'upstash-sync-token': `s${requests}` })
    response.end(JSON.stringify(body))
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    token,
    get requests() {
      return requests
    },
    be(next, ms = 0) {
      mood = next
      latency = ms
    },
    async stop() {
      redis.disconnect()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

/** As Upstash does it: all texts but a bare OK. */
function encoded(reply: unknown, base64: boolean): unknown {
  if (Array.isArray(reply)) return reply.map((one) => encoded(one, base64))
  if (!(reply instanceof Uint8Array)) return reply
  const bytes = Buffer.from(reply)
  return !base64 || String(bytes) === 'OK' ? String(bytes) : bytes.toString('base64')
}
