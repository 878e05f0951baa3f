/** The fixture's largest part: responses of every kind behind one ordinary policy. */
import {
  accessLog,
  api,
  bodyLimit,
  type Context,
  cors,
  type Edge,
  errors,
  fromPeers,
  methods,
  policy,
  Problem,
  requestId,
  type Wrapper,
} from '../../src/index.ts'
import type { Table } from './mounts.ts'

/** What the suite asks for after the fact. In this process (on Workers: isolate), by request id. */
const logged = new Map<string, string>()
const done = new Map<string, string>()

export const core: Wrapper<Edge> = policy({
  ...api,
  requestId: requestId({ accept: fromPeers('127.0.0.0/8') }),
  accessLog: accessLog({
    headers: ['user-agent', 'authorization'],
    query: true,
    write(line) {
      const { requestId } = JSON.parse(line) as { requestId: string }
      if (requestId.startsWith('keep-')) logged.set(requestId, line)
    },
  }),
  cors: cors({ origins: ['https://app.example'], credentials: true }),
  errors: errors({ log: ({ requestId }) => void done.set(String(requestId), 'logged') }),
  methods: methods({ allow: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'] }),
  bodyLimit: bodyLimit({ max: '100kb' }),
  contentType: false,
})

/** @hono/node-server gives a string no type of its own where there are other headers. */
const PLAIN = { 'content-type': 'text/plain;charset=utf-8' }
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const note = (context: Context & Edge, what: string): void => void done.set(context.requestId, what)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const asked = (request: Request): string => new URL(request.url).searchParams.get('id') ?? ''

function thrower(make: () => unknown): (request: Request, context: Context & Edge) => Promise<Response> {
  return async () => {
    await Promise.resolve()
    throw make()
  }
}

const cyclic = (): Error => {
  const error = new Error('hunter2') as Error & { self?: unknown }
  error.cause = error
  error.self = error
  return error
}

/** One event at once, the others `pause` apart; tells in `done` how it ended. */
function eventStream(context: Context & Edge, count: number, pause: number): Response {
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent > 0) await sleep(pause)
      controller.enqueue(bytes(`data: ${sent++}\n\n`))
      if (sent === count) {
        controller.close()
        note(context, 'complete')
      }
    },
    cancel: () => note(context, 'cancelled'),
  }, { highWaterMark: 0 })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

export const lines: Table<Edge> = {
  '/json': (request) => Response.json({ method: request.method }),
  '/text': () => new Response('plain ünïcödé'),
  '/status': (request) => new Response('teapot', { status: Number(asked(request)) }),
  '/echo': async (request) =>
    new Response(await request.arrayBuffer(), { headers: { 'content-type': 'application/octet-stream' } }),
  '/length': async (request) => Response.json({ bytes: (await request.arrayBuffer()).byteLength }),
  '/empty': () => new Response(null, { status: 204 }),
  '/reset': () => new Response(null, { status: 205 }),
  '/unmodified': () => new Response(null, { status: 304, headers: { etag: '"1"' } }),
  '/redirect': () => Response.redirect('https://other.example/there', 302),
  '/see-other': () => new Response(null, { status: 303, headers: { location: '/core/json' } }),
  '/cookies': () => {
    const response = new Response('two')
    response.headers.append('set-cookie', 'a=1; HttpOnly')
    response.headers.append('set-cookie', 'b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT')
    return response
  },
  '/own': () =>
    new Response('own', {
      headers: { ...PLAIN, 'X-Frame-Options': 'SAMEORIGIN', 'Cache-Control': 'public, max-age=60' },
    }),
  '/vary': () => new Response('vary', { headers: { ...PLAIN, vary: 'Accept-Encoding, origin' } }),
  '/announced': (_request, { head }) => {
    head.set('x-set', 'announced')
    head.force('x-forced', 'announced')
    head.append('x-appended', 'announced')
    head.remove('x-removed')
    const own = { ...PLAIN, 'x-set': 'own', 'x-forced': 'own', 'x-appended': 'own', 'x-removed': 'own' }
    return new Response('head', { headers: own })
  },
  '/throw/error': thrower(() => new Error('hunter2', { cause: new Error('10.0.0.7') })),
  '/throw/sync': () => {
    throw new Error('hunter2')
  },
  '/throw/string': thrower(() => 'hunter2'),
  '/throw/null': thrower(() => null),
  '/throw/frozen': thrower(() => Object.freeze(new Error('hunter2'))),
  '/throw/cyclic': thrower(cyclic),
  '/throw/exposed': thrower(() => Object.assign(new Error('for your eyes'), { status: 418, expose: true })),
  '/throw/response': thrower(() => new Response('thrown', { status: 409 })),
  '/throw/problem': thrower(() =>
    new Problem(402, 'payment-required', { detail: 'Pay first.', members: { price: 5 } })
  ),
  '/nothing': () => undefined as unknown as Response,
  '/ip': (_request, { clientIp, clientNetwork }) => Response.json({ clientIp, clientNetwork }),
  '/id': (_request, { requestId }) => Response.json({ requestId }),
  '/background': (_request, context) => {
    const { waitUntil } = context
    waitUntil(sleep(50).then(() => note(context, 'background')))
    waitUntil(Promise.reject(new Error('in the background')))
    return new Response('later')
  },
  '/events': (_request, context) => eventStream(context, 3, 300),
  '/endless': (_request, context) => eventStream(context, Infinity, 20),
  '/download': () => {
    let left = 80
    const chunk = new Uint8Array(65_536).fill(97)
    return new Response(
      new ReadableStream<Uint8Array>({
        pull: (controller) => left-- > 0 ? controller.enqueue(chunk.slice()) : controller.close(),
      }, { highWaterMark: 0 }),
      { headers: { 'content-type': 'application/octet-stream' } },
    )
  },
  '/breaks': (_request, context) => {
    let sent = 0
    return new Response(
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          await sleep(20)
          if (sent++ === 0) controller.enqueue(bytes('first'))
          else {
            note(context, 'broken')
            controller.error(new Error('hunter2'))
          }
        },
      }, { highWaterMark: 0 }),
      { headers: { 'content-type': 'application/octet-stream' } },
    )
  },
  '/done': (request) => Response.json({ what: done.get(asked(request)) ?? 'nothing' }),
  '/logged': (request) =>
    new Response(logged.get(asked(request)) ?? '{}', { headers: { 'content-type': 'application/json' } }),
}
