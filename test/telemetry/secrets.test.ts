/**
 * No secret in any output. Objects of all kinds are made up, with a marker under a secret name or in a secret shape at every
 * depth, and sent through every way out that there is. What comes out is searched for the markers.
 */
import { configure, getLogger, jsonLinesFormatter, reset } from '@logtape/logtape'
import fc from 'fast-check'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import type { Context } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import { record } from '../../src/core/event.ts'
import type { HasLog } from '../../src/core/facts.ts'
import { consoleLog, type LogLevel } from '../../src/core/log.ts'
import { jsonLine, redact, standardRedaction } from '../../src/core/redact.ts'
import { secret } from '../../src/core/secret.ts'
import { health } from '../../src/health/health.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { auditEvents, auditTrail } from '../../src/logging/audit-trail.ts'
import { auditLog } from '../../src/logging/audit.ts'
import { bodyLog } from '../../src/logging/body-log.ts'
import { logtapeLog, pinoLog } from '../../src/logging/bridges.ts'
import { httpLines } from '../../src/logging/http-lines.ts'
import { createLogger } from '../../src/logging/logger.ts'
import { prettyLines } from '../../src/logging/pretty.ts'
import { queued } from '../../src/logging/queued.ts'
import { requestLogger } from '../../src/logging/request-logger.ts'
import { policy } from '../../src/policy/policy.ts'
import { alertMail } from '../../src/telemetry/alerts/channels.ts'
import { createAlerts } from '../../src/telemetry/alerts.ts'
import { httpMetrics } from '../../src/telemetry/http-metrics.ts'
import { metricsText } from '../../src/telemetry/openmetrics.ts'
import { opsPage } from '../../src/telemetry/ops.ts'
import { openTelemetry } from '../../src/telemetry/otel/setup.ts'
import { trace } from '../../src/telemetry/otel/trace.ts'
import { spanOf } from '../../src/telemetry/otel/traced.ts'
import { createMetrics } from '../../src/telemetry/registry.ts'
import { contextOf, requestTo, send, settled } from '../helpers.ts'
import { recording } from './otel/spans.ts'
import { startCollector } from './otlp-collector.ts'

vi.setConfig({ testTimeout: 60_000 }) // on a loaded machine

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'security', 'performance', 'audit']

/** Names whose value is a secret, in the styles of programs. */
const NAMES = [
  'password',
  'apiKey',
  'API_KEY',
  'x-api-key',
  'dbpassword',
  'user.token',
  'user[pin]',
  'Authorization',
  'set-cookie',
  'sessionId',
  'card_number',
  'key2',
  'privateKeys',
  'x-csrftoken',
  `${'long'.repeat(60)}_password`,
]
/** Names in a query or a form. */
const PARAMETERS = ['access_token', 'password', 'user%5Bpin%5D', 'x-api-key', 'otp']

/** What is put into outputs: a text that is nowhere else, and a card's number. */
interface Markers {
  readonly word: string
  readonly card: string
}

type Gen = fc.GeneratorValue

function markersOf(g: Gen): Markers {
  const hex = g(fc.string, { unit: fc.constantFrom(...'0123456789abcdef'), minLength: 24, maxLength: 24 })
  const digits = `4${g(fc.string, { unit: fc.constantFrom(...'0123456789'), minLength: 14, maxLength: 14 })}`
  const sum = [...digits].reduce((all, one, i) => all + (i % 2 === 1 ? +one : +one > 4 ? +one * 2 - 9 : +one * 2), 0)
  return { word: `Mk${hex}`, card: `${digits}${(10 - sum % 10) % 10}` }
}

/** Half a secret is one: what is searched for is its beginning. */
const WORD = 10
const CARD = 8

