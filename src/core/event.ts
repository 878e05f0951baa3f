/** What guards and the error boundary record about one request, in order, for logs, audit, metrics, traces and alerts. */
import type { Context } from './context.ts'

/**
 * One thing that happened to a request and that somebody should be able to see.
 *
 * - `refused`: a guard answered in place of the handler.
 * - `would-refuse`: it would have, but runs in report mode or outside its share of traffic.
 * - `degraded`: it could not decide (a store is down, a deadline passed).
 * - `suspicious`: nothing was refused, but a claim did not hold (a forged forwarding header).
 * - `altered`: input was changed before the handler saw it (`sanitize`).
 * - `error`: a bug was caught by the error boundary.
 */
export interface SecurityEvent {
  readonly kind: 'refused' | 'would-refuse' | 'degraded' | 'suspicious' | 'altered' | 'error'
  /** The wrapper that recorded it, e.g. `rate-limit`. */
  readonly guard: string
  /** The problem code, or a kebab-case word for the condition. Never holds input. */
  readonly code: string
  /** The status that was sent, or would have been. */
  readonly status?: number
  /** Why, in words that hold no input. */
  readonly reason?: string
}

/** Adds an event to the request's list. A request holds at most 100, so that no loop can fill memory. */
export function record(context: Context, event: SecurityEvent): void {
  if (context.events.length < 100) context.events.push(event)
}
