/**
 * sallyport: one hardened door for every Fetch-handler service.
 *
 * Every public name, grouped as the README is. The adapters have sub-paths of their own: `sallyport/node`, `/bun`, `/deno`,
 * `/cloudflare`, `/hono`, `/fetch`, and `/file` for disks; so have the stores that processes share: `/redis`, `/upstash`,
 * `/durable-object`, `/rate-limit-binding`, `/deno-kv`; and what not every service needs: `/uploads`, `/schemas`, `/html`,
 * `/otel`, `/ops`.
 *
 * @module
 */

// The front door
export { type Edge, ORDER, type Policy, policy } from './policy/policy.ts'
export { api, type ApiPreset, website, type WebsitePreset } from './policy/presets.ts'

// Who and what is this request
export { requestId, type RequestIdOptions } from './request/request-id.ts'
export { clientIp, type ClientIpOptions, fromPeers, UNIDENTIFIED } from './request/client-ip.ts'
export { hosts, type HostsOptions } from './request/hosts.ts'
export { methods, type MethodsOptions } from './request/methods.ts'
export { ipAccess, type IpAccessOptions } from './request/ip-access.ts'
export { httpsRedirect, type HttpsRedirectOptions } from './request/https-redirect.ts'
export { headerLimit, type HeaderLimitOptions } from './request/header-limit.ts'
export { bodyLimit, type BodyLimitOptions } from './request/body-limit.ts'
export { contentType, type ContentTypeOptions } from './request/content-type.ts'
export { signalOf, timeout, type TimeoutOptions } from './request/timeout.ts'

// What browsers are told
export {
  securityHeaders,
  type SecurityHeadersOptions,
  type StrictTransportSecurity,
} from './browser/security-headers.ts'
export {
  API_CSP,
  type ContentSecurityPolicy,
  csp,
  type CspDirectives,
  WEBSITE_CSP,
} from './browser/content-security-policy.ts'
export { NO_HARDWARE, permissions, type PermissionsPolicy } from './browser/permissions-policy.ts'
export { endpoints } from './browser/reporting-endpoints.ts'
export { cors, type CorsOptions } from './browser/cors.ts'
export { csrf, type CsrfOptions } from './browser/csrf.ts'

// How much
export {
  type OneLimit,
  rateLimit,
  type RateLimitCommon,
  type RateLimitOptions,
  type SeveralLimits,
} from './traffic/rate-limit.ts'
export { reserve, type ReserveOptions } from './traffic/reserve.ts'
export { type LimiterOptions, type LimitsOf, type Local, local } from './traffic/limiter.ts'
export { concurrency, type ConcurrencyOptions } from './traffic/concurrency.ts'
export { slowDown, type SlowDownOptions } from './traffic/slow-down.ts'
export { shed, type ShedOptions } from './traffic/shed.ts'
export { type Ban, type BanList, banList, type BanListOptions, bans, type BansOptions } from './traffic/bans.ts'
export { idempotency, type IdempotencyOptions, type Scoped, type Unscoped } from './traffic/idempotency.ts'
export type { Cost, LimitSpec } from './traffic/limits.ts'
export { agentLimits, chatLimits, chatSlowDown, speechLimits } from './traffic/presets.ts'
export { byClientIp, byPrincipal, byPrincipalOrClientIp, byRoute, type KeyOf } from './traffic/keys.ts'
export { type MemoryStore, memoryStore, type MemoryStoreOptions } from './stores/memory.ts'
export { type MemoryLeases, memoryLeases, type MemoryLeasesOptions } from './stores/memory-leases.ts'
export { type MemoryRecords, memoryRecords, type MemoryRecordsOptions } from './stores/memory-records.ts'
export { tiered, type TieredOptions } from './stores/tiered.ts'
export { breakerOf, type BreakerReport, type OutageOptions } from './core/outage.ts'
export type {
  Lease,
  Leased,
  LeaseStore,
  Limit,
  LimitAlgorithm,
  LimitSet,
  RecordStore,
  SharedStore,
  Standing,
  Store,
  StoreCall,
  Verdict,
} from './core/store.ts'

