// Starts an app and stops it. Its stdin is a pipe that we hold: should the bench die, the app reads the end of
// it and leaves too.
import { spawn } from 'node:child_process'
import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { BENCH } from './paths.mjs'
import { commandOf, pinned, SERVER_CORE } from './runtimes.mjs'

const START_TIMEOUT_MS = 15_000
const STOP_TIMEOUT_MS = 3_000

/** Starts one app; rejects with the errors it printed if it does not come up. */
export async function startApp(app, runtime, logDirectory) {
  const logFile = join(logDirectory, `${runtime}-${app}.log`)
  const [program, ...args] = pinned(SERVER_CORE, [...commandOf(runtime), join(BENCH, 'apps', `${app}.mjs`)])
  const child = spawn(program, args, {
    cwd: BENCH,
    env: { ...process.env, PORT: '0', BENCH_LOG: logFile, NODE_ENV: 'production', NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const port = await listening(child)
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid, // taskset and the runtimes' wrapper scripts exec: it is the server's own
    logFile,
    /** Keeps a run of minutes from filling the disk. The apps append, so their next line starts the file anew. */
    emptyLog: () => ignoreMissing(() => truncateSync(logFile)),
    async stop() {
      await ended(child)
      rmSync(logFile, { force: true })
    },
  }
}

function listening(child) {
  return new Promise((resolve, reject) => {
    let complaint = ''
    const fail = (why) => {
      child.kill('SIGKILL')
      reject(new Error([why, ...complaint.split('\n').filter((line) => line.includes('rror'))].join(': ')))
    }
    const timer = setTimeout(fail, START_TIMEOUT_MS, `not listening after ${START_TIMEOUT_MS} ms`)
    child.stderr.on('data', (chunk) => (complaint += chunk))
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`exited with ${code}`))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const port = /^LISTENING (\d+)$/.exec(line)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      child.removeAllListeners('exit')
      resolve(Number(port))
    })
  })
}

function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    child.once('exit', () => resolve(clearTimeout(timer)))
    child.kill('SIGTERM')
  })
}

function ignoreMissing(action) {
  try {
    action()
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}