/** A text in which the marker shows by its shape. */
function shape(g: Gen, { word, card }: Markers): string {
  const shapes = [
    `eyJhbGciOiJIUzI1NiJ9.eyJzdWIi${word}.${word}`,
    `eyJ${word}.${word}.${word}`,
    card,
    `${card.slice(0, 4)} ${card.slice(4, 8)} ${card.slice(8, 12)} ${card.slice(12)}`,
    `${card.slice(0, 4)}-${card.slice(4, 8)}-${card.slice(8, 12)}-${card.slice(12)}`,
    `Bearer ${word}`,
    `authorization: bearer ${word}`,
    `Basic ${word}==`,
    `https://user:${word}@db.test/path`,
    `postgres://app:${word}@10.0.0.1:5432/notes`,
    `https://api.test/?page=2&access_token=${word}&q=1`,
    `/callback?${g(fc.constantFrom, ...PARAMETERS)}=${word}#end`,
    `password=${word}; user=ada`,
    `{"user":"ada","password":"${word}"}`,
    JSON.stringify(JSON.stringify({ apiKey: word, user: 'ada' })),
    `-----BEGIN RSA PRIVATE KEY-----\n${word}\n-----END RSA PRIVATE KEY-----`,
    `ghp_${word}`,
    `sk-proj-${word}`,
  ]
  return g(fc.constantFrom, ...shapes)
}

/** The same, anywhere in a longer text: across the places, too, where texts are cut. */
function text(g: Gen, markers: Markers): string {
  const edge = g(fc.constantFrom, 0, 0, 0, 64, 128, 200, 256, 512, 1_024, 2_048, 4_096)
  const length = Math.max(0, edge - g(fc.integer, { min: 0, max: 60 }))
  return `${'pad '.repeat(1_024).slice(0, length)} ${shape(g, markers)} and more`
}

class Account {
  readonly #hidden: string
  readonly name = 'ada'
  readonly password: unknown

  constructor(password: unknown, hidden: string) {
    this.password = password
    this.#hidden = hidden
  }

  get token(): string {
    return this.#hidden
  }

