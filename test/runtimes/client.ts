/** How the suite calls a target: by fetch, by Node's client where fields must be seen as they are, or byte by byte. */
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Target } from './setup.ts'

/** The peer, which on Workers is what Cloudflare's edge says. A local workerd has no edge in front: we say it. */
function edge({ name }: Target, from = '127.0.0.1'): Record<string, string> {
  return name === 'workerd' ? { 'cf-connecting-ip': from } : {}
}

/** `fetch`, of a path on the target, without following redirects. */
export type Call = (path: string, init?: RequestInit & { readonly duplex?: 'half' }) => Promise<Response>

export function caller(target: Target): Call {
  return (path, init = {}) =>
    fetch(target.url + path, {
      redirect: 'manual',
      ...init,
      headers: { ...edge(target), ...init.headers as Record<string, string> | undefined },
    })
}

/** An answer as it came: names in lower case, in order, repeated fields repeated. */
export interface Answer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

/** What {@link send} takes. */
export interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
  /** The local address to call from; one of 127.0.0.0/8 on Linux. */
  readonly from?: string
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 })

/** One request by Node's own client, which sends and shows fields as they are. */
export function send(target: Target, sent: Sent): Promise<Answer> {
  const { method = 'GET', path, headers = {}, body, from } = sent
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const outgoing = request({
      agent: from === undefined ? agent : new Agent(),
      host: '127.0.0.1',
      port: target.port,
      method,
      path,
      headers: { ...edge(target, from), ...length, ...headers } as Record<string, string | string[]>,
      ...(from !== undefined && target.name !== 'workerd' ? { localAddress: from } : {}),
    }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const { rawHeaders } = incoming
        const fields: [string, string][] = []
        for (let i = 0; i < rawHeaders.length; i += 2) fields.push([rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!])
        resolve({ status: incoming.statusCode!, headers: fields, body: Buffer.concat(chunks) })
      })
    })
    // The server may close an idle connection just as it is used again: that is nobody's answer (RFC 9112 §9.3.1).
    outgoing.on('error', (error) => outgoing.reusedSocket ? resolve(send(target, sent)) : reject(error))
    outgoing.end(body)
  })
}

/** A connection to write bytes on. */
export function open({ port }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })
}

/** Writes `text` as it is and reads until the server closes, or says nothing more for a while. */
export async function raw(target: Target, text: string, quiet = 400): Promise<string> {
  const socket = await open(target)
  return await new Promise((resolve) => {
    let answer = ''
    const end = (): void => {
      socket.destroy()
      resolve(answer)
    }
    let timer = setTimeout(end, 3_000)
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      clearTimeout(timer)
      timer = setTimeout(end, quiet)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      end()
    })
    socket.write(text, 'latin1')
  })
}

/** The status of a raw answer; 0 where the server closed without one. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
}

/** Asks until `found` says so, for at most three seconds; gives the last answer. */
export async function until<T>(ask: () => Promise<T>, found: (value: T) => boolean): Promise<T> {
  const end = Date.now() + 3_000
  for (;;) {
    const value = await ask()
    if (found(value) || Date.now() > end) return value
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

let made = 0

/** An id, or a client's name, that no other test uses. */
export function unique(prefix = 'keep'): string {
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${made++}`
}
