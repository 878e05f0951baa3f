import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { errors } from '../../src/core/errors.ts'
import type { LineSink, LogLevel, LogRecord } from '../../src/core/log.ts'
import { redaction } from '../../src/core/redact.ts'
import { createLogger, type LineLogger, type LoggerOptions } from '../../src/logging/logger.ts'
import { contextOf, send, settled, virtualClock } from '../helpers.ts'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'security', 'performance', 'audit']

interface Logged {
  readonly log: LineLogger
  readonly lines: string[]
  readonly records: LogRecord[]
  /** The one line since the last look, read; it must be one. */
  line(): Record<string, unknown>
}

function logged(options: LoggerOptions = {}): Logged {
  const lines: string[] = []
  const records: LogRecord[] = []
  const write: LineSink = (line, record) => {
    lines.push(line)
    records.push(record!)
  }
  return {
    log: createLogger({ write, clock: virtualClock(), ...options }),
    lines,
    records,
    line() {
      expect(lines).toHaveLength(1)
      return read(lines.pop()!)
    },
  }
}

/** Reads a line, which must be one line of JSON that no terminal and no reader can take for more, with no key twice. */
function read(line: string): Record<string, unknown> {
  // deno-lint-ignore no-control-regex
  expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029]/)
  expect(line.length).toBeLessThanOrEqual(8_192)
  const parsed = JSON.parse(line) as Record<string, unknown>
  expect(line.startsWith('{"time":"2026-01-01T00:00:00.')).toBe(true)
  return parsed
}

const TIME = '2026-01-01T00:00:00.000Z'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('writes lines', () => {
  test('L1, L3, L15: a line is JSON: time, level, message, the bound fields, the record’s own', () => {
    const { log, lines } = logged({ fields: { service: 'notes', version: 2 } })
    log.child({ module: 'billing' }).info('invoice sent', { invoice: 7, paid: false, by: null, to: undefined })
    expect(lines).toEqual([
      `{"time":"${TIME}","level":"info","message":"invoice sent","service":"notes","version":2,"module":"billing",` +
      '"invoice":7,"paid":false,"by":null}',
    ])
  })

  test('L2: has seven levels, and each is a function that may be detached', () => {
    const { log, lines } = logged({ level: 'debug' })
    for (const level of LEVELS) {
      const { [level]: say } = log
      say('one')
    }
    expect(lines.map((line) => read(line)['level'])).toEqual(LEVELS)
  })

  test('L2: debug is off unless asked for, as in production', () => {
    const { log, lines } = logged()
    log.debug('one')
    log({ level: 'debug', message: 'one' })
    expect(lines).toEqual([])
  })

  test.each([
    ['debug', LEVELS],
    ['INFO', LEVELS.slice(1)],
    ['warn', ['warn', 'error', 'security', 'audit']],
    ['ERROR', ['error', 'security', 'audit']],
  ])('L14: LOG_LEVEL=%s writes that and what is worse; security and audit always', (level, expected) => {
    const { log, lines } = logged({ level })
    for (const one of LEVELS) log[one]('one')
    for (const one of LEVELS) log({ level: one, message: 'one' })
    expect(lines.map((line) => read(line)['level'])).toEqual([...expected, ...expected])
  })

  test('is itself a log, for every option that takes one', async () => {
    const { log, line } = logged()
    await send(
      errors({ log })(() => {
        throw new TypeError('no such table', { cause: new Error('the disk is full') })
      }),
    )
    const written = line()
    expect(written).toMatchObject({
      level: 'error',
      error: { name: 'TypeError', message: 'no such table', cause: { message: 'the disk is full' } },
    })
    expect((written['error'] as Error).stack).toContain('no such table')
  })

  test('an error in place of fields is the field error', () => {
    const { log, line } = logged()
    log.error('failed', new RangeError('too far') as unknown as Record<string, unknown>)
    expect(line()).toMatchObject({ message: 'failed', error: { name: 'RangeError', message: 'too far' } })
  })

  test('what is bound nearer to the line hides what is bound farther, and no key stands twice', () => {
    const { log, lines } = logged({ fields: { a: 'root', b: 'root', c: 'root', d: 'root' } })
    const context = Object.assign(contextOf(), { requestId: 'req-1' })
    Object.assign(context.attributes, { a: 'request', e: 'request', c: 'request', f: 'request' })
    log.child({ b: 'child', c: 'child' }).of(context).info('one', { c: 'own', e: 'own' })
    expect(lines).toEqual([
      `{"time":"${TIME}","level":"info","message":"one","requestId":"req-1","f":"request",` +
      '"a":"root","b":"child","d":"root","c":"own","e":"own"}',
    ])
  })

  test('a child of a child has the fields of both, and leaves its parent as it was', () => {
    const { log, lines } = logged()
    const child = log.child({ a: 1 })
    child.child({ b: 2 }).info('one')
    child.info('two')
    log.info('three')
    expect(lines.map((line) => Object.keys(read(line)).slice(3))).toEqual([['a', 'b'], ['a'], []])
  })

  test('sinks get the record too, with what is bound, for sorting; what it is made of it may not change', () => {
    const { log, records } = logged({ fields: { service: 'notes' } })
    const record = { level: 'security', message: 'locked', code: 'account-locked' } as const
    log(record)
    log.info('one', { level: 'audit', message: 'another', password: 'hunter2' })
    expect(records).toEqual([
      { ...record, service: 'notes' },
      { level: 'info', message: 'one', service: 'notes', password: 'hunter2' },
    ])
  })

  test('several sinks get every line', () => {
    const first: string[] = []
    const second: string[] = []
    createLogger({ write: [(line) => void first.push(line), (line) => void second.push(line)] }).info('one')
    expect(first).toHaveLength(1)
    expect(second).toEqual(first)
  })

  test('writes to the console where nothing is said', () => {
    const console_ = vi.spyOn(console, 'log').mockImplementation(() => {})
    createLogger().info('one')
    expect(console_.mock.calls).toEqual([[expect.stringContaining('"message":"one"')]])
  })
})

