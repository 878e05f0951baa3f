/**
 * What the page says, as texts. Made here once for everybody: written into the page as HTML, and sent to the browser's script,
 * which only puts texts where they belong. So the page without JavaScript says the same, and the script decides nothing.
 */
import { area, ceiling, line } from './chart.ts'
import { POINTS } from './recorder.ts'
import type { OpsSnapshot } from './snapshot.ts'

/** How good that is. */
export type Tone = 'good' | 'warn' | 'bad' | 'idle'

/** A text, or one that is marked. */
export type Cell = string | readonly [text: string, tone: Tone]

/** Rows of a table, or `undefined` where the page has no such table. */
export type Rows = readonly (readonly Cell[])[]

export interface View {
  readonly tone: Tone
  /** Texts, by the name of their place. */
  readonly texts: Readonly<Record<string, string>>
  readonly rows: Readonly<Record<string, Rows>>
  /** Lines of the charts. */
  readonly lines: Readonly<Record<string, string>>
}

const UNREADABLE: Rows = [[['could not be read', 'warn']]]

export function viewOf(snapshot: OpsSnapshot): View {
  const { requests, durationMs, now, decisions, points, statuses } = snapshot
  const [tone, status] = bannerOf(snapshot)
  const sum = (...kinds: readonly string[]): number =>
    decisions.reduce((sum, { kind, count }) => kinds.includes(kind) ? sum + count : sum, 0)
  const slowest = ceiling(Math.max(0, ...points.map(({ p99 }) => p99 ?? 0)))
  const fastest = ceiling(Math.max(0, ...points.map(({ perSecond }) => perSecond)))
  const rates = points.map(({ perSecond }) => perSecond)
  const failing = points.map(({ errorsPerSecond }) => errorsPerSecond)
  const rows: Record<string, Rows | undefined> = {
    latency: [
      ['Last minute', ...quantiles(now.latencyMs)],
      ['Since the start', ...quantiles(durationMs)],
    ],
    statuses: Object.entries(statuses).map(([code, count]) => [
      marked(code, Number(code) >= 500 ? 'bad' : Number(code) >= 400 ? 'warn' : 'good'),
      whole(count),
      percent(count / requests.total),
    ]),
    decisions: decisions.map(({ kind, guard, code, count }) => [guard, code, marked(kind, KINDS[kind]), whole(count)]),
    limited: snapshot.limited.map(({ who, least, most }) => [
      who,
      least === most ? whole(least) : `${whole(least)} to ${whole(most)}`,
    ]),
    bans: bansOf(snapshot.bans),
    breakers: snapshot.breakers?.map(({ store, state, failures }) => [
      store,
      marked(state, state === 'closed' ? 'good' : state === 'open' ? 'bad' : 'warn'),
      whole(failures),
    ]),
    alerts: alertsOf(snapshot),
    health: checksOf(snapshot.health),
    events: snapshot.events.map(({ at, kind, guard, code, status, requestId }) => [
      moment(at),
      marked(kind, KINDS[kind]),
      guard,
      code,
      status === undefined ? '–' : String(status),
      requestId ?? '–',
    ]),
  }
  return {
    tone,
    texts: {
      status,
      at: moment(snapshot.at),
      about: [
        snapshot.version && `version ${snapshot.version}`,
        snapshot.runtime,
        `up ${span(snapshot.uptime)}`,
        snapshot.isolated && 'this isolate only',
      ].filter(Boolean).join(' · '),
      rate: rate(now.perSecond),
      total: whole(requests.total),
      active: whole(requests.active),
      errors: percent(now.errorRate),
      errorsAll: `${whole(requests.errors)} in all (${percent(requests.errorRate)})`,
      p95: time(now.latencyMs.p95),
      p50p99: `p50 ${time(now.latencyMs.p50)} · p99 ${time(now.latencyMs.p99)}`,
      refused: whole(sum('refused')),
      others: `${whole(sum('would-refuse'))} in report mode · ${whole(sum('degraded'))} degraded`,
      slowest: time(slowest),
      fastest: `${figure(fastest)}/s`,
    },
    rows: Object.fromEntries(Object.entries(rows).filter((entry): entry is [string, Rows] => entry[1] !== undefined)),
    lines: {
      p50: line(points.map(({ p50 }) => p50), slowest, POINTS),
      p95: line(points.map(({ p95 }) => p95), slowest, POINTS),
      p99: line(points.map(({ p99 }) => p99), slowest, POINTS),
      rate: line(rates, fastest, POINTS),
      rateArea: area(rates, fastest, POINTS),
      errors: failing.some((one) => one > 0) ? line(failing, fastest, POINTS) : '',
    },
  }
}

const KINDS: Readonly<Record<string, Tone>> = {
  refused: 'warn',
  'would-refuse': 'idle',
  degraded: 'bad',
  suspicious: 'warn',
  altered: 'idle',
  error: 'bad',
}
const WORDS: Readonly<Record<string, readonly [word: string, tone: Tone]>> = {
  pass: ['healthy', 'good'],
  warn: ['degraded', 'warn'],
  fail: ['unhealthy', 'bad'],
}
const MILD = /^(?:info|low|minor|notice|warn|warning|medium|moderate)/i
const MANY_ERRORS = 0.05
const FEW_REQUESTS = 20

