/** A collector of OTLP/JSON that keeps what it takes, and answers 400 to what is not right. It can be told to be ill. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type CollectedPoint, type CollectedSpan, type Raw, readPoints, readSpans } from './otlp-shapes.ts'

/** How it answers; a number is a status. */
export type Behaviour = 'take' | 'hang' | 'reset' | 'reject' | number

/** What was asked of it. */
export interface CollectedRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly spans: number
  readonly points: number
}

/** A collector that runs. */
export interface Collector {
  readonly url: string
  readonly requests: CollectedRequest[]
  readonly spans: CollectedSpan[]
  readonly points: CollectedPoint[]
  /** All that came, as text. */
  readonly bodies: string[]
  /** What was wrong with what it was sent. */
  readonly complaints: string[]
  /** From now on, or for so many requests; then as before. */
  behave(how: Behaviour, times?: number, headers?: Record<string, string>): void
  /** Waits until so many spans, or points, are here. */
  until(test: () => boolean, ms?: number): Promise<void>
  close(): Promise<void>
}

export async function startCollector(port = 0): Promise<Collector> {
  const requests: CollectedRequest[] = []
  const spans: CollectedSpan[] = []
  const points: CollectedPoint[] = []
  const bodies: string[] = []
  const complaints: string[] = []
  const sockets = new Set<Socket>()
  let mood: { how: Behaviour; times: number; headers: Record<string, string> } = {
    how: 'take',
    times: Infinity,
    headers: {},
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { how, headers } = mood
    if (--mood.times <= 0) mood = { how: 'take', times: Infinity, headers: {} }
    const path = request.url ?? ''
    const found = { spans: [] as CollectedSpan[], points: [] as CollectedPoint[] }
    let complaint = ''
    try {
      const type = request.headers['content-type']
      if (request.method !== 'POST' || type !== 'application/json') throw new Error(`${request.method} of ${type}`)
      const text = Buffer.concat(chunks).toString('utf8')
      bodies.push(text)
      const body = JSON.parse(text) as Raw
      if (path === '/v1/traces') found.spans.push(...readSpans(body))
      else if (path === '/v1/metrics') found.points.push(...readPoints(body))
      else throw new Error(`the path is ${path}`)
    } catch (error) {
      complaint = String(error)
      complaints.push(complaint)
    }
    requests.push({
      path,
      headers: request.headers as Record<string, string>,
      spans: found.spans.length,
      points: found.points.length,
    })
    if (how === 'hang') return
    if (how === 'reset') return void request.socket.destroy()
    response.setHeader('content-type', 'application/json')
    if (typeof how === 'number') {
      response.writeHead(how, headers).end('{"code":14,"message":"not now"}')
      return
    }
    if (complaint !== '') return void response.writeHead(400).end('{}')
    if (how === 'reject') {
      const rejected = path === '/v1/traces' ? { rejectedSpans: '1' } : { rejectedDataPoints: '1' }
      found.spans.pop()
      found.points.pop()
      response.end(JSON.stringify({ partialSuccess: { ...rejected, errorMessage: 'one was too old' } }))
    } else response.end('{"partialSuccess":{}}')
    spans.push(...found.spans)
    points.push(...found.points)
  }

  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()))
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans,
    points,
    bodies,
    complaints,
    behave(how, times = Infinity, headers = {}) {
      mood = { how, times, headers }
    },
    async until(test, ms = 5_000) {
      for (const end = performance.now() + ms; !test();) {
        if (performance.now() > end) throw new Error(`nothing of it in ${ms} ms; complaints: ${complaints.join('; ')}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