// What the handler receives
export { type InputOf, type NeedsOf, type Schemas, validate, type ValidateOptions } from './input/validate.ts'
export type { BodyCodec, ReceivedBody } from './input/codec.ts'
export { formBody } from './input/form-body.ts'
export { jsonBody, type JsonBodyOptions, type Treatment } from './input/json-body.ts'
export { multipartBody, type MultipartBodyOptions } from './input/multipart-body.ts'
export { sanitize, type SanitizeOptions } from './input/sanitize.ts'
export {
  openapi,
  type OpenApiDocument,
  openapiDocument,
  type OpenApiInfo,
  type OpenApiOptions,
} from './input/openapi.ts'
export type { Direction, SchemaConverter } from './input/openapi/json-schema.ts'
export type { OperationNotes } from './input/openapi/operation.ts'
export type { ProblemSchema } from './input/openapi/problems.ts'
export type { RouteTable } from './input/openapi/route.ts'
export type { Encoding } from './input/inflate.ts'
export type { OnInvalidResponse, ResponseSchemas } from './input/response.ts'
export type { InputError } from './input/issues.ts'
export type { OutputOf, SchemaIssue, SchemaResult, StandardSchema } from './input/standard-schema.ts'
export { type StructureFault, structureFault, type StructureLimits } from './input/structure.ts'

// What is seen
export { createLogger, type LineLogger, type LoggerOptions } from './logging/logger.ts'
export type { LeastLevel } from './logging/levels.ts'
export { requestLogger, type RequestLoggerOptions, type RequestStorage } from './logging/request-logger.ts'
export { type AccessLog, accessLog, type AccessLogOptions } from './logging/access-log.ts'
export { bodyLog, type BodyLogOptions } from './logging/body-log.ts'
export type { BodyKind } from './logging/body-text.ts'
export { prettyLines, type PrettyLinesOptions } from './logging/pretty.ts'
export { type Streams, streams } from './logging/streams.ts'
export { queued, type QueuedOptions } from './logging/queued.ts'
export { httpLines, type HttpLinesOptions } from './logging/http-lines.ts'
export type { WaitingSink } from './logging/losses.ts'
export {
  type BridgeOptions,
  type LogTapeLevel,
  logtapeLog,
  type LogTapeLogger,
  type LogTapeRecord,
  logtapeSink,
  pinoDestination,
  type PinoFunction,
  pinoLog,
  type PinoLogger,
} from './logging/bridges.ts'
export { type AuditLog, auditLog, type AuditLogOptions } from './logging/audit.ts'
export { type AuditKey, auditKeys } from './logging/audit-chain.ts'
export type {
  AuditEvent,
  AuditFacts,
  AuditOutcome,
  AuditResource,
  AuthenticationEvent,
  AuthorizationEvent,
  DataEvent,
  SecurityAuditEvent,
} from './logging/audit-event.ts'
export {
  auditEvents,
  type AuditEventsOptions,
  auditTrail,
  type AuditTrailOptions,
  type DescribedEvent,
} from './logging/audit-trail.ts'
export {
  type AuditFault,
  type AuditReport,
  type AuditText,
  verifyAudit,
  type VerifyAuditOptions,
} from './logging/audit-verify.ts'
export {
  type Counter,
  createMetrics,
  type Gauge,
  type GaugeOptions,
  type Histogram,
  type HistogramOptions,
  type MetricOptions,
  type Metrics,
  type MetricsOptions,
  type TimedOptions,
} from './telemetry/registry.ts'
export type { CounterSeries, GaugeSeries, HistogramSeries, Labels, LabelValue } from './telemetry/series.ts'
export type { MetricUnit } from './telemetry/names.ts'
export { httpMetrics, type HttpMetricsOptions } from './telemetry/http-metrics.ts'
export {
  METRICS_TYPES,
  type MetricsFormat,
  metricsFormat,
  metricsPage,
  type MetricsPageOptions,
  metricsText,
} from './telemetry/openmetrics.ts'
export { type MeasuredStore, measuredStore, type MeasuredStoreOptions } from './telemetry/measured-store.ts'
export {
  type Alerts,
  type AlertsOptions,
  createAlerts,
  watchAlerts,
  type WatchAlertsOptions,
} from './telemetry/alerts.ts'
export type { Alert, AlertChange } from './telemetry/alerts/watch.ts'
export type { AlertChannel, AlertEvent, AlertNotice, AlertSeverity } from './telemetry/alerts/notice.ts'
export {
  type AlertRule,
  errorRateRule,
  type ErrorRateRuleOptions,
  type LatencyFigure,
  latencyRule,
  type LatencyRuleOptions,
  probeRule,
  type ProbeRuleOptions,
  standardRules,
  type StandardRulesOptions,
} from './telemetry/alerts/rules.ts'
export { alertLog, type AlertMail, alertMail, alertSlack, type AlertSlackOptions } from './telemetry/alerts/channels.ts'
export { alertWebhook, type AlertWebhookOptions } from './telemetry/alerts/webhook.ts'
export type { PostOptions } from './telemetry/alerts/post.ts'
export type { PerformanceFigures } from './telemetry/performance.ts'
export { createQuantiles, type Quantiles } from './telemetry/quantiles.ts'
export {
  type CheckOutcome,
  type CheckResult,
  health,
  type HealthCheck,
  type HealthOptions,
  type HealthStatus,
  type ReportsHealth,
  type WeighedCheck,
} from './health/health.ts'
export { healthComponents, type HealthFormat, healthJson, type HealthReport, healthSections } from './health/bodies.ts'
export {
  countProbe,
  type CountProbeOptions,
  httpProbe,
  type HttpProbeOptions,
  type Pingable,
  pingProbe,
  type Queryable,
  sqlProbe,
  type SqlProbeOptions,
  storeProbe,
} from './health/probes.ts'
export {
  consoleLines,
  consoleLog,
  type LineSink,
  type Log,
  type LogFields,
  type Logger,
  type LogLevel,
  type LogRecord,
} from './core/log.ts'
export {
  jsonLine,
  redact,
  REDACTED,
  type Redaction,
  redaction,
  type RedactionOptions,
  SECRET_WORDS,
  type SecretTest,
  standardRedaction,
} from './core/redact.ts'
export { type Secret, secret } from './core/secret.ts'

