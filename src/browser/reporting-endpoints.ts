/** Reporting-Endpoints: where browsers send their reports (W3C Reporting API §3.2; RFC 9651 §3.2). */
import { sfString } from '../core/fields.ts'
import { show } from '../core/quantity.ts'

/**
 * The field's value, for `securityHeaders`: names for `report-to`, and where they are.
 * Throws a TypeError for a name that is no key, and for an endpoint that is neither HTTPS nor a path here.
 *
 * @example
 * securityHeaders({ reportingEndpoints: endpoints({ csp: '/reports' }), contentSecurityPolicy: csp({ 'report-to': ['csp'] }) })
 */
export function endpoints(named: Readonly<Record<string, string>>): string {
  const members = Object.entries(named).map(([name, url]) => {
    if (!/^[a-z*][a-z\d_.*-]*$/.test(name)) {
      throw new TypeError(`reportingEndpoints: ${show(name)} must be a lower-case key`)
    }
    if (!/^(?:https:\/\/|\/(?!\/))/.test(url)) {
      throw new TypeError(`reportingEndpoints: ${name} must be an HTTPS URL or a path, got ${show(url)}`)
    }
    return `${name}=${sfString(url)}`
  })
  if (members.length === 0) throw new TypeError('reportingEndpoints: give at least one endpoint')
  return members.join(', ')
}
