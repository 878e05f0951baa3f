import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import process from 'node:process'
import { afterAll, expect, test, vi } from 'vitest'
import { fileLines } from '../../adapters/node/file-lines.ts'
import { delay, onNode, until } from './wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-lines-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const fresh = (): string => join(folder, `${++files}.log`)
const read = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)

test('lines are appended in order, in batches, and close waits for them', async () => {
  const path = fresh()
  const lines = fileLines(path, { flushEvery: '5ms' })
  const all: string[] = []
  for (let i = 0; i < 5_000; i++) {
    all.push(`{"i":${i},"text":"${'x'.repeat(50)} ä\u{1f600}"}`)
    lines(all[i]!)
    if (i % 1_000 === 0) await delay(10)
  }
  await lines.close()
  expect(read(path)).toEqual(all)
  expect(lines.dropped).toBe(0)
  const again = fileLines(path)
  again('later')
  await again.close()
  expect(read(path).at(-1)).toBe('later')
})

test('nothing is opened before the first line, and then only for the owner to read', async () => {
  const path = fresh()
  const lines = fileLines(path, { flushEvery: '5ms' })
  expect(() => statSync(path)).toThrow()
  lines('one')
  await lines.close()
  expect(statSync(path).mode & 0o077).toBe(0)
  const unused = fileLines(fresh())
  await unused.close()
})

test('lines wait for one another no longer than flushEvery', async () => {
  const path = fresh()
  const lines = fileLines(path, { flushEvery: '20ms' })
  lines('one')
  lines('two')
  const written = (): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return ''
    }
  }
  expect(await until(() => written() === 'one\ntwo\n')).toBe(true)
  await lines.close()
})

test('fault 45: a disk that takes nothing costs lines, which are counted, and never a request', async () => {
  const path = join(folder, 'missing', 'file.log')
  const lines = fileLines(path, { flushEvery: '5ms' })
  lines('one')
  lines('two')
  expect(await until(() => lines.dropped === 2)).toBe(true)
  mkdirSync(join(folder, 'missing'))
  lines('three')
  await lines.close()
  expect(read(path)).toEqual(['three'])
  expect(lines.dropped).toBe(2)
})

test('fault 45: an outage is reported once, and again when there is another', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const told = (): string[] => said.mock.calls.map(([line]) => (JSON.parse(String(line)) as { code: string }).code)
  const path = join(folder, 'gone', 'file.log')
  const lines = fileLines(path, { flushEvery: '5ms', maxBuffered: '1kb' })
  for (let i = 1; i <= 3; i++) {
    lines('lost')
    expect(await until(() => lines.dropped === i)).toBe(true)
  }
  expect(told()).toEqual(['log-lines-dropped'])
  mkdirSync(join(folder, 'gone'))
  lines('kept')
  expect(await until(() => existsSync(path) && read(path).length === 1)).toBe(true)
  for (let i = 0; i < 30; i++) lines('x'.repeat(99))
  expect(told()).toEqual(['log-lines-dropped', 'log-lines-dropped'])
  await lines.close()
  said.mockRestore()
})

test('fault 45: beyond maxBuffered lines are dropped and counted', async () => {
  const path = fresh()
  const lines = fileLines(path, { maxBuffered: '1kb', flushEvery: '1h' })
  for (let i = 0; i < 100; i++) lines('x'.repeat(99))
  expect(lines.dropped).toBe(90)
  await lines.close()
  expect(read(path)).toHaveLength(10)
  expect(lines.dropped).toBe(90)
})

test('after close lines are dropped, and close may be called again', async () => {
  const lines = fileLines(fresh())
  lines('one')
  expect(lines.close()).toBe(lines.close())
  await lines.close()
  lines('two')
  expect(lines.dropped).toBe(1)
})

test('options are checked when it is made', () => {
  expect(() => fileLines(fresh(), { flushEvery: '0s' })).toThrow(TypeError)
  expect(() => fileLines(fresh(), { maxBuffered: '1' as '1kb' })).toThrow(TypeError)
})

test.skipIf(!onNode).each([
  ['at once', `process.exit()`, 3],
  ['while the first batch is written', `setTimeout(() => { lines('d'); process.exit() }, 30)`, 4],
  ['by itself', ``, 3],
])('what waits when the process exits %s is still written', (_name, then, count) => {
  const path = fresh()
  const module = pathToFileURL(join(import.meta.dirname, '../../adapters/node/file-lines.ts')).href
  const program = `const { fileLines } = await import(${JSON.stringify(module)})
    const lines = fileLines(${JSON.stringify(path)}, { flushEvery: '20ms' })
    lines('a'); lines('b'); lines('c'); ${then}`
  execFileSync(process.execPath, ['--input-type=module', '--no-warnings', '-e', program])
  expect(read(path)).toEqual(['a', 'b', 'c', 'd'].slice(0, count))
})
