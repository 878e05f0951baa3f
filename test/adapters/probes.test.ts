import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { cpuProbe, diskProbe, eventLoopProbe, memoryProbe, uptimeProbe } from '../../adapters/node/probes.ts'
import { type CheckOutcome, health, type HealthCheck } from '../../src/health/health.ts'
import { httpProbe } from '../../src/health/probes.ts'
import { contextOf, requestTo, send } from '../helpers.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-probes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function look(check: HealthCheck, timeout: `${number}ms` = '500ms') {
  const handler = health({ checks: { it: check }, detail: () => true, timeout })(() => new Response('beyond'))
  const response = await send(handler, requestTo('/health'), contextOf())
  const text = await response.text()
  const { checks } = JSON.parse(text) as { checks: Record<string, CheckOutcome[]> }
  return { code: response.status, checks, text, only: Object.values(checks)[0]?.[0] }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Computes for so long: the event loop stands. */
function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('diskProbe', () => {
  test('M2: tells how full the disk is, and writes nothing', async () => {
    const { code, checks } = await look(diskProbe(folder, { warn: 100, fail: 100 }))
    expect(code).toBe(200)
    expect(checks).toMatchObject({
      'it:utilization': [{ status: 'pass', observedUnit: '%', componentType: 'system' }],
    })
    const value = checks['it:utilization']?.[0]?.observedValue
    expect(value).toBeGreaterThan(0)
    expect(value).toBeLessThanOrEqual(100)
    expect(readdirSync(folder)).toEqual([])
  })

  test('M3: above its bounds it degrades, then fails', async () => {
    expect((await look(diskProbe(folder, { warn: 0, fail: 100 }))).only?.status).toBe('warn')
    expect((await look(diskProbe(folder, { warn: 0, fail: 0 }))).code).toBe(503)
  })

  test('a folder that is not there is a fail, and its path stays here', async () => {
    const { code, text } = await look(diskProbe(join(folder, 'hunter2')))
    expect(code).toBe(503)
    expect(text).not.toContain('hunter2')
  })

  test('a folder that may not be written to is a fail, unless it need not be', async () => {
    const closed = join(folder, 'closed')
    mkdirSync(closed, { mode: 0o500 })
    const bounds = { warn: 100, fail: 100 }
    // Nothing is closed to root, save that Deno goes by the mode alone; and Windows knows no such mode.
    const mayAll = process.platform === 'win32' || (process.getuid?.() === 0 && !('Deno' in globalThis))
    expect((await look(diskProbe(closed, bounds))).code).toBe(mayAll ? 200 : 503)
    expect((await look(diskProbe(closed, { ...bounds, writable: false }))).code).toBe(200)
  })

  test('many looks at once are one', async () => {
    const check = diskProbe(folder, { warn: 100, fail: 100 })
    const call = contextOf()
    const { signal } = new AbortController()
    const all = Array.from({ length: 100 }, () => check(signal, call))
    expect(new Set(all).size).toBe(1)
    await all[0]
    expect(check(signal, call)).not.toBe(all[0])
  })
})

describe('memoryProbe', () => {
  test('M2, M4: tells of the heap, the system, and what is and was resident', async () => {
    const { checks } = await look(memoryProbe({ warn: 100 }))
    expect(Object.keys(checks)).toEqual(['it:heap', 'it:system', 'it:current', 'it:peak'])
    for (const key of ['it:heap', 'it:system']) {
      expect(checks[key]).toMatchObject([{ status: 'pass', observedUnit: '%', componentType: 'system' }])
      expect(checks[key]?.[0]?.observedValue).toBeGreaterThanOrEqual(0) // Bun's heap, of the system: 0.0
      expect(checks[key]?.[0]?.observedValue).toBeLessThan(100)
    }
    const [current, peak] = [checks['it:current']?.[0]?.observedValue, checks['it:peak']?.[0]?.observedValue]
    expect(current).toBeGreaterThan(10_000_000)
    expect(peak).toBeGreaterThanOrEqual(current as number)
    expect(peak).toBeLessThan(64e9)
  })

  test('M3: above its bound it degrades; it fails only where that is asked for', async () => {
    const degraded = await look(memoryProbe({ warn: 0 }))
    expect([degraded.code, degraded.checks['it:system']?.[0]?.status]).toEqual([200, 'warn'])
    expect((await look(memoryProbe({ warn: 0, fail: 0 }))).code).toBe(503)
  })
})

describe('eventLoopProbe', () => {
  test('an idle loop is in time', async () => {
    const check = eventLoopProbe({ warn: '5s' })
    const { only, checks } = await look(check)
    expect(Object.keys(checks)).toEqual(['it:delay'])
    expect(only).toMatchObject({ status: 'pass', observedUnit: 'ms' })
    expect(only?.observedValue).toBeLessThan(5_000)
  })

  test('one that stood since the last look is late, until the next', async () => {
    const check = eventLoopProbe({ warn: '150ms', fail: '30s' })
    await look(check)
    block(300)
    const { code, only } = await look(check)
    expect([code, only?.status]).toEqual([200, 'warn'])
    expect(only?.observedValue).toBeGreaterThan(200)
    await sleep(100)
    expect((await look(check)).only?.observedValue).toBeLessThan(150)
  })

  test('beyond its second bound it fails', async () => {
    const check = eventLoopProbe({ warn: '10ms', fail: '20ms' })
    await look(check)
    block(120)
    await sleep(30)
    expect((await look(check)).code).toBe(503)
  })
})