describe('knows the request', () => {
  test('L3, L4: lines carry its id, its trace and its attributes as they are at that moment', () => {
    const { log, line } = logged()
    const context = Object.assign(contextOf(), { requestId: 'req-1' })
    context.attributes['trace.id'] = '4bf92f3577b34da6a3ce929d0e0e4736'
    const of = log.of(context)
    of.info('one')
    expect(line()).toMatchObject({ requestId: 'req-1', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' })
    context.attributes['notes.count'] = 3
    of.child({ module: 'notes' }).warn('two')
    expect(line()).toMatchObject({ 'requestId': 'req-1', 'notes.count': 3, 'module': 'notes' })
    log.info('three')
    expect(line()).toEqual({ time: TIME, level: 'info', message: 'three' })
  })

  test('secrets in attributes are hidden, and none can take the place of time, level or message', () => {
    const { log, line } = logged()
    const context = contextOf()
    Object.assign(context.attributes, { 'session.token': 'hunter2', 'level': 'error', 'time': 1, 'message': 'forged' })
    log.of(context).info('one')
    expect(line()).toEqual({
      'time': TIME,
      'level': 'info',
      'message': 'one',
      'session.token': '[redacted]',
      'fields.level': 'error',
      'fields.time': 1,
      'fields.message': 'forged',
    })
  })

  test('sampling keeps of a request all lines or none, and what is worse than info always', () => {
    const { log, lines } = logged({ level: 'debug', sample: 0.5 })
    const requests = 400
    for (let i = 0; i < requests; i++) {
      const context = Object.assign(contextOf(), { requestId: `req-${i}` })
      for (const  of of[log.of(context), log.child({ module: 'notes' }).of(context)]) {
        for (const level of LEVELS) of[level]('one')
      }
    }
    const byRequest = new Map<unknown, number>()
    for (const line of lines.map(read)) byRequest.set(line['requestId'], (byRequest.get(line['requestId']) ?? 0) + 1)
    expect(byRequest.size).toBe(requests)
    expect(new Set(byRequest.values())).toEqual(new Set([8, 14]))
    const kept = [...byRequest.values()].filter((count) => count === 14).length
    expect(kept).toBeGreaterThan(requests * 0.35)
    expect(kept).toBeLessThan(requests * 0.65)
  })

  test('sampling without a request is by the line; 0 keeps none', () => {
    const half = logged({ sample: 0.5 })
    for (let i = 0; i < 400; i++) half.log.info('one')
    expect(half.lines.length).toBeGreaterThan(120)
    expect(half.lines.length).toBeLessThan(280)
    const none = logged({ sample: 0 })
    for (const level of LEVELS) none.log[level]('one')
    expect(none.lines.map((line) => read(line)['level'])).toEqual(['warn', 'error', 'security', 'audit'])
  })
})

describe('lets no secret out', () => {
  test('L10: secrets are hidden by key, at any depth, in bound fields too, and the fields are left alone', () => {
    const { log, lines } = logged({ fields: { apiKey: 'hunter2' } })
    const fields = { password: 'hunter2', monkey: 'Abu', user: { name: 'ada', refreshToken: 'hunter2' } }
    log.child({ secret: 'hunter2' }).info('one', fields)
    expect(lines.join()).not.toContain('hunter2')
    expect(read(lines[0]!)).toMatchObject({ password: '[redacted]', monkey: 'Abu', user: { name: 'ada' } })
    expect(fields).toEqual({ password: 'hunter2', monkey: 'Abu', user: { name: 'ada', refreshToken: 'hunter2' } })
  })

  test('another redaction may hide more', () => {
    const { log, line } = logged({ redaction: redaction({ keys: ['iban'] }) })
    log.info('one', { iban: 'DE00', city: 'Ulm' })
    expect(line()).toMatchObject({ iban: '[redacted]', city: 'Ulm' })
  })

  test('PITFALLS 22: generated fields with secrets at depth 1 to 30 never print them', () => {
    const secret = 'hunter2-is-the-secret'
    const names = fc.constantFrom('password', 'api_key', 'x-api-key', 'refreshToken', 'Authorization', 'clientSecret')
    const depth = fc.integer({ min: 1, max: 30 })
    fc.assert(fc.property(names, depth, fc.object({ maxDepth: 1 }), (name, depth, noise) => {
      let value: Record<string, unknown> = { ...noise, [name]: secret }
      for (let i = 1; i < depth; i++) value = i % 2 ? { ...noise, inner: value } : { inner: [value] }
      const { log, lines } = logged()
      log.info('one', value)
      log({ ...value, level: 'info', message: 'two' })
      log.child(value).info('three')
      expect(lines).toHaveLength(3)
      for (const line of lines) {
        read(line)
        expect(line).not.toContain(secret)
      }
    }))
  })
})

/** Texts of what readers of lines trip over. */
const nasty = fc.string({
  unit: fc.constantFrom(
    'a',
    ' ',
    '"',
    '\\',
    '{',
    '\n',
    '\r',
    '\0',
    '\x1b',
    '\x9b',
    '\u2028',
    '\u202e',
    '\ud800',
    '𝒳',
    'é',
  ),
})

describe('cannot be abused', () => {
  const forged = [
    '\r\n{"level":"info","message":"forged"}',
    '\u2028{"level":"info"}',
    '\u2029',
    '\x1b[2J\x1b[31mred',
    '\x9b31m',
    '\x85next',
    '\0',
    '","level":"error","x":"',
    '\\',
    '\ud800',
  ]

  test.each(forged)('a line cannot be forged through message, field, key, attribute or id: %j', (text) => {
    const { log, lines } = logged({ fields: { [text]: text } })
    const context = Object.assign(contextOf(), { requestId: text })
    context.attributes[text + 'a'] = text
    log.child({ [`${text}b`]: text }).of(context).warn(text, {
      [`${text}c`]: text,
      inner: { [text]: [text] },
      error: new Error(text),
    })
    expect(lines).toHaveLength(1)
    expect(read(lines[0]!)).toMatchObject({ level: 'warn', time: TIME, [`${text}c`]: expect.anything() })
  })

  test('a record cannot take the place of time, level or message, and loses nothing', () => {
    const { log, line } = logged({ fields: { level: 'bound' } })
    log.warn('one', { time: 1, level: 'debug', message: 'another' })
    expect(line()).toEqual({
      'time': TIME,
      'level': 'warn',
      'message': 'one',
      'fields.time': 1,
      'fields.level': 'debug',
      'fields.message': 'another',
    })
    log({ time: 1, level: 'warn', message: 'one' })
    expect(line()).toEqual({
      'time': TIME,
      'level': 'warn',
      'message': 'one',
      'fields.level': 'bound',
      'fields.time': 1,
    })
  })

  test('what is no record is written as well as it goes', () => {
    const { log, lines } = logged()
    const call = log as (record: unknown) => void
    const info = log.info as (message: unknown, fields?: unknown) => void
    call(undefined)
    call(null)
    call({})
    call({ level: 'fatal', message: 1 })
    info(Symbol('s'))
    info({
      toString() {
        throw new Error('no text')
      },
    })
    info('one', 'text')
    info('one', null)
    expect(lines.map((line) => read(line)).map(({ level, message, value }) => ({ level, message, value }))).toEqual([
      { level: 'info', message: 'undefined', value: undefined },
      { level: 'info', message: '1', value: undefined },
      { level: 'info', message: 'Symbol(s)', value: undefined },
      { level: 'info', message: '{"toString":"[function]"}', value: undefined },
      { level: 'info', message: 'one', value: 'text' },
      { level: 'info', message: 'one', value: undefined },
    ])
    expect(log.dropped).toBe(2)
  })

  test('PITFALLS 22: no value makes it throw: cycles, BigInt, getters that throw, proxies', () => {
    const { log, lines } = logged()
    const cycle: Record<string, unknown> = {
      n: 1n,
      f: () => {},
      s: Symbol('s'),
      d: new Date(Number.NaN),
      x: Number.NaN,
    }
    cycle['self'] = cycle
    const getters = {
      get bad(): never {
        throw new Error('no')
      },
      good: 1,
    }
    const proxy = new Proxy({}, {
      ownKeys() {
        throw new Error('no keys')
      },
    })
    for (const fields of [cycle, getters, proxy]) {
      log.info('one', fields)
      log.child(fields).info('one')
      log({ level: 'info', message: 'one', fields })
    }
    expect(lines).toHaveLength(9)
    for (const line of lines) expect(read(line)).toMatchObject({ level: 'info', message: 'one' })
    expect(read(lines[0]!)).toMatchObject({ n: '1', x: 'NaN', self: { self: '[circular]' } })
    expect(read(lines[3]!)).toMatchObject({ bad: '[unreadable]', good: 1 })
  })

  test('PITFALLS 22: a line is at most 8 KB, whatever is in it, and says what was cut', () => {
    const { log, lines, line } = logged()
    const long = 'x'.repeat(100_000)
    log.info(long, { long, deep: { long, list: Array.from({ length: 1_000 }, () => long) }, last: 1 })
    expect(line()).toMatchObject({ last: 1, deep: { truncated: true } })
    log.info('one', { quotes: Array.from({ length: 50 }, () => '"'.repeat(2_000)) })
    expect(line()).toMatchObject({ quotes: { truncated: true, start: expect.stringContaining('\\"') } })
    log.info('one', Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`key${i}x`, i])))
    expect(line()).toMatchObject({ key99x: 99, truncated: true })
    for (const text of ['"', '\\', '\x01', '\u2028', '𝒳', 'é']) {
      const full = text.repeat(10_000)
      const fields = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${full.slice(0, 150)}${i}`, full]))
      const context = Object.assign(contextOf(), { requestId: full })
      Object.assign(context.attributes, fields)
      log.child(fields).of(context).info(full, { first: 1, ...fields, inner: fields, error: new Error(full) })
      expect(line()).toMatchObject({ first: 1, truncated: true })
    }
    expect(lines).toEqual([])
    expect(log.dropped).toBe(0)
  })

  test('the request’s id and trace are on the line, however much its own fields take', () => {
    const { log, line } = logged()
    const context = Object.assign(contextOf(), { requestId: 'req-1' })
    context.attributes['trace.id'] = '4bf92f3577b34da6a3ce929d0e0e4736'
    log.of(context).info(
      'one',
      Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`f${i}x`, 'x'.repeat(70 + i)])),
    )
    expect(line()).toMatchObject({
      'requestId': 'req-1',
      traceId: context.attributes['trace.id'],
      'truncated': true,
    })
  })

  test('PITFALLS 22: any fields at all make one line of at most 8 KB', () => {
    fc.assert(
      fc.property(
        nasty,
        fc.object({ key: nasty, values: [nasty, fc.anything({ withBigInt: true, maxDepth: 1 })], maxDepth: 2 }),
        (message, fields) => {
          const { log, lines } = logged()
          log.child(fields).info(message, fields)
          expect(lines).toHaveLength(1)
          expect(read(lines[0]!)['level']).toBe('info')
        },
      ),
    )
  })

  test('10,000 keys are not remembered for ever, nor mistaken for one another', () => {
    const { log, lines } = logged()
    for (let i = 0; i < 10_000; i++) log.info('one', { [`key${i}x`]: i, [`password${i}`]: 'hunter2' })
    expect(read(lines.at(-1)!)).toMatchObject({ key9999x: 9_999, password9999: '[redacted]' })
  })
})

describe('fault 45: a sink touches nobody', () => {
  test('one that throws is ignored, counted, and complained of once per outage', () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    const clock = virtualClock()
    const kept: string[] = []
    let isBroken = true
    const broken: LineSink = () => {
      if (isBroken) throw new Error('the disk is full')
    }
    const log = createLogger({ write: [broken, (line) => void kept.push(line)], clock })
    for (let i = 0; i < 10; i++) log.info('one')
    expect(kept).toHaveLength(10)
    expect(log.dropped).toBe(10)
    expect(complaints.mock.calls).toEqual([[expect.stringContaining('the disk is full')]])
    for (let i = 0; i < 10; i++) {
      isBroken = !isBroken
      log.info('it comes and goes')
    }
    expect(complaints).toHaveBeenCalledTimes(1)
    isBroken = false
    clock.advance(60_000)
    log.info('it is well again')
    isBroken = true
    log.info('and breaks again')
    expect(complaints).toHaveBeenCalledTimes(2)
  })

  test('one that rejects is ignored, counted, and complained of once', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    const log = createLogger({ write: (() => Promise.reject(new Error('no route'))) as LineSink })
    for (let i = 0; i < 10; i++) log.info('one')
    await settled()
    expect(log.dropped).toBe(10)
    expect(complaints).toHaveBeenCalledTimes(1)
  })

  test('one that hangs gets no more than a thousand lines, and another chance after half a minute', () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    const clock = virtualClock()
    const sink = vi.fn(() => new Promise(() => {}))
    const log = createLogger({ write: sink as unknown as LineSink, clock })
    for (let i = 0; i < 1_500; i++) log.info('one')
    expect(sink).toHaveBeenCalledTimes(1_000)
    expect(log.dropped).toBe(500)
    expect(complaints).toHaveBeenCalledTimes(1)
    clock.advance(30_000)
    log.info('one')
    expect(sink).toHaveBeenCalledTimes(1_001)
    expect(log.dropped).toBe(1_500)
  })

  test('one that takes its time is not waited for, and loses nothing', async () => {
    const done: string[] = []
    const write = async (line: string): Promise<void> => {
      await settled()
      done.push(line)
    }
    const log = createLogger({ write })
    for (let i = 0; i < 900; i++) log.info('one')
    expect(done).toEqual([])
    await settled()
    await settled()
    for (let i = 0; i < 900; i++) log.info('one')
    await settled()
    await settled()
    expect(done).toHaveLength(1_800)
    expect(log.dropped).toBe(0)
  })

  test('one that logs to its own logger does not go on for ever', () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    let calls = 0
    const log: LineLogger = createLogger({
      write: () => {
        calls++
        log.error('and again')
      },
    })
    log.info('one')
    expect(calls).toBe(1)
    expect(log.dropped).toBe(1)
    expect(complaints).toHaveBeenCalledTimes(1)
  })

  test('children and loggers of requests count in the same place', () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const log = createLogger({
      write: () => {
        throw new Error('no')
      },
    })
    log.child({ a: 1 }).info('one')
    log.of(contextOf()).info('one')
    expect(log.dropped).toBe(2)
  })
})

test.each<[string, LoggerOptions]>([
  ['level', { level: 'verbose' }],
  ['level', { level: '' }],
  ['level', { level: 'security' }],
  ['level', { level: 'constructor' }],
  ['write', { write: [] }],
  ['write', { write: 'file' as unknown as LineSink }],
  ['write', { write: [() => {}, 1 as unknown as LineSink] }],
  ['sample', { sample: 1.1 }],
  ['sample', { sample: Number.NaN }],
  ['storage', { storage: {} as never }],
  ['redaction', { redaction: {} as never }],
  ['fields', { fields: 'notes' as never }],
])('a bad %s is a TypeError that names it: %o', (name, options) => {
  expect(() => createLogger(options)).toThrow(new RegExp(`^createLogger: ${name} `))
  expect(() => createLogger(options)).toThrow(TypeError)
})
