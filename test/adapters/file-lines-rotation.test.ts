import { execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { fileLines } from '../../adapters/node/file-lines.ts'
import { auditVerify } from '../../cli/audit-verify.ts'
import { auditLog } from '../../src/logging/audit.ts'
import { contextOf } from '../helpers.ts'
import { delay, onNode, until } from './wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-rotation-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let folders = 0
/** A path in a folder of its own. */
function fresh(): string {
  const own = join(folder, String(++folders))
  mkdirSync(own)
  return join(own, 'app.log')
}
const read = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)
const names = (path: string): string[] => readdirSync(join(path, '..')).sort()
/** The lines of all files, oldest first. */
function everything(path: string): string[] {
  const numbered = names(path).filter((name) => /\.\d+$/.test(name)).map((name) => Number(name.split('.').at(-1)))
  return [...numbered.sort((a, b) => b - a).map((n) => `${path}.${n}`), path].flatMap((one) =>
    existsSync(one) ? read(one) : []
  )
}
/** Lines of `length` bytes with their newline. */
const lineOf = (i: number, length = 100): string => `{"i":${i},"x":"`.padEnd(length - 3, 'x') + '"}'

describe('L12: rotation', () => {
  test('a full file is moved aside, the oldest is removed, and each holds whole lines', async () => {
    const path = fresh()
    const lines = fileLines(path, { rotate: { size: '1kb', keep: 3 } })
    for (let i = 0; i < 100; i++) lines(lineOf(i))
    await lines.close()
    expect(names(path)).toEqual(['app.log', 'app.log.1', 'app.log.2', 'app.log.3'])
    for (const name of names(path)) {
      expect(statSync(join(path, '..', name)).size).toBeLessThanOrEqual(1_024)
      expect(statSync(join(path, '..', name)).mode & 0o077).toBe(0)
    }
    const last = everything(path)
    expect(last).toEqual(Array.from({ length: last.length }, (_, i) => lineOf(100 - last.length + i)))
    expect(last.length).toBeGreaterThan(30)
    expect(lines.dropped).toBe(0)
  })

  test('no line is lost, doubled or split, whatever their lengths and the size of a file', async () => {
    const path = fresh()
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 900 }),
        async (lengths, size) => {
          const own = `${path}.${++runs}.d`
          mkdirSync(own)
          const file = join(own, 'app.log')
          const lines = fileLines(file, { rotate: { size: `${size}b`, keep: 1_000 } })
          const all = lengths.map((length, i) => `${i} ${'ä'.repeat(length)}`)
          for (const line of all) lines(line)
          await lines.close()
          expect(everything(file)).toEqual(all)
          for (const name of readdirSync(own)) {
            const one = join(own, name)
            expect(statSync(one).size <= size || read(one).length === 1, name).toBe(true)
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  test('what was there before counts, and true is 10 MB and five kept', async () => {
    const path = fresh()
    writeFileSync(path, `${'y'.repeat(10 * 1_048_576 - 50)}\n`)
    for (let n = 1; n <= 6; n++) writeFileSync(`${path}.${n}`, `${n}\n`)
    const lines = fileLines(path, { rotate: true })
    lines(lineOf(1))
    await lines.close()
    expect(read(path)).toEqual([lineOf(1)])
    expect(statSync(`${path}.1`).size).toBe(10 * 1_048_576 - 49)
    expect([2, 3, 4, 5, 6].map((n) => read(`${path}.${n}`)[0])).toEqual(['1', '2', '3', '4', '6'])
    const more = fileLines(path, { rotate: {} })
    more(lineOf(2))
    await more.close()
    expect(read(path)).toEqual([lineOf(1), lineOf(2)])
  })

  test('without it the file grows', async () => {
    const path = fresh()
    for (const rotate of [undefined, false]) {
      const lines = fileLines(path, { rotate })
      for (let i = 0; i < 100; i++) lines(lineOf(i, 50_000))
      await lines.close()
    }
    expect(names(path)).toEqual(['app.log'])
    expect(read(path)).toHaveLength(200)
  })

  test('a number that is missing is filled first: a process was killed half-way', async () => {
    const path = fresh()
    writeFileSync(path, `${lineOf(9, 1_000)}\n`)
    for (const n of [2, 3]) writeFileSync(`${path}.${n}`, `${n}\n`)
    const lines = fileLines(path, { rotate: { size: '1kb', keep: 3 } })
    lines(lineOf(10))
    await lines.close()
    expect([1, 2, 3].map((n) => read(`${path}.${n}`)[0])).toEqual([lineOf(9, 1_000), '2', '3'])
  })

  test('what cannot be moved is said once, and lines go on into the file', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const path = fresh()
    mkdirSync(join(`${path}.1`, 'full'), { recursive: true })
    const lines = fileLines(path, { rotate: { size: '1kb', keep: 1 }, flushEvery: '5ms' })
    for (let i = 0; i < 60; i++) {
      lines(lineOf(i))
      if (i % 10 === 0) await delay(100)
    }
    expect(said.mock.calls.map(([line]) => (JSON.parse(String(line)) as { code: string }).code)).toEqual([
      'log-not-rotated',
    ])
    rmSync(`${path}.1`, { recursive: true })
    await delay(1_000)
    lines(lineOf(60))
    await lines.close()
    expect(read(`${path}.1`)).toEqual(Array.from({ length: 60 }, (_, i) => lineOf(i)))
    expect(read(path)).toEqual([lineOf(60)])
    expect(names(path)).toEqual(['app.log', 'app.log.1'])
    expect(lines.dropped).toBe(0)
    said.mockRestore()
  })

  test('who else moves files is waited for, unless it was killed meanwhile', async () => {
    const path = fresh()
    writeFileSync(`${path}.lock`, '')
    const lines = fileLines(path, { rotate: { size: '1kb' }, flushEvery: '5ms' })
    for (let i = 0; i < 20; i++) lines(lineOf(i))
    expect(await until(() => existsSync(path) && read(path).length === 20)).toBe(true)
    const long = new Date(Date.now() - 60_000)
    utimesSync(`${path}.lock`, long, long)
    for (let i = 0; i < 22; i++) {
      lines(lineOf(20 + i))
      await delay(100)
    }
    await lines.close()
    expect(existsSync(`${path}.1`)).toBe(true)
    expect(everything(path)).toEqual(Array.from({ length: 42 }, (_, i) => lineOf(i)))
    expect(names(path)).not.toContain('app.log.lock')
  })

  test('options are checked when it is made', () => {
    for (const rotate of [{ size: '0b' }, { keep: 0 }, { keep: 1.5 }, { size: 5 }, '10mb', 5]) {
      expect(() => fileLines(fresh(), { rotate: rotate as unknown as true }), JSON.stringify(rotate)).toThrow(/rotate/)
    }
  })
})

describe('a file that others have, too', () => {
  test('one that logrotate moved is left within about a second, with no line lost', async () => {
    const path = fresh()
    const lines = fileLines(path, { flushEvery: '5ms' })
    for (let i = 0; i < 25; i++) {
      lines(lineOf(i))
      await delay(100)
      if (i === 5) renameSync(path, `${path}.1`)
    }
    await lines.close()
    expect(everything(path)).toEqual(Array.from({ length: 25 }, (_, i) => lineOf(i)))
    expect(read(path).length).toBeGreaterThan(5)
  })

  test('a file that was removed is made again', async () => {
    const path = fresh()
    const lines = fileLines(path, { flushEvery: '5ms' })
    lines('one')
    expect(await until(() => existsSync(path))).toBe(true)
    rmSync(path)
    await delay(1_050)
    lines('two')
    await lines.close()
    expect(read(path)).toEqual(['two'])
  })

  test('a line that a killed process left half-written does not swallow the first of the next', async () => {
    for (const rotate of [false, { size: '1kb' }] as const) {
      const path = fresh()
      writeFileSync(path, '{"whole":1}\n{"half":')
      const lines = fileLines(path, { rotate })
      lines('{"next":1}')
      lines('{"next":2}')
      await lines.close()
      expect(read(path)).toEqual(['{"whole":1}', '{"half":', '{"next":1}', '{"next":2}'])
      const again = fileLines(path)
      again('{"next":3}')
      await again.close()
      expect(read(path)).toHaveLength(5)
    }
  })

  test('what is no regular file is written as it is', async () => {
    const lines = fileLines('/dev/null', { rotate: { size: '1b' } })
    for (let i = 0; i < 10; i++) lines('nothing')
    await lines.close()
    expect(lines.dropped).toBe(0)
    expect(statSync('/dev/null').isFile()).toBe(false)
  })

  // Another process of the same runtime would do as well, but only Node takes a program as text.
  test('processes that share a rotating file lose, double and split nothing', async () => {
    const path = fresh()
    const writers = onNode ? await Promise.all([1, 2, 3].map((id) => child(path, id))) : await Promise.all(
      [1, 2, 3].map(async (id) => {
        const lines = fileLines(path, { rotate: { size: '20kb', keep: 1_000 }, flushEvery: '5ms' })
        for (let i = 0; i < 2_000; i++) {
          lines(`${id} ${i} ${'x'.repeat(80)}`)
          if (i % 40 === 0) await delay(5)
        }
        await lines.close()
        return 0
      }),
    )
    expect(writers).toEqual([0, 0, 0])
    const all = everything(path)
    for (const id of [1, 2, 3]) {
      const own = all.filter((line) => line.startsWith(`${id} `))
      expect(new Set(own).size).toBe(own.length)
      expect(own.map((line) => Number(line.split(' ')[1])).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 2_000 }, (_, i) => i),
      )
      expect(own.every((line) => line.endsWith(' ' + 'x'.repeat(80)))).toBe(true)
    }
    expect(all).toHaveLength(6_000)
    expect(names(path).length).toBeGreaterThan(5)
    expect(names(path)).not.toContain('app.log.lock')
  }, 20_000)
})

