import { expect, test } from 'vitest'
import { memoryLeases } from '../../src/stores/memory-leases.ts'
import { memoryRecords } from '../../src/stores/memory-records.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { contextOf, virtualClock } from '../helpers.ts'
import { contract } from './contract.ts'

contract('memory', () => {
  const clock = virtualClock()
  const counters = memoryStore()
  return {
    store: {
      ...memoryLeases(),
      ...memoryRecords(),
      consume: (set, key, costs, call) => counters.consume(set, key, costs, call),
      adjust: counters.adjust,
    },
    call: contextOf({ clock }),
    pass: (ms) => clock.advance(ms),
  }
})

test('a record that cannot be replaced for lack of room stays what it was', () => {
  const store = memoryRecords({ maxCharacters: 20 })
  const call = contextOf()
  expect(store.claim('key', 'mine', 60_000, call)).toBeUndefined()
  expect(() => store.replace('key', 'mine', 'x'.repeat(50), 60_000, call)).toThrow('no room')
  expect(store.claim('key', 'other', 60_000, call)).toBe('mine')
  expect(store.remove('key', 'mine', call)).toBe(true)
  expect(store.claim('key', 'x'.repeat(17), 60_000, call)).toBeUndefined()
})
