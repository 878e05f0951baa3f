/** `npm start -- --store redis|upstash`: the example service on every runtime, its limits in one Redis. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Running, start, stop } from '../runtimes/processes.ts'
import { type RedisServer, startRedis } from './redis-server.ts'
import { type RestFront, startRestFront } from './rest-front.ts'

const folder = mkdtempSync(join(tmpdir(), 'speech-'))
const running: Running[] = []
let redis: RedisServer
let front: RestFront

beforeAll(async () => {
  redis = await startRedis()
  front = await startRestFront(redis.port)
})

afterAll(async () => {
  await Promise.all(running.map(stop))
  await front?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function service(runtime: string, ...store: string[]): Promise<string> {
  const logs = join(folder, `${runtime}-${running.length}.log`)
  const args = ['examples/tts-platform/main.ts', '--runtime', runtime, '--port', '0', '--logs', logs, '--attached']
  const one = await start(runtime, process.execPath, [...args, ...store], /listening on (http:\S+)/)
  running.push(one)
  return one.ready[1]!
}

/** Searches as a client with this address, which the service takes for somebody else's on Workers only. */
async function search(url: string): Promise<Response> {
  return await fetch(`${url}/api/sources/search?q=voice`, { headers: { 'cf-connecting-ip': '127.0.0.1' } })
}

test('thirty searches in a quarter of an hour, over six processes, two stores and five runtimes', async () => {
  const byRedis = ['--store', 'redis', '--redis', redis.url]
  const byRest = ['--store', 'upstash', '--rest', front.url, '--token', front.token]
  const urls = await Promise.all([
    ...['node', 'bun', 'deno', 'hono'].map((runtime) => service(runtime, ...byRedis)),
    ...['deno', 'workerd'].map((runtime) => service(runtime, ...byRest)),
  ])
  const statuses: number[] = []
  for (let i = 0; i < 36; i++) statuses.push((await search(urls[i % urls.length]!)).status)
  expect(statuses.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 200))
  expect(statuses.slice(30)).toEqual(Array.from({ length: 6 }, () => 429))
  const refused = await search(urls[0]!)
  expect(refused.headers.get('ratelimit')).toContain('"search";r=0;')
}, 60_000)

test('while its Redis is out it serves on, with half of each limit, and says so once', async () => {
  const other = await startRedis()
  const url = await service('node', '--store', 'redis', '--redis', other.url)
  const output = running.at(-1)!.output
  expect((await search(url)).status).toBe(200)
  other.kill()
  const statuses: number[] = []
  for (let i = 0; i < 20; i++) statuses.push((await search(url)).status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(15)
  expect(statuses.filter((status) => status === 429)).toHaveLength(5)
  expect(output().match(/store-outage/g)).toHaveLength(1)
  await other.stop()
}, 60_000)

test('what makes no sense is said, and nothing starts', async () => {
  await expect(service('workerd', '--store', 'redis')).rejects.toThrow('a Worker reaches Redis over REST')
  await expect(service('node', '--store', 'upstash')).rejects.toThrow('--store upstash needs --rest URL')
  await expect(service('node', '--store', 'disk')).rejects.toThrow('--store disk is none of memory, redis, upstash')
})
