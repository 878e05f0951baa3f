import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import { limitSet } from '../../src/core/store.ts'
import { contract, freshKey, limitOf, MINUTE } from '../stores/contract.ts'
import { fourWorkers, storeOf } from './workerd.ts'

const call = createContext()
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

contract('durable object', async () => {
  const mf = await fourWorkers()
  return { store: storeOf(mf, 0), pass, stop: () => mf.dispose() }
})

describe('four Workers share the objects', () => {
  let mf: Miniflare
  beforeAll(async () => {
    mf = await fourWorkers()
  })
  afterAll(() => mf.dispose())
  const rows = async (): Promise<unknown> => (await mf.dispatchFetch('http://w1.test/rows')).json()

  test('rows are deleted when they are over, by an alarm', async () => {
    const store = storeOf(mf, 2, '/one')
    expect(await rows()).toEqual([0, 0, 0]) // first of all: the keys of the others may be in any object
    const short = limitSet([limitOf(5, { name: 'short', window: 300 })])
    for (let i = 0; i < 20; i++) await store.consume(short, freshKey(), [1], call)
    await store.consume(limitSet([limitOf(5)]), freshKey(), [1], call)
    await store.lease('bans', 'x', 300, 10, call)
    await store.lease('bans', 'y', MINUTE, 10, call)
    await store.claim('idem', 'value', 300, call)
    await expect.poll(rows, { timeout: 15_000, interval: 500 }).toEqual([1, 1, 0])
  }, 20_000)

  test('PITFALLS 3: 200 at once, limit 50: exactly 50 pass', async () => {
    const set = limitSet([limitOf(50, { name: 'fleet' }), limitOf(60, { name: 'day', window: 1_440 * MINUTE })])
    const key = freshKey()
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) => storeOf(mf, i % 4).consume(set, key, [1, 1], call)),
    )
    expect(all.filter((verdict) => verdict?.allowed)).toHaveLength(50)
  })

  test('a debt beyond all measure can be kept', async () => {
    const set = limitSet([limitOf(1, { name: 'debt', algorithm: 'token-bucket' })])
    const key = freshKey()
    await storeOf(mf, 3).adjust(set, key, [Number.MAX_SAFE_INTEGER], Date.now(), call)
    expect((await storeOf(mf, 0).consume(set, key, [1], call))?.allowed).toBe(false)
  })
})

test('a restart forgets nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'objects-'))
  const set = limitSet([limitOf(3)])
  const key = freshKey()
  const admitted: (boolean | undefined)[] = []
  for (let run = 0; run < 2; run++) {
    const mf = await fourWorkers(folder)
    for (let i = 0; i < 2; i++) admitted.push((await storeOf(mf, i).consume(set, key, [1], call))?.allowed)
    await mf.dispose()
  }
  await rm(folder, { recursive: true })
  expect(admitted).toEqual([true, true, true, false])
})
