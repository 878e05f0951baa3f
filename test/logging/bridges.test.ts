import { configure, getLogger, type LogRecord as LogTapeRecord, reset } from '@logtape/logtape'
import pino from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { errors } from '../../src/core/errors.ts'
import type { LogLevel } from '../../src/core/log.ts'
import { redaction } from '../../src/core/redact.ts'
import { logtapeLog, logtapeSink, pinoDestination, pinoLog } from '../../src/logging/bridges.ts'
import { createLogger } from '../../src/logging/logger.ts'
import { recorder, send } from '../helpers.ts'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'security', 'performance', 'audit']

function withPino(options: pino.LoggerOptions = {}) {
  const lines: string[] = []
  const logger = pino({ level: 'trace', base: null, ...options }, { write: (line) => void lines.push(line) })
  return { logger, read: () => lines.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>) }
}

/** What LogTape hands to a sink, by category. */
async function withLogTape() {
  const records: LogTapeRecord[] = []
  await configure({
    reset: true,
    sinks: { kept: (record) => void records.push(record) },
    loggers: [
      { category: [], lowestLevel: 'trace', sinks: ['kept'] },
      { category: ['logtape', 'meta'], lowestLevel: 'fatal', sinks: [] },
    ],
  })
  return records
}

afterEach(reset)

describe('pinoLog', () => {
  test('forwards each level to one of pino’s, and says which it was', () => {
    const { logger, read } = withPino()
    const log = pinoLog(logger)
    for (const level of LEVELS) log({ level, message: 'one', note: 7 })
    expect(read().map(({ level, 'log.level': own, msg, note }) => [level, own, msg, note])).toEqual([
      [20, undefined, 'one', 7],
      [30, undefined, 'one', 7],
      [40, undefined, 'one', 7],
      [50, undefined, 'one', 7],
      [40, 'security', 'one', 7],
      [30, 'performance', 'one', 7],
      [30, 'audit', 'one', 7],
    ])
  })

  test('is a log for every option that takes one; the error keeps its stack', async () => {
    const { logger, read } = withPino()
    await send(
      errors({ log: pinoLog(logger) })(() => {
        throw new TypeError('a bug')
      }),
    )
    expect(read()).toMatchObject([{
      level: 50,
      error: { name: 'TypeError', message: 'a bug', stack: expect.any(String) },
    }])
  })

  test('secrets are hidden before pino sees them', () => {
    const { logger, read } = withPino()
    pinoLog(logger, { redaction: redaction({ keys: ['iban'] }) })({
      level: 'info',
      message: 'one',
      iban: 'DE00',
      user: { password: 'hunter2', name: 'ada' },
    })
    expect(read()).toMatchObject([{ iban: '[redacted]', user: { password: '[redacted]', name: 'ada' } }])
  })

  test('a record cannot write pino’s own fields a second time, nor be a format', () => {
    const { logger, read } = withPino()
    pinoLog(logger)({ level: 'info', message: '%s %d %o %%\n{"level":60}', time: 1, msg: 'forged' })
    const [line] = read()
    expect(line).toMatchObject({
      'level': 30,
      'msg': '%s %d %o %%\n{"level":60}',
      'fields.time': 1,
      'fields.msg': 'forged',
    })
    expect(line?.['time']).toBeGreaterThan(1)
  })
})

