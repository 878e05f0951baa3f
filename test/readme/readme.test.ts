/** What the pages say: their code compiles and runs, their tables are those of the code, their links lead somewhere. */
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Handler, ORDER, policy, type ProblemCode, PROBLEMS, verifyAudit } from '../../src/index.ts'
import { type RedisServer, startRedis } from '../fleet/redis-server.ts'
import { anchorsOf, blocksOf, filesOf, linksOf, tableAfter } from './blocks.ts'
import { entries, manifest, Project, root, type Running, sourceOf } from './project.ts'

const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }))
const readme = pages[0]!.text
const blocks = pages.flatMap(({ name, text }) => blocksOf(name, text))
const shown = blocks.filter(({ language }) => language === 'ts').flatMap(filesOf)

/** The problems that are shown, in order. */
const problems = blocks.filter(({ language }) => language === 'json').map(({ text }) => JSON.parse(text) as object)

const folder = mkdtempSync(join(tmpdir(), 'readme-'))
let project: Project
let redis: RedisServer
beforeAll(async () => {
  project = new Project(shown)
  redis = await startRedis()
  process.env['REDIS_URL'] = redis.url
  process.env['UPLOADS'] = folder
  // Access logs of what is called in this process.
  for (const level of ['log', 'warn', 'error'] as const) vi.spyOn(console, level).mockReturnValue()
})
afterAll(async () => {
  await project.remove()
  rmSync(folder, { recursive: true })
  await redis.stop()
})

describe('every block', () => {
  test('is in a language that is checked here', () => {
    expect([...new Set(blocks.map(({ language }) => language))].toSorted()).toEqual(['json', 'sh', 'text', 'ts'])
  })

  test('of TypeScript has a file of its own', () => {
    const names = shown.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })

  test('of TypeScript fits a page', () => {
    const lines = shown.flatMap(({ name, text }) => text.split('\n').map((line) => `${name}: ${line}`))
    expect(lines.filter((line) => line.length - line.indexOf(':') - 2 > 120)).toEqual([])
  })

  test('of TypeScript compiles, strictly', async () => {
    expect(await project.compile()).toBe('')
  })

  test('of shell has commands that exist', () => {
    const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.split('\n'))
    const commands = lines.flatMap((line) => line.replace(/#.*/, '').split('&&')).map((command) => command.trim())
    expect(commands.length).toBeGreaterThan(5)
    expect(commands.filter((command) => !isKnown(command))).toEqual([])
  })

  test('of TypeScript is run below', () => {
    expect(shown.map(({ name }) => name).toSorted()).toEqual(
      [...Object.keys(exchanges), ...onServers, ...asProgram].toSorted(),
    )
  })
})

function isKnown(command: string): boolean {
  const { scripts, peerDependencies } = manifest()
  const [program, verb = '', ...rest] = command.split(/\s+/)
  const file = command.split(/\s+/).at(-1)!
  if (program === 'npm' && verb === 'ci') return true
  if (program === 'npm' && (verb === 'i' || verb === 'install')) {
    return rest.every((name) => name === 'sallyport' || Object.hasOwn(peerDependencies, name))
  }
  if (program === 'npm') return Object.hasOwn(scripts, verb === 'run' ? rest[0]! : verb) // `--` passes options on
  const runs = /^(?:node|bun|deno run --allow-net|npx wrangler dev) [\w.-]+\.ts$/.test(command)
  return runs && shown.some(({ name }) => name === file)
}

const GREETING = { hello: '127.0.0.1', request: expect.stringMatching(/^[\da-f-]{36}$/) }

/** The first screen, on its runtimes. */
const servers: Record<string, () => Promise<Running | string>> = {
  'node.ts': () => project.start('node', ['node.ts']),
  'bun.ts': () => project.start('bun', ['bun.ts']),
  'deno.ts': () => project.start('deno', ['run', '--no-lock', '--cached-only', '--allow-net', 'deno.ts']),
  'worker.ts': () => project.startWorker('worker.ts'),
  'hono.ts': () => project.start('node', ['hono.ts']),
}
const onServers = [...Object.keys(servers), 'main.ts']
const asProgram = ['app.test.ts']

describe('the first screen', () => {
  const first = blocks.slice(0, 2).flatMap(filesOf)

  test('has at most 20 lines', () => {
    expect(first.map(({ name }) => name)).toEqual(['app.ts', ...Object.keys(servers)])
    expect(first.flatMap(({ text }) => text.split('\n')).filter((line) => line.trim() !== '').length)
      .toBeLessThanOrEqual(20)
  })

  test.concurrent.each(Object.keys(servers))('%s serves, hardened', async (name) => {
    const started = await servers[name]!()
    const response = await fetch(typeof started === 'string' ? started : started.url)
    const body: unknown = await response.json()
    expect(response.status).toBe(200)
    expect(body).toEqual(GREETING)
    expect(response.headers.get('x-request-id')).toBe((body as typeof GREETING).request)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('ratelimit-policy')).toBe('"default";q=100;w=60')
  })

  test('has the files of examples/minimal', () => {
    expect(globSync('examples/minimal/*.ts', { cwd: root }).map((path) => basename(path)).toSorted())
      .toEqual(first.map(({ name }) => name).toSorted())
  })
})

