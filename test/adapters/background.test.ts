import { expect, test } from 'vitest'
import { Background } from '../../adapters/shared/background.ts'
import { delay } from './wire.ts'

test('PITFALLS 17: holds work until it settles, however it does, and what it adds meanwhile', async () => {
  const background = new Background()
  const { waitUntil } = background
  const done: string[] = []
  waitUntil(
    delay(10).then(() => {
      done.push('first')
      waitUntil(delay(10).then(() => void done.push('second')))
    }),
  )
  waitUntil(Promise.reject(new Error('nobody sees this')))
  expect(background.size).toBe(2)
  await background.drain()
  expect([done, background.size]).toEqual([['first', 'second'], 0])
  await background.drain()
})

test('keeps nothing of what is done', async () => {
  const background = new Background()
  for (let i = 0; i < 1_000; i++) background.waitUntil(Promise.resolve(i))
  await delay(0)
  expect(background.size).toBe(0)
})
