// Who writes the line. `make` gets the sink; `prepare` gives what the runtime has anyway when a request comes, `logged` is a whole
// exchange with the logger in it, and `bare` the same without.
import { accessLog } from '../../../../src/logging/access-log.ts'
import { createContext, ended, extend } from '../../../../src/core/context.ts'

const PATH = '/api/items'
const ID = '8f0c4a3e-0d0f-4c39-9a59-3a4d1e3c7a11'
const ADDRESS = '203.0.113.7'
/** Of so many clients, in turn. */
const CLIENTS = 50
const HEADERS = Array.from({ length: CLIENTS }, (_, client) => ({
  'host': 'api.example',
  'user-agent': `Mozilla/5.0 (X11; Linux x86_64; rv:${100 + client}.0) Gecko/20100101 Firefox/${100 + client}.0`,
  'accept': 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': client % 2 ? 'de-CH,de;q=0.8,en-US;q=0.5,en;q=0.3' : 'en-US,en;q=0.5',
  'accept-encoding': 'gzip, deflate, br, zstd',
  'referer': `https://app.example/list/${client}`,
  'authorization': `Bearer secret-token-of-some-length-${client}-0123456789abcdef`,
  'cookie': `session=secret-cookie-${client}-0123456789abcdef; theme=dark`,
}))
const NAMES = Object.keys(HEADERS[0])
const SECRET = ['authorization', 'cookie']
const isNode = globalThis.Bun === undefined && globalThis.Deno === undefined

let turn = 0
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const BYTES = HEADERS.map((headers) => Object.values(headers).map((value) => encoder.encode(value)))

/** The next client's, in texts that are new, as a parser makes them. */
function headersOf() {
  const values = BYTES[turn = (turn + 1) % CLIENTS]
  return Object.fromEntries(NAMES.map((name, i) => [name, decoder.decode(values[i])]))
}

export const LOGGERS = isNode
  ? [
    { name: 'sallyport accessLog', make: sallyportOnNode },
    { name: 'pino-http', make: pinoHttp },
    { name: 'pino-http, fields picked by hand', make: pinoHttpPicked },
    { name: 'winston', make: winston },
  ]
  : [{ name: 'sallyport accessLog', make: sallyport }]

/** With a request as our adapter for Node hands it over. */
async function sallyportOnNode(write) {
  const { toNode } = await import('../../../../adapters/node.ts')
  const exchange = await nodeExchange()
  let given
  const listener = toNode((request) => {
    given = request
    return new Response()
  })
  return sallyport(write, () => {
    listener(...exchange())
    return given
  })
}

function sallyport(write, requestOf = () => new Request(`https://api.example${PATH}`, { headers: headersOf() })) {
  const response = new Response(null, { status: 200 })
  const end = { status: 200, bytes: 512, outcome: 'complete' }
  const handler = () => response
  const exchange = (handle) => ([request, context]) => {
    handle(request, context)
    ended(context, end)
  }
  return {
    prepare: () => [
      requestOf(),
      extend(createContext(), { requestId: ID, clientIp: ADDRESS, clientNetwork: ADDRESS, secure: true }),
    ],
    logged: exchange(accessLog({ write, headers: NAMES })(handler)),
    bare: exchange(handler),
  }
}

/** With its own serialisers, and its redaction by path. */
function pinoHttp(write) {
  return onNode(write, { redact: { paths: SECRET.map((name) => `req.headers.${name}`) } })
}

/** As its users write it who want it fast: flat, and without what nobody reads. */
function pinoHttpPicked(write) {
  return onNode(write, {
    base: null,
    redact: SECRET.map((name) => `req.headers.${name}`),
    serializers: {
      req: ({ id, method, url, headers, remoteAddress }) => ({ id, method, url, headers, remoteAddress }),
      res: ({ statusCode }) => ({ statusCode }),
    },
  })
}

async function onNode(write, options) {
  const { pinoHttp } = await import('pino-http')
  const middleware = pinoHttp({ genReqId: () => ID, ...options }, { write })
  return exchanges(middleware)
}

/** It has neither serialisers nor redaction nor a middleware: all by hand, as its users do. */
async function winston(write) {
  const { default: { createLogger, format } } = await import('winston')
  const { default: Transport } = await import('winston-transport')
  class Counting extends Transport {
    log(info, done) {
      write(info[Symbol.for('message')])
      done()
    }
  }
  const redacted = format((info) => {
    const headers = { ...info.headers }
    for (const name of SECRET) if (headers[name] !== undefined) headers[name] = '[redacted]'
    return { ...info, headers }
  })
  const logger = createLogger({
    format: format.combine(redacted(), format.timestamp(), format.json()),
    transports: [new Counting()],
  })
  return exchanges((request, response, next) => {
    const started = performance.now()
    response.on('finish', () =>
      logger.info('request', {
        requestId: ID,
        method: request.method,
        url: request.url,
        status: response.statusCode,
        durationMs: performance.now() - started,
        client: request.socket.remoteAddress,
        headers: request.headers,
      }))
    next()
  })
}

/** A middleware of Node's, and a response that has been sent. */
async function exchanges(middleware) {
  const exchange = await nodeExchange()
  const next = () => {}
  return {
    prepare() {
      const [request, response] = exchange()
      response.writeHead(200).end()
      return [request, response]
    },
    logged([request, response]) {
      middleware(request, response, next)
      response.emit('finish')
    },
    bare([, response]) {
      next()
      response.emit('finish')
    },
  }
}

/** Makes Node's own request and response. */
async function nodeExchange() {
  const { IncomingMessage, ServerResponse } = await import('node:http')
  const socket = { remoteAddress: ADDRESS, remotePort: 50_000 }
  return () => {
    const headers = headersOf()
    const rawHeaders = Object.entries(headers).flat()
    const parsed = { method: 'GET', url: PATH, httpVersion: '1.1', httpVersionMajor: 1, rawHeaders, headers }
    const request = Object.assign(new IncomingMessage(socket), parsed)
    return [request, new ServerResponse(request)]
  }
}
