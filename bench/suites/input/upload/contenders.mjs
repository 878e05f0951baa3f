// Who takes uploads on Node. Each gets a folder, or `undefined` where files are counted and dropped, and answers with a
// server that is listening and tells how many bytes the file had. The file goes when it has been written.
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const MAX = 600 * 2 ** 20
const HOST = '127.0.0.1'

export const CONTENDERS = { sallyport, busboy, formidable, hono }

async function sallyport(folder) {
  const { serve } = await import('../../../../adapters/node.ts')
  const { uploads, videos } = await import('../../../../src/input/uploads.ts')
  const { compose, errors } = await import('../sallyport.mjs')
  const { folderSink } = await import('../../../../adapters/file.ts')
  const sink = folder === undefined ? { store: counted, remove: async () => {} } : folderSink(folder)
  const take = uploads({ files: { video: { ...videos, max: '600mb' } }, total: '600mb' })
  const app = compose(errors(), take)(async (_request, { upload }) => {
    const [{ size, stored }] = (await upload.save(sink)).files
    await sink.remove(stored)
    return Response.json(size)
  })
  return (await serve(app, { port: 0, hostname: HOST, requestTimeout: '10m' })).port
}

async function counted({ stream }) {
  let size = 0
  const reader = stream.getReader()
  for (let one; !(one = await reader.read()).done;) size += one.value.byteLength
  return size
}

async function busboy(folder) {
  const { default: make } = await import('busboy')
  return listen(async (request, response) => {
    const form = make({ headers: request.headers, limits: { fileSize: MAX } })
    let saved
    form.on('file', (_field, stream) => (saved = folder === undefined ? dropped(stream) : written(stream, folder)))
    await pipeline(request, form)
    response.end(String(await saved))
  })
}

async function dropped(stream) {
  let size = 0
  stream.on('data', (chunk) => (size += chunk.length))
  await new Promise((resolve) => stream.once('end', resolve))
  return size
}

async function written(stream, folder) {
  const name = join(folder, randomUUID())
  await pipeline(stream, createWriteStream(name))
  const { size } = await stat(name)
  await rm(name)
  return size
}

async function formidable(folder) {
  const { default: make } = await import('formidable')
  const limits = { maxFileSize: MAX, maxTotalFileSize: MAX }
  return listen(async (request, response) => {
    const options = folder === undefined ? { fileWriteStreamHandler: sponge } : { uploadDir: folder }
    const [, { video }] = await make({ ...limits, ...options }).parse(request)
    if (folder !== undefined) await rm(video[0].filepath)
    response.end(String(video[0].size))
  })
}

function sponge() {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}

/** It has the whole body in memory, and then the files. */
async function hono() {
  const { serve } = await import('@hono/node-server')
  const { Hono } = await import('hono')
  const app = new Hono().post('/', async (c) => c.json((await c.req.parseBody()).video.size))
  return new Promise((resolve) => {
    serve({ fetch: app.fetch, port: 0, hostname: HOST }, ({ port }) => resolve(port))
  })
}

function listen(handler) {
  const server = createServer((request, response) =>
    handler(request, response).catch((error) => {
      console.error(`error: ${error.message}`)
      response.destroy()
    })
  )
  return new Promise((resolve) => server.listen(0, HOST, () => resolve(server.address().port)))
}
