// Keeps a server busy for a moment and counts: with wrk where it is installed, else with autocannon, which is
// slower than the faster apps and so understates them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { REQUEST_BODY, REQUEST_HEADERS } from '../apps/shared/job.mjs'
import { BENCH } from './paths.mjs'
import { isOnPath, LOAD_CORE, pinned } from './runtimes.mjs'

const CONNECTIONS = 32

export const LOAD_TOOL = isOnPath('wrk') ? 'wrk' : 'autocannon'

/** Runs one slice; answers how many requests were served in how many seconds, and how many of them failed. */
export function load(url, method, seconds) {
  return LOAD_TOOL === 'wrk' ? wrk(url, method, seconds) : autocannon(url, method, seconds)
}

async function wrk(url, method, seconds) {
  const headers = Object.entries(REQUEST_HEADERS).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const script = join(BENCH, 'harness', 'load.lua')
  const output = await run(
    ['wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, ...headers, url],
    { BENCH_METHOD: method, BENCH_BODY: REQUEST_BODY },
  )
  const [, requests, micros, failed] = /^RESULT (\d+) (\d+) (\d+)$/m.exec(output).map(Number)
  return { requests, seconds: micros / 1e6, failed }
}

async function autocannon(url, method, seconds) {
  const headers = Object.entries(REQUEST_HEADERS).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  const body = method === 'POST' ? ['-b', REQUEST_BODY, '-H', 'content-type=application/json'] : []
  const script = join(BENCH, 'node_modules', 'autocannon', 'autocannon.js')
  const output = await run(
    [process.execPath, script, '--json', '-c', CONNECTIONS, '-d', seconds, '-m', method, ...headers, ...body, url],
    {},
  )
  const { '2xx': succeeded, non2xx, errors, timeouts, duration } = JSON.parse(output)
  return { requests: succeeded + non2xx, seconds: duration, failed: non2xx + errors + timeouts }
}

async function run(command, env) {
  const [program, ...args] = pinned(LOAD_CORE, command.map(String))
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let complaint = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (complaint += chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${LOAD_TOOL} exited with ${code}: ${complaint}`)
  return output
}