  toJSON(): unknown {
    return { all: this.#hidden }
  }

  toString(): string {
    return this.#hidden
  }
}

/** Something that holds the marker, where it must not be seen. */
function hidden(g: Gen, markers: Markers): unknown {
  const { word } = markers
  const name = g(fc.constantFrom, ...NAMES)
  switch (g(fc.integer, { min: 0, max: 15 })) {
    case 0:
      return { [name]: word, monkey: 'stays' }
    case 1:
      return { [name]: [word, { word }] }
    case 2:
      return new Map<unknown, unknown>([[name, word], [text(g, markers), 1]])
    case 3:
      return new Set([text(g, markers), word.length])
    case 4:
      return Object.assign(new Error(text(g, markers)), { [name]: word, status: 400 })
    case 5:
      return new Error('outer', { cause: new TypeError(shape(g, markers), { cause: { [name]: word } }) })
    case 6:
      return new AggregateError([shape(g, markers), new Error(shape(g, markers))], shape(g, markers))
    case 7:
      return new Headers([['authorization', word], ['cookie', `a=${word}`], ['x-note', `Bearer ${word}`]])
    case 8:
      return new URL(`https://user:${word}@db.test/?token=${word}&user%5Bpin%5D=${word}`)
    case 9:
      return new URLSearchParams({ password: word, next: `https://a.test/?otp=${word}` })
    case 10:
      return [new TextEncoder().encode(word), new TextEncoder().encode(word).buffer, new Date(0)]
    case 11:
      return new Account(word, word)
    case 12:
      return Object.defineProperty({ [name]: word }, 'bad', {
        enumerable: true,
        get() {
          throw new Error(`Bearer ${word}`)
        },
      })
    case 13:
      return { key: secret(word), plain: secret({ word }), list: [secret(word)], said: `${secret(word)}` }
    case 14:
      return new Request(`https://a.test/?token=${word}`, { headers: { authorization: word } })
    default:
      return text(g, markers)
  }
}

/** Nests what hides the marker, `depth` deep, with more of it on the way. */
function tree(g: Gen, markers: Markers, depth: number): unknown {
  let inner = hidden(g, markers)
  for (let i = 1; i < depth; i++) {
    const beside = i % 4 === 0 ? hidden(g, markers) : i
    switch (g(fc.integer, { min: 0, max: 6 })) {
      case 0:
        inner = [beside, inner]
        break
      case 1:
        inner = new Map<unknown, unknown>([['inner', inner], ['beside', beside]])
        break
      case 2:
        inner = new Set([inner, beside])
        break
      case 3:
        inner = new Error('above', { cause: inner })
        break
      case 4: {
        const round: Record<string, unknown> = { inner, beside }
        round['self'] = round
        inner = round
        break
      }
      case 5:
        inner = Object.assign(Object.create({ inherited: markers.word }) as object, { beside, inner })
        break
      default:
        inner = { beside, inner }
    }
  }
  return inner
}

/** What JSON can hold. */
function plainTree(g: Gen, markers: Markers, depth: number): unknown {
  const leaf = (): unknown =>
    g(fc.boolean) ? { monkey: 'stays', [g(fc.constantFrom, ...NAMES)]: markers.word } : text(g, markers)
  let inner = leaf()
  for (let i = 1; i < depth; i++) {
    inner = g(fc.boolean) ? [i, inner] : { beside: i % 4 === 0 ? leaf() : i, inner }
    if (i === 3 && g(fc.boolean)) inner = JSON.stringify(inner)
  }
  return { monkey: 'stays', inner }
}

const made = (g: Gen, most = 30): { markers: Markers; depth: number } => ({
  markers: markersOf(g),
  depth: g(fc.integer, { min: 1, max: most }),
})

/** Fails with the place where a marker is. */
function clean(output: string, markers: Markers, from: string): void {
  cleanOf(output, squeezed(output), markers, from)
}

/** Digits without what may stand between those of a card. */
const squeezed = (output: string): string => output.replace(/(?<=\d)[ +-](?=\d)/g, '')

function cleanOf(output: string, digits: string, { word, card }: Markers, from: string): void {
  for (const [where, part] of [[output, word.slice(0, WORD)], [digits, card.slice(0, CARD)]] as const) {
    const at = where.indexOf(part)
    if (at >= 0) throw new Error(`${from} holds ${part}: ${where.slice(Math.max(0, at - 200), at + 100)}`)
  }
}

/** One line of valid JSON, clean, with the harmless neighbour. */
function cleanLine(line: string, markers: Markers, from: string, stays = true): void {
  clean(line, markers, from)
  // deno-lint-ignore no-control-regex
  expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029]/)
  JSON.parse(line)
  if (stays) expect(line, from).toMatch(/\\?"monkey\\?":\\?"stays\\?"/)
}

describe('values', () => {
  test('L7: no secret is in a copy or a line of anything, at any depth, and a harmless neighbour is', () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const { markers, depth } = made(g)
        const value = { monkey: 'stays', value: tree(g, markers, depth) }
        clean(JSON.stringify(redact(value)), markers, 'redact')
        cleanLine(jsonLine(value), markers, 'jsonLine')
        cleanLine(jsonLine(value, 500), markers, 'a short line')
        const words = text(g, markers)
        clean(standardRedaction.text(words), markers, 'text')
        for (const most of [16, 64, 200, 512, 2_048]) clean(standardRedaction.string(words, most), markers, 'string')
      }),
      { numRuns: 300, endOnFailure: true },
    )
  })

  test('what is beside a secret stays, as deep as anything is shown', () => {
    fc.assert(
      fc.property(fc.gen(), fc.integer({ min: 1, max: 7 }), (g, depth) => {
        let value: unknown = { monkey: 'stays', keyboard: 1, [g(fc.constantFrom, ...NAMES)]: 'gone' }
        for (let i = 0; i < depth; i++) {
          const wrap = g(fc.constantFrom<((inner: unknown) => unknown)[]>, (inner) => [inner], (inner) => ({ inner }))
          value = wrap(value)
        }
        expect(jsonLine(value)).toMatch(/"monkey":"stays","keyboard":1,"[^"]+":"\[redacted\]"/)
      }),
      { numRuns: 100, endOnFailure: true },
    )
  })
})

const lines: string[] = []
const keep = (line: string): void => void lines.push(line)
/** What was written since. */
const taken = (): string[] => lines.splice(0)

