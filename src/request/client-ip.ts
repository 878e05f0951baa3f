import type { Context } from '../core/context.ts'
import { extend } from '../core/context.ts'
import { record } from '../core/event.ts'
import type { HasClientIp } from '../core/facts.ts'
import { fieldName } from '../core/fields.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Address, AddressSet } from '../core/ip.ts'
import { addressSet, formatAddress, networkOf, parseAddress, parseAddressAndPort } from '../core/ip.ts'
import { warnOnce } from '../core/log.ts'
import { count } from '../core/quantity.ts'
import type { Test } from '../core/when.ts'
import type { Hop } from './forwarded.ts'
import { forwarded, forwardedFor } from './forwarded.ts'

/** Options of {@link clientIp}. At most one of `hops` and `proxies`. */
export interface ClientIpOptions {
  /** How many proxies of yours stand in front, each adding the address it saw. (none: no header is trusted) */
  readonly hops?: number | undefined
  /** Addresses and networks of your proxies: the chain is walked from the right while it stays inside them. (none) */
  readonly proxies?: readonly string[] | undefined
  /** Which header your proxies write. (`'x-forwarded-for'`) */
  readonly header?: 'x-forwarded-for' | 'forwarded' | 'x-real-ip' | 'cf-connecting-ip' | (string & {}) | undefined
  /** Bits of an IPv6 address that make one client: 48 to 64, or up to 128 for single hosts. (64) */
  readonly ipv6Prefix?: number | undefined
}

/** Where an address that is missing counts: a partition of its own, with limits of its own. */
export const UNIDENTIFIED = 'unidentified'

const PLAIN_V4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/**
 * Finds out who the client is: an address that limits, logs and audit may rely on.
 *
 * The peer that the runtime attests, unless you say which proxies stand in front. Then their header is read from the right,
 * past what they vouch for; what lies further left is the client's own claim and never counts. The same proxies' word on
 * the scheme (`X-Forwarded-Proto`, `Forwarded: proto`) decides `secure`.
 *
 * Needs:   nothing.
 * Adds:    `clientIp`, `clientNetwork` (what to count by), `secure`; where a header decided, attribute
 *          `client.address_source`; where a claim was set aside, an event `suspicious`.
 * Refuses: nothing.
 * Throws:  when made: TypeError if both `hops` and `proxies` are given, or a value is not usable.
 * Fails:   to the nearest address that is certain: a chain shorter than `hops`, or one with garbage where a trusted
 *          address should be, falls back to the peer. No address at all is `'unidentified'`, with one warning per server.
 * Costs:   0.2 µs for a plain IPv4 peer; 1 to 2 µs where a header or IPv6 is parsed. At most 2 KB of header is read.
 * Source:  RFC 7239; RFC 4291 §2.5.4 (/64); ASVS 5 4.1.3, 15.3.4.
 *
 * @example
 * clientIp({ hops: 1 })                       // one proxy, whatever its address
 * clientIp({ proxies: ['10.0.0.0/8'] })       // any number, all inside your network
 */
export function clientIp(options: ClientIpOptions = {}): Wrapper<HasClientIp> {
  const { hops, proxies } = options
  const prefix = count(options.ipv6Prefix ?? 64, 'clientIp: ipv6Prefix', 48)
  if (prefix > 128) throw new TypeError(`clientIp: ipv6Prefix must be at most 128, got ${prefix}`)
  const header = fieldName(options.header ?? 'x-forwarded-for')
  const trusting = hops !== undefined || proxies !== undefined
  if (hops !== undefined && proxies !== undefined) throw new TypeError('clientIp: give hops or proxies, not both')
  if (!trusting && options.header !== undefined) throw new TypeError('clientIp: header needs hops or proxies')
  if (hops !== undefined) count(hops, 'clientIp: hops')
  const trusted = proxies && addressSet(proxies, 'clientIp: proxies')

  if (!trusting) return byPeer(prefix)

  const find = (request: Request, context: Context): HasClientIp => {
    const value = request.headers.get(header)
    if (value === null) return peerFacts(context, prefix)
    const chain = header === 'forwarded'
      ? forwarded(value)
      : forwardedFor(value, request.headers.get('x-forwarded-proto'))
    const at = hops === undefined ? byNetwork(chain, context, trusted!) : chain.length - hops
    const hop = chain[at]
    const address = hop && parseAddressAndPort(hop.node)
    if (hop === undefined || address === undefined) {
      suspect(context, 'forwarded-chain-unusable')
      return peerFacts(context, prefix)
    }
    if (at > 0) suspect(context, 'forwarded-address-claimed')
    context.attributes['client.address_source'] = header
    return factsOf(address, prefix, hop.proto === undefined ? context.connection.encrypted : hop.proto === 'https')
  }

  return (next) => (request, context) => next(request, extend(context, find(request, context)))
}

/** {@link clientIp} without options, and without the code that reads forwarding headers: the default of `policy`. */
export function byPeer(prefix = 64): Wrapper<HasClientIp> {
  return (next) => (request, context) => next(request, extend(context, peerFacts(context, prefix)))
}

function peerFacts(context: Context, prefix: number): HasClientIp {
  const { address, encrypted } = context.connection
  if (address !== undefined && PLAIN_V4.test(address)) {
    return { clientIp: address, clientNetwork: address, secure: encrypted }
  }
  const parsed = address === undefined ? undefined : parseAddress(address)
  if (parsed === undefined) {
    warnOnce(context, 'client-unidentified', 'the runtime gives no client address: all such clients share one limit')
  }
  return factsOf(parsed, prefix, encrypted)
}

function factsOf(address: Address | undefined, prefix: number, secure: boolean): HasClientIp {
  return address === undefined
    ? { clientIp: UNIDENTIFIED, clientNetwork: UNIDENTIFIED, secure }
    : { clientIp: formatAddress(address), clientNetwork: networkOf(address, prefix), secure }
}

/** The place of the client in a chain: the rightmost node that is no proxy of ours, if the peer itself is one. */
function byNetwork(chain: readonly Hop[], context: Context, trusted: AddressSet): number {
  const peer = parseAddress(context.connection.address ?? '')
  if (peer === undefined || !trusted.has(peer)) return -1
  for (let i = chain.length - 1; i > 0; i--) {
    const address = parseAddressAndPort(chain[i]!.node)
    if (address === undefined || !trusted.has(address)) return i
  }
  return 0
}

function suspect(context: Context, code: string): void {
  record(context, { kind: 'suspicious', guard: 'client-ip', code })
}

/**
 * A test for `requestId({ accept })`, `when` and `unless`: is the peer at the other end of the socket one of these?
 * Throws a TypeError when made if one is not an address or network.
 */
export function fromPeers(...networks: readonly string[]): Test {
  const set = addressSet(networks, 'fromPeers')
  return (_request, context) => {
    const peer = parseAddress(context.connection.address ?? '')
    return peer !== undefined && set.has(peer)
  }
}
