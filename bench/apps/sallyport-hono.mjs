// sallyport as middleware inside Hono, in the place of the eight packages of the `hono` app.
import { Hono } from 'hono'
import { toHono } from '../../dist/adapters/hono.js'
import * as job from './shared/job.mjs'
import { secure, validItem } from './shared/sallyport.mjs'
import { serveFetch } from './shared/serve.mjs'

const app = new Hono()
app.use(toHono(secure))
app.get(job.PATH, (c) => c.json(job.ITEMS))
app.post(job.PATH, toHono(validItem), (c) => c.json(job.createItem(c.get('input').body), 201))
app.get(job.CRASH_PATH, () => {
  throw new Error(job.CRASH_DETAIL)
})

await serveFetch(app.fetch)
