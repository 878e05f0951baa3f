import { expect, test } from 'vitest'
import { descriptionsOf } from '../../src/core/description.ts'
import { record } from '../../src/core/event.ts'
import { guard, refusal } from '../../src/core/guard.ts'
import type { LineSink, LogRecord } from '../../src/core/log.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import type { Streams } from '../../src/logging/streams.ts'
import { streams } from '../../src/logging/streams.ts'
import { concurrency } from '../../src/traffic/concurrency.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { reserve } from '../../src/traffic/reserve.ts'
import { shed } from '../../src/traffic/shed.ts'
import { slowDown } from '../../src/traffic/slow-down.ts'
import { requestTo, send, settled } from '../helpers.ts'

const ALL = ['error', 'security', 'rateLimit', 'audit', 'performance', 'all', 'rest'] as const

/** Streams that note which of them took what. */
function noting(names: readonly (keyof Streams)[] = ALL): { write: LineSink; took: (line: string) => string } {
  const lines: string[] = []
  const sinks = Object.fromEntries(names.map((name) => [name, (line: string) => void lines.push(`${name} ${line}`)]))
  const took = (line: string): string =>
    lines.filter((one) => one.endsWith(` ${line}`)).map((one) => one.split(' ')[0]).join(' ')
  return { write: streams(sinks), took }
}

const refused = (name: string, kind = 'refused') => ({ kind, guard: name, code: 'no' })

test('L13: each line goes to the streams that it belongs to, and to all', () => {
  const { write, took } = noting()
  const cases: [name: string, record: LogRecord | undefined, streams: string][] = [
    ['info', { level: 'info', message: '' }, 'rest all'],
    ['warn', { level: 'warn', message: '', events: [] }, 'rest all'],
    ['error', { level: 'error', message: '' }, 'error all'],
    ['security', { level: 'security', message: '' }, 'security all'],
    ['audit', { level: 'audit', message: '' }, 'audit all'],
    ['performance', { level: 'performance', message: '' }, 'performance all'],
    ['refused', { level: 'warn', message: '', events: [refused('csrf')] }, 'security all'],
    ['would', { level: 'info', message: '', events: [refused('hosts', 'would-refuse')] }, 'security all'],
    ['forged', { level: 'info', message: '', events: [refused('client-ip', 'suspicious')] }, 'security all'],
    ['blind', { level: 'error', message: '', events: [refused('csrf', 'degraded')] }, 'error security all'],
    ['bug', { level: 'error', message: '', events: [refused('errors', 'error')] }, 'error all'],
    ['limited', { level: 'warn', message: '', events: [refused('rate-limit')] }, 'rateLimit all'],
    ['both', { level: 'warn', message: '', events: [refused('reserve'), refused('csrf')] }, 'rateLimit security all'],
    ['none', undefined, 'rest all'],
    ['odd', { level: 'info', message: '', events: [null, 1, {}, { guard: 5 }] }, 'rest all'],
    ['text', { level: 'info', message: '', events: 'refused' }, 'rest all'],
  ]
  for (const [name, record, expected] of cases) {
    write(name, record)
    expect(took(name), name).toBe(expected)
  }
})

test('what has no stream of its own is in the rest; without one for limits, they are security', () => {
  const { write, took } = noting(['security', 'rest'])
  write('error', { level: 'error', message: '' })
  write('limited', { level: 'warn', message: '', events: [refused('slow-down')] })
  expect(took('error')).toBe('rest')
  expect(took('limited')).toBe('security')
})

test('a sink that has two places gets a line once', () => {
  const lines: string[] = []
  const sink = (line: string): void => void lines.push(line)
  const write = streams({ error: sink, security: sink, all: sink })
  write('one', { level: 'error', message: '', events: [refused('csrf')] })
  expect(lines).toEqual(['one'])
})

test('fault 45: a stream that throws or rejects keeps no line from the others, and who calls is told', async () => {
  const lines: string[] = []
  const write = streams({
    error: () => {
      throw new Error('full')
    },
    security: () => Promise.reject(new Error('gone')),
    all: (line) => void lines.push(line),
  })
  const record: LogRecord = { level: 'error', message: '', events: [refused('csrf')] }
  await expect(write('one', record)).rejects.toThrow()
  expect(lines).toEqual(['one'])
  const log = accessLog({ write })
  const response = await send(log(() => Response.json('hello', { status: 500 })))
  expect(response.status).toBe(500)
  await settled()
  expect(log.dropped).toBe(1)
  expect(lines).toHaveLength(2)
})

test('L13: every limit of ours is known by its name', () => {
  const key = (): string => 'somebody'
  const limits = [
    rateLimit({ key, limit: 1, window: '1m' }),
    slowDown({ key, after: 1, step: '1ms', window: '1m' }),
    reserve({ key, limits: [{ name: 'tokens', limit: 1, window: '1h' }], estimate: 1 }),
    concurrency({ key, limit: 1 }),
    shed({ maxInFlight: 1, maxDelay: '1s' }),
  ]
  const names = limits.flatMap((limit) => descriptionsOf(limit as never)).map(({ name }) => name)
  expect(new Set(names)).toEqual(new Set(['rate-limit', 'slow-down', 'reserve', 'concurrency', 'shed']))
  const { write, took } = noting()
  for (const name of names) {
    write(name, { level: 'warn', message: '', events: [refused(name)] })
    expect(took(name)).toBe('rateLimit all')
  }
})

test('lines of real requests are sorted by what guards decided', async () => {
  const { write, took } = noting(['error', 'security', 'rest'])
  const seen: string[] = []
  const named: LineSink = (line, record) => {
    const { path } = JSON.parse(line) as { path: string }
    seen.push(path)
    write(path, record)
  }
  const no = guard({ name: 'door', decide: () => refusal({ status: 403, code: 'no' }) })
  const log = accessLog({ write: named })
  await send(log(() => Response.json('hello')), requestTo('/fine'))
  await send(log(no(() => Response.json('hello'))), requestTo('/refused'))
  await send(log(() => Response.json('', { status: 503 })), requestTo('/broken'))
  const claims = log((_request, context) => {
    record(context, { kind: 'suspicious', guard: 'client-ip', code: 'forwarded-untrusted' })
    return Response.json('hello')
  })
  await send(claims, requestTo('/claims'))
  await settled()
  expect(seen.map(took)).toEqual(['rest', 'security', 'error', 'security'])
})

test('options are checked when it is made', () => {
  expect(() => streams({ error: 'error.log' as never })).toThrow(/streams: error must be a function/)
  expect(() => streams({ errors: () => {} } as never)).toThrow(/'errors'/)
  expect(() => streams({ error: undefined })).not.toThrow()
})
