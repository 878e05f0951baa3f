import { afterEach, expect, test, vi } from 'vitest'
import { consoleLines, consoleLog, safely, warnOnce } from '../../src/core/log.ts'
import { contextOf, recorder, settled } from '../helpers.ts'

afterEach(() => void vi.restoreAllMocks())

test('consoleLog writes one redacted JSON line where its level belongs', () => {
  const out = { log: [] as string[], warn: [] as string[], error: [] as string[] }
  for (const name of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, name).mockImplementation((line: string) => void out[name].push(line))
  }
  consoleLog({ level: 'info', message: 'a\nb', password: 'hunter2' })
  consoleLog({ level: 'debug', message: 'c' })
  consoleLog({ level: 'warn', message: 'd' })
  consoleLog({ level: 'error', message: 'e' })
  consoleLines('{"f":1}')
  expect([out.log.length, out.warn.length, out.error.length]).toEqual([3, 1, 1])
  expect(JSON.parse(out.log[0]!)).toEqual({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    level: 'info',
    message: 'a\nb',
    password: '[redacted]',
  })
  expect(out.log[0]).not.toContain('\n')
  expect(out.log[2]).toBe('{"f":1}')
})

test('fault 45: a sink that throws or rejects does not reach the request', async () => {
  safely(() => {
    throw new Error('sink')
  }, { level: 'info', message: 'x' })
  safely(() => Promise.reject(new Error('sink')) as unknown as void, { level: 'info', message: 'x' })
  await settled() // an unhandled rejection would fail the run
})

test('warnOnce says the same once per server, not per request', () => {
  const { log, records } = recorder()
  const context = contextOf()
  for (let i = 0; i < 100; i++) warnOnce(context, 'no-address', 'No address.', log)
  warnOnce({ ...contextOf(), platform: context.platform }, 'no-address', 'No address.', log)
  warnOnce(context, 'other', 'Other.', log)
  warnOnce(contextOf(), 'no-address', 'No address.', log)
  expect(records.map(({ code }) => code)).toEqual(['no-address', 'other', 'no-address'])
  expect(records[0]).toEqual({ level: 'warn', message: 'No address.', code: 'no-address' })
})

test('warnOnce cannot be made to fill memory, nor to throw', () => {
  const { log, records } = recorder()
  const context = contextOf()
  for (let i = 0; i < 2_000; i++) warnOnce(context, 'x', `message ${i}`, log)
  expect(records).toHaveLength(1_000)
  expect(() =>
    warnOnce(contextOf(), 'x', 'x', () => {
      throw new Error('sink')
    })
  ).not.toThrow()
})
