/** A real Redis for a test, on a free port, in memory only. It ends with whoever started it, however that ends. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { redisBinary } from './redis-binary.ts'

/** A running server. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
  /** As by SIGKILL. */
  kill(): void
  /** Accepts connections, and does nothing more. */
  pause(): void
  resume(): void
}

/** How to start one. */
export interface RedisOptions {
  /** More of the server's own arguments. */
  readonly args?: readonly string[] | undefined
  /** To come back where another has been. (a free one) */
  readonly port?: number | undefined
}

// A server does not notice that its parent is gone. A shell does: the pipe to its standard input closes.
const SUPERVISOR = 'dir=$1; shift; "$@" & pid=$!; echo "pid $pid"; read -r _; kill -9 $pid; wait $pid; rm -r "$dir"'

/** Starts one and waits until it accepts connections. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const binary = await redisBinary()
  for (let attempt = 1;; attempt++) {
    const port = options.port ?? await freePort()
    try {
      return await started(binary, port, options.args ?? [])
    } catch (error) {
      if (attempt === 5) throw error // somebody else has taken the port meanwhile
    }
  }
}

/** A port that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function started(binary: string, port: number, more: readonly string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-redis-'))
  const args = [binary, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  args.push('--save', '', '--appendonly', 'no', ...more)
  const shell = spawn('sh', ['-c', SUPERVISOR, 'sh', folder, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
  shell.stdin.on('error', () => {})
  const ended = new Promise<void>((resolve) => shell.on('close', () => resolve()))
  const stop = async (): Promise<void> => {
    shell.stdin.end()
    await ended
  }
  return new Promise((resolve, reject) => {
    let output = ''
    const failed = (why: string): void => {
      clearTimeout(late)
      void stop().then(() => reject(new Error(`redis-server: ${why}\n${output}`)))
    }
    const late = setTimeout(() => failed('not up after 20 s'), 20_000)
    shell.on('error', ({ message }) => failed(message))
    shell.stdout.on('data', (chunk) => {
      if (output.length > 100_000) return // from then on it is only drained
      output += String(chunk)
      if (/exiting|Fatal|FATAL/.test(output)) return failed('did not start')
      const pid = Number(/^pid (\d+)$/m.exec(output)?.[1])
      if (!output.includes('Ready to accept connections') || Number.isNaN(pid)) return
      clearTimeout(late)
      output = ' '.repeat(100_001)
      const signal = (name: NodeJS.Signals) => (): void => void process.kill(pid, name)
      resolve({
        port,
        url: `redis://127.0.0.1:${port}`,
        pid,
        stop,
        kill: signal('SIGKILL'),
        pause: signal('SIGSTOP'),
        resume: signal('SIGCONT'),
      })
    })
  })
}
