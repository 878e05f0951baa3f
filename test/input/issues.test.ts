import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { inputErrors } from '../../src/input/issues.ts'
import type { SchemaIssue, StandardSchema } from '../../src/input/standard-schema.ts'

const UNSAID = 'This value is not valid.'
const SECRET = 'hunter2-S3CR3T'

function errorsOf(schema: StandardSchema, input: unknown) {
  const result = schema['~standard'].validate(input)
  if (result instanceof Promise) throw new Error('use a synchronous schema here')
  return inputErrors(result.issues ?? [], input)
}

const one = (issue: SchemaIssue, input: unknown = {}) => inputErrors([issue], input)[0]!

describe('says where', () => {
  test.each<[path: SchemaIssue['path'], pointer: string]>([
    [undefined, '#'],
    [[], '#'],
    [['email'], '#/email'],
    [['a', 'b', 'c'], '#/a/b/c'],
    [['tags', 3, 'name'], '#/tags/3/name'],
    [[{ key: 'user' }, { key: 0 }, 'x'], '#/user/0/x'],
    [['$ref', 'kebab-case', '_x'], '#/$ref/kebab-case/_x'],
    [['a/b'], '#/*'],
    [['a~b', 'ok'], '#/*/ok'],
    [['<script>'], '#/*'],
    [['ada@example.com', 'age'], '#/*/age'],
    [['\r\nset-cookie: x'], '#/*'],
    [['x'.repeat(65)], '#/*'],
    [[Symbol('s')], '#/*'],
    [Array.from({ length: 100 }, (_, i) => i), '#/0/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15'],
  ])('%j is %s', (path, pointer) => {
    expect(one({ message: 'wrong', path })).toEqual({ pointer, code: 'invalid', message: 'wrong' })
  })
})

describe('says which rule', () => {
  test.each<[extra: object, code: string]>([
    [{}, 'invalid'],
    [{ type: 'min_value' }, 'min_value'],
    [{ code: 'too_small' }, 'too_small'],
    [{ type: 'email', code: 'custom' }, 'email'],
    [{ code: 'Not A Code' }, 'invalid'],
    [{ code: 5 }, 'invalid'],
    [{ type: 'x'.repeat(41), code: 'ok' }, 'ok'],
  ])('%j: %s', (extra, code) => {
    expect(one({ message: 'wrong', ...extra }).code).toBe(code)
  })
})

test('says at most 20 things', () => {
  const issues = Array.from({ length: 1_000 }, (_, i) => ({ message: `wrong`, path: [i] }))
  expect(inputErrors(issues, [])).toHaveLength(20)
})

describe('keeps a message that repeats nothing', () => {
  test.each<[message: string, path: PropertyKey[], input: unknown]>([
    ['Give at least 10 characters.', ['name'], { name: 'ab' }],
    ['Must be at least 10', ['n'], { n: 1 }],
    ['Your password needs a digit.', ['password'], { password: 'abcdefgh' }],
    ['The passwords differ.', ['again'], { password: 'abcdefgh', again: 'zyxwvuts' }],
    ['You must accept this: true', ['terms'], { terms: false, news: true }],
    ['Is required.', ['name'], {}],
    ['Is required.', ['name'], undefined],
    ['Must not be empty.', ['name'], { name: '' }],
    ['Must not be blank.', ['name'], { name: ' \n ' }],
    ['Must be null or a number.', ['n'], { n: 'x' }],
    ['Too many keys.', [], { a: 1, b: 2 }],
  ])('%s', (message, path, input) => {
    expect(one({ message, path }, input).message).toBe(message)
  })

  test("the messages of valibot for what is missing, and an author's own", () => {
    expect(errorsOf(v.object({ email: v.string() }), {})).toEqual([
      { pointer: '#/email', code: 'object', message: 'Invalid key: Expected "email" but received undefined' },
    ])
    const schema = v.object({ epochs: v.pipe(v.number(), v.minValue(1, 'At least one epoch.')) })
    expect(errorsOf(schema, { epochs: 0 })).toEqual([
      { pointer: '#/epochs', code: 'min_value', message: 'At least one epoch.' },
    ])
  })
})

