import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mergeVary } from '../../src/core/fields.ts'
import { HeadBlock, ResponseHead } from '../../src/core/head.ts'

type Fields = readonly (readonly [name: string, value: string])[]

/** What a client sees: duplicates combined, `Set-Cookie` kept apart, `Vary` as a set of names. */
function seen(headers: Headers): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of headers) {
    if (name === 'vary') out[name] = mergeVary('', value.toLowerCase()).split(', ').sort()
    else if (name !== 'set-cookie') out[name] = value
  }
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) out['set-cookie'] = cookies
  return out
}

function applied(head: ResponseHead, own: Fields = [], status = 200): Record<string, unknown> {
  const headers = new Headers(own.map(([name, value]): [string, string] => [name, value]))
  head.applyTo(headers, status)
  return seen(headers)
}

function flattened(head: ResponseHead, own: Fields = [], status = 200): Record<string, unknown> {
  return seen(pairs(head.flatten(own.flat(), status)))
}

function pairs(flat: readonly string[]): Headers {
  const headers = new Headers()
  for (let i = 0; i < flat.length; i += 2) headers.append(flat[i]!, flat[i + 1]!)
  return headers
}

/** Both ways of writing a head; they must agree. */
function written(head: ResponseHead, own: Fields = [], status = 200): Record<string, unknown> {
  const one = applied(head, own, status)
  expect(flattened(head, own, status)).toEqual(one)
  return one
}

function headOf(...steps: ((head: ResponseHead) => void)[]): ResponseHead {
  const head = new ResponseHead()
  for (const step of steps) step(head)
  return head
}

describe('set', () => {
  test('sends a field, unless the handler did', () => {
    const head = headOf((one) => one.set('X-A', '1'))
    expect(written(head)).toEqual({ 'x-a': '1' })
    expect(written(head, [['x-A', 'own']])).toEqual({ 'x-a': 'own' })
  })

  test('the last call wins', () => {
    expect(written(headOf((head) => head.set('x-a', '1'), (head) => head.set('X-A', '2')))).toEqual({ 'x-a': '2' })
  })

  test('PITFALLS 8: Vary only ever grows, so an inner wrapper cannot undo what CORS said', () => {
    const head = headOf((one) => one.announce(new HeadBlock([['vary', 'Origin']])), (one) => one.set('Vary', 'Accept'))
    expect(written(head, [['Vary', 'Cookie']])).toEqual({ vary: ['accept', 'cookie', 'origin'] })
  })
})

describe('transient', () => {
  test.each([300, 302, 304, 399])('is left off %d', (status) => {
    const head = headOf(
      (one) => one.transient('x-request-id', '1'),
      (one) => one.appendTransient('ratelimit', '"a";r=1'),
    )
    expect(written(head, [], status)).toEqual({})
    expect(written(head, [['x-request-id', 'own']], status)).toEqual({ 'x-request-id': 'own' })
  })

  test.each([200, 299, 400, 500])('is sent with %d', (status) => {
    expect(written(headOf((one) => one.transient('x-request-id', '1')), [], status)).toEqual({ 'x-request-id': '1' })
  })

  test('what is appended beside it keeps its own rule', () => {
    const lasting = headOf((one) => one.appendTransient('x-list', 'a'), (one) => one.append('x-list', 'b'))
    expect(written(lasting)).toEqual({ 'x-list': 'a, b' })
    expect(written(lasting, [], 302)).toEqual({ 'x-list': 'b' })
    const passing = headOf((one) => one.append('vary', 'a'), (one) => one.appendTransient('vary', 'b'))
    expect(written(passing, [], 304)).toEqual({ vary: ['a'] })
  })
})

describe('force', () => {
  test('sends a field over the handler’s own', () => {
    const head = headOf((one) => one.force('cache-control', 'no-store'))
    expect(written(head, [['Cache-Control', 'public'], ['cache-control', 'immutable']])).toEqual({
      'cache-control': 'no-store',
    })
    expect(written(head)).toEqual({ 'cache-control': 'no-store' })
  })

  test('replaces even Vary', () => {
    const head = headOf((one) => one.append('vary', 'Origin'), (one) => one.force('vary', 'Accept'))
    expect(written(head, [['vary', 'Cookie']])).toEqual({ vary: ['accept'] })
  })

  test('a block that varies adds to a forced Vary', () => {
    const head = headOf(
      (one) => one.force('vary', 'Accept'),
      (one) => one.announce(new HeadBlock([['vary', 'Origin']])),
    )
    expect(written(head, [['vary', 'Cookie']])).toEqual({ vary: ['accept', 'origin'] })
  })
})

