/** The service that the suite calls: the kernel's behaviours, each under its own path; the same on every runtime. */
import * as v from 'valibot'
import {
  accessLog,
  api,
  bodyLimit,
  byClientIp,
  clientIp,
  compose,
  contentType,
  cors,
  csp,
  csrf,
  errors,
  fromPeers,
  type Handler,
  headerLimit,
  health,
  hosts,
  httpsRedirect,
  ipAccess,
  type KeyOf,
  legacyEnvelope,
  methods,
  pathOf,
  policy,
  rateLimit,
  rawPath,
  requestId,
  securityHeaders,
  timeout,
  validate,
} from '../../src/index.ts'
import { core, lines } from './core.ts'
import { type Mount, mount } from './mounts.ts'
import { type FilesOf, input } from './input.ts'
import { observe } from './observe.ts'
import { traffic } from './traffic.ts'

const byHeader: KeyOf<{}> = (_context, request) => request.headers.get('x-client') ?? 'nobody'
const quiet = { ...api, accessLog: false, contentType: false } as const
const ok = () => Response.json({ ok: true })
const rules = v.object({
  name: v.pipe(v.string('The name must be text.'), v.minLength(1, 'The name is empty.')),
  epochs: v.pipe(v.number('Epochs must be a number.'), v.minValue(1, 'Epochs must be at least 1.')),
})
const limits = compose(
  rateLimit({ name: 'burst', key: byHeader, limit: 3, window: '1h' }),
  rateLimit({ name: 'day', key: byHeader, limit: 100, window: '1d', legacyHeaders: true }),
)

/** Makes the mounts. `upgrade` answers WebSocket handshakes, as this runtime does it; `filesOf` says where its files go. */
export function fixture(upgrade: Handler, filesOf: FilesOf): readonly Mount[] {
  return [
    mount('/ws', policy(quiet), upgrade),
    mount('/core', core, lines),
    observe(),
    mount('/limit', policy({ ...quiet, cors: cors({ origins: ['https://app.example'] }), rateLimit: limits }), ok),
    mount(
      '/report',
      policy({ ...quiet, rateLimit: rateLimit({ key: byHeader, limit: 1, window: '1h', mode: 'report' }) }),
      (_request, { events }) => Response.json(events),
    ),
    mount(
      '/cost',
      policy({ ...quiet, rateLimit: rateLimit({ key: byClientIp, limit: 5, window: '1h', cost: () => 6 }) }),
      ok,
    ),
    mount(
      '/validate',
      policy({ ...quiet, contentType: api.contentType, validate: validate({ body: rules }) }),
      async (request, { input }) => Response.json({ input: input.body, again: (await request.text()).length }),
    ),
    mount('/generic', policy({ ...quiet, validate: validate({ body: rules }, { generic: true }) }), ok),
    mount(
      '/envelope',
      policy({
        ...quiet,
        errors: errors({ format: legacyEnvelope, log: () => {} }),
        validate: validate({ body: rules }),
      }),
      ok,
    ),
    mount('/csrf', policy({ ...quiet, csrf: csrf({ origins: ['https://app.example'] }) }), ok),
    mount('/hosts', policy({ ...quiet, hosts: hosts({ allow: ['127.0.0.1', 'api.example', '*.example.org'] }) }), ok),
    mount('/methods', policy({ ...quiet, methods: methods({ allow: ['GET', 'POST'] }) }), ok),
    mount('/type', policy({ ...quiet, contentType: contentType({ allow: ['application/json', 'text/csv'] }) }), ok),
    mount('/headers', policy({ ...quiet, headerLimit: headerLimit({ max: '4kb', fields: 50 }) }), ok),
    mount('/proxied', policy({ ...quiet, clientIp: clientIp({ hops: 1 }) }), who),
    mount('/networks', policy({ ...quiet, clientIp: clientIp({ proxies: ['127.0.0.0/8', '10.0.0.0/8'] }) }), who),
    mount(
      '/access',
      policy({ ...quiet, clientIp: clientIp({ hops: 1 }), ipAccess: ipAccess({ deny: ['203.0.113.0/24'] }) }),
      ok,
    ),
    mount('/https', policy({ ...quiet, httpsRedirect: httpsRedirect({ host: 'www.example' }) }), ok),
    mount(
      '/page',
      policy({
        securityHeaders: securityHeaders({
          contentSecurityPolicy: csp({ 'default-src': ["'self'"] }, { nonce: true }),
        }),
      }),
      (_request, { nonce }) =>
        new Response(`<script nonce="${nonce}"></script>`, { headers: { 'content-type': 'text/html' } }),
    ),
    mount(
      '/slow',
      policy({ ...quiet, timeout: timeout({ after: '100ms' }) }),
      async (_request, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        return ok()
      },
    ),
    mount(
      '/upload',
      policy({ ...quiet, bodyLimit: bodyLimit({ max: '200mb', unknownLength: 'stream' }) }),
      {
        '/count': async (request) => {
          let bytes = 0
          for await (const chunk of request.body ?? []) {
            bytes += (chunk as Uint8Array).byteLength
          }
          return Response.json({ bytes })
        },
        '/mirror': (request) => new Response(request.body, { headers: { 'content-type': 'application/octet-stream' } }),
      },
    ),
    mount(
      '/small',
      policy({ ...quiet, bodyLimit: bodyLimit({ max: '1kb', unknownLength: 'stream' }) }),
      { '/count': async (request) => Response.json({ bytes: (await request.arrayBuffer()).byteLength }) },
    ),
    mount('/strict', policy({ ...quiet, bodyLimit: bodyLimit({ max: '1kb', unknownLength: 'refuse' }) }), ok),
    ...traffic,
    ...input(filesOf),
    // Last: whatever no other path takes, and the health checks.
    mount(
      '',
      policy({
        ...quiet,
        requestId: requestId({ accept: fromPeers('127.0.0.0/8') }),
        accessLog: accessLog({ write: () => {} }),
        health: health({
          checks: { well: () => true, hanging: () => new Promise(() => {}) },
          ready: '/health/stuck',
          full: '/health',
          detail: (request) => request.headers.get('x-operator') === 'yes',
          timeout: '200ms',
        }),
      }),
      (request) =>
        Response.json({
          url: request.url.replace(/^https?:\/\/[^/]*/, ''),
          raw: rawPath(request),
          path: pathOf(request),
        }),
    ),
  ]
}

const who: Handler<
  { clientIp: string; clientNetwork: string; secure: boolean }
> = (_request, { clientIp, clientNetwork, secure, events }) =>
  Response.json({ clientIp, clientNetwork, secure, events: events.map(({ code }) => code) })
