// The whole pipeline over a real socket, with nothing seen and with everything: a log line, metrics and an exported span for
// every request.
import { createServer } from 'node:http'
import { measureRuntime } from '../http.mjs'

/** `node-bare` is what every ratio is taken against. */
const APPS = [
  { name: 'node-bare', level: 'bare' },
  { name: 'sallyport', level: 'stack' },
  { name: 'sallyport-sampled', level: 'stack' },
  { name: 'sallyport-observed', level: 'stack' },
  { name: 'hono', level: 'stack' },
  { name: 'hono-observed', level: 'stack' },
]
const SPAN = /"spanId"/g

export async function run(options) {
  if (!options.runtimes.includes('node')) return []
  const collector = await startCollector()
  process.env.BENCH_COLLECTOR = collector.url // each app is started with it
  try {
    const apps = APPS.map((app) => ({ ...app, runtimes: ['node'] }))
    const rows = await measureRuntime('node', apps, options)
    console.log(`the collector took ${collector.spans()} spans`)
    return rows.map(({ suite: _, ...row }) => row)
  } finally {
    collector.close()
  }
}

export function targets(rows) {
  return rows.filter(({ app }) => app === 'sallyport-observed').map(({ method, ratio }) => ({
    what: `whole pipeline, all on, by node:http bare (${method})`,
    value: ratio,
    least: 0.4,
  }))
}

/** Takes spans and forgets them. */
function startCollector() {
  let spans = 0
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => {
      spans += text.match(SPAN)?.length ?? 0
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const close = () => {
        server.close()
        server.closeAllConnections()
      }
      resolve({ url: `http://127.0.0.1:${server.address().port}`, spans: () => spans, close })
    })
  })
}
