import { hasBody } from '../core/body.ts'
import { isUtf8, mediaType } from '../core/fields.ts'
import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { problem } from '../core/problem.ts'

/** Options of {@link contentType}. */
export interface ContentTypeOptions extends Rollout {
  /** Media types taken, e.g. `'application/json'`; `'application/json'` brings `application/*+json`. */
  readonly allow: readonly string[]
  /** Content codings let through, e.g. `'gzip'`, for a `validate` that inflates them. (none) */
  readonly encodings?: readonly string[] | undefined
}

/**
 * Takes only bodies of these media types. Compares the type itself: lower case, without parameters. A `charset` other than
 * UTF-8 is another type, because all that reads bodies here decodes UTF-8.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: 415 `content-type-unsupported` for another type or none, with `Accept`; 415 `content-encoding-unsupported` for
 *          a compressed body, which nothing inside would count or read right.
 * Throws:  when made: TypeError if `allow` is empty or holds something that is no media type.
 * Fails:   closed: a body without a type is refused.
 * Costs:   two headers, and only where there is a body.
 * Source:  RFC 9110 §8.3, §15.5.16; RFC 6839 §3.1.
 *
 * @example
 * contentType({ allow: ['application/json'] })
 */
export function contentType(options: ContentTypeOptions): Wrapper {
  if (!Array.isArray(options.allow) || options.allow.length === 0) {
    throw new TypeError('contentType: allow must be a list of media types')
  }
  const allowed = new Set(options.allow.map((type: string) => {
    const bare = mediaType(String(type))
    // A range such as `image/*` would be compared as it is, and match nothing.
    if (bare === '' || bare.includes('*')) {
      throw new TypeError(`contentType: allow holds '${type}', which is no media type`)
    }
    return bare
  }))
  const json = allowed.has('application/json')
  const no = refusal(problem('content-type-unsupported', { headers: { accept: [...allowed].join(', ') } }))
  const codings = (options.encodings ?? []).map((coding) => coding.toLowerCase())
  const taken = codings.join(', ') || 'identity'
  const encoded = refusal(problem('content-encoding-unsupported', { headers: { 'accept-encoding': taken } }))
  return guard({
    name: 'content-type',
    ...options,
    decide(request, context) {
      if (!hasBody(request, context)) return ALLOW
      const encoding = request.headers.get('content-encoding')
      if (encoding !== null && !['identity', ...codings].includes(encoding.toLowerCase())) return encoded
      const declared = request.headers.get('content-type')
      const type = mediaType(declared)
      const known = allowed.has(type) || (json && /^application\/.+\+json$/.test(type))
      return known && isUtf8(declared!) ? ALLOW : no
    },
  })
}