/** The worst first. */
function bannerOf({ now, health, alerts, breakers, draining }: OpsSnapshot): readonly [Tone, string] {
  const bad: string[] = []
  const warn: string[] = []
  if (health === 'unreadable') warn.push('health could not be read')
  else if (health !== undefined && health.status !== 'pass' && !draining) {
    const [word, tone] = wordOf(health.status)
    const names = [...new Set(health.checks.filter(({ status }) => status !== 'pass').map(({ name }) => name))]
    const said = names.length === 0 ? word : `${word}: ${names.slice(0, 3).join(', ')}`
    if (tone === 'bad') bad.push(said)
    else warn.push(said)
  }
  if (alerts === 'unreadable') warn.push('alerts could not be read')
  else if (alerts !== undefined && alerts.length > 0) {
    const said = alerts.length === 1
      ? `alert: ${alerts[0]!.name}`
      : `${alerts.length} alerts: ${alerts.slice(0, 3).map(({ name }) => name).join(', ')}`
    if (alerts.every(({ severity }) => MILD.test(severity))) warn.push(said)
    else bad.push(said)
  }
  const out = (breakers ?? []).filter(({ state }) => state !== 'closed').map(({ store }) => store)
  if (out.length > 0) bad.push(`store out: ${out.slice(0, 3).join(', ')}`)
  if (now.errorRate >= MANY_ERRORS && now.requests >= FEW_REQUESTS) {
    warn.push(`${percent(now.errorRate)} of requests fail`)
  }
  if (draining) warn.push('closing: no new requests are wanted')
  const all = [...bad, ...warn].map((said) => said[0]!.toUpperCase() + said.slice(1)).join(' · ')
  return all === '' ? ['good', 'All is well'] : [bad.length > 0 ? 'bad' : 'warn', all]
}

function bansOf(bans: OpsSnapshot['bans']): Rows | undefined {
  if (bans === undefined) return undefined
  if (bans === 'unreadable') return UNREADABLE
  const rows: Cell[][] = bans.first.map(({ who, expiresIn }) => [who, span(expiresIn)])
  const more = bans.total - bans.first.length
  return more > 0 ? [...rows, [`and ${whole(more)} more`, '']] : rows
}

function alertsOf({ alerts, at }: OpsSnapshot): Rows | undefined {
  if (alerts === undefined) return undefined
  if (alerts === 'unreadable') return UNREADABLE
  return alerts.map(({ name, severity, value, threshold, unit = '', since }) => [
    name,
    marked(severity, MILD.test(severity) ? 'warn' : 'bad'),
    [value, threshold === undefined ? undefined : `of ${figure(threshold)}`, unit]
      .filter((one) => one !== undefined && one !== '').map((one) => typeof one === 'number' ? figure(one) : one)
      .join(' '),
    since === undefined ? '–' : span(at - Date.parse(since)),
  ])
}

function checksOf(health: OpsSnapshot['health']): Rows | undefined {
  if (health === undefined) return undefined
  if (health === 'unreadable') return UNREADABLE
  return health.checks.map(({ name, status, observed, unit = '', output }) => [
    name,
    wordOf(status),
    [typeof observed === 'number' ? figure(observed) : String(observed ?? ''), unit, output && `(${output})`]
      .filter(Boolean).join(' '),
  ])
}

function wordOf(status: string): readonly [string, Tone] {
  return WORDS[status] ?? ['unhealthy', 'bad']
}

function marked(text: string, tone: Tone = 'idle'): Cell {
  return [text, tone]
}

function quantiles({ p50, p95, p99, max }: Readonly<Record<'p50' | 'p95' | 'p99' | 'max', number>>): string[] {
  return [p50, p95, p99, max].map(time)
}

/** A number and its unit stay on one line. */
const NBSP = '\u00a0'

function whole(value: number): string {
  return value.toLocaleString('en')
}

function figure(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumFractionDigits: 4 })
}

function rate(value: number): string {
  return value === 0 || value >= 100 ? whole(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)
}

function percent(share: number): string {
  const value = share * 100
  return `${value === 0 || value >= 99.95 ? Math.round(value) : value < 0.01 ? '<0.01' : value.toPrecision(2)}${NBSP}%`
}

function time(ms: number): string {
  if (ms >= 10_000) return `${Math.round(ms / 1_000)}${NBSP}s`
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)}${NBSP}s`
  return `${ms >= 10 || ms === 0 ? Math.round(ms) : ms.toFixed(ms >= 1 ? 1 : 2)}${NBSP}ms`
}

const UNITS = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']] as const

/** The two largest units of it. */
function span(ms: number): string {
  let left = Math.max(0, Math.round(ms / 1_000))
  const at = UNITS.findIndex(([seconds]) => left >= seconds)
  if (at < 0) return `0${NBSP}s`
  return UNITS.slice(at, at + 2).map(([seconds, unit]) => {
    const units = Math.floor(left / seconds)
    left -= units * seconds
    return units === 0 ? '' : `${units}${NBSP}${unit}`
  }).filter(Boolean).join(' ')
}

/** `14:03:22`, in UTC. */
function moment(at: number): string {
  return new Date(at).toISOString().slice(11, 19)
}
