/** The first report's own checks, on its own service, as `npm start -- --runtime …` runs it. */
import { readdirSync, readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { verifyAudit } from '../../src/index.ts'
import { type Answer, open, type Sent, until } from './client.ts'
import {
  ALIASES,
  type Ask,
  asker,
  eventsIn,
  field,
  logsOf,
  OPS_TOKEN,
  parsed,
  PASSWORD,
  type SecurityEvent,
  signUp,
  startService,
  stopServices,
  uploadsOf,
} from './service.ts'
import type { Running } from './processes.ts'
import type { Target } from './setup.ts'

const TRAINING = { voiceId: '7a1c3f52-0a35-4c8e-9a0d-5d0b8c2f1e11', dataset: 'mozilla/common_voice', epochs: 10 }

/** The head of a recording without a sample. */
const WAV = new Uint8Array([
  ...new TextEncoder().encode('RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0'),
  ...[0x44, 0xac, 0, 0, 0x88, 0x58, 1, 0, 2, 0, 16, 0],
  ...new TextEncoder().encode('data\0\0\0\0'),
])

type Document = {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
}

interface Operation {
  readonly responses: Record<string, unknown>
  readonly security?: unknown
  readonly parameters?: unknown
  readonly requestBody?: unknown
}

const names = inject('targets').map(({ name }) => name)
const services = new Map(names.map((name) => [name, startService(name)]))

afterAll(() => stopServices(services.values()))

describe.each(names)('tts-platform on %s', (name) => {
  let service: Running
  let target: Target
  let ask: Ask
  let alice = ''
  let bob = ''

  beforeAll(async () => {
    service = await services.get(name)!
    const port = Number(service.ready[1])
    target = { name, port, url: `http://127.0.0.1:${port}`, pid: service.child.pid! }
    ask = asker(target)
  }, 90_000)

  test('105 requests give 429 after the 100th, with RateLimit fields and an integer Retry-After', async () => {
    const answers: Answer[] = []
    for (let i = 0; i < 105; i++) {
      answers.push(await ask('GET', '/api', undefined, '', ALIASES ? { from: '127.0.0.2' } : {}))
    }
    expect(answers.map(({ status }) => status)).toEqual([...Array(100).fill(200), ...Array(5).fill(429)])
    expect(field(answers[0]!, 'ratelimit-policy')).toBe('"general";q=100;w=900')
    expect(field(answers[99]!, 'ratelimit')).toMatch(/^"general";r=0;t=\d+$/)
    const last = answers[104]!
    const seconds = Number(field(last, 'retry-after'))
    expect(Number.isInteger(seconds) && seconds > 0 && seconds <= 900).toBe(true)
    expect(parsed(last)).toMatchObject({
      success: false,
      error: 'TooManyRequests',
      message: 'Too many requests. Please try again later.',
      statusCode: 429,
      retryAfter: seconds,
    })
  })

  test('/health, /health/live and /health/ready answer, without a limit', async () => {
    for (const path of ['/health', '/health/live', '/health/ready']) {
      const answer = await ask('GET', path)
      expect([answer.status, parsed(answer)]).toEqual([200, { status: 'pass' }])
      expect(field(answer, 'ratelimit')).toBeUndefined()
    }
  })

  test('POST /api/training with {"epochs":0} gives 400 naming the field', async () => {
    const answer = await ask('POST', '/api/training', { epochs: 0 })
    expect(answer.status).toBe(400)
    expect(parsed(answer)).toMatchObject({
      success: false,
      error: 'ValidationError',
      message: 'Validation failed. Please check your input.',
      statusCode: 400,
      requestId: field(answer, 'x-request-id'),
      details: expect.arrayContaining([
        { field: 'epochs', message: 'Epochs must be a whole number from 1 to 1000.', code: 'min_value' },
      ]) as unknown,
    })
  })

  test('a route that throws gives a 500 without a word of the cause', async () => {
    const answer = await ask('GET', '/api/public/voices/7a1c3f52-0a35-4c8e-9a0d-5d0b8c2f1e11/sample')
    expect(answer.status).toBe(500)
    expect(String(answer.body)).not.toMatch(/10\.0\.0\.7|ECONNREFUSED|stack/)
    expect(parsed(answer)).toMatchObject({ success: false, error: 'InternalServerError', statusCode: 500 })
    expect(await until(() => Promise.resolve(service.output()), (output) => output.includes('ECONNREFUSED'))).toContain(
      'ECONNREFUSED',
    )
  })

  test('register refuses a weak password, each rule with its sentence', async () => {
    const answer = await ask('POST', '/api/auth/register', { username: 'a', email: 'nowhere', password: 'short' })
    expect(answer.status).toBe(400)
    const { details } = parsed<{ details: { field: string }[] }>(answer)
    expect(new Set(details.map((one) => one.field))).toEqual(new Set(['username', 'email', 'password']))
    expect(String(answer.body)).not.toContain('short')
  })

  test('register, sign in, and be somebody', async () => {
    alice = await signUp(ask, 'alice')
    bob = await signUp(ask, 'bob')
    expect(alice).toMatch(/^[\w-]{43}$/)
    const answer = await ask('GET', '/api/settings', undefined, alice)
    expect(parsed(answer)).toEqual({ success: true, settings: { language: 'en', sampleRate: 22_050, hasToken: false } })
  })

  test('a wrong password and an unknown account are told alike', async () => {
    const wrong = await ask('POST', '/api/auth/login', { username: 'alice', password: 'Wrong-horse-7' })
    const unknown = await ask('POST', '/api/auth/login', { username: 'nobody', password: 'Wrong-horse-7' })
    expect([wrong.status, unknown.status]).toEqual([401, 401])
    const said = (answer: Answer): object => ({ ...parsed(answer), timestamp: '', requestId: '' })
    expect(said(wrong)).toEqual(said(unknown))
  })

  test('what needs a user is refused to a stranger, and to a token that is none', async () => {
    for (const token of ['', 'a'.repeat(43)]) {
      const answer = await ask('GET', '/api/training', undefined, token)
      expect([answer.status, field(answer, 'www-authenticate')]).toEqual([401, 'Bearer'])
      expect(parsed(answer)).toMatchObject({ success: false, error: 'Unauthorized', statusCode: 401 })
    }
  })

  test('a job is made, found by its owner, and by nobody else', async () => {
    const made = await ask('POST', '/api/training', TRAINING, alice)
    expect(made.status).toBe(202)
    const location = field(made, 'location')!
    expect(parsed(await ask('GET', location, undefined, alice))).toMatchObject({
      job: { ...TRAINING, status: 'queued' },
    })
    expect(parsed(await ask('GET', '/api/training?limit=5', undefined, alice))).toMatchObject({ total: 1 })
    expect((await ask('GET', location, undefined, bob)).status).toBe(404)
  })

  test.each([
    ['GET', '/api/training/not-a-uuid', 'id'],
    ['GET', '/api/training?page=0', 'page'],
    ['GET', '/api/training?limit=1&limit=2', 'limit'],
    ['GET', '/api/sources/search', 'q'],
    ['GET', '/api/sources/search?q=%20', 'q'],
  ])('%s %s is a 400 that names %s', async (method, path, named) => {
    const answer = await ask(method, path, undefined, alice)
    expect(answer.status).toBe(400)
    expect(parsed(answer)).toMatchObject({ details: [{ field: named }] })
  })

  test('search finds, download takes owner/name only', async () => {
    expect(parsed(await ask('GET', '/api/sources/search?q=BARK', undefined, alice))).toMatchObject({
      results: [{ repository: 'suno/bark' }],
    })
    expect((await ask('POST', '/api/sources/download', { repository: ' suno/bark\u0000 ' }, alice)).status).toBe(202)
    for (const repository of ['suno', '../etc/passwd', 'a/b/c', 'https://evil.example/x']) {
      expect((await ask('POST', '/api/sources/download', { repository }, alice)).status).toBe(400)
    }
  })

  test('settings take a Hugging Face token and never give it back', async () => {
    const token = `hf_${'a1'.repeat(17)}`
    const saved = await ask('PUT', '/api/settings', { language: 'de', sampleRate: 44_100, token }, alice)
    expect(parsed(saved)).toEqual({ success: true, settings: { language: 'de', sampleRate: 44_100, hasToken: true } })
    expect((await ask('POST', '/api/settings/token', { token }, alice)).status).toBe(200)
    const refused = await ask('POST', '/api/settings/token', { token: 'sk-hunter2' }, alice)
    expect(refused.status).toBe(400)
    expect(parsed(refused)).toMatchObject({ details: [{ field: 'token' }] })
    expect(String(refused.body)).not.toContain('hunter2')
  })

  /** A form with recordings, as a browser sends it. */
  const dataset = async (files: readonly (readonly [name: string, bytes: Uint8Array])[], token: string) => {
    const form = new FormData()
    form.set('name', '  My voice ')
    form.set('language', 'de-at')
    for (const [name, bytes] of files) {
      form.append('samples', new File([bytes as Uint8Array<ArrayBuffer>], name, { type: 'audio/wav' }))
    }
    const request = new Request(target.url, { method: 'POST', body: form })
    const headers = { 'content-type': request.headers.get('content-type')!, authorization: `Bearer ${token}` }
    const body = new Uint8Array(await request.arrayBuffer())
    return await ask('POST', '/api/datasets', undefined, '', { headers, body })
  }

  test('V11, V12: a data set is uploaded, its files kept under names of ours', async () => {
    const made = await dataset([['one.wav', WAV], ['../../two.wav', WAV]], alice)
    expect([made.status, parsed(made)]).toMatchObject([201, {
      dataset: {
        name: 'My voice',
        language: 'de-AT',
        samples: [{ name: 'one.wav', type: 'audio/wav', size: WAV.length }, { name: 'two.wav', size: WAV.length }],
      },
    }])
    expect(parsed(await ask('GET', '/api/datasets', undefined, alice))).toMatchObject({ total: 1 })
    expect(parsed(await ask('GET', '/api/datasets', undefined, bob))).toMatchObject({ total: 0 })
    // A Worker's folder is workerd's own.
    const kept = name === 'workerd' ? [] : readdirSync(uploadsOf(name))
    expect(kept).toHaveLength(name === 'workerd' ? 0 : 2)
    expect(kept.every((file) => /^[\da-f-]{36}\.wav$/.test(file))).toBe(true)
  })

  test('V12: what is no recording is 415, and nothing of the upload stays; a stranger is asked first', async () => {
    const wrong = await dataset([['one.wav', WAV], ['two.wav', new TextEncoder().encode('<script>hunter2')]], alice)
    expect([wrong.status, parsed(wrong)]).toMatchObject([415, { details: [{ field: 'samples' }] }])
    expect(String(wrong.body)).not.toContain('hunter2')
    if (name !== 'workerd') expect(readdirSync(uploadsOf(name))).toHaveLength(2)
    expect((await dataset([['one.wav', WAV]], 'nobody')).status).toBe(401)
  })

  test('the OpenAPI document is one, and says what the routes do', async () => {
    const document = parsed<Document>(await ask('GET', '/api/openapi.json'))
    const { valid, errors } = await new Validator().validate(document)
    expect([errors, valid]).toEqual([undefined, true])
    expect(document.openapi).toMatch(/^3\.1\./)
    const training = document.paths['/api/training']!['post']!
    expect(Object.keys(training.responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '413', '415', '429', '500']),
    )
    expect(training.security).toEqual([{ bearer: [] }])
    expect(JSON.stringify(training)).toContain('"epochs"')
    expect(JSON.stringify(training)).toContain('5 per hour')
    expect(document.paths['/api/training/{id}']!['get']!.parameters).toMatchObject([{ in: 'path', name: 'id' }])
    expect(document.paths['/api/datasets']!['post']!.requestBody).toMatchObject({
      content: { 'multipart/form-data': {} },
    })
    expect(document.paths['/api/public/voices']!['get']!.security).toBeUndefined()
  })

  test('404 and 405 come in the envelope', async () => {
    const missing = await ask('GET', '/api/nothing', undefined, alice)
    expect([missing.status, parsed(missing)]).toMatchObject([404, {
      success: false,
      error: 'NotFound',
      statusCode: 404,
    }])
    const method = await ask('PUT', '/api/training', {}, alice)
    expect([method.status, field(method, 'allow')]).toEqual([405, 'POST, GET, HEAD'])
  })

  test('the configured origin may read, another may not; nothing is cached', async () => {
    const headers = (origin: string): Partial<Sent> => ({ headers: { origin } })
    const allowed = await ask('GET', '/api/public/voices', undefined, '', headers('http://localhost:5173'))
    const other = await ask('GET', '/api/public/voices', undefined, '', headers('https://evil.example'))
    expect(field(allowed, 'access-control-allow-origin')).toBe('http://localhost:5173')
    expect(field(allowed, 'cache-control')).toBe('no-store')
    expect(field(other, 'access-control-allow-origin')).toBeUndefined()
  })

  /** Calls until 429; how many of the limit's number were left is what its own field said first. */
  const exhaust = async (
    method: string,
    path: string,
    token = '',
  ): Promise<{ policy: string; left: number; passed: number }> => {
    const limit = path.includes('auth') || path.includes('public') ? 0 : 1
    const member = (answer: Answer, wanted: string): string => field(answer, wanted)!.split(', ').at(limit) ?? ''
    const first = await ask(method, path, undefined, token)
    const left = Number(/r=(\d+)/.exec(member(first, 'ratelimit'))![1])
    let passed = 0
    while ((await ask(method, path, undefined, token)).status !== 429) passed++
    return { policy: member(first, 'ratelimit-policy'), left, passed }
  }

  test.each([
    ['POST', '/api/sources/download', '"download";q=10;w=3600'],
    ['GET', '/api/sources/search?q=tts', '"search";q=30;w=900'],
    ['POST', '/api/training', '"training";q=5;w=3600'],
    ['GET', '/api/settings', '"settings";q=20;w=3600'],
  ])('%s %s stops at its number, by user', async (method, path, policy) => {
    const { left, passed, ...limit } = await exhaust(method, path, bob)
    expect(limit).toEqual({ policy })
    expect(passed).toBe(left)
    expect(left).toBe(Number(/q=(\d+)/.exec(policy)![1]) - 1)
    // Another user, from the same address, has an allowance of their own.
    expect((await ask(method, path, undefined, alice)).status).not.toBe(429)
  })

  test('listing jobs is no training', async () => {
    expect((await ask('GET', '/api/training', undefined, bob)).status).toBe(200)
  })

  test.each([
    ['POST', '/api/auth/login', '"auth";q=10;w=3600'],
    ['GET', '/api/public/voices', '"public";q=200;w=900'],
  ])('%s %s stops at its number, by address: a token buys nothing', async (method, path, policy) => {
    const { left, passed, ...limit } = await exhaust(method, path)
    expect(limit).toEqual({ policy })
    expect(passed).toBe(left)
    expect((await ask(method, path, undefined, alice)).status).toBe(429)
  })

  test('violations and security events are in logs of their own, one JSON line each, without a secret', async () => {
    const file = (log: string): string => readFileSync(`${logsOf(name)}/${log}.log`, 'utf8')
    const read = (): string => name === 'workerd' ? service.output() : file('rate-limit') + file('security')
    const limited = ({ code }: SecurityEvent): boolean => code === 'rate-limit-exceeded'
    // 5 of the first 105 requests, one for each of six limits, and one more for each of two.
    const complete = (all: string): boolean => eventsIn(all).filter(limited).length >= 13
    const text = await until(() => Promise.resolve(read()), complete)
    const events = eventsIn(text)
    const bugs = events.filter(({ kind }) => kind === 'error')
    expect(new Set(events.filter((one) => !bugs.includes(one)).map(({ guard }) => guard))).toEqual(
      new Set(['rate-limit', 'validate', 'uploads', 'login', 'signed-in']),
    )
    expect(name === 'workerd' ? bugs : eventsIn(file('error'))).toContainEqual(
      expect.objectContaining({ guard: 'errors' }),
    )
    expect(events.filter(limited)).toHaveLength(13)
    expect(events.some(({ principal }) => principal !== undefined)).toBe(true)
    for (const secret of [PASSWORD, alice, bob, 'hf_a1', 'Wrong-horse']) {
      expect(text + service.output()).not.toContain(secret)
    }
  })

  test('who runs it can look: at the page, the metrics, and what health finds; nobody else', async () => {
    const look = (path: string, authorization = ''): Promise<Answer> =>
      ask('GET', path, undefined, '', authorization === '' ? {} : { headers: { authorization } })
    const basic = `Basic ${Buffer.from(`ops:${OPS_TOKEN}`).toString('base64')}`
    const refused = await look('/ops')
    expect([refused.status, field(refused, 'www-authenticate')]).toEqual([401, expect.stringMatching(/^Basic realm=/)])
    expect((await look('/ops', `Basic ${btoa('ops:guess')}`)).status).toBe(401)
    const page = await look('/ops', basic)
    expect([page.status, field(page, 'content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(field(page, 'content-security-policy')).toContain("trusted-types 'none'")
    expect(String(page.body)).toContain('rate-limit-exceeded')
    expect((await look('/metrics')).status).toBe(404)
    const metrics = String((await look('/metrics', `Bearer ${OPS_TOKEN}`)).body)
    expect(metrics).toMatch(/http_server_request_duration_seconds_count\{[^}]*http_route="\/api\/training"/)
    expect(metrics).toContain('sallyport_events_total{kind="refused",guard="rate-limit",code="rate-limit-exceeded"}')
    expect(metrics).toMatch(
      /sallyport_store_duration_seconds_count\{store="limits",operation="consume",outcome="ok"\} \d/,
    )
    const checks = parsed<{ checks: Record<string, unknown> }>(await look('/health', basic)).checks
    expect(Object.keys(checks)).toEqual(expect.arrayContaining(['voices', 'store:responseTime']))
    expect(service.output()).toContain(`what happens   ${target.url}/ops`)
  })

  test('SIGTERM: requests in flight are answered, then the process ends with 0', async () => {
    // Costly ones, from an address with an allowance of its own where there is one; told 429, they are answered too.
    const costly = Array.from({ length: 6 }, (_, i) => {
      const account = { username: `late-${i}`, email: 'late@example.org', password: PASSWORD }
      return ask('POST', '/api/auth/register', account, '', ALIASES ? { from: '127.0.0.3' } : {})
    })
    const body = '{"epochs":0}'
    const socket = await open(target)
    let answer = ''
    socket.on('data', (chunk) => answer += String(chunk))
    const closed = new Promise((resolve) => socket.on('close', resolve))
    // Half a body. Deno's own shutdown breaks a body that is still arriving: there, the whole of it.
    const half = name === 'deno' ? body.length : 5
    const address = name === 'workerd' ? 'CF-Connecting-IP: 127.0.0.1\r\n' : ''
    socket.write(
      `POST /api/training HTTP/1.1\r\nHost: 127.0.0.1\r\n${address}Content-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body.slice(0, half)}`,
    )
    await new Promise((resolve) => setTimeout(resolve, 60))
    service.child.kill('SIGTERM')
    if (half < body.length) {
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(service.child.exitCode).toBeNull()
      socket.write(body.slice(half))
    }
    expect(await service.exit).toBe(0)
    await closed
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('"field":"epochs"')
    for (const { status } of await Promise.all(costly)) expect([201, 429]).toContain(status)
  }, 15_000)

  test('who signed in, and who was turned away, is in an audit trail that is whole to its end', async () => {
    const lines = service.output().split('\n').filter((line) => line.includes('"hash"') && line.includes('"chain"'))
    const text = name === 'workerd' ? `${lines.join('\n')}\n` : readFileSync(`${logsOf(name)}/audit.log`, 'utf8')
    expect(text).toContain('"type":"authentication","action":"login"')
    expect(text).toContain('"action":"rate-limit-exceeded"')
    // An isolate is not told when it ends.
    expect(await verifyAudit(text)).toMatchObject({
      ok: true,
      open: name === 'workerd' ? 1 : 0,
      truncated: 0,
      dropped: 0,
    })
  })
})
