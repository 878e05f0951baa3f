/** Permissions-Policy: a structured-field dictionary of allow-lists (W3C Permissions Policy §5; RFC 9651 §3.2). */
import { sfString } from '../core/fields.ts'
import { show } from '../core/quantity.ts'

/** Who may use a feature: nobody `[]`, this origin `['self']`, some origins `['https://a.example']`, or all `'*'`. */
export type PermissionsPolicy = Readonly<Record<string, '*' | readonly ('self' | 'src' | (string & {}))[]>>

/** As text: what a page without hardware has no use for. */
export const NO_HARDWARE: string =
  'camera=(), microphone=(), geolocation=(), payment=(), usb=(), magnetometer=(), gyroscope=(), accelerometer=()'

/**
 * The field's value, for `securityHeaders`. Throws a TypeError that names the feature for anything malformed.
 *
 * @example
 * securityHeaders({ permissionsPolicy: permissions({ camera: ['self'], geolocation: [] }) })
 */
export function permissions(policy: PermissionsPolicy): string {
  const members = Object.entries(policy).map(([feature, allowed]) => {
    if (!/^[a-z][a-z\d-]*$/.test(feature)) throw new TypeError(`permissionsPolicy: ${show(feature)} is not a feature`)
    if (allowed === '*') return `${feature}=*`
    if (!Array.isArray(allowed)) throw new TypeError(`permissionsPolicy: ${feature} must be '*' or a list`)
    return `${feature}=(${allowed.map((one) => member(feature, one)).join(' ')})`
  })
  if (members.length === 0) throw new TypeError('permissionsPolicy: give at least one feature, or false')
  return members.join(', ')
}

function member(feature: string, allowed: string): string {
  if (allowed === 'self' || allowed === 'src') return allowed
  if (!/^https?:\/\/[\w\-.~:/*[\]%]+$/.test(allowed)) {
    throw new TypeError(`permissionsPolicy: ${feature} allows 'self', 'src' or origins, got ${show(allowed)}`)
  }
  return sfString(allowed)
}