describe('append', () => {
  test('adds to the handler’s own, to what was set, and to what was appended', () => {
    expect(written(headOf((one) => one.append('link', '<b>')), [['Link', '<a>']])).toEqual({ link: '<a>, <b>' })
    const head = headOf((one) => one.set('x-a', '1'), (one) => one.append('x-a', '2'), (one) => one.append('x-a', '3'))
    expect(written(head)).toEqual({ 'x-a': '1, 2, 3' })
    expect(written(head, [['x-a', 'own']])).toEqual({ 'x-a': 'own, 2, 3' })
  })

  test('PITFALLS 8: adds to what a block announces', () => {
    const block = new HeadBlock([['access-control-expose-headers', 'RateLimit'], ['x-a', '1']])
    const head = headOf((one) => one.announce(block), (one) => one.append('Access-Control-Expose-Headers', 'X-Total'))
    expect(written(head)).toEqual({ 'access-control-expose-headers': 'RateLimit, X-Total', 'x-a': '1' })
  })

  test('PITFALLS 7: several policies of one kind are one field', () => {
    const head = headOf(
      (one) => one.appendTransient('RateLimit', '"a";r=1'),
      (one) => one.appendTransient('RateLimit', '"b";r=2'),
    )
    expect(head.flatten([], 200)).toEqual(['ratelimit', '"a";r=1, "b";r=2'])
  })

  test('PITFALLS 9: every Set-Cookie stays a field of its own', () => {
    const head = headOf(
      (one) => one.append('Set-Cookie', 'a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT'),
      (one) => one.append('set-cookie', 'b=2'),
    )
    expect(written(head, [['Set-Cookie', 'x=1'], ['set-cookie', 'y=2']]))
      .toEqual({ 'set-cookie': ['x=1', 'y=2', 'a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'b=2'] })
    expect(head.flatten(['Set-Cookie', 'x=1'], 200).filter((one) => one === 'set-cookie')).toHaveLength(3)
  })

  test('Vary is merged by name', () => {
    const head = headOf((one) => one.append('vary', 'Origin'), (one) => one.append('Vary', 'origin, Accept'))
    expect(head.flatten(['Vary', 'ORIGIN', 'vary', 'Cookie'], 200)).toEqual(['vary', 'ORIGIN, Cookie, Accept'])
    expect(written(head, [['vary', '*']])).toEqual({ vary: ['*'] })
  })
})

describe('remove', () => {
  test('takes away earlier announcements and the handler’s own', () => {
    const head = headOf((one) => one.announce(new HeadBlock([['x-a', '1'], ['x-b', '2']])), (one) => one.remove('X-A'))
    expect(written(head, [['x-a', 'own'], ['x-A', 'more']])).toEqual({ 'x-b': '2' })
  })

  test('what comes later stands', () => {
    expect(written(headOf((one) => one.remove('x-a'), (one) => one.append('x-a', '1')), [['x-a', 'own']])).toEqual({
      'x-a': '1',
    })
    expect(written(headOf((one) => one.remove('x-a'), (one) => one.set('x-a', '1')), [['x-a', 'own']])).toEqual({
      'x-a': 'own',
    })
    const vary = headOf((one) => one.remove('vary'), (one) => one.announce(new HeadBlock([['vary', 'Origin']])))
    expect(written(vary, [['vary', 'Cookie']])).toEqual({ vary: ['origin'] })
  })
})

describe('announce', () => {
  test('later blocks win, Vary is joined', () => {
    const a = new HeadBlock([['x-a', '1'], ['x-b', '1'], ['vary', 'Origin']])
    const b = new HeadBlock([['X-B', '2'], ['x-c', '2'], ['Vary', 'Accept']])
    const head = headOf((one) => one.announce(a), (one) => one.announce(b))
    expect(written(head)).toEqual({ 'x-a': '1', 'x-b': '2', 'x-c': '2', vary: ['accept', 'origin'] })
    expect(written(head, [['x-b', 'own'], ['Vary', 'Cookie']]))
      .toEqual({ 'x-a': '1', 'x-b': 'own', 'x-c': '2', vary: ['accept', 'cookie', 'origin'] })
  })

  test('a later block wins over every earlier announcement of its names, however many', () => {
    const steps = ['a', 'b', 'c', 'd'].map((name) => (head: ResponseHead) => head.force(name, 'early'))
    const block = new HeadBlock(['a', 'b', 'c', 'd'].map((name) => [name, 'late']))
    const head = headOf(...steps, (one) => one.announce(block))
    expect(written(head)).toEqual({ a: 'late', b: 'late', c: 'late', d: 'late' })
    expect(head.flatten([], 200)).toEqual(block.flat)
  })

  test('joining and taking away are remembered, and leave the blocks as they were', () => {
    const a = new HeadBlock([['x-a', '1'], ['vary', 'Origin']])
    const b = new HeadBlock([['x-a', '2'], ['vary', 'Accept']])
    expect(a.join(b)).toBe(a.join(b))
    expect(a.join(b).flat).toEqual(['x-a', '2', 'vary', 'Origin, Accept'])
    expect(b.join(a).flat).toEqual(['x-a', '1', 'vary', 'Accept, Origin'])
    expect(a.without('x-a')).toBe(a.without('x-a'))
    expect(a.without('x-z')).toBe(a)
    expect(a.flat).toEqual(['x-a', '1', 'vary', 'Origin'])
    expect(b.flat).toEqual(['x-a', '2', 'vary', 'Accept'])
  })

  test('a head changes nothing but itself: two requests share a block, not fields', () => {
    const block = new HeadBlock([['x-a', '1']])
    written(headOf((one) => one.announce(block), (one) => one.append('x-a', 'mine'), (one) => one.remove('x-a')))
    expect(written(headOf((one) => one.announce(block)))).toEqual({ 'x-a': '1' })
  })

  test('writing a head twice gives the same', () => {
    const head = headOf(
      (one) => one.announce(new HeadBlock([['vary', 'Origin']])),
      (one) => one.append('x-a', '1'),
      (one) => one.append('vary', 'B'),
    )
    expect(written(head, [['vary', 'A']])).toEqual(written(head, [['vary', 'A']]))
  })

  test('names that a handler takes from elsewhere leave nothing behind in a block', () => {
    const names = Array.from({ length: 12 }, (_, i) => `x-${i}`)
    const block = new HeadBlock(names.map((name) => [name, '1']))
    const without = block.without.bind(block)
    let remembered = 0
    block.without = (name) => {
      remembered++
      return without(name)
    }
    headOf((one) => one.announce(block)).flatten(names.flatMap((name) => [name, 'upstream']), 200)
    expect(remembered).toBe(0)
  })
})

describe('what could split or corrupt the head is refused', () => {
  const verbs = ['set', 'transient', 'force', 'append', 'appendTransient'] as const

  test.each(['a\r\nb: c', 'a\nb', 'a\rb', 'a\0', '\x7f', '\u0100', 'Ā\u010d', '\u2028'])('the value %j', (value) => {
    for (const verb of verbs) expect(() => new ResponseHead()[verb]('x-a', value)).toThrow(TypeError)
    expect(() => new HeadBlock([['x-a', value]])).toThrow(TypeError)
  })

  test.each(['', 'a b', 'a\r\nb', 'a:', 'é'])('the name %j', (name) => {
    for (const verb of verbs) expect(() => new ResponseHead()[verb](name, '1')).toThrow(TypeError)
    expect(() => new ResponseHead().remove(name)).toThrow(TypeError)
    expect(() => new HeadBlock([[name, '1']])).toThrow(TypeError)
  })

  test('and what was announced before stays as it was', () => {
    const head = headOf((one) => one.announce(new HeadBlock([['x-a', '1']])), (one) => one.set('x-b', '2'))
    for (const verb of verbs) {
      expect(() => head[verb]('x-a', '\n')).toThrow(TypeError)
      expect(() => head[verb]('x-b', '\n')).toThrow(TypeError)
    }
    expect(written(head)).toEqual({ 'x-a': '1', 'x-b': '2' })
  })

  test('fault 29: a value of latin-1 goes through both ways', () => {
    expect(written(headOf((one) => one.set('x-a', 'caf\xe9')))).toEqual({ 'x-a': 'caf\xe9' })
  })
})

test('names are sent in lower case', () => {
  const head = headOf((one) => one.announce(new HeadBlock([['X-Block', '1']])), (one) => one.set('X-Set', '1'))
  expect(head.flatten(['X-Own', '1'], 200)).toEqual(['x-own', '1', 'x-set', '1', 'x-block', '1'])
})

// The rules once more, as plainly as they can be said: a field is a base and what is appended to it.
type Step =
  | {
    readonly verb: 'set' | 'transient' | 'force' | 'append' | 'appendTransient'
    readonly name: string
    readonly value: string
  }
  | { readonly verb: 'remove'; readonly name: string }
  | { readonly verb: 'announce'; readonly block: HeadBlock }

interface Field {
  base: { rule: 'none' | 'set' | 'transient' | 'force'; value?: string }
  more: { value: string; transient: boolean }[]
}

function expected(steps: readonly Step[], own: Fields, status: number): Record<string, unknown> {
  const fields = new Map<string, Field>()
  const add = (name: string, value: string, transient: boolean): void => {
    if (!fields.has(name)) fields.set(name, { base: { rule: 'none' }, more: [] })
    fields.get(name)!.more.push({ value, transient })
  }
  const put = (name: string, rule: 'set' | 'transient' | 'force', value?: string): void => {
    if (name === 'vary' && rule !== 'force') return add(name, value!, rule === 'transient')
    fields.set(name, { base: value === undefined ? { rule } : { rule, value }, more: [] })
  }
  for (const step of steps) {
    if (step.verb === 'announce') step.block.names.forEach((name, i) => put(name, 'set', step.block.values[i]!))
    else if (step.verb === 'remove') put(step.name.toLowerCase(), 'force')
    else if (step.verb === 'append' || step.verb === 'appendTransient') {
      add(step.name.toLowerCase(), step.value, step.verb === 'appendTransient')
    } else put(step.name.toLowerCase(), step.verb, step.value)
  }
  const redirect = status >= 300 && status < 400
  const headers = new Headers()
  for (const name of new Set([...own.map(([one]) => one.toLowerCase()), ...fields.keys()])) {
    const mine = own.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
    const { base, more } = fields.get(name) ?? { base: { rule: 'none' }, more: [] }
    const announced = base.value === undefined || (redirect && base.rule === 'transient') ? [] : [base.value]
    const start = base.rule === 'force' ? announced : mine.length > 0 ? mine : announced
    for (const value of start) headers.append(name, value)
    for (const { value, transient } of more) if (!(redirect && transient)) headers.append(name, value)
  }
  return seen(headers)
}

const names = fc.constantFrom('x-a', 'X-A', 'x-b', 'X-C', 'vary', 'Vary', 'set-cookie', 'Set-Cookie', 'cache-control')
const tokens = fc.constantFrom('1', '2', 'a b', 'Origin', 'origin', 'Accept', '*', 'q="x, y"')
const field = fc.tuple(names, tokens)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    verb: fc.constantFrom<'set' | 'transient' | 'force' | 'append' | 'appendTransient'>(
      'set',
      'transient',
      'force',
      'append',
      'appendTransient',
    ),
    name: names,
    value: tokens,
  }),
  fc.record({ verb: fc.constant<'remove'>('remove'), name: names }),
  fc.record({
    verb: fc.constant<'announce'>('announce'),
    block: fc.array(field, { maxLength: 4 }).map((fields) => new HeadBlock(fields)),
  }),
)

test('both ways of writing a head follow the rules, whatever is announced and whatever the handler sends', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 8 }),
      fc.array(field, { maxLength: 4 }),
      fc.constantFrom(200, 204, 302, 304, 404),
      (steps, own, status) => {
        const head = new ResponseHead()
        for (const one of steps) {
          if (one.verb === 'announce') head.announce(one.block)
          else if (one.verb === 'remove') head.remove(one.name)
          else head[one.verb](one.name, one.value)
        }
        const rules = expected(steps, own, status)
        expect(applied(head, own, status)).toEqual(rules)
        expect(flattened(head, own, status)).toEqual(rules)
      },
    ),
    { numRuns: 1_000 },
  )
})