// Errors
export { errors, type ErrorsOptions } from './core/errors.ts'
export {
  legacyEnvelope,
  Problem,
  problem,
  type ProblemCode,
  problemDetails,
  type ProblemFormat,
  type ProblemInit,
  type ProblemOptions,
  PROBLEMS,
  refuse,
} from './core/problem.ts'

// Your own wrappers and guards
export { compose } from './core/compose.ts'
export type { After, AnyWrapper, Declares, Handler, MaybePromise, Wrap, Wrapper } from './core/handler.ts'
export { described, type Description, type SaidLimit, type Says } from './core/description.ts'
export { exemption, type Test, unless, when } from './core/when.ts'
export {
  ALLOW,
  type Allow,
  type Decision,
  type Degraded,
  guard,
  type GuardSpec,
  type Mode,
  refusal,
  type Refuse,
  type Rollout,
} from './core/guard.ts'
export {
  type Attributes,
  type AttributeValue,
  type Connection,
  type Context,
  type ContextInit,
  createContext,
  type End,
  type EndListener,
  extend,
  onEnd,
  type Platform,
} from './core/context.ts'
export type {
  HasClientIp,
  HasInput,
  HasLog,
  HasNonce,
  HasParams,
  HasPrincipal,
  HasRequestId,
  HasReservation,
  HasSanitizer,
  HasSignal,
} from './core/facts.ts'
export { HeadBlock, ResponseHead } from './core/head.ts'
export { record, type SecurityEvent } from './core/event.ts'
export { type Clock, systemClock } from './core/clock.ts'
export type { Duration, Size } from './core/quantity.ts'

// Tools they need
export { type Bytes, readBody, rebuild } from './core/body.ts'
export { type BodyEnd, tap } from './core/stream.ts'
export { isSecure, onPath, pathOf, rawPath } from './core/request.ts'
export { type Address, type AddressSet, addressSet, formatAddress, networkOf, parseAddress } from './core/ip.ts'
export { sfInteger, sfString } from './core/fields.ts'
