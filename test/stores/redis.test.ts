import { expect, test } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import { limitSet } from '../../src/core/store.ts'
import * as kept from '../../src/stores/redis-lua-kept.ts'
import { ADJUST, CONSUME } from '../../src/stores/redis-lua.ts'
import type { IoRedisClient, NodeRedisClient } from '../../src/stores/redis.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { limitOf, MINUTE } from './contract.ts'

const call = createContext()
const scripts = [CONSUME, ADJUST, ...Object.values(kept)]
const one = limitSet([limitOf(5)])
const two = limitSet([limitOf(5), limitOf(5, { name: 'other', algorithm: 'token-bucket' })])

/** A client whose server says the same to everything, a promise's turn later. */
function saying(reply: unknown): NodeRedisClient {
  return { evalSha: () => Promise.resolve(reply), eval: () => Promise.resolve(reply) }
}

/** What a call sent: how, which script, one key, arguments. */
type Sent = readonly [how: string, script: string, ...rest: unknown[]]

function recording(reply: unknown, fail?: (sent: Sent) => Error | undefined): { sent: Sent[]; client: IoRedisClient } {
  const sent: Sent[] = []
  const answer = (...call: Sent): Promise<unknown> => {
    sent.push(call)
    const error = fail?.(call)
    return error === undefined ? Promise.resolve(reply) : Promise.reject(error)
  }
  return {
    sent,
    client: {
      evalsha: (sha, keys, ...args) => answer('evalsha', sha, keys, ...args),
      eval: (script, keys, ...args) => answer('eval', script, keys, ...args),
    },
  }
}

test('each script has the SHA-1 that the server will give it', async () => {
  for (const { text, sha } of scripts) {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text)))
    expect(Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(sha)
  }
})

