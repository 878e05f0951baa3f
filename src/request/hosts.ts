import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { problem } from '../core/problem.ts'
import { isSecure } from '../core/request.ts'

/** Options of {@link hosts}. */
export interface HostsOptions extends Rollout {
  /** Hosts served here, e.g. `'api.example'`, `'localhost:3000'`, `'[::1]'`, `'*.example'` (one or more labels). */
  readonly allow: readonly string[]
}

/**
 * Serves only the hosts that are ours, so that no forged `Host` reaches links, caches or virtual hosts.
 *
 * Decides on the authority that the request was sent to (`Host`, or `:authority` in HTTP/2), in lower case, without a
 * trailing dot. A host listed without a port is allowed on any port; with one, on that port only.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: 421 `host-not-allowed`.
 * Throws:  when made: TypeError if `allow` is empty or holds something that is no host.
 * Fails:   not.
 * Costs:   one header, one hash look-up.
 * Source:  RFC 9110 §7.2, §7.4, §15.5.20.
 *
 * @example
 * hosts({ allow: ['api.example', 'localhost'] })
 */
export function hosts(options: HostsOptions): Wrapper {
  if (!Array.isArray(options.allow) || options.allow.length === 0) {
    throw new TypeError('hosts: allow must be a list of hosts')
  }
  const exact = new Set<string>()
  const suffixes: string[] = []
  for (const host of options.allow) {
    const bare = typeof host === 'string' ? host.replace(/^\*\./, '') : ''
    const parsed = parse(bare)
    if (parsed === undefined) throw new TypeError(`hosts: allow holds '${host}', which is no host`)
    const name = parsed.port === '' ? parsed.name : `${parsed.name}:${parsed.port}`
    if (bare === host) exact.add(name)
    else suffixes.push(`.${name}`)
  }
  const no = refusal(problem('host-not-allowed'))
  return guard({
    name: 'hosts',
    ...options,
    decide(request, context) {
      const host = parse(request.headers.get('host') ?? authority(request.url))
      if (host === undefined) return no
      const { name, port } = host
      // Clients leave the scheme's own port out.
      const both = `${name}:${port === '' ? isSecure(context) ? '443' : '80' : port}`
      const known = exact.has(name) || exact.has(both) ||
        suffixes.some((one) => name.endsWith(one) || both.endsWith(one))
      return known ? ALLOW : no
    },
  })
}

// Labels only: two Host fields arrive joined by a comma, and `evil.test, api.example` must not end in `.example`.
function parse(host: string): { name: string; port: string } | undefined {
  if (host.length > 300) return undefined // a name has at most 253 characters
  const match = /^(\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*\.?)(?::(\d{1,5}))?$/i.exec(host)
  return match === null ? undefined : { name: match[1]!.toLowerCase().replace(/\.$/, ''), port: match[2] ?? '' }
}

function authority(url: string): string {
  return /^[a-z]+:\/\/([^/?#]*)/i.exec(url)?.[1] ?? ''
}