beforeEach(() => {
  for (const name of ['log', 'warn', 'error', 'info', 'debug'] as const) {
    vi.spyOn(console, name).mockImplementation((...given) => keep(given.map(String).join(' ')))
  }
})
afterEach(() => {
  vi.restoreAllMocks()
  taken()
})

describe('logs', () => {
  test('L7, L8: no secret is in a line of a logger, at any level, nor in what a terminal shows', () => {
    const pretty: string[] = []
    const shown = prettyLines({ write: (one) => void pretty.push(one) })
    const logger = createLogger({ level: 'debug', write: [keep, shown], fields: { monkey: 'stays' } })
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const { markers, depth } = made(g)
        const value = tree(g, markers, depth)
        const name = g(fc.constantFrom, ...NAMES)
        const context = contextOf()
        Object.assign(context.attributes, { [name]: markers.word, note: text(g, markers), odd: value })
        const child = logger.child({ bound: value, [name]: markers.word }).of(context)
        for (const level of LEVELS) {
          child[level](text(g, markers), {
            value,
            [text(g, markers)]: 1,
            [name]: markers.word,
            last: shape(g, markers),
          })
        }
        logger({ level: 'warn', message: shape(g, markers), value })
        logger.error(shape(g, markers), value as never)
        logger.error(value as never)
        consoleLog({ level: 'error', message: shape(g, markers), monkey: 'stays', value })
        const written = taken()
        expect(written).toHaveLength(LEVELS.length + 4)
        for (const line of written) cleanLine(line, markers, 'a log line')
        for (const one of pretty.splice(0)) clean(one, markers, 'prettyLines')
      }),
      { numRuns: 50, endOnFailure: true },
    )
    expect(logger.dropped).toBe(0)
  })

  test('no secret is in what pino and LogTape are handed', async () => {
    const theirs = pino({ level: 'trace' }, { write: (line) => keep(line.trimEnd()) })
    const format = jsonLinesFormatter
    await configure({
      reset: true,
      sinks: { kept: (one) => keep(format(one).trimEnd()) },
      loggers: [
        { category: [], lowestLevel: 'trace', sinks: ['kept'] },
        { category: ['logtape', 'meta'], lowestLevel: 'fatal', sinks: [] },
      ],
    })
    const logs = [pinoLog(theirs), logtapeLog(getLogger('notes'))]
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const { markers, depth } = made(g)
        const value = tree(g, markers, depth)
        for (const level of LEVELS) {
          for (const log of logs) {
            log({
              level,
              message: text(g, markers),
              monkey: 'stays',
              value,
              err: value,
              [g(fc.constantFrom, ...NAMES)]: markers.word,
            })
          }
        }
        const written = taken()
        expect(written).toHaveLength(2 * LEVELS.length)
        for (const line of written) cleanLine(line, markers, 'a bridge')
      }),
      { numRuns: 100, endOnFailure: true },
    )
    await reset()
  })
})

/** A server that keeps the bodies which it is sent. */
async function startSink(): Promise<{ url: string; bodies: string[]; close: () => void }> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: unknown) => body += String(chunk))
    request.on('end', () => {
      bodies.push(body)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    bodies,
    close() {
      server.closeAllConnections?.()
      server.close()
    },
  }
}

/** A text as a header may hold it. */
const headerText = (value: string): string => value.replace(/[^ -~]/g, ' ').trim()

