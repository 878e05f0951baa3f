// Run by ../upload.mjs, with the size of the film: uploads it to each port that it reads, and prints how that went.
import { once } from 'node:events'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { formOf, TYPE } from './form.mjs'

const size = Number(process.argv[2])
const { chunks, length } = formOf(size)

for await (const port of createInterface({ input: process.stdin })) {
  const began = performance.now()
  const answer = await uploaded(port).catch(({ message }) => message)
  console.log(JSON.stringify({ seconds: (performance.now() - began) / 1_000, answer }))
}

async function uploaded(port) {
  const headers = { 'content-type': TYPE, 'content-length': length, connection: 'close' }
  const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/', headers, agent: false })
  const answered = once(sent, 'response')
  for (const chunk of chunks) if (!sent.write(chunk)) await Promise.race([once(sent, 'drain'), answered])
  sent.end()
  const [response] = await answered
  let text = ''
  for await (const piece of response.setEncoding('utf8')) text += piece
  if (response.statusCode !== 200 || Number(text) !== size) throw new Error(`${response.statusCode} ${text}`)
  return 'whole'
}
