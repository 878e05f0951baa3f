/** What `kill -9` leaves behind: a real process, killed while it writes as fast as it can. */
import { spawn } from 'node:child_process'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { fileLines } from '../../adapters/node/file-lines.ts'
import { auditLog } from '../../src/logging/audit.ts'
import { auditKeys } from '../../src/logging/audit-chain.ts'
import type { AuditReport } from '../../src/logging/audit-verify.ts'
import { verifyAudit } from '../../src/logging/audit-verify.ts'
import { contextOf } from '../helpers.ts'
import { delay, until } from './wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-kill-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const KEY = `k1 ${'1a'.repeat(32)}`
const rotate = { size: '150kb', keep: 10_000 } as const

const root = join(import.meta.dirname, '../..')
const from = (path: string): string => JSON.stringify(pathToFileURL(join(root, path)).href)
const program = join(folder, 'writer.mjs')
writeFileSync(
  program,
  `import { fileLines } from ${from('adapters/node/file-lines.ts')}
import { accessLog } from ${from('src/logging/access-log.ts')}
import { auditLog } from ${from('src/logging/audit.ts')}
import { auditKeys } from ${from('src/logging/audit-chain.ts')}
import { createContext, ended } from ${from('src/core/context.ts')}

const options = { rotate: ${JSON.stringify(rotate)}, flushEvery: '2ms' }
const audit = auditLog({ write: fileLines(process.argv[2] + '/audit.log', options), key: auditKeys('${KEY}')[0] })
const app = accessLog({ write: fileLines(process.argv[2] + '/access.log', options) })(() => new Response('hello'))
for (let i = 0; ; i++) {
  const context = createContext()
  await app(new Request('http://service.test/' + i), context)
  ended(context, { status: 200, bytes: 5, outcome: 'complete' })
  audit(context, { type: 'data-access', action: 'note-read', outcome: 'success', resource: { type: 'note', id: i } })
  if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve))
}
`,
)
const command = 'Deno' in globalThis
  ? ['run', '-A', '--no-lock', '--quiet', program]
  : 'Bun' in globalThis
  ? [program]
  : ['--no-warnings', program]

/** Writes into a folder until it is killed, `ms` after its first lines. */
async function killed(into: string, ms: number): Promise<void> {
  const sizes = (): number[] =>
    ['access.log', 'audit.log'].map((name) => files(into, name).reduce((sum, file) => sum + statSync(file).size, 0))
  const before = sizes()
  const child = spawn(process.execPath, [...command, into], { stdio: ['ignore', 'ignore', 'inherit'] })
  const gone = new Promise((resolve) => child.on('exit', resolve))
  expect(await until(() => sizes().every((size, i) => size > before[i]!), 20_000)).toBe(true)
  await delay(ms)
  child.kill('SIGKILL')
  await gone
}

/** The files of a log, oldest first. */
function files(into: string, name: string): string[] {
  const numbers = readdirSync(into).filter((one) => one.startsWith(`${name}.`)).map((one) => Number(one.split('.')[2]))
  const old = numbers.filter((n) => n > 0).sort((a, b) => b - a).map((n) => join(into, `${name}.${n}`))
  return existsSync(join(into, name)) ? [...old, join(into, name)] : old
}

async function* bytesOf(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) yield* createReadStream(path) as AsyncIterable<Uint8Array>
}

function verified(into: string): Promise<AuditReport> {
  return verifyAudit(bytesOf(files(into, 'audit.log')), { keys: auditKeys(KEY) })
}

function isJson(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}

test(
  'kill -9 leaves whole lines and at most one half, and an audit chain that verifies up to the last whole line',
  async () => {
    const into = join(folder, 'one')
    mkdirSync(into)
    let halves = 0
    for (let round = 1; round <= 4; round++) {
      await killed(into, Math.random() * 250)
      // The system rarely stops in the middle of a write; a machine that loses power does.
      if (round % 2 === 0) {
        for (const file of [join(into, 'access.log'), join(into, 'audit.log')]) {
          if (existsSync(file) && statSync(file).size > 50) truncateSync(file, statSync(file).size - 20)
        }
      }
      const texts = files(into, 'access.log').map((file) => readFileSync(file, 'utf8'))
      const lines = texts.join('').split('\n')
      const last = lines.pop()!
      if (last !== '' && !isJson(last)) halves++
      expect(lines.length).toBeGreaterThan(round)
      const broken = lines.filter((line) => line !== '' && !isJson(line))
      expect(broken.length).toBeLessThanOrEqual(round - 1)
      // No number is missing: what was written was written in order.
      const report = await verified(into)
      expect(report, JSON.stringify(report)).toMatchObject({ ok: true, chains: round, open: round })
      expect(report.truncated).toBeLessThanOrEqual(round)
      expect(report.signed).toBe(report.lines)
    }
    // The next process begins on a line of its own.
    const write = fileLines(join(into, 'access.log'), { rotate })
    write('{"message":"next"}')
    await write.close()
    const lines = readFileSync(join(into, 'access.log'), 'utf8').split('\n')
    expect(lines.slice(-2)).toEqual(['{"message":"next"}', ''])
    expect(halves).toBeGreaterThan(0)

    const cut = (await verified(into)).truncated
    expect(cut).toBeGreaterThan(0)
    const sink = fileLines(join(into, 'audit.log'), { rotate })
    const audit = auditLog({ write: sink, key: auditKeys(KEY)[0] })
    audit(contextOf(), { type: 'authentication', action: 'login', outcome: 'success' })
    await audit.close()
    await sink.close()
    expect(await verified(into)).toMatchObject({ ok: true, chains: 5, open: 4, truncated: cut })

    // And what is no accident is still found.
    const [oldest] = files(into, 'audit.log')
    const text = readFileSync(oldest!, 'utf8')
    writeFileSync(oldest!, text.replace('"id":"0"', '"id":"9"'))
    expect(await verified(into)).toMatchObject({ ok: false, fault: { line: 1, why: 'altered' } })
  },
  60_000,
)
