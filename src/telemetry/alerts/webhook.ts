/** A signed webhook, as Standard Webhooks 1.0 has it: every language has a library that verifies it. */
import type { Bytes } from '../../core/body.ts'
import type { Clock } from '../../core/clock.ts'
import { systemClock } from '../../core/clock.ts'
import type { AlertChannel } from './notice.ts'
import type { PostOptions } from './post.ts'
import { poster, postRisks } from './post.ts'

/** WebCrypto's, by way of a function that every runtime's types have. */
type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** Options of {@link alertWebhook}. */
export interface AlertWebhookOptions extends PostOptions {
  /**
   * `whsec_` and 24 to 64 random bytes in base64, shared with the receiver. Of several each signs, so that one can be
   * replaced while both sides still know the other.
   */
  readonly secret: string | readonly string[]
  /** Dates the signatures. (the runtime's) */
  readonly clock?: Clock | undefined
}

/**
 * Posts notices, signed: `{ type: 'alert.triggered', timestamp, data }` under `webhook-id`, `webhook-timestamp` and
 * `webhook-signature`. Up to three attempts, with the same id; a redirect is a failure.
 *
 * Throws: when made: TypeError if `url` is no https URL or a secret is none, without showing either.
 *
 * @example
 * createAlerts({ rules, channels: [alertWebhook({ url: 'https://ops.example/hook', secret })] })
 */
export function alertWebhook(options: AlertWebhookOptions): AlertChannel {
  const { secret, clock = systemClock } = options
  const post = poster('alertWebhook', options)
  const sign = signer([secret].flat())
  const alertWebhook: AlertChannel = (notice, signal) => {
    const { event, time, id, ...data } = notice
    const body = JSON.stringify({ type: event.replace(':', '.'), timestamp: time, data })
    return post(async () => {
      const sent = String(Math.floor(clock.now() / 1_000))
      return {
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': sent,
          'webhook-signature': await sign(`${id}.${sent}.${body}`),
        },
        body,
      }
    }, signal)
  }
  return Object.assign(alertWebhook, { '~risks': postRisks('alertWebhook', options) })
}

/** Makes what signs `{id}.{timestamp}.{body}`: a signature per secret, as the header has them. */
export function signer(secrets: readonly string[]): (content: string) => Promise<string> {
  if (secrets.length === 0) throw new TypeError('alertWebhook: secret must not be empty')
  const all = secrets.map(secretBytes)
  // Made at the first notice: Workers let no key be made before a request.
  let keys: readonly CryptoKey[] | undefined
  return async (content) => {
    keys ??= await Promise.all(
      all.map((bytes) => crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])),
    )
    const data = new TextEncoder().encode(content)
    const signatures = await Promise.all(keys.map((key) => crypto.subtle.sign('HMAC', key, data)))
    return signatures.map((bytes) => `v1,${btoa(String.fromCharCode(...new Uint8Array(bytes)))}`).join(' ')
  }
}

function secretBytes(secret: unknown): Bytes {
  const text = typeof secret === 'string' ? /^whsec_([A-Za-z\d+/]{32,86}={0,2})$/.exec(secret)?.[1] : undefined
  try {
    const bytes = Uint8Array.from(atob(text ?? ''), (char) => char.charCodeAt(0))
    if (bytes.length >= 24 && bytes.length <= 64) return bytes
  } catch {
    // Not base64: the same error, which does not show it.
  }
  throw new TypeError(`alertWebhook: secret must be 'whsec_' and 24 to 64 bytes in base64`)
}
