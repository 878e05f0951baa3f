/**
 * OpenTelemetry: spans by its conventions, and their way to a collector, on every runtime. `trace` needs
 * `@opentelemetry/api`; `openTelemetry` also `@opentelemetry/sdk-trace-base` and `@opentelemetry/otlp-transformer`.
 *
 * @module
 */
export { trace, type TraceOptions } from './otel/trace.ts'
export { spanOf } from './otel/traced.ts'
export { type Fetch, tracedFetch } from './otel/outgoing.ts'
export { type OpenTelemetry, openTelemetry, type OpenTelemetryOptions } from './otel/setup.ts'
export type { StorageLike } from './otel/stored-context.ts'
export type { Circumstance } from './otel/batches.ts'
