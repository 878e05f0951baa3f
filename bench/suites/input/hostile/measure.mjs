// Run by ../hostile.mjs, with a contender's name: what it answers to each body, and how long that takes, as JSON.
import { Hono } from 'hono'
import { JOBS } from '../jobs.mjs'
import { fastifyValidated, injected, requestOf, standard, validated } from '../pairs.mjs'
import { compose, createContext, errors } from '../sallyport.mjs'
import { quartile } from '../timing.mjs'
import { BODIES, MALFORMED } from './bodies.mjs'

const CALLS = 10
const PATIENCE_MS = 300
const PLATFORM = { name: 'node', framed: true, ephemeral: false, draining: false }
const given = JOBS.json

const CONTENDERS = {
  'text() alone': () => ({
    prepare: requestOf,
    async call(request) {
      await request.text()
      return {}
    },
  }),
  'sallyport'() {
    const handler = compose(errors({ log: () => {} }), (next) => next)(validated(given))
    return { prepare: requestOf, call: (request) => handler(request, createContext({ platform: PLATFORM })) }
  },
  'Hono, its standard validator'() {
    const app = new Hono().post('/', standard(given), (c) => c.body(null, 204))
    app.onError((error, c) => error.getResponse?.() ?? c.body(null, 500)) // its own prints the error
    return { prepare: requestOf, call: (request) => app.fetch(request) }
  },
  async 'Fastify, ajv'() {
    const app = await fastifyValidated(given)
    await app.ready()
    return { prepare: injected, call: (request) => app.inject(request) }
  },
}

const { prepare, call } = await CONTENDERS[process.argv[2]]()
for (const { text } of MALFORMED) if (text.length < 1_000) await timed(text)

const found = []
for (const { name, text } of BODIES) found.push({ body: name, ...(await answered([text])) })
found.push({
  body: `${MALFORMED.length} malformed texts`,
  several: true,
  ...(await answered(MALFORMED.map(({ text }) => text))),
})
console.log(JSON.stringify(found))
process.exit()

/** Asks with all of them, again and again. */
async function answered(texts) {
  const milliseconds = []
  const statuses = new Set()
  for (const began = performance.now(); milliseconds.length < CALLS && performance.now() - began < PATIENCE_MS;) {
    let sum = 0
    for (const text of texts) {
      const one = await timed(text)
      sum += one.milliseconds
      statuses.add(one.status)
    }
    milliseconds.push(sum)
  }
  const megabytes = texts.reduce((sum, text) => sum + text.length, 0) / 1e6
  return { megabytes, milliseconds: quartile(milliseconds), statuses: [...statuses] }
}

async function timed(text) {
  const request = prepare({ text })
  const began = performance.now()
  const { status, statusCode = status } = await call(request)
  return { milliseconds: performance.now() - began, status: statusCode }
}