/** A process that writes 2,000 lines. */
function child(path: string, id: number): Promise<number | null> {
  const program = `${importing} const lines = fileLines(${JSON.stringify(path)}, {
      rotate: { size: '20kb', keep: 1_000 }, flushEvery: '5ms' })
    for (let i = 0; i < 2_000; i++) {
      lines('${id} ' + i + ' ' + 'x'.repeat(80))
      if (i % 40 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await lines.close()`
  const started = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', program], { stdio: 'inherit' })
  return new Promise((resolve) => started.on('exit', resolve))
}

const module = pathToFileURL(join(import.meta.dirname, '../../adapters/node/file-lines.ts')).href
const importing = `const { fileLines } = await import(${JSON.stringify(module)});`

test.skipIf(!onNode).each([
  ['while a full file is moved', `for (let i = 0; i < 300; i++) lines(line(i)); setTimeout(() => process.exit(), 22)`],
  [
    'while a batch is on its way',
    `for (let i = 0; i < 300; i++) { lines(line(i)); if (i === 290) setTimeout(
    () => { lines(line(300)); process.exit() }, 20) }`,
  ],
  ['before the file is open', `for (let i = 0; i < 300; i++) lines(line(i)); process.exit()`],
])('at exit %s all is written, in order', (_name, then) => {
  for (let run = 0; run < 2; run++) {
    const path = fresh()
    appendFileSync(path, 'half')
    execFileSync(process.execPath, [
      '--input-type=module',
      '--no-warnings',
      '-e',
      `${importing} const lines = fileLines(${JSON.stringify(path)}, {
        rotate: { size: '3kb', keep: 1_000 }, flushEvery: '20ms' })
      const line = (i) => i + ' ' + 'x'.repeat(90)
      ${then}`,
    ])
    const [half, ...all] = everything(path)
    expect(half).toBe('half')
    const numbers = all.map((line) => Number(line.split(' ')[0]))
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i))
    expect(numbers.length).toBeGreaterThanOrEqual(300)
  }
})

