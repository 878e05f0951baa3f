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
