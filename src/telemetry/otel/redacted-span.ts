/** Secrets in spans that others made: of instrumentation, and of programs that record what they have at hand. */
import type { Attributes } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { Redaction } from '../../core/redact.ts'
import { REDACTED } from '../../core/redact.ts'
import { shortened } from './span-attributes.ts'

/** Characters of one text. */
const LONGEST = 4_096
/** The SDK cuts before anything is hidden: so much further, that half a secret shows that it is one. */
export const SDK_LONGEST: number = LONGEST + 64

/** Hides what is secret in the texts of a span that has ended, in place. Numbers stay: most tokens are counted ones. */
export function redactSpan(span: ReadableSpan, redaction: Redaction): void {
  const { status } = span
  const named = span as { name: string }
  named.name = redaction.text(span.name)
  if (status.message !== undefined) status.message = redaction.text(status.message)
  redactAttributes(span.attributes, redaction)
  for (const { attributes } of [...span.events, ...span.links]) {
    if (attributes !== undefined) redactAttributes(attributes, redaction)
  }
}

function redactAttributes(attributes: Attributes, redaction: Redaction): void {
  for (const key in attributes) {
    const value = attributes[key]
    const hide = (one: string): string => redaction.isSecret(key) ? REDACTED : shortened(one, LONGEST, redaction)
    if (typeof value === 'string') attributes[key] = hide(value)
    else if (Array.isArray(value)) {
      attributes[key] = value.map((one) => typeof one === 'string' ? hide(one) : one) as string[]
    }
  }
}