/** A text as a path may hold it. In escapes only a card's number is known: nobody puts JSON or a header there. */
const pathText = (value: string, { word }: Markers): string =>
  /[^\w ./:@=?&#;-]|bearer|basic/i.test(value) ? `a;token=${word}/b` : encodeURI(value).replace(/[?#]/g, '/')

describe('requests', () => {
  test('L7: no secret of a request, an error or a check leaves by any way', async () => {
    const collector = await startCollector()
    const sink = await startSink()
    const toServer = httpLines({ url: sink.url, flushEvery: '20ms', maxBuffered: '64mb' })
    const waiting = queued(keep, { most: 100_000 })
    const metrics = createMetrics()
    const telemetry = openTelemetry({ url: collector.url, service: 'tts', every: '10ms', metrics, maxQueued: 20_000 })
    const logger = createLogger({ level: 'debug', write: [keep, toServer, waiting], fields: { monkey: 'stays' } })
    const audit = auditLog({ write: keep })
    let broken: unknown
    const checks = health({
      cache: '1ms',
      detail: () => true,
      checks: {
        broken: () => {
          throw broken
        },
        rejects: () => Promise.reject(broken as Error),
      },
    })
    const notices: string[] = []
    const tell = (notice: unknown): void => void notices.push(JSON.stringify(notice))
    let turn = 0
    const alertsOf = () =>
      createAlerts({
        log: logger,
        channels: [tell, alertMail(tell), () => Promise.reject(broken as Error)],
        rules: [
          { name: 'fires', threshold: 1, value: () => ++turn + 1 },
          {
            name: 'throws',
            threshold: 1,
            value: () => {
              throw broken
            },
          },
          { name: 'rejects', threshold: 1, value: () => Promise.reject(broken as Error) },
          { name: 'odd', threshold: 1, value: () => broken as number },
        ],
      })
    let alerts = alertsOf()
    let handler: (request: Request, context: Context & HasLog) => Response | Promise<Response> = () => new Response()
    const page = opsPage({ metrics, health: checks, alerts: { active: () => alerts.active() }, authorize: () => true })
    const own = { headers: ['authorization', 'cookie', 'x-plain', 'referer', 'x-token'], query: true }
    const serve = policy({
      trace: trace({ ...telemetry, ...own, guards: true, skip: () => false }),
      metrics: compose(httpMetrics({ metrics }), page.observe),
      accessLog: compose(
        accessLog({ write: [keep, waiting, toServer], ...own }),
        auditEvents({ log: audit }),
        bodyLog({ log: logger, request: ['json', 'form', 'text'], response: ['json', 'form', 'text'] }),
        requestLogger({ logger }),
      ),
      errors: errors({ log: logger }),
      health: checks,
      audit: auditTrail({
        log: audit,
        describe: (request) => ({
          type: 'data-access',
          action: 'read',
          resource: { type: 'note', id: request.headers.get('x-plain') ?? '' },
          details: { monkey: 'stays', broken },
        }),
      }),
    })((request, context) => handler(request, context))
    const all: Markers[] = []
    try {
      await fc.assert(
        fc.asyncProperty(fc.gen(), async (g) => {
          const { markers, depth } = made(g)
          all.push(markers)
          broken = tree(g, markers, depth)
          const name = g(fc.constantFrom, ...NAMES)
          const fails = g(fc.boolean)
          handler = async (request, context) => {
            await request.text()
            Object.assign(context.attributes, { [name]: markers.word, note: text(g, markers) })
            record(context, { kind: 'suspicious', guard: 'mine', code: 'odd', reason: shape(g, markers) })
            const span = spanOf(context)!
            span.setAttribute('db.statement', text(g, markers))
            span.setAttribute(name, markers.word)
            span.setAttribute('list', [shape(g, markers), text(g, markers)])
            span.addEvent('seen', { url: text(g, markers), [name]: markers.word })
            span.recordException(new Error(text(g, markers)))
            if (broken instanceof Error) span.recordException(broken)
            span.setStatus({ code: 2, message: text(g, markers) })
            const inner = telemetry.tracer.startSpan(shape(g, markers))
            inner.setAttribute('note', text(g, markers))
            inner.end()
            context.log.info(text(g, markers), { broken })
            if (fails) throw broken
            return Response.json(plainTree(g, markers, 5))
          }
          const long = 'p'.repeat(g(fc.constantFrom, 0, g(fc.integer, { min: 1_850, max: 2_040 })))
          const word = `${long}%20${encodeURIComponent(shape(g, markers))}`
          const query = `?monkey=stays&${g(fc.constantFrom, ...PARAMETERS)}=${markers.word}&q=${word}&last`
          const path = `/notes/${pathText(text(g, markers), markers)}`
          const headers = {
            'authorization': `Bearer ${markers.word}`,
            'cookie': `sid=${markers.word}`,
            'x-token': markers.word,
            'x-plain': headerText(text(g, markers)),
            'referer': `https://user:${markers.word}@a.test/?token=${markers.word}`,
            'user-agent': headerText(text(g, markers)),
          }
          const json = JSON.stringify(plainTree(g, markers, depth))
          const form = new URLSearchParams({
            monkey: 'stays',
            note: text(g, markers),
            [name]: markers.word,
            packed: json,
          })
          const bodies = [
            [json, 'application/json'],
            [json.slice(0, g(fc.integer, { min: 1, max: json.length })), 'application/json'],
            [String(form), 'application/x-www-form-urlencoded'],
            [text(g, markers), 'text/plain'],
          ] as const
          for (const [body, type] of bodies) {
            const context = contextOf({ address: '192.0.2.7' })
            const request = requestTo(path + query, {
              method: 'POST',
              headers: {
                ...headers,
                'content-type': type,
                'content-length': String(new TextEncoder().encode(body).length),
              },
              body,
            })
            const response = await send(serve, request, context)
            const answer = await response.text()
            if (fails) {
              clean(answer, markers, 'the problem')
              clean(JSON.stringify([...response.headers]), markers, 'its headers')
            }
          }
          alerts = alertsOf()
          await alerts.check()
          const told = await send(serve, requestTo('/health'), contextOf())
          clean(await told.text(), markers, 'health')
          for (const path of ['/ops?json', '/ops']) {
            clean(await (await send(page, requestTo(path), contextOf())).text(), markers, 'the ops page')
          }
          clean(JSON.stringify(alerts.recent()) + notices.splice(0).join(), markers, 'alerts')
          await audit.settled()
          await settled()
          const written = taken()
          expect(written.length).toBeGreaterThan(20)
          for (const line of written) cleanLine(line, markers, 'a line', false)
          for (const message of ['request', 'body']) {
            const found = written.find((line) => line.includes(`"message":"${message}"`))
            expect(found).toContain('stays')
          }
        }),
        { numRuns: 40, endOnFailure: true },
      )
      clean(metricsText(metrics), { word: 'Mk', card: '00000000' }, 'the metrics page')
      await Promise.all([telemetry.close(), toServer.close(), waiting.close(), audit.close()])
      expect([telemetry.dropped, toServer.dropped, waiting.dropped, audit.dropped, logger.dropped]).toEqual([
        0,
        0,
        0,
        0,
        0,
      ])
      expect(collector.complaints).toEqual([])
      const sent = [...collector.bodies, ...sink.bodies, ...taken()].join('\n')
      expect(collector.spans.length).toBeGreaterThan(0)
      expect(sink.bodies.length).toBeGreaterThan(0)
      const digits = squeezed(sent)
      for (const markers of all) cleanOf(sent, digits, markers, 'what was sent')
    } finally {
      sink.close()
      await collector.close()
    }
  })
})

test('half a secret is one: wherever a path or a query is cut, nothing of it is seen in a line or a span', async () => {
  const { tracer, spans } = recording()
  const word = 'MkHalfOfASecretIsOne'
  const shown = compose(trace({ tracer, query: true }), accessLog({ write: keep, query: true }))(() => new Response())
  for (const most of [1_024, 2_048]) {
    for (const one of [`eyJhbGci.eyJzdWI${word}.${word}`, `https://user:${word}${word}@db.test`]) {
      for (let back = 1; back < one.length + 8; back++) {
        const pad = 'p'.repeat(most - back)
        await (await send(shown, requestTo(`/${pad}/${one}`))).text()
        await (await send(shown, requestTo(`/?a=${pad.slice(6)}&q=${one}`))).text()
      }
    }
  }
  await settled()
  const written = [...taken(), ...spans().map(({ attributes }) => JSON.stringify(attributes))]
  expect(written.length).toBeGreaterThan(1_000)
  for (const one of written) clean(one, { word, card: '00000000' }, 'what was cut')
})
