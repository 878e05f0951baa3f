import { describe, expect, test } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import { limitSet } from '../../src/core/store.ts'
import { byClientIp } from '../../src/traffic/keys.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import type { UpstashAnswer, UpstashClient, UpstashRatelimit } from '../../src/stores/upstash.ts'
import { ratelimitStore, upstashStore } from '../../src/stores/upstash.ts'
import { contextOf, virtualClock } from '../helpers.ts'
import { limitOf } from './contract.ts'

const call = createContext()
const one = limitSet([limitOf(5)])

describe('upstashStore', () => {
  test('anything but a client is a TypeError', () => {
    for (const client of [undefined, {}, { eval: () => {} }]) {
      expect(() => upstashStore(client as never)).toThrow('upstashStore: redis must be a client of @upstash/redis')
    }
    expect(() => upstashStore({} as never)).toThrow(TypeError)
  })

  test('its errors bear its name, and a script unknown to the server is sent, however the client says so', async () => {
    const messages = [
      'NOSCRIPT No matching script., command was: ["evalsha"]',
      'Command failed: NOSCRIPT No matching script.',
      'Command 2 [ evalsha ] failed: NOSCRIPT No matching script.',
    ]
    for (const message of messages) {
      const asked: unknown[][] = []
      const client: UpstashClient = {
        evalsha: () => Promise.reject(new Error(message)),
        eval: (...how) => Promise.resolve(asked.push(how) && [1, 2, 3, 4]),
      }
      expect((await upstashStore(client).consume(one, 'k', [1], call))?.allowed).toBe(true)
      expect(asked.map(([, keys, args]) => [keys, args])).toEqual([
        [['sallyport:1c:15:7:defaultf60000:k'], ['', 'f5 60000 1']],
      ])
    }
    const aborted: UpstashClient = { evalsha: () => Promise.resolve('Aborted'), eval: () => Promise.resolve('Aborted') }
    await expect(Promise.resolve(upstashStore(aborted).consume(one, 'k', [1], call)))
      .rejects.toThrow('upstashStore: unexpected reply')
  })
})

describe('ratelimitStore', () => {
  const clock = virtualClock()
  const context = contextOf({ clock })
  const answering = (answer: Partial<UpstashAnswer>): UpstashRatelimit & { asked: unknown[][] } => {
    const asked: unknown[][] = []
    return {
      asked,
      limit: (...how) => {
        asked.push(how)
        return Promise.resolve({ success: true, remaining: 4, reset: clock.now() + 1_500, ...answer })
      },
    }
  }

  test('anything but an instance is a TypeError, and so are several limits', () => {
    for (const ratelimit of [undefined, {}]) {
      expect(() => ratelimitStore(ratelimit as never)).toThrow(
        'ratelimitStore: ratelimit must be an instance of @upstash/ratelimit',
      )
    }
    const store = ratelimitStore(answering({}))
    const limits = [{ name: 'a', limit: 1, window: '1s' }, { name: 'b', limit: 2, window: '1m' }] as const
    expect(() => rateLimit({ key: byClientIp, limits, store })).toThrow('ratelimitStore: takes one limit, got 2')
    rateLimit({ key: byClientIp, limits: limits.slice(0, 1), store })
    expect(store.adjust).toBeUndefined()
  })

  test('asks for the cost, and says what it was told', async () => {
    const ratelimit = answering({})
    const verdict = await ratelimitStore(ratelimit).consume(one, 'k', [3], context)
    expect(ratelimit.asked).toEqual([['k', { rate: 3 }]])
    expect(verdict).toEqual({ allowed: true, at: clock.now(), standings: [{ remaining: 4, resetIn: 1_500 }] })
  })

  test('a refusal leaves less than was asked for, and some time to wait', async () => {
    const standing = async (answer: Partial<UpstashAnswer>): Promise<unknown> => {
      const store = ratelimitStore(answering({ success: false, ...answer }))
      return (await store.consume(one, 'k', [3], context))?.standings
    }
    expect(await standing({ remaining: -7 })).toEqual([{ remaining: 0, resetIn: 1_500 }])
    expect(await standing({ remaining: 4 })).toEqual([{ remaining: 2, resetIn: 1_500 }])
    expect(await standing({ remaining: 0, reset: 0, reason: 'denyList' })).toEqual([{ remaining: 0, resetIn: 1 }])
  })

  test('its timeout is no answer, and neither is nonsense', async () => {
    const asked = (answer: unknown): Promise<unknown> =>
      Promise.resolve(
        ratelimitStore({ limit: () => Promise.resolve(answer as UpstashAnswer) }).consume(one, 'k', [1], context),
      )
    const timeout = { success: true, limit: 0, remaining: 0, reset: 0, pending: Promise.resolve(), reason: 'timeout' }
    await expect(asked(timeout)).rejects.toThrow('ratelimitStore: @upstash/ratelimit has timed out')
    for (
      const answer of [undefined, null, {}, 'Aborted', { success: true }, { success: 'yes', remaining: 1, reset: 1 }]
    ) {
      await expect(asked(answer)).rejects.toThrow('ratelimitStore: unexpected reply')
    }
    await expect(asked({ success: true, remaining: NaN, reset: 1 })).rejects.toThrow('unexpected reply')
  })

  test('what it does in the background outlives the request', async () => {
    const works: Promise<unknown>[] = []
    const waiting = contextOf({ clock, waitUntil: (work) => void works.push(work) })
    const pending = Promise.resolve('analytics')
    await ratelimitStore(answering({ pending })).consume(one, 'k', [1], waiting)
    expect(works).toEqual([pending])
    expect(works[0]).toBe(pending)
  })

  test('a long key becomes a short identifier', async () => {
    const ratelimit = answering({})
    await ratelimitStore(ratelimit).consume(one, 'x'.repeat(128), [1], context)
    await ratelimitStore(ratelimit).consume(one, 'x'.repeat(129), [1], context)
    expect(ratelimit.asked.map(([identifier]) => String(identifier).length)).toEqual([128, 69])
  })
})
