// sallyport alone, on the server that its adapter starts.
import * as job from './shared/job.mjs'
import { announce, HOST, PORT } from './shared/lifecycle.mjs'
import { secure, validItem } from './shared/sallyport.mjs'
import { runtime } from './shared/serve.mjs'

const JSON_TYPE = { 'content-type': 'application/json' }

const list = () => new Response(JSON.stringify(job.ITEMS), { headers: JSON_TYPE })
const create = validItem((request, { input }) =>
  new Response(JSON.stringify(job.createItem(input.body)), { status: 201, headers: JSON_TYPE })
)

const app = secure((request, context) => {
  if (request.method === 'POST') return create(request, context)
  if (request.url.endsWith(job.CRASH_PATH)) throw new Error(job.CRASH_DETAIL)
  return list()
})

const { serve } = await import(`../../dist/adapters/${runtime}.js`)
const { url } = await serve(app, { hostname: HOST, port: PORT })
announce(new URL(url).port)
