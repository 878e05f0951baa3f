/** How the answers of {@link health} look: health+json, and the bodies of older services, for dashboards that know them. */
import type { CheckResult, HealthStatus } from './health.ts'

/** What there is to say. All but `status` and `output` is only there for those who may see it. */
export interface HealthReport {
  readonly status: HealthStatus
  /** `'draining'` while the server closes. */
  readonly output?: string | undefined
  readonly version?: string | undefined
  readonly releaseId?: string | undefined
  readonly serviceId?: string | undefined
  readonly description?: string | undefined
  /** What was found, by `component:measurement`. */
  readonly checks?: Readonly<Record<string, readonly CheckResult[]>> | undefined
}

/** How a report looks on the wire: the media type, and the body to send as JSON. `at` is when its checks were run. */
export type HealthFormat = (report: HealthReport, at: Date) => {
  readonly contentType: string
  readonly body: unknown
}

/** The draft's format, the default. */
export const healthJson: HealthFormat = (report) => ({ contentType: 'application/health+json', body: report })

/**
 * `{ status, timestamp, uptime, version, components: { database: { status, responseTime } } }`, with `healthy`, `degraded`
 * and `unhealthy`. A check called `uptime` fills `uptime`; members of `also` are shown to whom the checks are.
 *
 * @example
 * health({ format: healthComponents(), checks: { database: sqlProbe(pool) }, detail: isOperator })
 */
export function healthComponents(also: Readonly<Record<string, unknown>> = {}): HealthFormat {
  return (report, at) => {
    const { uptime, ...components } = sectionsOf(report)
    const body = { ...head(report, at), uptime: uptime?.['value'] }
    return {
      contentType: 'application/json',
      body: report.checks === undefined ? body : { ...also, ...body, components },
    }
  }
}

/**
 * `{ status, timestamp, uptime, memory: { status, current, peak }, requests: { … }, alerts, activeAlerts, version }`: as
 * {@link healthComponents}, but each component is a member of the body, and `activeAlerts` names those that are not well.
 *
 * @example
 * health({ format: healthSections({ environment: 'production' }), checks: { memory: memoryProbe() }, detail: isOperator })
 */
export function healthSections(also: Readonly<Record<string, unknown>> = {}): HealthFormat {
  return (report, at) => {
    const { uptime, ...sections } = sectionsOf(report)
    const activeAlerts = Object.keys(sections).filter((name) => sections[name]?.['status'] !== WORDS.pass)
    const body = head(report, at)
    return {
      contentType: 'application/json',
      body: report.checks === undefined
        ? body
        : { ...also, ...sections, ...body, uptime: uptime?.['value'], alerts: activeAlerts.length, activeAlerts },
    }
  }
}

const WORDS = { pass: 'healthy', warn: 'degraded', fail: 'unhealthy' } as const
const LEVELS: readonly HealthStatus[] = ['pass', 'warn', 'fail']

/** The worst of several; of none, `pass`. */
export function worst(all: readonly HealthStatus[]): HealthStatus {
  return LEVELS[Math.max(0, ...all.map((one) => LEVELS.indexOf(one)))]!
}

function head({ status, output, version }: HealthReport, at: Date): Record<string, unknown> {
  return { status: WORDS[status], message: output, timestamp: at.toISOString(), version }
}

interface Section {
  readonly statuses: HealthStatus[]
  readonly values: Map<string, unknown>
}

/** What was found, by component: its worst status, and what was observed by what was measured. */
function sectionsOf({ checks = {} }: HealthReport): Record<string, Record<string, unknown>> {
  const found = new Map<string, Section>()
  for (const [key, results] of Object.entries(checks)) {
    const colon = key.indexOf(':')
    const name = colon < 0 ? key : key.slice(0, colon)
    const section: Section = found.get(name) ?? { statuses: [], values: new Map() }
    found.set(name, section)
    for (const { status, observedValue, observedUnit, output } of results) {
      section.statuses.push(status)
      const measured = colon < 0 ? (observedUnit === 'ms' ? 'responseTime' : 'value') : key.slice(colon + 1)
      section.values.set(measured, observedValue)
      if (output !== undefined) section.values.set('message', output)
    }
  }
  return Object.fromEntries(
    [...found].map(([name, { statuses, values }]) => {
      return [name, { ...Object.fromEntries(values), status: WORDS[worst(statuses)] }]
    }),
  )
}
