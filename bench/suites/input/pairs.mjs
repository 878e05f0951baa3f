// The ways in which JSON comes to be a valid value, each beside the same done by hand: what the hand leaves out is what
// a way costs. `given` is the job: the text, its schema, the same as JSON Schema, and what the guard has to allow.
//
// A pair has `bare` and `guarded`; each of them `prepare`, which is not measured, and `call`, which is.
import { sValidator } from '@hono/standard-validator'
import { Hono } from 'hono'
import { validator } from 'hono/validator'
import { safeParse } from 'valibot'
import { createContext, jsonBody, structureFault, validate } from './sallyport.mjs'

const BOTH = ['json', 'rows']
const EVERYWHERE = ['node', 'bun', 'deno']
const PLATFORM = { name: 'node', framed: true, ephemeral: false, draining: false }
const MAX = '64mb'
const answer = () => new Response(null, { status: 204 })
const refuse = () => new Response(null, { status: 400 })

/** What all do by hand. */
const byHand = ({ schema }) => {
  return (text) => safeParse(schema, JSON.parse(text)).success
}

export const PAIRS = [
  { name: 'sallyport, guard and schema', jobs: BOTH, runtimes: EVERYWHERE, make: guardAndSchema },
  { name: 'sallyport validate, text at hand', jobs: ['json'], runtimes: EVERYWHERE, make: textAtHand },
  { name: 'sallyport validate, Request', jobs: BOTH, runtimes: EVERYWHERE, make: sallyport },
  {
    name: 'Hono, its standard validator, Request',
    jobs: BOTH,
    runtimes: EVERYWHERE,
    make: (given) => hono(given, standard(given)),
  },
  {
    name: 'Hono, validator, Request',
    jobs: ['json'],
    runtimes: EVERYWHERE,
    make: (given) => hono(given, plain(given)),
  },
  { name: "sallyport validate, Node's listener", jobs: ['json'], runtimes: ['node'], make: sallyportOnNode },
  { name: "Hono, its standard validator, Node's listener", jobs: ['json'], runtimes: ['node'], make: honoOnNode },
  { name: "Fastify, ajv, Node's listener", jobs: BOTH, runtimes: ['node'], make: fastify },
]

/** The codec, which looks at the text before it parses, the structure guard and the schema: all that looks at input. */
function guardAndSchema(given) {
  const { text, schema, structure } = given
  const { decode } = jsonBody()
  const body = { contentType: 'application/json', context: createContext(), structure, lists: new Set(), text: soon }
  const { validate: check } = schema['~standard']
  const isValid = byHand(given)
  function soon() {
    return Promise.resolve(text)
  }
  return {
    bare: { call: () => soon().then(isValid) },
    guarded: {
      call: () => decode(body).then((value) => structureFault(value, structure) === undefined && !check(value).issues),
    },
  }
}

/** The whole wrapper, on a request that has its text already: all that sallyport does, and nothing of the runtime's. */
function textAtHand(given) {
  const { text } = given
  const fields = new Map(Object.entries(headersOf(text)))
  const headers = { get: (name) => fields.get(name) ?? null, has: (name) => fields.has(name) }
  class Ready {
    method = 'POST'
    headers = headers
    text() {
      return Promise.resolve(text)
    }
  }
  return inContext(given, () => new Ready())
}

function sallyport(given) {
  return inContext(given, () => requestOf(given))
}

function inContext(given, request) {
  const prepare = () => [request(), createContext({ platform: PLATFORM })]
  const run = (handler) => ({ prepare, call: ([request, context]) => handler(request, context) })
  return { bare: run(handler(given)), guarded: run(validated(given)) }
}

function handler(given) {
  const isValid = byHand(given)
  return (request) => request.text().then((text) => isValid(text) ? answer() : refuse())
}

export function validated({ schema, structure }) {
  return validate({ body: schema }, { structure, max: MAX })(answer)
}

function hono(given, guard) {
  const { bare, guarded } = honoApps(given, guard)
  const run = (app) => ({ prepare: () => requestOf(given), call: (request) => app.fetch(request) })
  return { bare: run(bare), guarded: run(guarded) }
}

function honoApps(given, guard) {
  const isValid = byHand(given)
  return {
    bare: new Hono().post('/', async (c) => isValid(await c.req.text()) ? c.body(null, 204) : c.body(null, 400)),
    guarded: new Hono().post('/', guard, (c) => c.body(null, 204)),
  }
}

export const standard = ({ schema }) => sValidator('json', schema)

const plain = ({ schema }) =>
  validator('json', (value, c) => {
    const { success, output } = safeParse(schema, value)
    return success ? output : c.body(null, 400)
  })

async function sallyportOnNode(given) {
  const { toNode } = await import('../../../adapters/node.ts')
  return onNode(given, toNode(handler(given)), toNode(validated(given)))
}

async function honoOnNode(given) {
  const { getRequestListener } = await import('@hono/node-server')
  const { bare, guarded } = honoApps(given, standard(given))
  return onNode(given, getRequestListener(bare.fetch), getRequestListener(guarded.fetch))
}

async function onNode(given, bare, guarded) {
  const { inject } = await import('light-my-request')
  const run = (listener) => ({ call: () => inject(listener, injected(given)) })
  return { bare: run(bare), guarded: run(guarded) }
}

/** Its bare handler parses and checks by hand, with the function that ajv made. */
async function fastify(given) {
  const bare = await fastifyApp()
  bare.removeContentTypeParser('application/json')
  bare.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => done(null, text))
  bare.post('/', (request, reply) => {
    const isValid = request.compileValidationSchema(given.shape)
    reply.code(isValid(JSON.parse(request.body)) ? 204 : 400).send()
  })
  const guarded = await fastifyValidated(given)
  await Promise.all([bare.ready(), guarded.ready()])
  const run = (app) => ({ call: () => app.inject(injected(given)) })
  return { bare: run(bare), guarded: run(guarded) }
}

export async function fastifyValidated({ shape }) {
  const app = await fastifyApp()
  app.post('/', { schema: { body: shape } }, (_request, reply) => reply.code(204).send())
  return app
}

async function fastifyApp() {
  const { default: Fastify } = await import('fastify')
  return Fastify({ bodyLimit: 2 ** 26 })
}

const headersOf = (text) => ({
  'content-type': 'application/json',
  'content-length': String(new TextEncoder().encode(text).byteLength),
})

export function requestOf({ text }) {
  return new Request('http://service.test/', { method: 'POST', headers: headersOf(text), body: text })
}

export function injected({ text }) {
  return { method: 'POST', url: '/', headers: headersOf(text), payload: text }
}
