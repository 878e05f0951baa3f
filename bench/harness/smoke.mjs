// Is the same job done? A fast app that skips some of it would win unfairly, so each one is tried before it is
// measured. A check is a name and a function; what it throws, or answers but `true`, is the failure.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ALLOWED_ORIGIN,
  BODY_LIMIT,
  CRASH_DETAIL,
  CRASH_PATH,
  ITEMS,
  PATH,
  REQUEST_BODY,
  REQUEST_HEADERS,
  SECURITY_HEADERS,
} from '../apps/shared/job.mjs'

const LOG_TIMEOUT_MS = 2_000

/** Tries one app at a level: `bare` answers, `headers` sends the headers too, `stack` does all of the job. */
export async function smoke(server, level) {
  const checks = { bare: [ANSWERS], headers: [ANSWERS, HEADERS], stack: [ANSWERS, HEADERS, STACK] }[level]
  const failures = []
  for (const [name, check] of checks.flatMap(Object.entries)) {
    try {
      if ((await check(server)) !== true) failures.push(name)
    } catch (error) {
      failures.push(`${name} (${error.cause?.message ?? error.message})`)
    }
  }
  return failures
}

const get = (server, path = PATH) => fetch(server.url + path, { headers: REQUEST_HEADERS })

const post = (server, body) =>
  fetch(server.url + PATH, {
    method: 'POST',
    headers: { ...REQUEST_HEADERS, 'content-type': 'application/json' },
    body,
  })

async function answers(response, status, holds = () => true) {
  const text = await response.text()
  return response.status === status && holds(text)
}

const altered = (changes) => JSON.stringify({ ...JSON.parse(REQUEST_BODY), ...changes })

const ANSWERS = {
  'GET is 200 with the list': async (server) =>
    answers(await get(server), 200, (text) => text === JSON.stringify(ITEMS)),
  'POST is 201 with id and name': async (server) =>
    answers(await post(server, REQUEST_BODY), 201, (text) => {
      const { id, name } = JSON.parse(text)
      return id > 0 && name === JSON.parse(REQUEST_BODY).name
    }),
}

const HEADERS = {
  'a request id of its own for every response': async (server) => {
    const ids = [await get(server), await get(server)].map(({ headers }) => headers.get('x-request-id'))
    return ids.every((id) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id)) && ids[0] !== ids[1]
  },
  'twelve security headers': async (server) => lacking(await get(server)) === '',
  'CORS headers': async (server) => {
    const { headers } = await get(server)
    return (
      headers.get('access-control-allow-origin') === ALLOWED_ORIGIN &&
      /\borigin\b/i.test(headers.get('vary')) &&
      /\bx-request-id\b/i.test(headers.get('access-control-expose-headers'))
    )
  },
  'a rate limit field': async (server) => {
    const { headers } = await get(server)
    return headers.has('ratelimit') || headers.has('ratelimit-limit')
  },
}

/** The security headers that a response lacks; says which in the failure. */
function lacking({ headers }) {
  const missing = Object.keys(SECURITY_HEADERS).filter((name) => !headers.get(name))
  if (headers.get('x-xss-protection') !== '0') missing.push('x-xss-protection: 0')
  if (missing.length > 0) throw new Error(`without ${missing.join(', ')}`)
  return ''
}

const BAD_BODIES = [
  '{"name":',
  altered({ name: '' }),
  altered({ name: 'x'.repeat(81) }),
  altered({ email: 'nobody' }),
  altered({ quantity: 0 }),
  altered({ quantity: 1.5 }),
  altered({ price: -1 }),
  altered({ tags: [1] }),
  altered({ tags: Array(11).fill('tag') }),
]

const STACK = {
  'a bad body is 400': async (server) => {
    for (const body of BAD_BODIES) {
      const response = await post(server, body)
      if (!(await answers(response, 400))) throw new Error(`${response.status} for ${body.slice(0, 60)}`)
    }
    return true
  },
  'a body of 110 KB is 413': async (server) =>
    answers(await post(server, altered({ name: 'x'.repeat(1.1 * BODY_LIMIT) })), 413),
  'a crash is 500 in JSON, without the detail': async (server) => {
    const response = await get(server, CRASH_PATH)
    const json = /^application\/([\w.]+\+)?json/.test(response.headers.get('content-type'))
    return json && answers(response, 500, (text) => JSON.parse(text) && !text.includes(CRASH_DETAIL))
  },
  'no secret in the log': async (server) => {
    const log = (await logLines(server)).join('\n')
    return !/secret-(token|cookie)/.test(log)
  },
  'one log line, with the fields': async (server) => {
    server.emptyLog() // the check before has waited for the lines of earlier requests
    const response = await get(server)
    const id = response.headers.get('x-request-id')
    const expected = [id, 'GET', PATH, '200', '127.0.0.1', REQUEST_HEADERS['user-agent']]
    const lines = await logLines(server)
    const missing = expected.filter((field) => !lines[0]?.includes(field))
    if (missing.length > 0) throw new Error(`without ${missing.join(', ')}`)
    if (lines.length !== 1) throw new Error(`${lines.length} lines`)
    const names = fieldNames(JSON.parse(lines[0])).join(' ')
    return [/\btime/i, /\blevel/i, /duration|responseTime|elapsed/i].every((name) => name.test(names))
  },
}

/** Logs are written behind the response's back: waits for the first line, and a moment for more. */
async function logLines({ logFile }) {
  const read = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').filter(Boolean) : [])
  for (let waited = 0; waited < LOG_TIMEOUT_MS && read().length === 0; waited += 50) await sleep(50)
  await sleep(250)
  return read()
}

function fieldNames(value) {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, inner]) => [name, ...fieldNames(inner)])
    : []
}
