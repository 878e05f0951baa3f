// A bare fetch handler on each runtime's own server: what every other app on Bun and Deno is compared with.
import { createItem, ITEMS } from './shared/job.mjs'
import { serveFetch } from './shared/serve.mjs'

const JSON_TYPE = { 'content-type': 'application/json' }

await serveFetch(async (request) =>
  request.method === 'POST'
    ? new Response(JSON.stringify(createItem(await request.json())), { status: 201, headers: JSON_TYPE })
    : new Response(JSON.stringify(ITEMS), { headers: JSON_TYPE })
)
