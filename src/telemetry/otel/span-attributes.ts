/** What spans say about requests, as OpenTelemetry's conventions for HTTP have it, and without secrets. */
import type { Attributes, Span } from '@opentelemetry/api'
import { SpanStatusCode } from '@opentelemetry/api'
import type { Context, End } from '../../core/context.ts'
import type { SecurityEvent } from '../../core/event.ts'
import type { HasClientIp } from '../../core/facts.ts'
import type { Redaction } from '../../core/redact.ts'
import { isKnownMethod } from '../http-labels.ts'

/** Characters of one attribute. */
export const TEXT = 1_024
const QUERY = 2_048
const HIDDEN = '[redacted]'

/** Which parts of a request a span shows beyond the usual. */
export interface Shown {
  readonly query: boolean
  readonly headers: readonly { readonly name: string; readonly key: string; readonly hidden: boolean }[]
  readonly redaction: Redaction
}

/** At most `most` characters of a text without secrets, none of them half of one. */
export function shortened(text: string, most: number, redaction: Redaction): string {
  return text.length > most ? (JSON.parse(redaction.string(text, most)) as string).slice(0, most) : redaction.text(text)
}

/** The method as names of spans have it. */
export function spanMethod(method: string): string {
  return isKnownMethod(method) ? method : 'HTTP'
}

/** What is known when a request arrives: samplers see this. */
export function requestAttributes(request: Request, { query, headers, redaction }: Shown): Attributes {
  const { url } = request
  const { length, scheme, address, port } = originOf(url)
  const hash = url.indexOf('#', length)
  const end = hash < 0 ? url.length : hash
  const mark = url.indexOf('?', length)
  const pathEnd = mark < 0 || mark > end ? end : mark
  const attributes: Attributes = {
    'http.request.method': request.method,
    'url.scheme': scheme,
    'url.path': shortened(url.slice(length, pathEnd), TEXT, redaction),
    'server.address': address,
    'server.port': port,
  }
  setOther(attributes, request.method)
  const agent = request.headers.get('user-agent')
  if (agent !== null) attributes['user_agent.original'] = redaction.text(agent).slice(0, TEXT)
  if (query && pathEnd < end) attributes['url.query'] = redactQuery(url.slice(pathEnd + 1, end), redaction)
  for (const { name, key, hidden } of headers) {
    const value = request.headers.get(name)
    if (value !== null) attributes[key] = [hidden ? HIDDEN : redaction.text(value).slice(0, TEXT)]
  }
  return attributes
}

/** What lies before the path. */
interface Origin {
  readonly text: string
  readonly length: number
  readonly scheme: string
  readonly address: string
  readonly port: number
}

// Most requests are for the same one as the one before.
let latest: Origin | undefined

/** The origin of an absolute URL in its normal form. */
function originOf(url: string): Origin {
  if (latest !== undefined && url.startsWith(latest.text) && url[latest.length] === '/') return latest
  const start = url.indexOf('://') + 3
  const slash = url.indexOf('/', start)
  const text = url.slice(0, slash < 0 ? undefined : slash)
  const scheme = text.slice(0, start - 3)
  const host = text.slice(start)
  return latest = { text, length: text.length, scheme, address: addressOf(host), port: portOf(host, scheme) }
}

/** Of a call that goes out. */
export function callAttributes(method: string, url: URL, redaction: Redaction): Attributes {
  const query = url.search === '' ? '' : `?${redactQuery(url.search.slice(1), redaction)}`
  const attributes: Attributes = {
    'http.request.method': method,
    'url.full': `${url.protocol}//${url.host}${redaction.text(url.pathname).slice(0, TEXT)}${query}`,
    'server.address': addressOf(url.host),
    'server.port': portOf(url.host, url.protocol.slice(0, -1)),
  }
  setOther(attributes, method)
  return attributes
}

/** Only known methods, so that nobody can make up values without end. */
function setOther(attributes: Attributes, method: string): void {
  if (isKnownMethod(method)) return
  attributes['http.request.method'] = '_OTHER'
  attributes['http.request.method_original'] = method.slice(0, 32)
}

function portAt(host: string): number {
  const colon = host.lastIndexOf(':')
  return colon > host.lastIndexOf(']') ? colon : -1
}

function addressOf(host: string): string {
  const colon = portAt(host)
  const address = colon < 0 ? host : host.slice(0, colon)
  return address.startsWith('[') ? address.slice(1, -1) : address
}

function portOf(host: string, scheme: string): number {
  const colon = portAt(host)
  return colon < 0 ? scheme === 'https' ? 443 : 80 : Number(host.slice(colon + 1))
}

/** Adds what is known when the exchange has ended. */
export function describeEnd(
  span: Span,
  request: Request,
  context: Context,
  { status, outcome }: End,
  { redaction }: Shown,
  route: string | undefined,
): void {
  span.setAttribute('http.response.status_code', status)
  const { clientIp, secure } = context as Partial<HasClientIp>
  if (clientIp !== undefined && clientIp !== 'unidentified') span.setAttribute('client.address', clientIp)
  if (secure === true && request.url.startsWith('http:')) {
    // TLS ended at a proxy that is trusted.
    span.setAttribute('url.scheme', 'https')
    span.setAttribute('server.port', portOf(originOf(request.url).text.slice(7), 'https'))
  }
  for (const name in context.attributes) {
    if (name === 'trace.id' || name === 'span.id') continue
    const value = context.attributes[name]!
    const shown = typeof value === 'string' ? redaction.text(value).slice(0, TEXT) : value
    span.setAttribute(name, redaction.isSecret(name) ? HIDDEN : shown)
  }
  const template = route ?? context.attributes['http.route']
  if (typeof template === 'string') {
    span.setAttribute('http.route', template)
    span.updateName(`${spanMethod(request.method)} ${template}`)
  }
  // A client that leaves is no error of the server's, nor is a 4xx.
  if (outcome === 'failed') broke(span, 'body_failed')
  else if (status >= 500) broke(span, String(status))
  if (outcome === 'aborted') span.addEvent('client_closed')
  for (const event of context.events) addEvent(span, event, redaction)
}

function addEvent(span: Span, { kind, guard, code, status, reason }: SecurityEvent, redaction: Redaction): void {
  const attributes: Attributes = { 'sallyport.guard': guard, 'sallyport.code': code }
  if (status !== undefined) attributes['http.response.status_code'] = status
  if (reason !== undefined) attributes['sallyport.reason'] = redaction.text(reason)
  span.addEvent(`sallyport.${kind}`, attributes)
  if (kind === 'error') span.setStatus({ code: SpanStatusCode.ERROR })
}

/** Marks a span as failed. */
export function broke(span: Span, type: string): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/**
 * A query with the values of secret-looking parameters replaced. By the word that the conventions have: ours has brackets,
 * which a query cannot.
 */
export function redactQuery(query: string, { isSecret, text }: Redaction): string {
  // What the cut goes through is left out: half a secret is one.
  const start = query.length > QUERY ? query.slice(0, Math.max(0, query.lastIndexOf('&', QUERY))) : query
  return start.split('&').map((pair) => {
    const equals = pair.indexOf('=')
    if (equals < 0) return text(decoded(pair)) === decoded(pair) ? pair : 'REDACTED'
    const value = decoded(pair.slice(equals + 1))
    const secret = isSecret(decoded(pair.slice(0, equals))) || text(value) !== value
    return secret ? `${pair.slice(0, equals)}=REDACTED` : pair
  }).join('&')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
