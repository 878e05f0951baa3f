/** What the tests of the request and browser wrappers share. */
import { expect } from 'vitest'
import type { Context } from '../../src/core/context.ts'
import type { Handler } from '../../src/core/handler.ts'
import { contextOf, requestTo, send, source, upload } from '../helpers.ts'

/** A handler that keeps what it was called with. */
export interface Spy<Added = {}> {
  readonly handler: Handler<Added>
  readonly calls: { request: Request; context: Context & Added }[]
}

export function spy<Added = {}>(answer: () => Response = () => new Response('ok')): Spy<Added> {
  const calls: Spy<Added>['calls'] = []
  return {
    calls,
    handler(request, context) {
      calls.push({ request, context })
      return answer()
    },
  }
}

/** The code of a problem response. */
export async function codeOf(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return ((await response.json()) as { code: string }).code
}

/** Checks that making a wrapper throws a TypeError whose message has all of `words`. */
export function refusesToBeMade(make: () => unknown, ...words: string[]): void {
  let thrown: unknown
  try {
    make()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(TypeError)
  for (const word of words) expect((thrown as TypeError).message).toContain(word)
}

/**
 * Checks that a wrapper hands on a never-ending upload unread, as the very same request, and a never-ending answer chunk by
 * chunk, and that whoever stops reading the answer stops its source.
 */
export async function leavesStreamsAlone(
  wrap: (next: Handler) => Handler,
  headers: Record<string, string> = {},
): Promise<void> {
  const uploaded = source(10)
  const request = upload(uploaded.stream, headers)
  const inner = spy()
  const answered = await send(wrap(inner.handler), request, contextOf({ address: '192.0.2.1' }))
  expect(answered.status).toBe(200)
  await answered.text()
  expect(inner.calls[0]!.request).toBe(request)
  expect(request.bodyUsed).toBe(false)
  expect(uploaded.pulled).toBe(0)

  const events = source(10)
  const answer = new Response(events.stream, { headers: { 'content-type': 'text/event-stream' } })
  const response = await send(wrap(() => answer), requestTo(), contextOf({ address: '192.0.2.1' }))
  const reader = response.body!.getReader()
  for (let chunk = 1; chunk <= 3; chunk++) {
    expect((await reader.read()).value).toHaveLength(10)
    expect(events.pulled).toBe(chunk)
  }
  await reader.cancel('enough')
  expect(events.cancelled).toBe(true)
}