describe('cpuProbe', () => {
  test('M4, M7: tells what was used between two looks', async () => {
    const check = cpuProbe({ warn: 20 })
    await look(check)
    block(200)
    const busy = await look(check)
    expect(Object.keys(busy.checks)).toEqual(['it:utilization'])
    expect(busy.only).toMatchObject({ status: 'warn', observedUnit: '%' })
    const before = process.cpuUsage()
    const at = performance.now()
    await sleep(400)
    // Other tests may run in this process.
    const { user, system } = process.cpuUsage(before)
    const used = (user + system) / 10 / (performance.now() - at)
    const { only } = await look(check)
    expect(Math.abs(only?.observedValue as number - used)).toBeLessThan(20)
  })

  test('two looks at once tell the same', () => {
    const check = cpuProbe()
    const call = contextOf()
    const { signal } = new AbortController()
    const [one, two] = [check(signal, call), check(signal, call)] as [CheckOutcome, CheckOutcome]
    expect(two.observedValue).toBe(one.observedValue)
    expect(one.observedValue).toBeGreaterThan(0)
  })

  test('of all cores it is no more than of one', async () => {
    const one = await look(cpuProbe({ cores: 1 }))
    const all = await look(cpuProbe({ cores: 'all' }))
    expect(all.only?.observedValue).toBeLessThanOrEqual((one.only?.observedValue as number) + 1)
  })
})

test('M4: uptimeProbe tells for how long the process runs', async () => {
  const { checks } = await look(uptimeProbe())
  expect(checks).toMatchObject({ it: [{ status: 'pass', observedUnit: 's' }] })
  expect(checks['it']?.[0]?.observedValue).toBeLessThanOrEqual(process.uptime() + 1)
})

test.each<[message: RegExp, make: () => unknown]>([
  [/^diskProbe: path/, () => diskProbe('')],
  [/^diskProbe: warn must be a number/, () => diskProbe('.', { warn: '90%' as never })],
  [/^diskProbe: warn must not be above fail/, () => diskProbe('.', { fail: 50 })],
  [/^diskProbe: writable/, () => diskProbe('.', { writable: 'yes' as never })],
  [/^memoryProbe: warn/, () => memoryProbe({ warn: -1 })],
  [/^memoryProbe: fail/, () => memoryProbe({ fail: Number.NaN })],
  [/^eventLoopProbe: warn/, () => eventLoopProbe({ warn: 100 as never })],
  [/^eventLoopProbe: fail/, () => eventLoopProbe({ fail: 'late' as never })],
  [/^eventLoopProbe: warn must not be above fail/, () => eventLoopProbe({ warn: '1s', fail: '10ms' })],
  [/^cpuProbe: warn/, () => cpuProbe({ warn: null as never })],
  [/^cpuProbe: cores/, () => cpuProbe({ cores: 0 })],
])('throws when made: %s', (message, make) => {
  expect(make).toThrow(TypeError)
  expect(make).toThrow(message)
})

describe('httpProbe, over the wire', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  function upstream(listener: RequestListener): Promise<string> {
    return new Promise((resolve) => {
      server = createServer(listener).listen(0, '127.0.0.1', () => {
        resolve(`http://127.0.0.1:${(server?.address() as AddressInfo).port}`)
      })
    })
  }

  test('M2: one that answers is well; its latency is observed', async () => {
    const url = await upstream((_request, response) => setTimeout(() => response.end('pong'), 40))
    const started = performance.now()
    expect((await look(httpProbe(url))).code).toBe(200)
    expect(performance.now() - started).toBeGreaterThan(30)
  })

  test('a redirect is not followed', async () => {
    const asked: (string | undefined)[] = []
    const url = await upstream((request, response) => {
      asked.push(request.url)
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect((await look(httpProbe(`${url}/ping`))).code).toBe(503)
    expect((await look(httpProbe(`${url}/ping`, { expect: 302 }))).code).toBe(200)
    expect(asked).toEqual(['/ping', '/ping'])
  })

  test('a body without end is dropped, and its connection closed', async () => {
    let closed: (() => void) | undefined
    const gone = new Promise<void>((resolve) => {
      closed = resolve
    })
    const url = await upstream((_request, response) => {
      const timer = setInterval(() => response.write('x'.repeat(1_000)), 5)
      response.on('close', () => {
        clearInterval(timer)
        closed?.()
      })
    })
    expect((await look(httpProbe(url))).code).toBe(200)
    await gone
  })

  test('fault 47: one that does not answer is a fail by the deadline, and let go', async () => {
    let closed: (() => void) | undefined
    const gone = new Promise<void>((resolve) => {
      closed = resolve
    })
    const url = await upstream((_request, response) => void response.on('close', () => closed?.()))
    const started = performance.now()
    expect((await look(httpProbe(url), '100ms')).code).toBe(503)
    expect(performance.now() - started).toBeLessThan(1_000)
    await gone
  })

  test('fault 47: one that refuses, resets or answers nonsense is a fail', async () => {
    const url = await upstream((request) => void request.socket.destroy())
    expect((await look(httpProbe(url))).code).toBe(503)
    server?.close()
    server = undefined
    await sleep(10)
    expect((await look(httpProbe(url))).code).toBe(503)
  })
})
