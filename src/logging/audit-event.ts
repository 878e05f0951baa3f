/** What an audit log records: who did what to which resource, and how it came out. */
import type { Context } from '../core/context.ts'
import type { HasClientIp, HasPrincipal, HasRequestId } from '../core/facts.ts'
import type { Redaction } from '../core/redact.ts'
import { jsonString } from '../core/redact.ts'

/** How it came out: `denied` was not allowed, `failure` went wrong. */
export type AuditOutcome = 'success' | 'failure' | 'denied'

/** What was touched. */
export interface AuditResource {
  /** A kind, in kebab-case: `'note'`. */
  readonly type: string
  /** Which one. (all of them, or a new one) */
  readonly id?: string | number | undefined
}

/** What every event may say. Request id, time, principal and client's address are added from the context. */
export interface AuditFacts {
  /** What was done, in kebab-case. Never from input. */
  readonly action: string
  readonly outcome: AuditOutcome
  /** A code for why: `'password-wrong'`. Never from input. */
  readonly reason?: string | undefined
  /** Who, where the context does not know: at a login. (the principal, or `'anonymous'`) */
  readonly actor?: string | undefined
  /** (none) */
  readonly userAgent?: string | null | undefined
  /** The response's status. */
  readonly status?: number | undefined
  /** More, at most 4,096 characters. Secrets are redacted. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/** Proving who one is. */
export interface AuthenticationEvent extends AuditFacts {
  readonly type: 'authentication'
  readonly action:
    | 'login'
    | 'logout'
    | 'registration'
    | 'password-change'
    | 'token-refresh'
    | 'token-revocation'
    | 'lockout'
    | (string & {})
  readonly resource?: AuditResource | undefined
}

/** Being allowed to, or not; getting or losing a right. */
export interface AuthorizationEvent extends AuditFacts {
  readonly type: 'authorization'
  readonly resource?: AuditResource | undefined
}

/** Reading, or changing, what somebody must answer for. */
export interface DataEvent extends AuditFacts {
  readonly type: 'data-access' | 'data-modification'
  readonly resource: AuditResource
}

/** Anything else that a defender wants to know. */
export interface SecurityAuditEvent extends AuditFacts {
  readonly type: 'security'
  readonly resource?: AuditResource | undefined
}

/** One event of an audit log; `type` says what more it needs. */
export type AuditEvent = AuthenticationEvent | AuthorizationEvent | DataEvent | SecurityAuditEvent

/** What happened, as the rest of a JSON object in printable ASCII. */
export function bodyOf(context: Context, event: AuditEvent, redaction: Redaction): string {
  const { requestId, clientIp, principal } = context as Partial<HasRequestId & HasClientIp & HasPrincipal>
  const { actor, resource, outcome, reason, status, userAgent, details } = event
  const { string, line } = redaction
  const word = (text: string): string => string(text, 128)
  // Whoever signed in is named as he is, though his number may look like a card's.
  const who = actor === undefined ? jsonString(String(principal?.id ?? 'anonymous'), 256) : string(String(actor), 256)
  let out = `,"time":"${new Date(context.clock.now()).toISOString()}","type":${word(event.type)}` +
    `,"action":${word(event.action)},"actor":${who}`
  if (clientIp !== undefined) out += `,"client":${jsonString(clientIp, 64)}`
  if (requestId !== undefined) out += `,"requestId":${jsonString(requestId, 256)}`
  if (resource !== undefined) {
    out += `,"resource":{"type":${word(resource.type)}`
    if (resource.id !== undefined) out += `,"id":${string(String(resource.id), 256)}`
    out += '}'
  }
  out += `,"outcome":${word(outcome)}`
  if (reason !== undefined) out += `,"reason":${word(reason)}`
  if (status !== undefined) out += `,"status":${Number.isInteger(status) ? status : 0}`
  if (userAgent != null) out += `,"userAgent":${string(userAgent, 256)}`
  if (details !== undefined) out += `,"details":${line(details, 4_096)}`
  // Printable ASCII: one text has one spelling, and no terminal can be fooled.
  return PRINTABLE.test(out)
    ? out
    : out.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const PRINTABLE = /^[ -~]*$/
const UNPRINTABLE = /[^ -~]/g