test('the scripts are plain: no shebang, no library that a server may lack, no key that is not named, no search', () => {
  for (const { text } of scripts) {
    expect(text).not.toMatch(/^#!|cjson|cmsgpack|struct|bit\.|KEYS\[[^1]|'(?:KEYS|SCAN|HGETALL)'/)
    expect(text).toContain('KEYS[1]')
  }
})

test('a client that cannot run scripts, and options that make no sense, are TypeErrors', () => {
  const no = /^redisStore: client must be /
  for (const client of [undefined, null, 'redis://x', {}, { eval: () => {} }, { evalsha: () => {} }]) {
    expect(() => redisStore(client as never)).toThrow(no)
    expect(() => redisStore(client as never)).toThrow(TypeError)
  }
  expect(() => redisStore(saying(1), { prefix: '' })).toThrow('redisStore: prefix must be a text')
  expect(() => redisStore(saying(1), { time: 'mine' as never })).toThrow("redisStore: time must be 'store' or 'caller'")
})

test('a reply of another shape is an error, never an answer', async () => {
  const nonsense = [
    ...[undefined, null, 0, 2, -1, 1.5, NaN, '', 'OK', '1', 'garbage', {}, [], true, 1n, Symbol('x')],
    ...[[1], [1, 2], [1, 2, 3], [2, 2, 3, 4], ['1', '2', '3', '4'], [1, 2, -3, 4], [1, 2, 3, 4.5], [1, 2, 3, 4, 5]],
    ...[[1, 2, NaN, 4], [null, null, null, null], [1, 2, 3, [4]], [1, 2, 3, 4, 5, 6, 7, 8]],
  ]
  const odd = /^redisStore: unexpected reply$/
  for (const reply of nonsense) {
    const store = redisStore(saying(reply))
    const rejects = (work: unknown): Promise<void> => expect(Promise.resolve(work)).rejects.toThrow(odd)
    await rejects(store.consume(one, 'k', [1], call))
    await rejects(store.consume(two, 'k', [1, 1], call))
    if (reply !== 0) await rejects(store.adjust(one, 'k', [-1], 0, call))
    if (!Array.isArray(reply) || reply.length !== 3) await rejects(store.lease('s', 'm', 1, 1, call))
    if (reply !== 0) await rejects(store.release('s', 'm', call))
    if (reply !== 0 && reply !== 2) await rejects(store.held('s', 'm', call))
    if (!Array.isArray(reply) || reply.length > 0) await rejects(store.members('s', call))
    await rejects(store.claim('k', 'v', 1, call))
    if (reply !== 0) await rejects(store.replace('k', 'v', 'w', 1, call))
    if (reply !== 0) await rejects(store.remove('k', 'v', call))
  }
  expect(await redisStore(saying([1, 2, 3, 4])).consume(one, 'k', [1], call)).toEqual({
    allowed: true,
    at: 2,
    standings: [{ remaining: 3, resetIn: 4 }],
  })
})

test('both kinds of clients are asked by hash, for one key', async () => {
  const { sent, client } = recording([1, 2, 3, 4])
  await redisStore(client).consume(one, 'k', [2], call)
  const key = 'sallyport:1c:15:7:defaultf60000:k'
  const args = ['', 'f5 60000 2']
  expect(sent).toEqual([['evalsha', CONSUME.sha, 1, key, ...args]])
  const asked: unknown[] = []
  const node = {
    ...saying([1, 2, 3, 4]),
    evalSha: (...how: unknown[]) => Promise.resolve(asked.push(how) && [1, 2, 3, 4]),
  }
  await redisStore(node).consume(one, 'k', [2], call)
  expect(asked).toEqual([[CONSUME.sha, { keys: [key], arguments: args }]])
})

test('what was sent last is sent again only for the same costs of the same set', async () => {
  const { sent, client } = recording([1, 2, 3, 4])
  const store = redisStore(client)
  const costs = [1]
  const other = limitSet([limitOf(9)])
  for (const [set, cost] of [[one, 1], [one, 1], [one, 4], [other, 4], [one, 4], [one, 1]] as const) {
    costs[0] = cost
    await store.consume(set, 'k', costs, call)
  }
  const texts = ['f5 60000 1', 'f5 60000 1', 'f5 60000 4', 'f9 60000 4', 'f5 60000 4', 'f5 60000 1']
  expect(sent.map((args) => args[5])).toEqual(texts)
})

test('the text goes out once, and only where the server does not know the hash', async () => {
  const unknown = recording(
    [1, 2, 3, 4],
    ([how]) => how === 'evalsha' ? new Error('NOSCRIPT No matching script.') : undefined,
  )
  await redisStore(unknown.client).consume(one, 'k', [1], call)
  expect(unknown.sent.map(([how]) => how)).toEqual(['evalsha', 'eval'])
  expect(unknown.sent[1]![1]).toBe(CONSUME.text)
  const never = recording(undefined, () => new Error('NOSCRIPT No matching script.'))
  await expect(Promise.resolve(redisStore(never.client).consume(one, 'k', [1], call))).rejects.toThrow('NOSCRIPT')
  expect(never.sent).toHaveLength(2)
  // A client may quote the command, and with it what a stranger has chosen.
  const other = recording(undefined, () => new Error('READONLY no, command was: ["evalsha", "NOSCRIPT "]'))
  await expect(Promise.resolve(redisStore(other.client).consume(one, 'k', [1], call))).rejects.toThrow('READONLY')
  expect(other.sent).toHaveLength(1)
})

test("with time: 'caller' the clock of the call counts, in whole milliseconds", async () => {
  const { sent, client } = recording([1, 2, 3, 4])
  const at = (ms: number) => ({ ...call, clock: { now: () => ms, monotonic: () => 0 } })
  const store = redisStore(client, { time: 'caller', prefix: 'p' })
  await store.consume(one, 'k', [1], at(1_234.9))
  await store.consume(one, 'k', [1], at(1_300))
  expect(sent.map((args) => args[4])).toEqual(['1234', '1300'])
  await redisStore(client).consume(one, 'k', [1], at(5))
  expect(sent[2]![4]).toBe('')
})

interface Batch {
  readonly sizes: number[]
  readonly client: IoRedisClient
}

/** A client with pipelines; replies are made by the key. */
function batching(reply: (key: string) => readonly [Error | null, unknown], isCluster = false): Batch {
  const sizes: number[] = []
  const alone = (_sha: string, _keys: number, key = ''): Promise<unknown> => {
    sizes.push(1)
    const [error, value] = reply(key)
    return error === null ? Promise.resolve(value) : Promise.reject(error)
  }
  return {
    sizes,
    client: {
      evalsha: alone,
      eval: alone,
      isCluster,
      pipeline() {
        const keys: string[] = []
        return {
          evalsha: (_sha, _keys, key = '') => keys.push(key),
          exec() {
            sizes.push(keys.length)
            return Promise.resolve(keys.map(reply))
          },
        }
      },
    },
  }
}

const remainingOf = (key: string): readonly [null, unknown] => [null, [1, 2, Number(key.split('k')[1]), 4]]
const asks = (client: IoRedisClient, count: number): Promise<(number | string | undefined)[]> => {
  const store = redisStore(client, { prefix: 'p' })
  return Promise.all(Array.from({ length: count }, async (_, i) => {
    try {
      return (await store.consume(one, `k${i}`, [1], call))?.standings[0]?.remaining
    } catch (error) {
      return String(error)
    }
  }))
}

test('calls of one turn go out together, and each gets its own answer', async () => {
  const { sizes, client } = batching(remainingOf)
  expect(await asks(client, 40)).toEqual(Array.from({ length: 40 }, (_, i) => i))
  expect(sizes).toEqual([16, 16, 8])
  sizes.length = 0
  expect(await asks(client, 1)).toEqual([0])
  expect(await asks(client, 16)).toHaveLength(16)
  expect(sizes).toEqual([1, 16])
})

test('a cluster is asked one by one: its nodes do not share a pipeline', async () => {
  const { sizes, client } = batching(remainingOf, true)
  await asks(client, 5)
  expect(sizes).toEqual([1, 1, 1, 1, 1])
})

test('of calls that go out together, the one that fails fails alone', async () => {
  const { client } = batching((key) => key.endsWith('k2') ? [new Error('OOM'), undefined] : remainingOf(key))
  expect(await asks(client, 4)).toEqual([0, 1, 'Error: OOM', 3])
  const broken = (exec: () => Promise<never[] | null>): IoRedisClient => ({
    ...client,
    pipeline: () => ({ evalsha: () => {}, exec }),
  })
  const odd = 'Error: redisStore: unexpected reply'
  expect(await asks(broken(() => Promise.resolve(null)), 2)).toEqual([odd, odd])
  expect(await asks(broken(() => Promise.resolve([])), 2)).toEqual([odd, odd])
  expect(await asks(broken(() => Promise.reject(new Error('closed'))), 2)).toEqual(['Error: closed', 'Error: closed'])
  const throws = {
    ...client,
    pipeline: () => {
      throw new Error('no pipeline')
    },
  }
  expect(await asks(throws, 2)).toEqual(['Error: no pipeline', 'Error: no pipeline'])
  expect(
    await asks({
      ...client,
      evalsha: () => {
        throw new Error('no evalsha')
      },
    }, 1),
  ).toEqual(['Error: no evalsha'])
})

test('texts are marked in the server, so that no client takes them for JSON', async () => {
  const { sent, client } = recording('={"a":1}')
  const store = redisStore(client)
  expect(await store.claim('k', '12', MINUTE, call)).toBe('{"a":1}')
  expect(sent[0]!.slice(4)).toEqual(['=12', '60000'])
  const members = redisStore(saying(['=[1]', 5, '=', 6]))
  expect(await members.members('s', call)).toEqual([{ member: '[1]', expiresIn: 5 }, { member: '', expiresIn: 6 }])
})
