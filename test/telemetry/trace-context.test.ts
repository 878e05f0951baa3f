import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  childOf,
  parseTraceparent,
  parseTracestate,
  RANDOM,
  SAMPLED,
  traceparent,
} from '../../src/telemetry/trace-context.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const hex = (length: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map((all) => all.join(''))
const id = (length: number): fc.Arbitrary<string> => hex(length).filter((text) => /[^0]/.test(text))

describe('traceparent', () => {
  test('says trace, span and flags', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      traceFlags: SAMPLED,
      isRemote: true,
    })
  })

  test('keeps the random flag of level 2, and no flag that has no meaning yet', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-02`)?.traceFlags).toBe(RANDOM)
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-ff`)?.traceFlags).toBe(SAMPLED | RANDOM)
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-fc`)?.traceFlags).toBe(0)
  })

  test.each([
    ['PITFALLS 21: an all-zero trace id', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['PITFALLS 21: an all-zero span id', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['PITFALLS 21: 54 characters', `00-${TRACE}-${SPAN}-1`],
    ['PITFALLS 21, fault 34: version ff', `ff-${TRACE}-${SPAN}-01`],
    ['version 00 with more', `00-${TRACE}-${SPAN}-01-x`],
    ['a newer version with more, but not after a dash', `01-${TRACE}-${SPAN}-01x`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['two, joined', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ['two of a newer version, joined', `01-${TRACE}-${SPAN}-01-x, 01-${TRACE}-${SPAN}-01`],
    ['a space before it', ` 00-${TRACE}-${SPAN}-01`],
    ['a line break after it', `00-${TRACE}-${SPAN}-01\n`],
    ['nothing', ''],
  ])('is none: %s', (_what, value) => {
    expect(parseTraceparent(value)).toBeUndefined()
  })

  test('of a newer version is read as far as it is known', () => {
    for (const value of [`01-${TRACE}-${SPAN}-01`, `fe-${TRACE}-${SPAN}-01-`, `cc-${TRACE}-${SPAN}-01-and-more`]) {
      expect(parseTraceparent(value)).toMatchObject({ traceId: TRACE, spanId: SPAN, traceFlags: 1 })
    }
  })

  test('is nothing where there is none', () => {
    expect(parseTraceparent(null)).toBeUndefined()
    expect(parseTraceparent(undefined)).toBeUndefined()
  })

  test('what is written is what is read', () => {
    fc.assert(fc.property(id(32), id(16), fc.integer({ min: 0, max: 3 }), (traceId, spanId, traceFlags) => {
      expect(parseTraceparent(traceparent({ traceId, spanId, traceFlags }))).toMatchObject({
        traceId,
        spanId,
        traceFlags,
      })
    }))
  })

  test('one wrong character anywhere makes it none, or another valid one', () => {
    const good = `00-${TRACE}-${SPAN}-01`
    fc.assert(fc.property(fc.nat(54), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
      const value = good.slice(0, at) + char + good.slice(at + 1)
      const valid = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/.test(value)
      expect(parseTraceparent(value) !== undefined).toBe(valid && value.length === 55)
    }))
  })

  test('survives whatever is sent', () => {
    fc.assert(fc.property(fc.string(), (value) => {
      expect(() => [parseTraceparent(value), parseTracestate(value)]).not.toThrow()
    }))
  })
})

describe('tracestate', () => {
  const serialized = (value: string): string | undefined => parseTracestate(value)?.serialize()

  test('keeps its members in their order', () => {
    expect(serialized('rojo=00f067,congo=t61 x , a/b*c-d_e@f=1,,')).toBe('rojo=00f067,congo=t61 x,a/b*c-d_e@f=1')
  })

  test.each([
    ['nothing', ''],
    ['blanks', ' ,\t,'],
    ['a key twice', 'a=1,b=2,a=3'],
    ['no value', 'a=1,b='],
    ['no key', 'a=1,=2'],
    ['no =', 'a=1,b'],
    ['two =', 'a=1=2'],
    ['upper case', 'A=1'],
    ['a control character', 'a=1\u0001'],
    ['beyond ASCII', 'a=é'],
    ['a value too long', `a=${'1'.repeat(257)}`],
    ['fault 34: a 33rd member', Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(',')],
    ['a megabyte', `a=1,${' '.repeat(1_000_000)}`],
  ])('is none with %s', (_what, value) => {
    expect(parseTracestate(value)).toBeUndefined()
  })

  test('fault 34: of 513 characters the last member goes, of 512 none', () => {
    const members = ['aaa', 'bbb', 'ccc', 'ddd'].map((key) => `${key}=${'x'.repeat(123)}`)
    const at512 = [...members.slice(0, 3), `ddd=${'x'.repeat(512 - 3 * 128 - 4)}`].join(',')
    expect(at512).toHaveLength(512)
    expect(serialized(at512)).toBe(at512)
    expect(serialized(`${at512}x`)).toBe(members.slice(0, 3).join(','))
  })

  test('fault 34: beyond 512 characters the long ones go first', () => {
    const long = `long=${'x'.repeat(200)}`
    const short = Array.from({ length: 4 }, (_, i) => `k${i}=${'y'.repeat(95)}`)
    expect(serialized([long, ...short].join(','))).toBe(short.join(','))
  })

  test('reads what it writes, and never more than 512 characters of it', () => {
    const key = fc.stringMatching(/^[a-z][a-z0-9_*\/-]{0,20}(?:@[a-z]{1,5})?$/)
    const value = fc.stringMatching(/^[!-+\--<>-~]{1,60}$/)
    fc.assert(fc.property(fc.uniqueArray(fc.tuple(key, value), { maxLength: 32, selector: ([one]) => one }), (all) => {
      const text = all.map(([name, one]) => `${name}=${one}`).join(',')
      const out = serialized(text) ?? ''
      if (text.length <= 512) expect(out).toBe(text)
      expect(out.length).toBeLessThanOrEqual(512)
      if (out !== '') expect(serialized(out)).toBe(out)
    }))
  })

  test('takes new members in front, and changes nothing that others hold', () => {
    const first = parseTracestate('a=1,b=2')!
    const second = first.set('b', '3').set('c', '4')
    expect(second.serialize()).toBe('c=4,b=3,a=1')
    expect(second.get('b')).toBe('3')
    expect(second.unset('b').serialize()).toBe('c=4,a=1')
    expect(second.unset('b').get('b')).toBeUndefined()
    expect(first.serialize()).toBe('a=1,b=2')
  })

  test('takes no member that could not be sent, and holds 32', () => {
    const full = parseTracestate(Array.from({ length: 32 }, (_, i) => `k${i}=1`).join(','))!
    const more = full.set('new', '1').serialize().split(',')
    expect(more).toHaveLength(32)
    expect([more[0], more[31]]).toEqual(['new=1', 'k30=1'])
    expect(full.set('Bad', '1')).toBe(full)
    expect(full.set('good', 'a,b')).toBe(full)
    expect(full.set('good', 'a\r\nb')).toBe(full)
  })

  test('hostile lists cost little', () => {
    const started = performance.now()
    for (
      const value of [' '.repeat(16_000), `a=${' '.repeat(16_000)}b`, `${'a'.repeat(16_000)}=1`, ','.repeat(16_000)]
    ) {
      for (let i = 0; i < 50; i++) parseTracestate(value)
    }
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})

describe('new ids', () => {
  test('are valid, random, and never the same', () => {
    const all = Array.from({ length: 2_000 }, () => childOf())
    for (const one of all) expect(parseTraceparent(traceparent(one))).toMatchObject({ traceFlags: RANDOM })
    expect(new Set(all.map(({ traceId }) => traceId)).size).toBe(2_000)
    expect(new Set(all.map(({ spanId }) => spanId)).size).toBe(2_000)
  })

  test('of a child stay in its trace, with its flags and state', () => {
    const parent = { ...parseTraceparent(`00-${TRACE}-${SPAN}-01`)!, traceState: parseTracestate('a=1')! }
    const child = childOf(parent)
    expect(child).toMatchObject({ traceId: TRACE, traceFlags: SAMPLED, isRemote: false })
    expect(child.spanId).not.toBe(SPAN)
    expect(child.traceState?.serialize()).toBe('a=1')
  })
})