describe('pinoDestination', () => {
  test('L14: what a library logs by pino comes out as our lines, redacted, at our levels', () => {
    const lines: string[] = []
    const ours = createLogger({ level: 'debug', write: (line) => void lines.push(line), fields: { module: 'library' } })
    const theirs = pino({ level: 'trace', base: null }, pinoDestination(ours))
    theirs.trace('one')
    theirs.info({ password: 'hunter2', note: 7, message: 'inner' }, 'two')
    theirs.warn('three')
    theirs.error(new Error('four'))
    theirs.fatal('five')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'debug', message: 'one', module: 'library' },
      { 'level': 'info', 'message': 'two', 'password': '[redacted]', 'note': 7, 'fields.message': 'inner' },
      { level: 'warn', message: 'three' },
      { level: 'error', message: 'four', err: { type: 'Error', message: 'four' } },
      { level: 'error', message: 'five' },
    ])
  })

  test('what is no line of pino’s is a message; levels by name are read', () => {
    const { log, records } = recorder()
    const { write } = pinoDestination(log)
    write('not JSON\n')
    write('null\n')
    write('{"level":"warn","message":"one"}\n')
    write('{"level":"silly"}\n')
    expect(records).toMatchObject([
      { level: 'info', message: 'not JSON' },
      { level: 'info', message: 'null' },
      { level: 'warn', message: 'one' },
      { level: 'info', message: '' },
    ])
  })

  test('a log that throws touches nobody', () => {
    const { write } = pinoDestination(() => {
      throw new Error('no')
    })
    expect(() => write('{}')).not.toThrow()
  })
})

describe('logtapeLog', () => {
  test('forwards each level to one of LogTape’s, and what is no level of its to a category', async () => {
    const records = await withLogTape()
    const log = logtapeLog(getLogger('notes'))
    for (const level of LEVELS) log({ level, message: 'one', note: 7 })
    expect(records.map(({ category, level }) => [category.join('.'), level])).toEqual([
      ['notes', 'debug'],
      ['notes', 'info'],
      ['notes', 'warning'],
      ['notes', 'error'],
      ['notes.security', 'warning'],
      ['notes.performance', 'info'],
      ['notes.audit', 'info'],
    ])
    expect(records[0]).toMatchObject({ message: ['one'], rawMessage: 'one', properties: { note: 7 } })
    expect(Math.abs(records[0]!.timestamp - Date.now())).toBeLessThan(60_000)
  })

  test('secrets are hidden before LogTape sees them, and a message is no template', async () => {
    const records = await withLogTape()
    logtapeLog(getLogger('notes'))({ level: 'info', message: 'by {password}', password: 'hunter2' })
    expect(records[0]).toMatchObject({ message: ['by {password}'], properties: { password: '[redacted]' } })
  })
})

describe('logtapeSink', () => {
  test('L14: what a library logs by LogTape comes out as our lines, redacted, with its category', async () => {
    const lines: string[] = []
    const ours = createLogger({ level: 'debug', write: (line) => void lines.push(line) })
    await configure({
      reset: true,
      sinks: { ours: logtapeSink(ours) },
      loggers: [
        { category: ['library'], lowestLevel: 'debug', sinks: ['ours'] },
        { category: ['library', 'noisy'], lowestLevel: 'error' },
        { category: ['logtape', 'meta'], lowestLevel: 'fatal', sinks: [] },
      ],
    })
    const library = getLogger(['library', 'http'])
    library.debug('one')
    library.warn('note {note} by {password}', { note: 7, password: 'hunter2', message: 'inner' })
    library.fatal`note ${7} of ${{ password: 'hunter2', name: 'ada' }}`
    getLogger(['library', 'noisy']).warn('too much')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'debug', message: 'one', category: 'library.http' },
      {
        'level': 'warn',
        'message': 'note {note} by {password}',
        'note': 7,
        'password': '[redacted]',
        'fields.message': 'inner',
      },
      { level: 'error', message: 'note 7 of {"password":"[redacted]","name":"ada"}' },
    ])
    expect(lines).toHaveLength(3)
  })

  test('what cannot be read touches nobody', () => {
    const sink = logtapeSink(() => {})
    expect(() => sink({} as never)).not.toThrow()
  })
})

test('bad arguments are a TypeError that names them', () => {
  expect(() => pinoLog({} as never)).toThrow(/^pinoLog: pino /)
  expect(() => logtapeLog({} as never)).toThrow(/^logtapeLog: logger /)
  expect(() => pinoDestination({} as never)).toThrow(/^pinoDestination: log /)
  expect(() => logtapeSink({} as never)).toThrow(/^logtapeSink: log /)
})
