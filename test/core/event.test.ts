import { expect, test } from 'vitest'
import { record } from '../../src/core/event.ts'
import { contextOf } from '../helpers.ts'

test('events are kept in order, and no loop can fill memory with them', () => {
  const context = contextOf()
  for (let i = 0; i < 1_000; i++) record(context, { kind: 'suspicious', guard: 'x', code: `n-${i}` })
  expect(context.events).toHaveLength(100)
  expect(context.events.map(({ code }) => code).slice(0, 3)).toEqual(['n-0', 'n-1', 'n-2'])
})