test.concurrent('app.test.ts passes', async () => {
  expect(await project.run(process.execPath, ['app.test.ts'])).toBe('')
})

test.concurrent('main.ts serves, and stops when told to', async () => {
  const { url, child } = await project.start('node', ['main.ts'])
  expect((await fetch(`${url}/health/ready`)).status).toBe(200)
  const code = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  expect(await code).toBe(0)
})

type Send = (path: string, init?: RequestInit) => Promise<Response>
const noApp: Send = () => Promise.reject(new Error('there is no app'))
type Exchange = (send: Send, module: Record<string, unknown>) => Promise<void>

const signedIn = { authorization: 'Bearer open-sesame' }
const note = (text: string): RequestInit => ({
  method: 'POST',
  body: JSON.stringify({ text }),
  headers: { ...signedIn, 'content-type': 'application/json' },
})

const json = (value: unknown, method = 'POST'): RequestInit => ({
  method,
  body: typeof value === 'string' ? value : JSON.stringify(value),
  headers: { 'content-type': 'application/json' },
})

/** In bytes: cancelled, a stream that undici makes of a form throws where nobody can catch it. */
async function form(...parts: [name: string, value: string | Blob, filename?: string][]): Promise<RequestInit> {
  const fields = new FormData()
  for (const [name, value, filename] of parts) {
    if (typeof value === 'string') fields.append(name, value)
    else fields.append(name, value, filename)
  }
  const made = new Response(fields)
  const headers = { 'content-type': made.headers.get('content-type')! }
  return { method: 'POST', body: await made.arrayBuffer(), headers }
}

