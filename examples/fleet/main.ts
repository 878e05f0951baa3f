/**
 * One limit held across a fleet: `npm run fleet`.
 *
 * Starts a Redis, the same service on Node, Bun, Deno and workerd, and sends all of them requests at once: four times what
 * they may admit together. Ends with 0 if they admitted exactly that. What it starts, it starts as the tests do.
 */
import process from 'node:process'
import { startRedis } from '../../test/fleet/redis-server.ts'
import { startRestFront } from '../../test/fleet/rest-front.ts'
import { binary, type Running, start, stop } from '../../test/runtimes/processes.ts'
import { LIMIT } from './app.ts'

const REQUESTS = LIMIT * 4

const redis = await startRedis()
const front = await startRestFront(redis.port)
const running: Running[] = []

/** One server of the fleet, and how it fared. */
interface Member {
  readonly runtime: string
  readonly client: string
  readonly url: string
  admitted: number
  refused: number
}

async function member(runtime: string, client: string, command: string, args: readonly string[]): Promise<Member> {
  const server = await start(runtime, command, args, /listening on (http:\S+)/)
  running.push(server)
  return { runtime, client, url: server.ready[1]!, admitted: 0, refused: 0 }
}

const folder = 'examples/fleet'
const allowed = ['--allow-net=127.0.0.1', '--allow-env', '--allow-read', '--allow-sys']
try {
  const fleet = await Promise.all([
    member('node', 'ioredis', process.execPath, [`${folder}/serve.node.ts`, redis.url]),
    member('bun', 'redis', binary('@oven/bun-*/bin/bun', 'bun'), ['run', `${folder}/serve.bun.ts`, redis.url]),
    member('deno', 'iovalkey', binary('@deno/*/deno', 'deno'), [
      ...['run', '--no-lock', '--cached-only', ...allowed],
      `${folder}/serve.deno.ts`,
      redis.url,
    ]),
    member('workerd', '@upstash/redis', process.execPath, [`${folder}/serve.workerd.ts`, front.url, front.token]),
  ])
  // Connections and compilers warm, under a key of its own: so that all get their share.
  for (let i = 0; i < 3; i++) {
    await Promise.all(fleet.map(async ({ url }) => (await fetch(`${url}/warm`)).body?.cancel()))
  }
  const statuses = await Promise.all(Array.from({ length: REQUESTS }, async (_, i) => {
    const one = fleet[i % fleet.length]!
    const { status, body } = await fetch(one.url)
    await body?.cancel()
    if (status === 200) one.admitted++
    if (status === 429) one.refused++
    return status
  }))
  console.log(`${REQUESTS} requests at once; together they may admit ${LIMIT} a minute\n`)
  console.log('runtime  client          admitted  refused')
  for (const { runtime, client, admitted, refused } of fleet) {
    const numbers = `${String(admitted).padStart(8)}  ${String(refused).padStart(7)}`
    console.log(`${runtime.padEnd(9)}${client.padEnd(14)}  ${numbers}`)
  }
  const admitted = statuses.filter((status) => status === 200).length
  const refused = statuses.filter((status) => status === 429).length
  console.log(`\nadmitted ${admitted} of ${LIMIT}, refused ${refused}`)
  process.exitCode = admitted === LIMIT && admitted + refused === REQUESTS ? 0 : 1
} finally {
  await Promise.all(running.map(stop))
  await front.stop()
  await redis.stop()
}
