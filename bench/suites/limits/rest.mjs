// Decisions over REST: all through one front before one Redis.
import { once } from 'node:events'
import { startRedis } from '../../../test/fleet/redis-server.ts'
import { measured, started } from '../../harness/child.mjs'
import { LOAD_CORE, pin, SERVER_CORE } from '../../harness/runtimes.mjs'
import { printDecisions } from './print.mjs'

export async function run({ rounds }) {
  console.log(`\nlimits: decisions over REST, ${rounds} rounds; Redis and its front on one core, the client on another`)
  const redis = await startRedis()
  const front = started(SERVER_CORE, 'limits/rest/front.mjs', [redis.port])
  try {
    pin(SERVER_CORE, redis.pid)
    const [line] = await Promise.race([once(front.stdout, 'data'), front.ended.then(() => [])])
    if (line === undefined) throw new Error(`the REST front: ${front.complaint()}`)
    const given = { rounds, redis: { url: redis.url, pid: redis.pid }, front: { ...JSON.parse(line), pid: front.pid } }
    const rows = (await measured(LOAD_CORE, 'limits/decisions.mjs', [JSON.stringify(given)])) ?? []
    printDecisions(rows, '/upstash')
    console.log('/upstash is the ratio to @upstash/ratelimit with one fixed window')
    return rows
  } finally {
    front.stdin.end()
    await redis.stop()
  }
}

export function targets(rows) {
  const three = rows.find(({ app }) => app === 'sallyport, three limits') ?? {}
  return [
    { what: 'REST, three limits: by the one of @upstash/ratelimit', value: three.ratio, least: 0.9 },
    { what: 'REST, three limits: scripts a decision', value: three.scripts, least: 1, most: 1 },
  ]
}
