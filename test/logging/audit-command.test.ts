import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { auditVerify } from '../../cli/audit-verify.ts'
import { fileLines } from '../../adapters/node/file-lines.ts'
import { auditLog } from '../../src/logging/audit.ts'
import { auditKeys } from '../../src/logging/audit-chain.ts'
import { contextOf } from '../helpers.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)
const log = at('audit.log')
const keys = at('audit.keys')

beforeAll(async () => {
  writeFileSync(keys, `2026-02 ${'2b'.repeat(32)}\n2026-01 ${'1a'.repeat(32)}\n`)
  for (const key of auditKeys(readFileSync(keys, 'utf8'))) {
    const write = fileLines(log)
    const audit = auditLog({ write, key })
    for (let i = 0; i < 100; i++) audit(contextOf(), { type: 'authentication', action: 'login', outcome: 'success' })
    await audit.close()
    await write.close()
  }
})

async function run(...args: string[]): Promise<[code: number, printed: string]> {
  const printed: string[] = []
  const code = await auditVerify(args, (text) => void printed.push(text))
  return [code, printed.join('\n')]
}

test('a whole log is 0, with what was read and whether signatures were checked', async () => {
  expect(await run('--key-file', keys, log)).toEqual([0, 'ok\n202 good lines in 2 chains, signatures checked'])
  expect(await run(log)).toEqual([0, 'ok\n202 good lines in 2 chains, signatures not checked: no key file'])
})

test('an altered log is 1, and names the file, the first bad line and why', async () => {
  const lines = readFileSync(log, 'utf8').split('\n')
  const [one, two] = [at('audit.log.1'), at('audit.log.2')]
  writeFileSync(two, `${lines.slice(0, 50).join('\n')}\n`)
  writeFileSync(one, `${[...lines.slice(50, 60), ...lines.slice(61)].join('\n')}`)
  const [code, printed] = await run('--key-file', keys, two, one)
  expect(code).toBe(1)
  expect(printed).toMatch(/^\S+audit\.log\.1:11 follows lines that are missing/)
  writeFileSync(one, lines.slice(50).join('\n'))
  expect((await run('--key-file', keys, two, one))[0]).toBe(0)
  expect((await run('--key-file', keys, one))[0]).toBe(1)
  expect((await run('--key-file', keys, '--partial', one))[0]).toBe(0)
  expect(await run('--key-file', keys, one, two)).toEqual([1, expect.stringMatching(/audit\.log\.1:1 follows/)])
})

test('a log that was cut is 0, and says so', async () => {
  const cut = at('cut.log')
  writeFileSync(cut, readFileSync(log).subarray(0, 5_000))
  const [code, printed] = await run('--key-file', keys, cut)
  expect(code).toBe(0)
  expect(printed).toMatch(/1 chains have no last line[^]*1 lines truncated/)
})

test('what cannot be verified is 2: no file, no such file, a bad key file, an unknown option', async () => {
  writeFileSync(at('bad.keys'), 'secret')
  for (const args of [[], [at('none.log')], ['--key-file', at('bad.keys'), log], ['--keyfile', keys, log]]) {
    expect((await run(...args))[0]).toBe(2)
  }
  expect((await run('--key-file', at('bad.keys'), log))[1]).not.toContain('secret')
  expect(await run('--help')).toEqual([0, expect.stringContaining('Exit codes')])
})

test('an empty key file checks no signature, so it is refused', async () => {
  writeFileSync(at('empty.keys'), '\n')
  expect((await run('--key-file', at('empty.keys'), log))[0]).toBe(2)
})
