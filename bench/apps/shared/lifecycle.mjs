// How every app starts and ends: PORT and BENCH_LOG come from the environment, `LISTENING <port>` goes to
// stdout, and the process leaves when its parent does, so a crashed bench leaves no servers behind.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

export const HOST = '127.0.0.1'
export const PORT = Number(process.env.PORT ?? 0)
export const LOG_FILE = process.env.BENCH_LOG ?? join(tmpdir(), `sallyport-bench-${process.pid}.log`)

export function announce(port) {
  console.log(`LISTENING ${port}`)
  const leave = () => process.exit(0)
  process.once('SIGTERM', leave)
  process.stdin.on('end', leave)
  process.stdin.on('error', leave)
  process.stdin.resume()
}
