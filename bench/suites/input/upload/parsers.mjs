// Run by ../upload.mjs: the parsers alone, in one process and without sockets, fed with the same chunks. Bytes per second,
// as JSON.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import busboy from 'busboy'
import { MultipartParser } from 'formidable'
import { shuffled } from '../../../harness/stats.mjs'
import { uploads, videos } from '../../../../src/input/uploads.ts'
import { boundaryOf } from '../../../../src/input/multipart-head.ts'
import { Multipart } from '../../../../src/input/multipart.ts'
import { createContext } from '../sallyport.mjs'
import { quartile } from '../timing.mjs'
import { formOf, nearMisses, TYPE } from './form.mjs'

const PASSES = 7
const LIMITS = { parts: 10, total: 200e6 }

const PARSERS = {
  async 'sallyport, parser'(chunks) {
    const form = new Multipart(streamOf(chunks).getReader(), boundaryOf(TYPE), LIMITS)
    let size = 0
    for (let part; (part = await form.next()) !== undefined;) {
      for (let bytes; (bytes = await part.read()) !== undefined;) size += bytes.byteLength
    }
    return size
  },
  async 'sallyport, uploads'(chunks) {
    const headers = { 'content-type': TYPE }
    const body = streamOf(chunks)
    const request = new Request('http://service.test/', { method: 'POST', headers, body, duplex: 'half' })
    return Number(await (await take(request, createContext())).text())
  },
  async busboy(chunks) {
    const form = busboy({ headers: { 'content-type': TYPE } })
    let size = 0
    form.on('file', (_field, stream) => stream.on('data', (bytes) => (size += bytes.length)))
    await pipeline(Readable.from(chunks), form)
    return size
  },
  async formidable(chunks) {
    const parser = new MultipartParser()
    parser.initWithBoundary(boundaryOf(TYPE))
    let size = 0
    parser.on('data', ({ name, start, end }) => (size += name === 'partData' ? end - start : 0))
    await pipeline(Readable.from(chunks), parser)
    return size
  },
}

const take = uploads({ files: { video: { ...videos, max: '600mb' } } })(async (_request, { upload }) => {
  const { files } = await upload.save({ store: drained, remove: async () => {} })
  return new Response(String(files[0].size))
})

async function drained({ stream }) {
  const reader = stream.getReader()
  while (!(await reader.read()).done);
}

/** Some make heavy weather of the second. */
const FILMS = { 'random': { size: 100e6 }, 'near misses': { size: 10e6, bytes: nearMisses } }
const rates = []
for (const [film, { size, bytes }] of Object.entries(FILMS)) {
  const { chunks, length } = formOf(size, bytes)
  const seconds = Object.fromEntries(Object.keys(PARSERS).map((name) => [name, []]))
  for (let pass = -1; pass < PASSES; pass++) {
    for (const [name, parse] of shuffled(Object.entries(PARSERS))) {
      const began = performance.now()
      const found = await parse(chunks)
      if (found !== size) throw new Error(`${name} finds ${found} bytes`)
      if (pass >= 0) seconds[name].push((performance.now() - began) / 1_000) // the first compiles it
    }
  }
  for (const name in seconds) rates.push({ app: name, film, perSecond: length / quartile(seconds[name]) })
}
console.log(JSON.stringify(rates))
process.exit()

function streamOf(chunks) {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at < chunks.length) controller.enqueue(chunks[at++])
      else controller.close()
    },
  }, { highWaterMark: 0 })
}