const png = new Blob([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')], { type: 'image/png' })
const instance: unknown = expect.stringMatching(/^urn:uuid:/)

/** The other files: what is asked of each, without a server. */
const exchanges: Record<string, Exchange> = {
  async 'app.ts'(send) {
    expect(await (await send('/')).json()).toEqual({ ...GREETING, hello: '192.0.2.1' })
    const answers = await Promise.all(Array.from({ length: 100 }, () => send('/')))
    expect(answers.at(-2)?.status).toBe(200)
    expect(answers.at(-1)?.status).toBe(429)
    expect((await send('/', { method: 'POST', body: 'text' })).status).toBe(415)
  },
  async 'proxied.ts'(send) {
    const headers = { 'x-forwarded-for': '198.51.100.9, 203.0.113.7', 'x-forwarded-proto': 'https' }
    const response = await send('/', { headers })
    expect(await response.json()).toEqual({ clientIp: '203.0.113.7', secure: true })
    expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains')
    const plain = await send('/', { headers: { 'x-forwarded-for': '203.0.113.7' } })
    expect(await plain.json()).toEqual({ clientIp: '203.0.113.7', secure: false })
    expect(plain.headers.has('strict-transport-security')).toBe(false)
  },
  async 'notes.ts'(send) {
    const refused = await send('/')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect(await (await send('/', { headers: signedIn })).json()).toEqual({ you: 'ada' })
    const created = await send('/notes', note('milk'))
    expect([created.status, await created.json()]).toEqual([201, { author: 'ada', text: 'milk' }])
    expect(created.headers.get('ratelimit')).toMatch(/^"address";r=297;t=\d+, "user";r=998;t=\d+$/)
  },
  async 'site.ts'(send) {
    const response = await send('/')
    const nonce = /nonce="([^"]+)"/.exec(await response.text())?.[1]
    expect(response.headers.get('content-security-policy')).toContain(`script-src 'self' 'nonce-${nonce}'`)
  },
  async 'server-timing.ts'(_send, module) {
    expect(module['serverTiming']).toBeTypeOf('function')
    await Promise.resolve()
  },
  async 'version.ts'(send) {
    const response = await send('/', { headers: { 'api-version': '2' } })
    expect(await response.json()).toEqual({ version: '2' })
    expect(response.headers.get('server-timing')).toMatch(/^app;dur=[\d.]+$/)
  },
  async 'sockets.ts'(send) {
    const handshake = (origin: string): RequestInit => ({ headers: { upgrade: 'websocket', origin } })
    expect((await send('/', handshake('https://evil.example'))).status).toBe(403)
    expect((await send('/', handshake('https://app.example'))).status).toBe(200)
  },
  async 'missing.ts'(send) {
    expect(await (await send('/')).json()).toMatchObject({ status: 404, code: 'note-not-found', title: 'Not Found' })
    expect(await (await send('/', { method: 'DELETE' })).json()).toMatchObject({ status: 409, code: 'note-locked' })
  },
  async 'limits.ts'(send) {
    const answers = await Promise.all(Array.from({ length: 11 }, () => send('/')))
    expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: 10 }, () => 200), 429])
    expect(answers[9]!.headers.get('ratelimit')).toMatch(
      /^"burst";r=0;t=[12], "sustained";r=90;t=1, "daily";r=4990;t=86400$/,
    )
    expect(answers[10]!.headers.get('ratelimit')).toMatch(/^"burst";r=0;t=\d$/)
    expect(await answers[10]!.json()).toMatchObject({ 'violated-policies': ['burst'] })
  },
  async 'plans.ts'(send, { setLimit }) {
    const as = (customer: string): Promise<Response> => send('/', { headers: { 'x-customer': customer } })
    const statuses = async (customer: string, times: number): Promise<number[]> =>
      (await Promise.all(Array.from({ length: times }, () => as(customer)))).map(({ status }) => status)
    expect(await statuses('ada', 3)).toEqual([200, 200, 429])
    expect(await statuses('grace/pro', 3)).toEqual([200, 200, 200])
    ;(setLimit as (plan: string, limit: number) => void)('free', 4)
    expect(await statuses('ada', 3)).toEqual([200, 200, 429])
  },
  async 'tokens.ts'(send, { streaming, sendTo }) {
    expect(await (await send('/')).json()).toEqual({ held: 4_000 })
    expect((await send('/')).headers.get('ratelimit')).toMatch(/^"tokens";r=5188;t=\d+, "calls";r=58;t=\d+$/)
    const stream = await (sendTo as (app: unknown) => Send)(streaming)('/')
    expect(await stream.text()).toBe('onetwothree')
    expect((await send('/')).headers.get('ratelimit')).toMatch(/^"tokens";r=4076;t=\d+, "calls";r=56;t=\d+$/)
  },
  async 'login.ts'(send) {
    const good = { headers: { authorization: 'yes' } }
    for (let i = 0; i < 10; i++) expect((await send('/', good)).status).toBe(204)
    for (let i = 0; i < 5; i++) expect((await send('/')).status).toBe(401)
    expect((await send('/', good)).status).toBe(429)
  },
  async 'doors.ts'(send) {
    expect((await send('/')).headers.get('ratelimit')).toMatch(/^"default";r=99;t=900, "concurrent";r=9$/)
    for (let i = 0; i < 10; i++) expect((await send('/', { method: 'POST', body: 'text' })).status).toBe(415)
    expect((await send('/')).status).toBe(200) // bans stand inside contentType, and see only what is refused below
    expect(await (await send('/admin/bans')).json()).toEqual([])
  },
  async 'payments.ts'(send) {
    const pay = (key: string, body: string): Promise<Response> =>
      send('/', { method: 'POST', body, headers: { 'content-type': 'application/json', 'idempotency-key': key } })
    const first = await pay('"8e03978e"', '{"amount":5}')
    expect([first.status, await first.json()]).toEqual([201, { payment: 1 }])
    const second = await pay('"8e03978e"', '{"amount":5}')
    expect([second.status, await second.json()]).toEqual([201, { payment: 1 }])
    expect(second.headers.get('idempotent-replayed')).toBe('true')
    expect((await pay('"8e03978e"', '{"amount":6}')).status).toBe(422)
    expect((await send('/', { method: 'POST' })).status).toBe(400)
  },
  async 'shared.ts'(send, { client }) {
    const { connect, disconnect } = client as { connect(): Promise<void>; disconnect(): void }
    await connect.call(client)
    expect((await send('/')).headers.get('ratelimit')).toMatch(/^"default";r=99;t=60, "concurrent";r=9$/)
    disconnect.call(client)
  },
  async 'outage.ts'(send) {
    const started = performance.now()
    const answers = [await send('/'), ...await Promise.all(Array.from({ length: 10 }, () => send('/')))]
    expect(performance.now() - started).toBeLessThan(2_000)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
    expect(answers.filter(({ headers }) => headers.has('ratelimit'))).toEqual([])
  },
  async 'tiers.ts'(send) {
    const answers = [await send('/'), await send('/'), await send('/'), await send('/')]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 429])
  },
  async 'books.ts'(send) {
    const title = { title: 'Emma' }
    const replaced = await send('/books/7', json({ ...title, isbn: '0' }, 'PUT'))
    const rest = { query: { view: 'full' }, headers: {}, cookies: { theme: 'light' } }
    expect(await replaced.json()).toEqual({ params: { id: 7 }, ...rest, body: title })
    const refused = await send('/books/x?view=hunter2', json(title, 'PUT'))
    expect([refused.status, await refused.json()]).toEqual([400, { ...problems[1], instance }])
    expect((await send('/books/7?view=full&view=full', json(title, 'PUT'))).status).toBe(400)
    expect((await send('/books/7', { method: 'PUT' })).status).toBe(400)
    const errors = [{ pointer: '#', code: 'key-forbidden', message: 'A key has a forbidden name.' }]
    expect(await (await send('/books/7', json('{"__proto__":1}', 'PUT'))).json()).toMatchObject({ errors })
  },
  async 'books-hono.ts'(_send, { hono }) {
    const { request } = hono as { request: Send }
    const replaced = await request('/books/7', json({ title: ' Emma ' }, 'PUT'))
    expect(await replaced.json()).toEqual({ id: '7', title: 'Emma' })
    const refused = await request('/books/x', json({ title: 'Emma' }, 'PUT'))
    expect(await refused.json()).toMatchObject({ code: 'input-invalid', errors: [{ in: 'path', pointer: '#/id' }] })
    expect(refused.headers.get('x-content-type-options')).toBe('nosniff')
  },
  async 'healthy.ts'(send) {
    expect(await (await send('/health/live')).json()).toMatchObject({ status: 'healthy' })
    const told = await send('/health', { headers: { authorization: 'Bearer let-me-see' } })
    expect(await told.json()).toMatchObject({
      version: '1.4.2',
      environment: 'production',
      cache: {},
      disk: {},
      memory: {},
    })
    expect(await (await send('/health')).text()).not.toContain('cache')
  },
  async 'measured.ts'(send) {
    expect(await (await send('/video')).json()).toMatchObject({ video: 'a.mp4' })
    expect((await send('/metrics')).status).toBe(404)
    const page = await send('/metrics', { headers: { authorization: 'Bearer let-me-see' } })
    const text = await page.text()
    for (
      const line of ['video_jobs_total{result="ok"} 1', 'queue_depth 0', 'http_server_request_duration_seconds_count']
    ) {
      expect(text).toContain(line)
    }
  },
  async 'audited.ts'(send, { written }) {
    await send('/notes', json({}))
    await send('/notes', { method: 'POST', body: 'text' })
    const lines = await (written as () => Promise<string[]>)()
    expect(lines.map((line) => (JSON.parse(line) as { action: string }).action)).toHaveLength(2)
    const key = { id: '2026-01', secret: new TextEncoder().encode('at least thirty-two bytes of it!') }
    expect(await verifyAudit(lines.join('\n') + '\n', { keys: [key] })).toMatchObject({ ok: true })
  },
  async 'logged.ts'(send) {
    const printed: string[] = []
    const console = vi.spyOn(globalThis.console, 'log').mockImplementation((text) => void printed.push(String(text)))
    try {
      expect(await (await send('/')).text()).toBe('note 7')
    } finally {
      console.mockRestore()
    }
    const [found, loading] = ['found', 'loading'].map((word) => printed.find((line) => line.includes(word)))
    expect(found).toMatch(/note=.*7.*password.*=.*\[redacted\]/)
    expect(loading).toMatch(/requestId.*=.*module.*=.*notes/)
    expect(printed.join()).not.toContain('hunter2')
  },
  async 'lines.ts'(send, { lost }) {
    const sent = await send('/', { ...json({ iban: 'DE02120300000000202051', note: 7 }) })
    expect(await sent.json()).toMatchObject({ note: 7 })
    expect((lost as () => number)()).toBe(0)
  },
  async 'sinks.ts'(send, { close }) {
    const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(new Response('taken')))
    try {
      expect(await (await send('/')).text()).toBe('hello')
      await (close as () => Promise<unknown>)()
      expect(fetched).toHaveBeenCalledOnce()
    } finally {
      fetched.mockRestore()
    }
  },
  async 'hidden.ts'(_send, { hidden, apiKey }) {
    const { isSecret } = hidden as { isSecret: (key: string) => boolean }
    expect(['customer_id', 'IBAN', 'password', 'monkey'].map(isSecret)).toEqual([true, true, true, false])
    expect(`${apiKey} ${JSON.stringify({ apiKey })}`).toBe('[redacted] {"apiKey":"[redacted]"}')
    expect((apiKey as { reveal: () => string }).reveal()).toBe('sk-from-the-environment')
    await Promise.resolve()
  },
  async 'traced.ts'(send) {
    const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(Response.json([1])))
    try {
      const answer = await (await send('/', { headers: { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` } }))
        .json()
      expect(answer).toEqual({ prices: [1], trace: expect.stringMatching(/^(?!1{32})[\da-f]{32}$/) })
      const sent = new Request(...fetched.mock.calls[0] as [string, RequestInit])
      expect(sent.headers.get('traceparent')).toMatch(new RegExp(`^00-${(answer as { trace: string }).trace}-`))
    } finally {
      fetched.mockRestore()
    }
  },
  async 'collected.ts'(send, { telemetry }) {
    const paths: string[] = []
    const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation((url) => {
      paths.push(new URL(String(url)).pathname)
      return Promise.resolve(Response.json({}))
    })
    try {
      expect(await (await send('/')).text()).toBe('hello')
      await (telemetry as { close: () => Promise<void> }).close()
      expect(paths.toSorted()).toEqual(['/v1/metrics', '/v1/traces'])
    } finally {
      fetched.mockRestore()
    }
  },
  async 'alerted.ts'(send, { alerts }) {
    expect(await (await send('/')).json()).toEqual({ activeAlerts: [] })
    expect((alerts as { recent: () => unknown[] }).recent()).toEqual([])
  },
  async 'watched.ts'(send) {
    expect((await send('/ops')).status).toBe(401)
    const page = await send('/ops', { headers: { authorization: `Basic ${btoa('ops:let-me-see')}` } })
    expect(page.headers.get('content-security-policy')).toContain("trusted-types 'none'")
    expect(await page.text()).toContain('queue')
  },
  async 'profile.ts'(_send, { update }) {
    const answer = (update as (request: undefined, context: object) => Response)(undefined, {
      input: { body: { name: 'Ada' } },
    })
    expect(await answer.json()).toEqual({ name: 'Ada' })
  },
  async 'profile-app.ts'(send) {
    expect(await (await send('/', json({ name: 'Ada' }))).json()).toEqual({ name: 'Ada' })
    expect((await send('/', json({}))).status).toBe(400)
  },
  async 'sign-in.ts'(send) {
    expect((await send('/', json({ username: 'ada', password: 'open-sesame' }))).status).toBe(200)
    expect((await send('/', json({ username: 'eve', password: 'open-sesame' }))).status).toBe(401)
    const refused = await (await send('/', json({ username: 'ada' }))).json()
    expect(refused).toMatchObject({ status: 400, code: 'input-invalid' })
    expect(refused).not.toHaveProperty('errors')
  },
  async 'contact.ts'(send) {
    const fields = { email: 'ada@example.com', topics: ['press'] }
    const bodies = [
      json(fields),
      { method: 'POST', body: new URLSearchParams({ email: fields.email, topics: 'press' }) },
      await form(['email', fields.email], ['topics', 'press']),
    ]
    for (const body of bodies) expect(await (await send('/', body)).json()).toEqual(fields)
    const errors = [{ code: 'duplicate-key' }]
    expect(await (await send('/', json('{"topics":[],"topics":[]}'))).json()).toMatchObject({ errors })
    const other = await send('/', { method: 'POST', body: 'text' })
    expect([other.status, other.headers.get('accept')]).toEqual([
      415,
      'application/json, application/x-www-form-urlencoded, multipart/form-data',
    ])
  },
  async 'prices.ts'(send) {
    const csv = (body: string): RequestInit => ({ method: 'POST', body, headers: { 'content-type': 'text/csv' } })
    expect(await (await send('/', csv('tea,3.5\ncake,4\n'))).json()).toEqual({ tea: 3.5, cake: 4 })
    expect((await send('/', csv('tea,free'))).status).toBe(400)
    expect((await send('/', csv('a,1\n'.repeat(6_000)))).status).toBe(400) // 18,000 items, of 6,001 lists
    expect((await send('/', json([]))).status).toBe(415)
  },
  async 'readings.ts'(send) {
    const packed = (text: string, encoding = 'gzip'): RequestInit => ({
      method: 'POST',
      body: gzipSync(text),
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
    })
    const readings = JSON.stringify(Array.from({ length: 50_000 }, (_, i) => i * 7919 % 10_007))
    expect(await (await send('/', packed(readings))).json()).toEqual({ readings: 50_000 })
    const unknown = await send('/', packed('[]', 'br'))
    expect([unknown.status, unknown.headers.get('accept-encoding')]).toEqual([415, 'gzip, deflate'])
    expect((await send('/', packed(`[${' '.repeat(1_000_000)}]`))).status).toBe(413)
    expect(await (await send('/', json(Array(100_001).fill(0)))).json()).toMatchObject({ code: 'input-too-complex' })
  },
  async 'account.ts'(send) {
    expect(await (await send('/2')).json()).toEqual({ id: 2, name: 'Grace' })
    const withheld = await send('/1')
    expect([withheld.status, await withheld.json()]).toMatchObject([500, { code: 'response-invalid' }])
  },
  async 'posts.ts'(send) {
    const text = '<p onclick="x">Hi<script>1</script> <a href="javascript:x">you</a></p>'
    const sent = { author: ' Ada\u0000', title: '<b>AT&T</b>', text, password: ' x ' }
    expect(await (await send('/', json(sent))).json()).toEqual({
      post: { author: 'Ada', title: 'AT&T', text: '<p>Hi <a>you</a></p>', password: ' x ' },
      altered: 'body: 3 texts (trim 1, controls 1, fields 2)',
    })
  },
  async 'avatars.ts'(send) {
    const key = expect.stringMatching(/^[\da-f-]{36}\.png$/) as string
    const saved = await send('/avatars', await form(['avatar', png, '../../me.png']))
    expect([saved.status, await saved.json()]).toEqual([201, [{ key, name: 'me.png', type: 'image/png', size: 16 }]])
    expect(readdirSync(folder)).toEqual([key])
    const refusals: [RequestInit, string][] = [
      [await form(['avatar', png, 'me.mp4']), 'file-type-unsupported'],
      [await form(['avatar', png, 'a.png'], ['avatar', png, 'b.png']), 'file-unexpected'],
      [
        await form(['avatar', new Blob([png, new Uint8Array(2_100_000)], { type: png.type }), 'me.png']),
        'file-too-large',
      ],
      [await form(['note', 'x']), 'input-invalid'],
    ]
    for (const [init, code] of refusals) expect(await (await send('/avatars', init)).json()).toMatchObject({ code })
    expect(readdirSync(folder)).toHaveLength(1)
    expect((await send('/other', await form(['avatar', png, 'me.png']))).status).toBe(415)
  },
  async 'recordings.ts'(send) {
    const saved = await send('/', await form(['cover', png, 'c.png'], ['title', 'Emma']))
    const files = [{ field: 'cover', name: 'c.png' }]
    expect(await saved.json()).toEqual({ title: 'Emma', files, kept: 1 })
    expect(console.error).toHaveBeenCalledWith(expect.stringMatching(/^\d+ of who knows$/))
    expect(await (await send('/', await form(['lyrics', png, 'l.png']))).json()).toMatchObject({
      errors: [{ pointer: '#/lyrics', message: 'A file here must be one of: pdf.' }],
    })
    const untitled = await send('/', await form(['cover', png, 'c.png']))
    expect(await untitled.json()).toMatchObject({ code: 'input-invalid', errors: [{ pointer: '#/title' }] })
    expect(await (await send('/', await form(['title', 'Emma']))).json()).toMatchObject({ kept: 1 }) // the second was removed
  },
  async 'pictures.ts'(_send, { worker }) {
    const objects = new Set<string>()
    const PICTURES = {
      put: (key: string) => Promise.resolve(objects.add(key)),
      createMultipartUpload: () => Promise.reject(new Error('these are small')),
      delete: (key: string) => Promise.resolve(objects.delete(key)),
    }
    const { fetch } = worker as { fetch: (request: Request, env: object, execution: object) => Promise<Response> }
    const send: Send = (path, init) => fetch(new Request(`http://acme.test${path}`, init), { PICTURES }, {})
    const keys = await (await send('/', await form(['picture', png, 'a.png'], ['picture', png, 'b.png']))).json()
    expect(keys).toEqual([...objects])
    expect(keys).toEqual([expect.stringMatching(/^pictures\/.+\.png$/), expect.anything()])
    const refused = await send('/', await form(['picture', png, 'a.png'], ['picture', new Blob(['text']), 'b.png']))
    expect([refused.status, objects.size]).toEqual([415, 2])
  },
  async 'reports.ts'(send) {
    const days = { from: '2026-01-01', to: '2026-01-31' }
    const query = new URLSearchParams(days)
    expect(await (await send(`/?${query}`)).json()).toEqual({ query: { page: 1, limit: 20, ...days } })
    const [voiceId, dataset] = ['2b9d3f4e-6b1a-4c7e-9d55-6f0d1c1a0b5e', 'ada/letters']
    const sent = { voiceId, dataset, epochs: 3, title: 'Emma', notify: 'Ada@EXAMPLE.com', admin: true }
    expect(await (await send(`/?${query}`, json(sent))).json()).toMatchObject({
      body: {
        voiceId,
        dataset,
        epochs: 3,
        batchSize: 16,
        learningRate: 0.0001,
        title: 'Emma',
        notify: 'Ada@example.com',
      },
    })
    const errors = [{ pointer: '#/title', message: 'The title may not have HTML in it.' }]
    expect(await (await send(`/?${query}`, json({ ...sent, title: '<b>' }))).json()).toMatchObject({ errors })
    expect((await send('/?from=2026-01-01&to=2026-02-01')).status).toBe(400)
  },
  async 'jobs.ts'(send) {
    expect((await send('/openapi.json')).status).toBe(401)
    const answer = await send('/openapi.json', { headers: signedIn })
    const { paths, components } = await answer.json() as Record<string, Record<string, unknown>>
    expect(paths).toMatchObject({
      '/jobs': {
        get: { description: 'At most 100 per minute.', parameters: [{ name: 'page' }, { name: 'limit' }] },
        post: {
          summary: 'Starts a training',
          security: [{ bearer: [] }],
          responses: { 202: { description: 'It has started.' }, 400: {}, 401: {}, 413: {}, 415: {}, 429: {} },
        },
      },
    })
    expect(components).toMatchObject({ securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } })
  },
  async 'rollout.ts'(send) {
    const answers = await Promise.all(Array.from({ length: 30 }, () => send('/')))
    expect(answers.every(({ status, headers }) => status === 200 && !headers.has('ratelimit'))).toBe(true)
  },
}

test.each(Object.keys(exchanges))('%s does what the page says', async (name) => {
  const { app, toFetch, ...module } = await project.load<{ app?: Handler } & Record<string, unknown>>(name)
  const connection = { address: '192.0.2.1', port: 50_000, encrypted: false }
  const sendTo = (handler: Handler): Send => {
    const handle = toFetch(handler, { connection })
    return async (path, init) => await handle(new Request(`http://acme.test${path}`, init))
  }
  await exchanges[name]!(app === undefined ? noApp : sendTo(app), { ...module, sendTo })
})

test('the problem that is shown is the one that is sent', async () => {
  const { app, toFetch } = await project.load<{ app: Handler }>('notes.ts')
  const sent = await toFetch(app)(new Request('http://acme.test/notes', note('')))
  expect(await sent.json()).toEqual({ ...problems[0], instance })
})

describe('the tables', () => {
  test('every problem code, once, with its status and an anchor', () => {
    const rows = tableAfter(readme, '## Errors').map(([code, status]) => `${code} ${status}`)
    const codes = Object.keys(PROBLEMS) as ProblemCode[]
    expect(rows).toEqual(codes.map((code) => `<a id="${code}"></a>\`${code}\` ${PROBLEMS[code]}`))
  })

  test('the order, and what cannot be switched off', () => {
    const rows = tableAfter(readme, '## The order')
    expect(rows.map(([slot]) => slot)).toEqual(ORDER.map((slot) => `\`${slot}\``))
    const fixed = ORDER.filter((slot) => {
      try {
        policy({ [slot]: false })
        return false
      } catch {
        return true
      }
    })
    expect(rows.filter(([, byDefault]) => byDefault === 'always on').map(([slot]) => slot)).toEqual(
      fixed.map((slot) => `\`${slot}\``),
    )
  })

  test('every name that the package exports is mentioned', async () => {
    const code = [...readme.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/`[^`]+`/g)].join(' ')
    for (const entry of entries) {
      const names = Object.keys(await import(sourceOf(entry)) as object)
      expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code)), entry).toEqual([])
    }
  })
})

test.each(pages)('the links of $name lead somewhere', ({ name, text }) => {
  const anchors = anchorsOf(text)
  const lost = linksOf(text).filter((link) => {
    const [path = '', anchor] = link.split('#')
    if (path !== '') return !existsSync(join(root, dirname(name), path))
    return !anchors.has(anchor ?? '')
  })
  expect(lost).toEqual([])
})

test('there is a place for the measurements', () => {
  for (const name of ['bench', 'size']) expect(readme).toMatch(new RegExp(`<!-- ${name} -->[\\s\\S]*<!-- /${name} -->`))
})
