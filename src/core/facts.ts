/** The facts that wrappers add for handlers to read. At most ten, reviewed as API: what only logs read is an attribute. */
import type { Logger } from './log.ts'

/** Added by `requestId`. */
export interface HasRequestId {
  /** The id of this request: safe to log and to send back. */
  readonly requestId: string
}

/** Added by `clientIp`. */
export interface HasClientIp {
  /** The client's address in canonical text, or `'unidentified'` where the runtime gives none. */
  readonly clientIp: string
  /** What to count by: the IPv4 address, or the /64 of the IPv6 address (settable), or `'unidentified'`. */
  readonly clientNetwork: string
  /** Did the client speak TLS to us, or to the proxy that we trust? */
  readonly secure: boolean
}

/** Added by whatever authenticates. `id` is unique among principals and safe to log. */
export interface HasPrincipal<P extends { readonly id: string } = { readonly id: string }> {
  readonly principal: P
}

/** Added by a router: what stands in the path where the route has a name. `toHono` adds it, from Hono's. */
export interface HasParams {
  readonly params: Readonly<Record<string, string>>
}

/** Added by `sanitize`. */
export interface HasSanitizer {
  /**
   * Cleans the texts in a value. `validate` does this with each part before a schema sees it. Gives back the value itself
   * where nothing was to be changed, else a copy; what it changed is recorded. `part` is what to call it there. (`'body'`)
   */
  readonly sanitize: <T>(value: T, part?: string) => T
}

/** Added by `requestLogger`. */
export interface HasLog {
  /** Writes lines that carry this request's id, trace id and attributes. */
  readonly log: Logger
}

/** Added by `validate`. */
export interface HasInput<Input> {
  readonly input: Input
}

/** Added by `securityHeaders` when its policy uses nonces. */
export interface HasNonce {
  /** 128 random bits in base64, for `<script nonce>` and `<style nonce>`. */
  readonly nonce: string
}

/** Added by `timeout`. */
export interface HasSignal {
  /** Aborts when the client leaves or the deadline passes. Give it to `fetch` and to anything that can stop. */
  readonly signal: AbortSignal
}

/** Added by `reserve`. */
export interface HasReservation {
  readonly reservation: {
    /** Units held; 0 where nothing was counted. */
    readonly reserved: number
    /** Settles what was used, a whole number of units. The first call counts. */
    readonly settle: (units: number) => void
    /** Adds to what was used; the sum is settled when the exchange ends, however it does. */
    readonly spend: (units: number) => void
  }
}
