/** What the pages say: their code compiles and runs, their tables are those of the code, their links lead somewhere. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Handler, ORDER, policy, type ProblemCode, PROBLEMS } from '../../src/index.ts'
import { type RedisServer, startRedis } from '../fleet/redis-server.ts'
import { anchorsOf, blocksOf, filesOf, linksOf, tableAfter } from './blocks.ts'
import { entries, manifest, Project, root, type Running, sourceOf } from './project.ts'

const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }))
const readme = pages[0]!.text
const blocks = pages.flatMap(({ name, text }) => blocksOf(name, text))
const shown = blocks.filter(({ language }) => language === 'ts').flatMap(filesOf)

let project: Project
let redis: RedisServer
beforeAll(async () => {
  project = new Project(shown)
  redis = await startRedis()
  process.env['REDIS_URL'] = redis.url
  // Access logs of what is called in this process.
  for (const level of ['log', 'warn', 'error'] as const) vi.spyOn(console, level).mockReturnValue()
})
afterAll(async () => {
  project.remove()
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
  const [block] = blocks.filter(({ language }) => language === 'json')
  const instance: unknown = expect.stringMatching(/^urn:uuid:/)
  expect(await sent.json()).toEqual({ ...JSON.parse(block!.text) as object, instance })
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
