import { afterEach, describe, expect, test, vi } from 'vitest'
import type { LogRecord } from '../../src/core/log.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { queued } from '../../src/logging/queued.ts'
import { recorder, send, settled } from '../helpers.ts'

afterEach(() => {
  vi.useRealTimers()
})
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('lines come in order, one at a time, with their records, and after the present turn', async () => {
  const taken: [string, LogRecord | undefined][] = []
  let inHand = 0
  const write = queued(async (line, record) => {
    expect(++inHand).toBe(1)
    await delay(1)
    inHand--
    taken.push([line, record])
  })
  const record: LogRecord = { level: 'info', message: 'hello' }
  for (let i = 0; i < 20; i++) write(String(i), i === 3 ? record : undefined)
  await Promise.resolve()
  expect(taken).toEqual([])
  expect(inHand).toBe(0)
  await write.flush()
  expect(taken.map(([line]) => line)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
  expect(taken[3]![1]).toBe(record)
  expect(write.dropped).toBe(0)
})

test('without a flush they are handed over all the same', async () => {
  const taken: string[] = []
  const write = queued((line) => void taken.push(line))
  write('one')
  write('two')
  await settled()
  await settled()
  expect(taken).toEqual(['one', 'two'])
  await write.flush()
  expect(taken).toEqual(['one', 'two'])
})

test('close writes what waits, and lines that come later are dropped', async () => {
  const taken: string[] = []
  const write = queued(async (line) => {
    await delay(1)
    taken.push(line)
  })
  write('one')
  write('two')
  const closed = write.close()
  expect(write.close()).toBe(closed)
  write('three')
  await closed
  expect(taken).toEqual(['one', 'two'])
  expect(write.dropped).toBe(1)
})

test('PITFALLS 18: making one starts nothing', () => {
  const set = vi.spyOn(globalThis, 'setTimeout')
  queued(() => {})
  expect(set).not.toHaveBeenCalled()
  set.mockRestore()
})

describe('fault 45', () => {
  test('a sink that blocks does not hold up the request that logs', async () => {
    let blocked = 0
    const write = queued(() => {
      const until = performance.now() + 60
      while (performance.now() < until) blocked++
    })
    const handler = accessLog({ write })(() => Response.json('hello'))
    const response = await send(handler)
    expect(await response.json()).toBe('hello')
    expect(blocked).toBe(0)
    await settled()
    await write.close()
    expect(blocked).toBeGreaterThan(0)
  })

  test('one that blocks with each of many lines leaves turns to others between them', async () => {
    const write = queued(() => {
      const until = performance.now() + 10
      while (performance.now() < until);
    })
    for (let i = 0; i < 20; i++) write('line')
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    await write.flush()
    clearInterval(counting)
    expect(turns).toBeGreaterThan(5)
  })

  test('one that throws or rejects loses lines, which are counted, and complained of once per outage', async () => {
    const { log, records } = recorder()
    let broken = true
    const write = queued((line) => {
      if (!broken) return
      if (line === 'throw') throw new Error('full')
      return Promise.reject(new Error('full')) as unknown as void
    }, { log })
    const handler = accessLog({ write })(() => Response.json('hello'))
    for (let i = 0; i < 5; i++) expect((await send(handler)).status).toBe(200)
    await settled()
    write('throw')
    await write.flush()
    expect(write.dropped).toBe(6)
    expect(records).toMatchObject([{ level: 'error', code: 'log-lines-dropped', message: /the sink failed/ }])
    broken = false
    write('fine')
    await write.flush()
    broken = true
    write('throw')
    await write.flush()
    expect(write.dropped).toBe(7)
    expect(records).toHaveLength(2)
  })

  test('one that is too slow costs what is beyond the bound, and nothing waits for it', async () => {
    const { log, records } = recorder()
    let free = (): void => {}
    const write = queued(() => new Promise<void>((resolve) => free = resolve) as unknown as void, { most: 10, log })
    const handler = accessLog({ write })(() => Response.json('hello'))
    for (let i = 0; i < 30; i++) expect((await send(handler)).status).toBe(200)
    await settled()
    // The sink may have one in hand already.
    const { dropped } = write
    expect([19, 20]).toContain(dropped)
    expect(records).toHaveLength(1)
    const freeing = setInterval(() => free(), 0)
    await write.flush()
    clearInterval(freeing)
    expect(write.dropped).toBe(dropped)
  })

  test('one that hangs is given up after half a minute, and the next lines are handed over', async () => {
    vi.useFakeTimers()
    const { log, records } = recorder()
    const taken: string[] = []
    const write = queued((line) => {
      taken.push(line)
      if (line === 'hang') return new Promise<void>(() => {}) as unknown as void
    }, { log })
    write('hang')
    write('waits')
    await vi.advanceTimersByTimeAsync(29_000)
    write('waits, too')
    expect(taken).toEqual(['hang'])
    await vi.advanceTimersByTimeAsync(1_001)
    write('wakes')
    await vi.advanceTimersByTimeAsync(1)
    expect(taken).toEqual(['hang', 'waits', 'waits, too', 'wakes'])
    expect(write.dropped).toBe(1)
    write('hang')
    write('lost')
    const closed = write.close()
    await vi.advanceTimersByTimeAsync(30_001)
    await closed
    expect(write.dropped).toBe(3)
    expect(records.length).toBeGreaterThan(0)
  })

  test('on Workers a turn that died with its request is taken over by the next', async () => {
    const taken: string[] = []
    const write = queued((line) => void taken.push(line))
    // What a request began is cut off with it: its timer never comes.
    const set = vi.spyOn(globalThis, 'setTimeout').mockImplementationOnce(() => 0 as never)
    write('one')
    set.mockRestore()
    await delay(5)
    expect(taken).toEqual([])
    write('two')
    await write.flush()
    expect(taken).toEqual(['one', 'two'])
  })
})

test('options are checked when it is made', () => {
  expect(() => queued('app.log' as never)).toThrow(/queued: sink/)
  expect(() => queued(() => {}, { most: 0 })).toThrow(/queued: most/)
})
