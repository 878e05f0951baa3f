import { describe, expect, test } from 'vitest'
import { Problem } from '../../src/core/problem.ts'
import { limited, tap } from '../../src/core/stream.ts'
import { settled, source } from '../helpers.ts'

/** The code of the problem that a promise rejects with. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => 'nothing was thrown', (caught: unknown) => caught)
  expect(error).toBeInstanceOf(Problem)
  return (error as Problem).code
}

describe('a limited stream', () => {
  test('passes exactly the limit', async () => {
    expect((await new Response(limited(source(10, 10).stream, 100)).text()).length).toBe(100)
  })

  test('breaks beyond it with a 413, and cancels the source', async () => {
    const endless = source(10)
    expect(await codeOf(new Response(limited(endless.stream, 100)).text())).toBe('body-too-large')
    await settled()
    expect(endless.pulled).toBe(11)
    expect(endless.cancelled).toBe(true)
  })
})

type Told = [bytes: number, outcome: string]
function tapped(stream: ReadableStream<Uint8Array>): { stream: ReadableStream<Uint8Array>; told: Told[] } {
  const told: Told[] = []
  return { told, stream: tap(stream, (...end) => void told.push(end)) }
}

describe('PITFALLS 10: a tapped stream tells its end exactly once', () => {
  test('complete', async () => {
    const { stream, told } = tapped(source(10, 3).stream)
    expect((await new Response(stream).text()).length).toBe(30)
    await settled()
    expect(told).toEqual([[30, 'complete']])
  })

  test('empty', async () => {
    const { stream, told } = tapped(source(10, 0).stream)
    await new Response(stream).text()
    expect(told).toEqual([[0, 'complete']])
  })

  test('aborted between chunks: the source is cancelled with the reason', async () => {
    const endless = source(10)
    const { stream, told } = tapped(endless.stream)
    const reader = stream.getReader()
    await reader.read()
    await reader.cancel('gone')
    await settled()
    expect(told).toEqual([[10, 'aborted']])
    expect([endless.cancelled, endless.reason]).toEqual([true, 'gone'])
  })

  test('aborted while it waits for the next chunk, as an event stream is', async () => {
    const quiet = source(10, 1, 'hang')
    const { stream, told } = tapped(quiet.stream)
    const reader = stream.getReader()
    await reader.read()
    const pending = reader.read()
    await reader.cancel('gone')
    expect((await pending).done).toBe(true)
    await settled()
    expect(told).toEqual([[10, 'aborted']])
    expect(quiet.cancelled).toBe(true)
  })

  test('failed: the reader gets the source’s own error', async () => {
    const { stream, told } = tapped(source(10, 2, 'error').stream)
    await expect(new Response(stream).text()).rejects.toThrow('the source broke')
    await settled()
    expect(told).toEqual([[20, 'failed']])
  })

  test('a listener that throws neither hurts the stream nor is told again', async () => {
    let calls = 0
    const angry = (): never => {
      calls++
      throw new Error('listener')
    }
    expect((await new Response(tap(source(10, 2).stream, angry)).text()).length).toBe(20)
    const endless = source(10)
    const reader = tap(endless.stream, angry).getReader()
    await reader.read()
    await reader.cancel()
    await settled()
    expect(endless.cancelled).toBe(true)
    await expect(new Response(tap(source(10, 1, 'error').stream, angry)).text()).rejects.toThrow('the source broke')
    expect(calls).toBe(3)
  })

  test('not at all while it lasts', async () => {
    const { stream, told } = tapped(source(10).stream)
    const reader = stream.getReader()
    for (let i = 0; i < 50; i++) await reader.read()
    expect(told).toEqual([])
    await reader.cancel()
  })

  test.each([['tap', (stream: ReadableStream<Uint8Array>) => tap(stream, () => {})], [
    'limited',
    (stream: ReadableStream<Uint8Array>) => limited(stream, 1e9),
  ]])(
    'the producer is not pulled ahead of the consumer through %s',
    async (_name, wrap) => {
      const endless = source(10)
      const stream = wrap(endless.stream)
      await settled()
      expect(endless.pulled).toBe(0)
      const reader = stream.getReader()
      for (let i = 1; i <= 5; i++) {
        await reader.read()
        await settled()
        expect(endless.pulled).toBe(i)
      }
      await reader.cancel()
    },
  )

  test('the chunks are handed on, not copied', async () => {
    const chunk = new Uint8Array([1, 2, 3])
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(chunk)
        controller.close()
      },
    })
    expect((await tap(stream, () => {}).getReader().read()).value).toBe(chunk)
  })
})
