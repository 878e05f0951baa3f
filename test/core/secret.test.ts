import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { jsonLine, redact, REDACTED, standardRedaction } from '../../src/core/redact.ts'
import { Secret, secret } from '../../src/core/secret.ts'

const VALUE = 'hunter2-4711'
const hidden = secret(VALUE)

describe('a secret', () => {
  test('is given by reveal alone', () => {
    expect(hidden.reveal()).toBe(VALUE)
    const bytes = new Uint8Array(32)
    expect(secret(bytes).reveal()).toBe(bytes)
    expect(hidden).toBeInstanceOf(Secret)
  })

  test.each<[string, unknown]>([
    ['String()', String(hidden)],
    ['toString()', hidden.toString()],
    ['a template', `${hidden}`],
    ['+', '' + hidden],
    ['concat', 'a '.concat(hidden as unknown as string)],
    ['join', [hidden].join()],
    ['an error', new Error(`${hidden}`).message],
    ['JSON', JSON.stringify({ hidden })],
    ['inspect', inspect(hidden)],
    ['inspect, deep and with all', inspect({ a: [hidden] }, { showHidden: true, depth: 9, getters: true })],
    ['format', inspect(new Map([['a', hidden]]))],
    ['jsonLine', jsonLine({ a: hidden, list: [hidden], map: new Map([['a', hidden]]) })],
    ['text', standardRedaction.text(`${hidden}`)],
    ['redact', redact(hidden)],
  ])('prints as [redacted]: %s', (_how, printed) => {
    expect(String(printed)).toContain(REDACTED)
    expect(String(printed)).not.toContain('hunter2')
  })

  test('console.log of the runtime that runs this prints no more', () => {
    const { Deno, Bun } = globalThis as {
      Deno?: { inspect(value: unknown): string }
      Bun?: { inspect(value: unknown): string }
    }
    const shown = (Deno ?? Bun ?? { inspect }).inspect({ hidden, list: [hidden] })
    expect(shown.split(REDACTED)).toHaveLength(3)
    expect(shown).not.toContain('hunter2')
  })

  test('has no part that could be listed, spread, copied, cloned or changed', () => {
    expect(Object.keys(hidden)).toEqual([])
    expect(Object.entries(Object.getOwnPropertyDescriptors(hidden))).toEqual([])
    expect({ ...hidden }).toEqual({})
    expect(structuredClone({ hidden: { ...hidden } })).toEqual({ hidden: {} })
    expect(JSON.stringify(cloned())).not.toContain('hunter2')
    expect(Object.isFrozen(hidden)).toBe(true)
    for (const key of Reflect.ownKeys(hidden)) {
      expect(String((hidden as unknown as Record<PropertyKey, unknown>)[key])).not.toContain('hunter2')
    }
  })

  function cloned(): unknown {
    try {
      return structuredClone(hidden)
    } catch {
      return 'refused'
    }
  }

  test('is no number and no other secret', () => {
    expect(Number(hidden)).toBeNaN()
    expect(secret(VALUE) === hidden).toBe(false)
  })

  test('is not what it holds, for the compiler', () => {
    expectTypeOf(hidden).not.toExtend<string>()
    expectTypeOf(secret(7)).not.toExtend<Secret<string>>()
    expectTypeOf(hidden.reveal()).toEqualTypeOf<string>()
    // @ts-expect-error: a Secret<string> is no string
    const text: string = hidden
    expect(text).toBe(hidden)
  })
})
