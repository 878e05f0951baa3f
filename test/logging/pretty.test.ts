import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createLogger, type LoggerOptions } from '../../src/logging/logger.ts'
import { prettyLines } from '../../src/logging/pretty.ts'
import { virtualClock } from '../helpers.ts'

function pretty(options: LoggerOptions = {}, colors = false) {
  const texts: string[] = []
  const write = prettyLines({ colors, write: (text) => void texts.push(text) })
  return { log: createLogger({ level: 'debug', clock: virtualClock(), write, ...options }), write, texts }
}

/** Nothing but the line breaks before indented lines may move a cursor. */
function expectHarmless(text: string): void {
  // deno-lint-ignore no-control-regex
  expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/)
  expect(text).not.toMatch(/\n(?! {4})/)
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('shows lines', () => {
  test('a line is time, level, message and fields', () => {
    const { log, texts } = pretty({ fields: { service: 'notes' } })
    log.info('note found', { note: 7, by: 'ada', path: '/notes/7', title: 'Two words', tags: ['a'], none: null })
    expect(texts).toEqual([
      '00:00:00.000 INFO  note found service=notes note=7 by=ada path=/notes/7 title="Two words" tags=["a"] none=null',
    ])
  })

  test.each(
    [
      ['error', 31],
      ['warn', 33],
      ['info', 36],
      ['debug', 37],
      ['security', 35],
      ['performance', 32],
      ['audit', 34],
    ] as const,
  )('L2: %s has the colour %i', (level, code) => {
    const { log, texts } = pretty({}, true)
    log[level]('one', { a: 1 })
    expect(texts).toEqual([
      `00:00:00.000 \x1b[${code}m${level.toUpperCase().padEnd(5)} one\x1b[0m \x1b[2ma=\x1b[0m1`,
    ])
  })

  test('stacks stand below, indented, with their causes; other fields of an error stay in the line', () => {
    const { log, texts } = pretty()
    const cause = new Error('the disk is full')
    log.error('failed', {
      error: Object.assign(new TypeError('no such table', { cause }), { code: 'ENOTABLE' }),
      all: new AggregateError([new Error('first'), new Error('second')], 'both'),
    })
    const [first, ...below] = texts[0]!.split('\n')
    expect(first).toBe('00:00:00.000 ERROR failed error.code=ENOTABLE')
    expect(below.every((line) => line.startsWith('    '))).toBe(true)
    const text = below.join('\n')
    for (const part of ['error: ', 'error.cause: ', 'all: ', 'all.errors.0: ', 'all.errors.1: ']) {
      expect(text).toContain(`    ${part}`)
    }
  })

  test('secrets are hidden: it shows what a file would hold', () => {
    const { log, texts } = pretty()
    log.info('one', { password: 'hunter2' })
    expect(texts).toEqual(['00:00:00.000 INFO  one password=[redacted]'.replace('[redacted]', '"[redacted]"')])
  })

  test('long values are cut', () => {
    const { log, texts } = pretty()
    log.info('one', { long: 'x'.repeat(2_000) })
    expect(texts[0]!.length).toBeLessThan(300)
  })

  test('writes to the console where nothing is said', () => {
    const console_ = vi.spyOn(console, 'log').mockImplementation(() => {})
    createLogger({ write: prettyLines() }).info('one')
    expect(console_).toHaveBeenCalledTimes(1)
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
  test.each([
    '\r\n12:00:00.000 INFO  forged',
    '\u2028forged',
    '\x1b[2J\x1b]0;title\x07',
    '\x9b2J',
    '\u202egnp.exe',
    '\b\b\b\b',
  ])('control characters and escapes do nothing, wherever they stand: %j', (text) => {
    const { log, texts } = pretty({ fields: { [`${text}a`]: text } })
    log.warn(text, { [text]: text, list: [text], inner: { [text]: text }, error: new Error(text) })
    expect(texts).toHaveLength(1)
    expectHarmless(texts[0]!)
    expect(texts[0]).toContain('WARN')
  })

  test('whatever is no line of ours is shown harmless too', () => {
    const { write, texts } = pretty()
    for (
      const line of ['plain \x1b[31mtext', '[1,2]', 'null', '"a\\u001b"', '{"time":1,"level":{},"stack":"\\n"}', '{}']
    ) {
      write(line)
    }
    expect(texts).toHaveLength(6)
    for (const text of texts) expectHarmless(text)
    expect(texts[0]).toBe('plain \\u001b[31mtext')
  })

  test('any record at all is shown harmless', () => {
    fc.assert(
      fc.property(
        nasty,
        fc.dictionary(nasty, nasty, { maxKeys: 5 }),
        (message, fields) => {
          const { log, texts } = pretty()
          log.info(message, { ...fields, error: { stack: message, message } })
          expect(texts).toHaveLength(1)
          expectHarmless(texts[0]!)
        },
      ),
    )
  })
})

test('a bad write is a TypeError that names it', () => {
  expect(() => prettyLines({ write: 'console' as never })).toThrow(/^prettyLines: write /)
})
