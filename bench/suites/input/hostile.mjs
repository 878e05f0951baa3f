// Bodies that are made to hurt: what they are answered, and how long that takes.
import { measured } from '../../harness/child.mjs'
import { SERVER_CORE } from '../../harness/runtimes.mjs'
import { median, shuffled } from '../../harness/stats.mjs'
import { decimal, printTable } from '../../harness/table.mjs'

const READING = 'text() alone'
const OURS = 'sallyport'
const PEERS = ['Hono, its standard validator', 'Fastify, ajv']
const APPS = [READING, OURS, ...PEERS]

export async function run({ runtimes, rounds }) {
  if (!runtimes.includes('node')) return []
  console.log(`\ninput: hostile bodies, milliseconds and the answer's status, ${rounds} rounds`)
  const found = []
  for (let round = 0; round < rounds; round++) {
    for (const app of round === 0 ? shuffled(APPS) : [OURS]) { // the others take seconds
      const bodies = (await measured(SERVER_CORE, 'input/hostile/measure.mjs', [app])) ?? []
      found.push(...bodies.map((one) => ({ app, ...one })))
    }
  }
  const bodies = [...new Set(found.map(({ body }) => body))]
  const rows = bodies.flatMap((body) =>
    APPS.map((app) => middle(found.filter((one) => one.app === app && one.body === body)))
  )
  print(bodies, rows)
  return rows
}

function middle(rounds) {
  if (rounds.length === 0) return {}
  const milliseconds = median(rounds.map((one) => one.milliseconds))
  const statuses = [...new Set(rounds.flatMap((one) => one.statuses))].sort()
  return { ...rounds[0], milliseconds, perMegabyte: milliseconds / rounds[0].megabytes, statuses }
}

function print(bodies, rows) {
  const rowOf = (app, body) => rows.find((one) => one.app === app && one.body === body)
  const answered = APPS.filter((app) => app !== READING)
  printTable(
    ['body', 'MB', READING, ...answered.flatMap((app) => [app, ''])],
    bodies.map((body) => [
      body,
      decimal(rows.find((one) => one.body === body).megabytes, 2),
      decimal(rowOf(READING, body)?.milliseconds, 1),
      ...answered.flatMap((app) => {
        const row = rowOf(app, body)
        return [decimal(row?.milliseconds, 1), row?.statuses.join(' ') ?? '-']
      }),
    ]),
  )
}

export function targets(rows) {
  const own = rows.filter(({ app }) => app === OURS)
  const others = own.flatMap(({ statuses }) => statuses).filter((status) => status < 400 || status > 499)
  return [
    ...own.filter(({ several }) => !several).map(({ body, perMegabyte }) => (
      { what: `${body}: ms a megabyte`, value: perMegabyte, most: 10 }
    )),
    { what: 'hostile bodies: answers other than 4xx', value: own.length > 0 ? others.length : undefined, most: 0 },
  ]
}
