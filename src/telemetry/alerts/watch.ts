/**
 * What is known of one rule, and what has to be said about it. Two things are kept apart: whether it fires, and what those
 * who are told believe. A notice is due where they differ, so one that had to wait, for silence or for room, is not lost.
 */
import type { AlertEvent, AlertNotice, AlertSeverity } from './notice.ts'
import { rankOf, severityOf } from './notice.ts'
import type { AlertRule } from './rules.ts'

/** A rule that fires, as `active` tells it. */
export interface Alert {
  readonly name: string
  readonly severity: AlertSeverity
  /** As last seen. */
  readonly value: number
  readonly threshold: number
  readonly unit?: string | undefined
  /** When it began to fire: ISO 8601. */
  readonly since: string
  /** At how many looks it has been beyond its threshold since. */
  readonly count: number
  /** The last look told nothing: it goes on firing, unread. */
  readonly stale: boolean
  /** Nobody is told for now. */
  readonly silenced: boolean
}

/** A change, as `recent` tells it: a rule began to fire, became worse, or stopped. */
export interface AlertChange {
  readonly event: AlertEvent
  readonly name: string
  readonly severity: AlertSeverity
  readonly value: number
  readonly threshold: number
  readonly unit?: string | undefined
  /** ISO 8601. */
  readonly time: string
}

/** How patient a rule is, in milliseconds. */
export interface Pace {
  /** Beyond its threshold for so long before it fires. */
  readonly wait: number
  /** Within it for so long before it is resolved. */
  readonly resolveAfter: number
  /** Told at most so often. */
  readonly suppress: number
}

interface Firing {
  severity: AlertSeverity
  /** The worst it was. */
  peak: AlertSeverity
  value: number
  count: number
  readonly since: string
}

/** Times called `now` are of the monotonic clock. */
export class Watch {
  readonly rule: AlertRule
  readonly #pace: Pace
  #beyondSince: number | undefined
  #withinSince: number | undefined
  /** The last time that it fired. */
  #last: Firing | undefined
  #firing = false
  /** Whether the last look told something. */
  known = false
  #silentUntil = -Infinity
  /** What was last said of its firing, and when. */
  #told: { readonly severity: AlertSeverity; readonly at: number } | undefined
  /** Whether those who are told believe that it fires. */
  #believed = false

  constructor(rule: AlertRule, pace: Pace) {
    this.rule = rule
    this.#pace = pace
  }

  /** Takes what a look has found; `undefined` changes nothing. Gives the change, if it is one. */
  look(value: number | undefined, now: number, time: string): AlertChange | undefined {
    this.known = value !== undefined
    if (value === undefined) return undefined
    return value > this.rule.threshold ? this.#beyond(value, now, time) : this.#within(value, now, time)
  }

  #beyond(value: number, now: number, time: string): AlertChange | undefined {
    const { threshold, severity = severityOf(value, threshold) } = this.rule
    this.#withinSince = undefined
    this.#beyondSince ??= now
    if (!this.#firing && now - this.#beyondSince < this.#pace.wait) return undefined
    let worse = !this.#firing
    if (!this.#firing) this.#last = { severity, peak: severity, value, count: 0, since: time }
    const last = this.#last!
    if (rankOf(severity) > rankOf(last.peak)) {
      last.peak = severity
      worse = true
    }
    last.severity = severity
    last.value = value
    last.count++
    this.#firing = true
    return worse ? this.#change('alert:triggered', time) : undefined
  }

  #within(value: number, now: number, time: string): AlertChange | undefined {
    this.#beyondSince = undefined
    if (!this.#firing) return undefined
    this.#last!.value = value
    this.#withinSince ??= now
    if (now - this.#withinSince < this.#pace.resolveAfter) return undefined
    this.#firing = false
    return this.#change('alert:resolved', time)
  }

  #change(event: AlertEvent, time: string): AlertChange {
    const { name, threshold, unit } = this.rule
    const { severity, value } = this.#last!
    return { event, name, severity, value, threshold, unit, time }
  }

  /** What has to be said now. A rule that could not be read says nothing. */
  due(now: number): AlertEvent | undefined {
    if (!this.known || now < this.#silentUntil) return undefined
    if (!this.#firing) return this.#believed ? 'alert:resolved' : undefined
    if (this.#beyondSince === undefined) return undefined
    // Also if it was resolved in between: who flaps is told of no more often.
    const told = this.#told
    const isNews = told === undefined || now - told.at >= this.#pace.suppress ||
      rankOf(this.#last!.severity) > rankOf(told.severity)
    return isNews ? 'alert:triggered' : undefined
  }

  /** How urgent it is to say so: 3 to 0. */
  get urgency(): number {
    return this.#firing ? rankOf(this.#last!.severity) : 0
  }

  /** Says what is due. */
  tell(now: number, more: Pick<AlertNotice, 'id' | 'time' | 'withheld' | 'service'>): AlertNotice {
    const { since, count, severity } = this.#last!
    this.#believed = this.#firing
    if (this.#firing) this.#told = { severity, at: now }
    return { ...this.#change(this.#firing ? 'alert:triggered' : 'alert:resolved', more.time), since, count, ...more }
  }

  /** Nobody is told until then; `-Infinity` ends it. */
  silence(until: number): void {
    this.#silentUntil = until
  }

  /** As `active` tells it. */
  alert(now: number): Alert | undefined {
    if (!this.#firing) return undefined
    const { name, threshold, unit } = this.rule
    const { severity, value, since, count } = this.#last!
    return {
      name,
      severity,
      value,
      threshold,
      unit,
      since,
      count,
      stale: !this.known,
      silenced: now < this.#silentUntil,
    }
  }
}
