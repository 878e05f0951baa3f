/** What alerts say, and to whom: what every channel is given, and how it reads. */
import type { MaybePromise } from '../../core/handler.ts'

/** How far a value is beyond its threshold: by up to 20 %, by up to 50 %, or by more. */
export type AlertSeverity = 'medium' | 'high' | 'critical'

/** What happened: a rule fires (or still does, or worse), or it has stopped. */
export type AlertEvent = 'alert:triggered' | 'alert:resolved'

/** What a channel is given. Nothing in it comes from a request. */
export interface AlertNotice {
  readonly event: AlertEvent
  /** Of this notice: the same however often a channel tries to send it. */
  readonly id: string
  /** The rule's. With `since`, what its notices have in common. */
  readonly name: string
  /** As it is now; when resolved, as it was. */
  readonly severity: AlertSeverity
  readonly value: number
  readonly threshold: number
  readonly unit?: string | undefined
  /** When it began to fire: ISO 8601. */
  readonly since: string
  /** When this was found: ISO 8601. */
  readonly time: string
  /** At how many looks it has been beyond its threshold, since it began to fire. */
  readonly count: number
  /** How many other notices have to wait, because too many are due. */
  readonly withheld: number
  readonly service?: string | undefined
}

/**
 * Tells somebody: any function. What it throws or rejects with is counted; after 10 seconds it is given up and its `signal`
 * aborts. It is told one thing after the other.
 */
export interface AlertChannel {
  (notice: AlertNotice, signal: AbortSignal): MaybePromise<unknown>
  /** Options that weaken it, for `watchAlerts` to list. */
  readonly '~risks'?: readonly string[] | undefined
}

const RANKS = { medium: 1, high: 2, critical: 3 } as const

/** 1 to 3. */
export function rankOf(severity: AlertSeverity): number {
  return RANKS[severity]
}

/** Is it one of the three? */
export function isSeverity(value: unknown): value is AlertSeverity {
  return typeof value === 'string' && Object.hasOwn(RANKS, value)
}

/** The band in which a value beyond `threshold` lies. */
export function severityOf(value: number, threshold: number): AlertSeverity {
  // 0.36 is beyond 0.3 by 20 %, whatever the division of two binary fractions says.
  const over = Number(((value - threshold) / Math.abs(threshold)).toPrecision(12))
  return over <= 0.2 ? 'medium' : over <= 0.5 ? 'high' : 'critical'
}

/** A value with its unit: `12.5 %`. */
export function amountText(value: number, unit: string | undefined): string {
  const number = String(Number(value.toPrecision(6)))
  return unit === undefined ? number : `${number} ${unit}`
}

/** The notice in a sentence. */
export function noticeText({ event, service, severity, name, value, threshold, unit }: AlertNotice): string {
  const whose = service === undefined ? '' : `[${service}] `
  const what = event === 'alert:resolved' ? 'resolved' : severity
  return `${whose}${what}: ${name} is ${amountText(value, unit)}, threshold ${amountText(threshold, unit)}`
}

/** What goes with it, as pairs of name and text. */
export function noticeFacts(notice: AlertNotice): readonly (readonly [name: string, text: string])[] {
  const { severity, value, threshold, unit, since, count, withheld } = notice
  return [
    ['Severity', severity],
    ['Value', amountText(value, unit)],
    ['Threshold', amountText(threshold, unit)],
    ['Since', since],
    ['Times seen', String(count)],
    ...(withheld > 0 ? [['Notices waiting', String(withheld)] as const] : []),
  ]
}
