import type { HasClientIp } from '../core/facts.ts'
import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { addressSet, parseAddress } from '../core/ip.ts'
import { problem } from '../core/problem.ts'

/** Options of {@link ipAccess}: `allow`, `deny`, or both. */
export interface IpAccessOptions extends Rollout {
  /** If given, only these addresses and networks may enter. (everybody) */
  readonly allow?: readonly string[] | undefined
  /** These may not, even if `allow` has them. (nobody) */
  readonly deny?: readonly string[] | undefined
}

/**
 * Lets in by address. Compares bits, not text, so no other spelling of an address gets past.
 *
 * Needs:   `clientIp`.
 * Adds:    nothing.
 * Refuses: 403 `address-not-allowed`.
 * Throws:  when made: TypeError if neither list is given, or one holds something that is no address or network.
 * Fails:   a client without an address is refused where there is an `allow` list.
 * Costs:   about 0.5 µs, whatever the length of the lists.
 * Source:  RFC 4291 §2.5.5.2 (mapped addresses); CVE-2026-47674.
 *
 * @example
 * ipAccess({ allow: ['203.0.113.0/24', '2001:db8::/32'] })
 */
export function ipAccess(options: IpAccessOptions): Wrapper<{}, HasClientIp> {
  if (options.allow === undefined && options.deny === undefined) {
    throw new TypeError('ipAccess: give allow, deny or both')
  }
  const allow = options.allow && addressSet(options.allow, 'ipAccess: allow')
  const deny = addressSet(options.deny ?? [], 'ipAccess: deny')
  const no = refusal(problem('address-not-allowed'))
  return guard<{}, HasClientIp>({
    name: 'ip-access',
    ...options,
    decide(_request, context) {
      const address = parseAddress(context.clientIp)
      if (address === undefined) return allow === undefined ? ALLOW : no
      return deny.has(address) || (allow !== undefined && !allow.has(address)) ? no : ALLOW
    },
  })
}