test('an audit log over rotated files verifies, oldest first, with what was removed said to be gone', async () => {
  const path = fresh().replace('app.log', 'audit.log')
  const keys = join(path, '..', 'audit.keys')
  writeFileSync(keys, `k1 ${'1a'.repeat(32)}\n`)
  const write = fileLines(path, { rotate: { size: '15kb', keep: 4 }, flushEvery: '1ms' })
  const audit = auditLog({ write, key: { id: 'k1', secret: new Uint8Array(32).fill(0x1a) } })
  const record = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) audit(contextOf(), { type: 'authentication', action: 'login', outcome: 'success' })
    await audit.settled()
  }
  const verify = async (...args: string[]): Promise<[number, string]> => {
    const printed: string[] = []
    return [await auditVerify(['--key-file', keys, ...args], (text) => void printed.push(text)), printed.join('\n')]
  }
  await record(100)
  expect(await until(() => everything(path).length === 100)).toBe(true)
  const files = names(path).filter((name) => /\d$/.test(name)).map((name) => join(path, '..', name)).reverse()
  expect(files.map((file) => basename(file))).toEqual(['audit.log.2', 'audit.log.1'])
  expect(await verify(...files, path)).toEqual([0, expect.stringContaining('ok\n100 good lines in 1 chains')])
  expect((await verify(path, ...files))[0]).toBe(1)
  await record(300)
  await audit.close()
  await write.close()
  const left = [4, 3, 2, 1].map((n) => `${path}.${n}`)
  expect(await verify(...left, path)).toEqual([
    1,
    expect.stringMatching(/audit\.log\.4:1 follows lines that are missing/),
  ])
  expect(await verify('--partial', ...left, path)).toEqual([0, expect.not.stringContaining('truncated')])
  // Each by itself, too.
  for (const file of [...left, path]) expect((await verify('--partial', file))[0]).toBe(0)
})