describe('PITFALLS 14: keeps back a message that repeats what came in', () => {
  test.each<[what: string, message: string, path: PropertyKey[], input: unknown]>([
    ['the value', `received "${SECRET}"`, ['a'], { a: SECRET }],
    ['the value alone', SECRET, ['a'], { a: SECRET }],
    ['a number', 'expected 5 but received 41234', ['pin'], { pin: 41234 }],
    ['a short value', 'received 7', ['a'], { a: 7 }],
    ['the value trimmed', `received "${SECRET}"`, ['a'], { a: `  ${SECRET}\n` }],
    ['the value in another case', `received "${SECRET.toLowerCase()}"`, ['a'], { a: SECRET }],
    ['the value in capitals', `received "${SECRET.toUpperCase()}"`, ['a'], { a: SECRET }],
    ['the value escaped', `received ${JSON.stringify(`"${SECRET}"\n`)}`, ['a'], { a: `"${SECRET}"\n` }],
    ['a part of the value', 'received "hunter2"', ['a'], { a: 'x,hunter2,y' }],
    ['a word of the value', 'received "correcthorse"', ['a'], { a: 'my correcthorse battery' }],
    ['a word that a schema took from a text', 'received "correcthorse"', ['a', 1], { a: 'x,correcthorse' }],
    ['the value cut short', `received "${'abcdefgh'.repeat(8)}…"`, ['a'], { a: 'abcdefgh'.repeat(100) }],
    ['a value within the value', `received ${JSON.stringify({ b: [SECRET] })}`, ['a'], { a: { b: [SECRET] } }],
    ['the value of another field', `differs from "${SECRET}"`, ['again'], { password: SECRET, again: 'x' }],
    ['the value, without saying where', `"${SECRET}" is wrong`, [], { a: { b: SECRET } }],
    ['the value, from a wrong place', `"${SECRET}" is wrong`, ['z', 'z'], { a: { b: SECRET } }],
    ['a part that a schema took from a text', 'received "hunter2"', ['a', 1], { a: 'x,hunter2' }],
    ['an unknown key in quotes', `Unrecognized key: "${SECRET}"`, [], { [SECRET]: 1 }],
    ['an unknown key like a name', 'Unrecognized key: "sk_live_4eC39"', [], { sk_live_4eC39: 1 }],
    ['an unknown key of a part', `Unrecognized keys: "a", "hunter2"`, ['x'], { x: { a: 1, hunter2: 1 } }],
    ['an e-mail address for a key', 'ada@example.com is unknown', ['ada@example.com'], { 'ada@example.com': 1 }],
    ['the body, where it is a text', `received "${SECRET}"`, [], SECRET],
  ])('%s', (_what, message, path, input) => {
    expect(one({ message, path }, input).message).toBe(UNSAID)
  })

  test('a message that is too long, or none', () => {
    expect(one({ message: 'x'.repeat(201) }).message).toBe(UNSAID)
    expect(one({ message: undefined as unknown as string }).message).toBe(UNSAID)
    expect(one({ message: { toString: () => SECRET } as unknown as string }).message).toBe(UNSAID)
  })

  test('any message, where there is too much to compare it with', () => {
    const input = { list: Array.from({ length: 9_000 }, (_, i) => i), last: SECRET }
    expect(one({ message: 'a harmless one', path: ['last'] }, input).message).toBe(UNSAID)
  })

  const marker = (schema: StandardSchema, input: unknown): void => {
    const errors = errorsOf(schema, input)
    expect(errors.length).toBeGreaterThan(0)
    expect(JSON.stringify(errors).toLowerCase()).not.toContain(SECRET.toLowerCase())
    expect(JSON.stringify(errors).toLowerCase()).not.toContain('s3cr3t')
  }

  test.each<[what: string, schema: StandardSchema, input: unknown]>([
    ['a type', v.object({ a: v.number() }), { a: SECRET }],
    ['a format', v.object({ a: v.pipe(v.string(), v.email()) }), { a: SECRET }],
    ['a format after trim and toLowerCase', v.object({ a: v.pipe(v.string(), v.trim(), v.toLowerCase(), v.email()) }), {
      a: `  ${SECRET} `,
    }],
    ['a picklist', v.object({ a: v.picklist(['x', 'y']) }), { a: SECRET }],
    ['a literal', v.object({ a: v.literal('x') }), { a: SECRET }],
    ['a union', v.object({ a: v.union([v.number(), v.boolean()]) }), { a: SECRET }],
    ['a variant', v.variant('a', [v.object({ a: v.literal('x') })]), { a: SECRET }],
    ['an array item', v.object({ a: v.array(v.object({ b: v.number() })) }), { a: [{ b: 1 }, { b: SECRET }] }],
    ['a tuple', v.tuple([v.number(), v.number()]), [1, SECRET]],
    [
      'a taken-apart text',
      v.object({
        a: v.pipe(v.string(), v.transform((text) => text.split(',')), v.array(v.picklist(['x']))),
      }),
      { a: `x,${SECRET}` },
    ],
    ['a strictObject key', v.strictObject({ a: v.optional(v.string()) }), { [SECRET]: 1 }],
    ['a strictObject key like a name', v.strictObject({ a: v.optional(v.string()) }), { hunter2_s3cr3t: 1 }],
    ['a nested strictObject key', v.object({ a: v.strictObject({}) }), { a: { hunter2_s3cr3t: SECRET } }],
    ['a record key', v.record(v.pipe(v.string(), v.email()), v.number()), { hunter2_s3cr3t: 1 }],
    ['a record value', v.record(v.string(), v.number()), { 'hunter2 S3CR3T': SECRET }],
    [
      'an own message with the input',
      v.object({
        a: v.pipe(v.string(), v.email((issue) => `${issue.input} is no address`)),
      }),
      { a: SECRET },
    ],
    [
      'an own check over two fields',
      v.pipe(
        v.object({ a: v.string(), b: v.string() }),
        v.forward(
          v.partialCheck([['a'], ['b']], ({ a, b }) => a === b, (issue) => `not ${JSON.stringify(issue.input)}`),
          ['b'],
        ),
      ),
      { a: SECRET, b: 'x' },
    ],
    ['the whole body', v.object({ a: v.string() }), SECRET],
  ])('valibot: %s', (_what, schema, input) => {
    marker(schema, input)
  })

  test('a hand-written schema that echoes whatever it gets, at any place and in any words', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 3 }),
        fc.constantFrom('a', 'list', 'x y', '0'),
        fc.constantFrom('received "*"', '* is wrong', 'Expected string, got *', 'must be a number (was "*")', '*'),
        fc.boolean(),
        fc.constantFrom((text: string) => text, (text: string) => ` ${text}\t`, (text: string) => `${text} and more`),
        (around, key, template, within, dress) => {
          const value = dress(SECRET)
          const input = { around, [key]: within ? [{ deep: value }] : value }
          const message = template.replace('*', within ? JSON.stringify([{ deep: value }]) : value)
          for (const path of [undefined, [key], ['elsewhere'], [key, 0, 'deep'], ['around']]) {
            expect(one({ message, path }, input).message).toBe(UNSAID)
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  test('in bounded time, however large the input', () => {
    const input = { a: 'word '.repeat(200_000), b: Array.from({ length: 10_000 }, () => 'x'.repeat(90)) }
    const issues = Array.from({ length: 20 }, () => ({ message: 'word '.repeat(39), path: ['b'] }))
    const started = performance.now()
    inputErrors(issues, input)
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})
