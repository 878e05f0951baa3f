/** Talking to a server in bytes: what no HTTP client would send, and what comes back as it came. */
import { connect, type Socket } from 'node:net'

/** Node's own parser and sockets are under test: Bun and Deno bring others, which the runtimes suite tests. */
export const onNode: boolean = !('Bun' in globalThis) && !('Deno' in globalThis)

/** What came back. */
export interface Exchange {
  readonly text: string
  readonly status: number
  readonly body: string
  /** The server closed the connection. */
  readonly closed: boolean
  /** It did so with a reset. */
  readonly reset: boolean
  readonly ms: number
}

/** How to send. */
export interface Sending {
  /** Give up waiting for the connection to close after so long. (2 s) */
  readonly wait?: number
  /** Milliseconds between parts. */
  readonly every?: number
  /** Send FIN after the last part. */
  readonly end?: boolean
  /** Stop waiting as soon as the answer has this in it. */
  readonly until?: string
}

/** Sends parts, one after the other, and waits until the server closes. */
export function send(port: number, parts: string | readonly string[], sending: Sending = {}): Promise<Exchange> {
  const { wait = 2_000, every = 0, end = false, until } = sending
  const started = performance.now()
  return new Promise((resolve) => {
    let text = ''
    let reset = false
    const socket = connect(port, '127.0.0.1')
    const done = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)
      const body = text.slice(text.indexOf('\r\n\r\n') + 4)
      resolve({ text, status, body, closed, reset, ms: performance.now() - started })
    }
    const timer = setTimeout(() => done(false), wait)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (until !== undefined && text.includes(until)) done(false)
    })
    socket.on('error', (error: { code?: string }) => reset = error.code === 'ECONNRESET')
    socket.on('close', () => done(true))
    void feed(socket, typeof parts === 'string' ? [parts] : parts, every).then(() => end && socket.end())
  })
}

async function feed(socket: Socket, parts: readonly string[], every: number): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return
    socket.write(part, 'latin1')
    if (every > 0) await new Promise((resolve) => setTimeout(resolve, every))
  }
}

/** A head with `Host: a.test` and these fields, ended. */
export function head(line: string, ...fields: string[]): string {
  return [`${line} HTTP/1.1`, 'Host: a.test', ...fields, '', ''].join('\r\n')
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits until `test` holds, for a second at most. */
export async function until(test: () => boolean, ms = 1_000): Promise<boolean> {
  for (let left = ms; left > 0 && !test(); left -= 10) await delay(10)
  return test()
}
