import { describe, expect, test } from 'vitest'
import type { End } from '../../src/core/context.ts'
import { createContext, ended, extend, onEnd } from '../../src/core/context.ts'
import { systemClock } from '../../src/core/clock.ts'
import { contextOf, settled } from '../helpers.ts'

const done: End = { status: 200, bytes: 5, outcome: 'complete' }

describe('createContext', () => {
  test('has all of it with nothing known', () => {
    expect(createContext()).toMatchObject({
      connection: { address: undefined, port: undefined, encrypted: false },
      platform: { name: 'fetch', framed: false, ephemeral: false, draining: false },
      clock: systemClock,
      attributes: {},
      events: [],
      format: undefined,
      endListeners: undefined,
    })
  })

  test('two requests share nothing that changes', () => {
    const [a, b] = [createContext(), createContext()]
    a.attributes['x'] = 1
    a.events.push({ kind: 'refused', guard: 'x', code: 'x' })
    a.head.set('x-a', '1')
    onEnd(a, () => {})
    expect(b.attributes).toEqual({})
    expect(b.events).toEqual([])
    expect(b.head.flatten([], 200)).toEqual([])
    expect(b.endListeners).toBeUndefined()
  })

  test('one shape, whatever the adapter knows, so that a pipeline sees one hidden class', () => {
    expect(Object.keys(createContext())).toEqual(Object.keys(contextOf({ address: '192.0.2.1', waitUntil: () => {} })))
  })

  test('PITFALLS 17: waitUntil may be detached, and a rejection surfaces nowhere', async () => {
    const { waitUntil } = createContext()
    waitUntil(Promise.reject(new Error('late')))
    await settled() // an unhandled rejection would fail the run
  })
})

describe('extend', () => {
  test('grows the one object', () => {
    const context = contextOf()
    const grown = extend(context, { principal: { id: 'ada' } })
    expect(grown).toBe(context)
    expect(grown.principal.id).toBe('ada')
  })

  test.each([
    'head',
    'connection',
    'clock',
    'attributes',
    'events',
    'waitUntil',
    'format',
    'endListeners',
    'platform',
    'toString',
    'constructor',
  ])(
    'refuses the taken key %s, and leaves what is there',
    (key) => {
      const context = contextOf()
      const { head } = context
      const adds = JSON.parse(`{"fresh":1,${JSON.stringify(key)}:{"polluted":1}}`) as object
      expect(() => extend(context, adds)).toThrow(TypeError)
      expect('polluted' in context).toBe(false)
      expect(context.head).toBe(head)
    },
  )

  test('a fact named __proto__ is no new prototype', () => {
    const context = contextOf()
    const prototype: unknown = Object.getPrototypeOf(context)
    try {
      extend(context, JSON.parse('{"__proto__":{"polluted":1}}') as object)
    } catch {
      // Refused everywhere but on Deno, which has no `__proto__`.
    }
    expect(Object.getPrototypeOf(context)).toBe(prototype)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  test('refuses a fact that a wrapper outside has added', () => {
    const context = extend(contextOf(), { requestId: 'a' })
    expect(() => extend(context, { requestId: 'b' })).toThrow(
      `context: 'requestId' is already there; is a wrapper mounted twice?`,
    )
  })
})

describe('onEnd', () => {
  test('tells every listener exactly once, in order', () => {
    const context = contextOf()
    const told: [string, End][] = []
    onEnd(context, (end) => told.push(['a', end]))
    onEnd(context, (end) => told.push(['b', end]))
    ended(context, done)
    ended(context, { status: 200, bytes: 0, outcome: 'aborted' })
    expect(told).toEqual([['a', done], ['b', done]])
  })

  test('a listener that throws or rejects hurts nobody', async () => {
    const context = contextOf()
    let told = 0
    onEnd(context, () => {
      throw new Error('listener')
    })
    onEnd(context, () => Promise.reject(new Error('listener')) as unknown as void)
    onEnd(context, () => void told++)
    ended(context, done)
    await settled() // an unhandled rejection would fail the run
    expect(told).toBe(1)
  })

  test('a listener that ends the exchange again does not loop', () => {
    const context = contextOf()
    let told = 0
    onEnd(context, () => {
      told++
      ended(context, done)
    })
    ended(context, done)
    expect(told).toBe(1)
  })

  test('who asks when it has ended is told at once', () => {
    const context = contextOf()
    onEnd(context, () => {})
    ended(context, done)
    const told: End[] = []
    onEnd(context, (end) => told.push(end))
    ended(context, { status: 200, bytes: 0, outcome: 'aborted' })
    expect(told).toEqual([done])
  })

  test('nobody listening is fine', () => {
    expect(() => ended(contextOf(), done)).not.toThrow()
  })
})
