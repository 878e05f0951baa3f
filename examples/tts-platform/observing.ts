/** What is seen of the service, and who may look: its log, metrics, traces, audit trail, health and alerts, and one page. */
import {
  accessLog,
  type AlertChannel,
  alertLog,
  type Alerts,
  auditEvents,
  auditLog,
  auditTrail,
  compose,
  type Context,
  createAlerts,
  createLogger,
  createMetrics,
  type DescribedEvent,
  type Edge,
  type Handler,
  type HasLog,
  health,
  type HealthCheck,
  httpMetrics,
  type LineSink,
  type Logger,
  measuredStore,
  metricsPage,
  onPath,
  pathOf,
  requestLogger,
  standardRules,
  type Store,
  storeProbe,
  type Test,
  watchAlerts,
  type Wrapper,
} from '../../src/index.ts'
import { opsPage } from '../../src/telemetry/ops.ts'
import { openTelemetry, trace } from '../../src/telemetry/otel.ts'
import { VOICES } from './data.ts'
import type { Caller } from './identity.ts'
import { opsOnly } from './ops-token.ts'

/** Options of {@link createObserving}. */
export interface ObservingOptions {
  /** Take each line of the log, and the record it was made of. (the console) */
  readonly lines?: LineSink | readonly LineSink[] | undefined
  /** Takes each line of the audit trail. (the console) */
  readonly audit?: LineSink | undefined
  /** Opens `/ops` and `/metrics`. (nobody may see them) */
  readonly opsToken?: string | undefined
  /** A collector of spans and metrics. (none: requests have trace ids all the same) */
  readonly otlp?: string | undefined
  /** Whose traces to continue. (nobody's) */
  readonly trust?: Test | undefined
  /** Of the machine, where there is one. (none) */
  readonly machine?: { readonly memory: () => HealthCheck; readonly cpu: () => HealthCheck } | undefined
  /** Who is told of alerts, beside the log. (nobody) */
  readonly channels?: readonly AlertChannel[] | undefined
}

/** What the service is seen by. */
export interface Observing {
  readonly log: Logger
  /** The store, its calls timed. */
  readonly store: Store
  /** Of the policy. */
  readonly slots: {
    readonly trace: Wrapper
    readonly metrics: Wrapper<{}, Edge>
    readonly accessLog: Wrapper<HasLog, Edge>
    readonly health: Wrapper<{}, Edge>
    readonly audit: Wrapper<{}, Edge & Caller>
  }
  readonly routes: Readonly<Record<'GET /metrics' | 'GET /ops', Handler>>
  readonly alerts: Alerts
  /** Sends and writes what waits, and ends the audit chain: after the server has closed. */
  readonly close: () => Promise<void>
}

const VERSION = '1.0.0'
const onOps = onPath('/ops')

export function createObserving(given: Store, options: ObservingOptions = {}): Observing {
  const { machine, channels = [] } = options
  const authorize = opsOnly(options.opsToken)
  const log = createLogger({ write: options.lines, fields: { service: 'tts-platform' } })
  const metrics = createMetrics()
  const store = measuredStore(given, { metrics, name: 'limits' })
  const audit = auditLog({ write: options.audit, log })
  const telemetry = options.otlp === undefined
    ? undefined
    : openTelemetry({ url: options.otlp, service: 'tts-platform', version: VERSION, metrics, log })
  const checks = health({
    checks: {
      voices: () => VOICES.length > 0,
      store: { check: storeProbe(store), critical: false }, // while it is out, each process counts for itself
      ...(machine && {
        memory: { check: machine.memory(), critical: false },
        cpu: { check: machine.cpu(), critical: false },
      }),
    },
    detail: authorize,
    version: VERSION,
  })
  const alerts = createAlerts({
    // Of their own: what measures from look to look must not share its looks with `health`.
    rules: standardRules({ metrics, memory: machine?.memory(), cpu: machine?.cpu() }),
    channels: [alertLog(log), ...channels],
    service: 'tts-platform',
    log,
  })
  const ops = opsPage({
    metrics,
    alerts,
    health: checks,
    stores: { limits: store },
    title: 'tts-platform',
    version: VERSION,
    authorize,
    challenge: true,
  })
  return {
    log,
    store,
    slots: {
      trace: trace({ tracer: telemetry?.tracer, flush: telemetry?.flush, trust: options.trust, route, guards: true }),
      metrics: compose(httpMetrics({ metrics, route, skip: onOps }), ops.observe, watchAlerts({ alerts })),
      accessLog: compose(
        accessLog({ write: options.lines }),
        auditEvents({ log: audit }),
        requestLogger({ logger: log }),
      ),
      health: checks,
      audit: auditTrail<Edge & Caller>({ log: audit, describe }),
    },
    routes: { 'GET /metrics': metricsPage({ metrics, authorize }), 'GET /ops': ops },
    alerts,
    close: async () => {
      await Promise.all([telemetry?.close(), audit.close()])
    },
  }
}

/** What the router found. */
function route(_request: Request, { attributes }: Context): string | undefined {
  return attributes['http.route'] as string | undefined
}

/** Who signed in, or changed something. What was turned away is known from its events. */
function describe(request: Request): DescribedEvent | undefined {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  switch (pathOf(request)) {
    case '/api/auth/register':
      return { type: 'authentication', action: 'registration' }
    case '/api/auth/login':
      return { type: 'authentication', action: 'login' }
    case '/api/training':
      return { type: 'data-modification', action: 'training-started', resource: { type: 'training' } }
    case '/api/datasets':
      return { type: 'data-modification', action: 'dataset-uploaded', resource: { type: 'dataset' } }
    default:
      return /^\/api\/settings\b/.test(pathOf(request))
        ? { type: 'data-modification', action: 'settings-changed', resource: { type: 'settings' } }
        : undefined
  }
}
