import { expect, test } from 'vitest'
import { Feed } from '../../../src/telemetry/ops/feed.ts'
import { contextOf, settled, virtualClock } from '../../helpers.ts'

const decoder = new TextDecoder()

async function next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> {
  const { done, value } = await reader.read()
  return done ? undefined : decoder.decode(value)
}

function feed(options: Partial<ConstructorParameters<typeof Feed>[0]> = {}): Feed {
  let made = 0
  return new Feed({ every: 20, viewers: 2, message: () => Promise.resolve(`{"made":${++made}}`), ...options })
}

test('the first message comes at once, the others when they are due', async () => {
  const reader = feed().open(contextOf())!.getReader()
  const started = performance.now()
  expect(await next(reader)).toBe('retry: 2000\ndata: {"made":1}\n\n')
  expect(performance.now() - started).toBeLessThan(15)
  expect(await next(reader)).toBe('data: {"made":2}\n\n')
  expect(performance.now() - started).toBeGreaterThan(15)
  await reader.cancel()
})

test('nothing is made for whom nobody reads', async () => {
  let made = 0
  const one = feed({ message: () => Promise.resolve(String(++made)) }).open(contextOf())!
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(made).toBe(0)
  await one.cancel()
})

test('as many may look as may look; who leaves makes room', async () => {
  const one = feed()
  const first = one.open(contextOf())!
  expect(one.open(contextOf())).toBeDefined()
  expect(one.open(contextOf())).toBeUndefined()
  await first.cancel()
  expect(one.viewers).toBe(1)
  expect(one.open(contextOf())).toBeDefined()
})

test('who leaves in the middle of a pause or of a message ends it', async () => {
  let answer: ((text: string) => void) | undefined
  const one = feed({
    every: 60_000,
    message: () =>
      new Promise((resolve) => {
        answer = resolve
      }),
  })
  const reader = one.open(contextOf())!.getReader()
  const message = reader.read()
  await settled()
  await reader.cancel()
  answer!('{}')
  expect((await message).done).toBe(true)
  const paused = one.open(contextOf())!.getReader()
  const first = next(paused)
  await settled()
  answer!('{}')
  await first
  const second = paused.read()
  await settled()
  await paused.cancel()
  expect((await second).done).toBe(true)
  expect(one.viewers).toBe(0)
})

test('a server that closes lets its viewers go, within a second', async () => {
  const context = contextOf()
  const one = feed({ every: 60_000 })
  const reader = one.open(context)!.getReader()
  await next(reader)
  const last = next(reader)
  Object.assign(context.platform, { draining: true })
  expect(await last).toContain('data: ')
  expect(await next(reader)).toBeUndefined()
  expect(one.viewers).toBe(0)
})

test('a message that cannot be made is a sign of life, and the next one is tried', async () => {
  let tries = 0
  const reader = feed({ message: () => ++tries === 1 ? Promise.reject(new Error('no')) : Promise.resolve('{}') })
    .open(contextOf())!.getReader()
  expect(await next(reader)).toBe('retry: 2000\n: nothing new\n\n')
  expect(await next(reader)).toBe('data: {}\n\n')
  await reader.cancel()
})

test('a viewer that takes nothing any more makes room', async () => {
  const clock = virtualClock()
  const one = feed({ every: 2_000, viewers: 1 })
  const gone = one.open(contextOf({ clock }))!.getReader()
  await next(gone)
  clock.advance(29_000)
  expect(one.open(contextOf({ clock }))).toBeUndefined()
  clock.advance(2_000)
  expect(one.open(contextOf({ clock }))).toBeDefined()
  expect(one.viewers).toBe(1)
  await gone.cancel()
  expect(one.viewers).toBe(1)
})

test('after five minutes it ends, so that who may look is asked again', async () => {
  const clock = virtualClock()
  const one = feed()
  const reader = one.open(contextOf({ clock }))!.getReader()
  await next(reader)
  clock.advance(300_001)
  expect(await next(reader)).toContain('data: ')
  expect(await next(reader)).toBeUndefined()
  expect(one.viewers).toBe(0)
})
