// node:http and nothing else: what every other app on Node is compared with.
import { createServer } from 'node:http'
import { createItem, ITEMS } from './shared/job.mjs'
import { announce, HOST, PORT } from './shared/lifecycle.mjs'

const server = createServer((request, response) => {
  if (request.method !== 'POST') return send(response, 200, ITEMS)
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => send(response, 201, createItem(JSON.parse(Buffer.concat(chunks)))))
})

function send(response, status, value) {
  const body = JSON.stringify(value)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

server.listen(PORT, HOST, () => announce(server.address().port))
