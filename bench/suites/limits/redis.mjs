// Decisions in a real Redis, through the same client class.
import { startRedis } from '../../../test/fleet/redis-server.ts'
import { measured } from '../../harness/child.mjs'
import { LOAD_CORE, pin, SERVER_CORE } from '../../harness/runtimes.mjs'
import { printDecisions } from './print.mjs'

export async function run({ rounds }) {
  console.log(`\nlimits: decisions in Redis, ${rounds} rounds; Redis on one core, the client on another`)
  const redis = await startRedis()
  try {
    pin(SERVER_CORE, redis.pid)
    const { url, pid } = redis
    const rows =
      (await measured(LOAD_CORE, 'limits/decisions.mjs', [JSON.stringify({ rounds, redis: { url, pid } })])) ?? []
    printDecisions(rows, '/flexible')
    console.log('/flexible is the ratio to rate-limiter-flexible with its one limit')
    return rows
  } finally {
    await redis.stop()
  }
}

export function targets(rows) {
  const of = (app) => rows.find((row) => row.app === app) ?? {}
  return [
    { what: 'Redis, one limit: by rate-limiter-flexible', value: of('sallyport, one limit').ratio, least: 1.25 },
    { what: 'Redis, three limits: by its one', value: of('sallyport, three limits').ratio, least: 0.9 },
    ...['sallyport, one limit', 'sallyport, three limits', 'sallyport, three algorithms'].map((app) => (
      { what: `${app}: scripts a decision`, value: of(app).scripts, least: 1, most: 1 }
    )),
  ]
}
