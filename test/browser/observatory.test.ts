/**
 * The presets, graded as the MDN HTTP Observatory grades a site: its tests of header fields, in our own words, with the
 * modifiers and grades of `@mdn/mdn-http-observatory` 1.4.8 (algorithm 4). The package itself, run by hand on the same
 * headers, gave the same: api 130, website 125. It brings 233 packages and 131 MB, so it is no dependency of ours.
 *
 * Cookies, redirection, subresource integrity and CORS are the handler's or the user's; without any they are worth 0.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { cors } from '../../src/browser/cors.ts'
import { csp } from '../../src/browser/content-security-policy.ts'
import { securityHeaders } from '../../src/browser/security-headers.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { policy } from '../../src/policy/policy.ts'
import { api, website } from '../../src/policy/presets.ts'
import { contextOf, send } from '../helpers.ts'

// Policies made weak on purpose say so.
beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => void vi.restoreAllMocks())

/** What each test of the Observatory finds, and what that is worth. */
const FINDINGS = {
  'csp: default-src none, nothing unsafe': 10,
  'csp: nothing unsafe': 5,
  'csp: unsafe in styles only': 0,
  'csp: plain http for passive content': -10,
  'csp: unsafe-eval': -10,
  'csp: unsafe-inline or too broad': -20,
  'csp: plain http': -20,
  'csp: none': -25,
  'cors: not for others, or for listed origins, or public': 0,
  'cors: credentials for any origin': -50,
  'referrer-policy: private': 5,
  'referrer-policy: none': 0,
  'referrer-policy: unsafe or invalid': -5,
  'hsts: six months or more': 0,
  'hsts: less than six months': -10,
  'hsts: none or invalid': -20,
  'x-content-type-options: nosniff': 0,
  'x-content-type-options: none or invalid': -5,
  'x-frame-options: by frame-ancestors': 5,
  'x-frame-options: DENY or SAMEORIGIN': 0,
  'x-frame-options: none or invalid': -20,
  'corp: same-origin or same-site': 10,
  'corp: none or cross-origin': 0,
  'corp: invalid': -5,
} as const
type Finding = keyof typeof FINDINGS

const BROAD = new Set(['ftp:', 'http:', 'https:', '*', 'http://*', 'http://*.*', 'https://*', 'https://*.*'])
const GRADES = [
  'F',
  'F',
  'F',
  'F',
  'F',
  'D-',
  'D',
  'D',
  'D+',
  'C-',
  'C',
  'C',
  'C+',
  'B-',
  'B',
  'B',
  'B+',
  'A-',
  'A',
  'A',
  'A+',
]

function directivesOf(headers: Headers): Map<string, string[]> {
  const policies = headers.get('content-security-policy')
  return new Map(
    (policies ?? '').toLowerCase().split(';').filter((one) => one.trim() !== '').map((one) => {
      const [name, ...sources] = one.trim().split(/\s+/)
      return [name!, sources.length === 0 && name!.endsWith('-src') ? ["'none'"] : sources]
    }),
  )
}

function gradeCsp(headers: Headers): Finding {
  const directives = directivesOf(headers)
  if (directives.size === 0) return 'csp: none'
  const fallback = directives.get('default-src')
  const of = (name: string): string[] => {
    const sources = directives.get(name) ?? fallback ?? ['*']
    const nonced = sources.some((source) => /^'(?:nonce|sha256|sha384|sha512)-/.test(source))
    return nonced ? sources.filter((source) => source !== "'unsafe-inline'") : sources
  }
  const unsafe = (source: string): boolean => BROAD.has(source) || source === "'unsafe-inline'" || source === 'data:'
  const plain = (source: string): boolean => /^(?:http|ftp):/.test(source)
  const passive = ['img-src', 'media-src']
  const active = [...directives].filter(([name]) => !passive.includes(name)).flatMap(([, sources]) => sources)
  if (of('script-src').some(unsafe) || of('object-src').some((one) => BROAD.has(one))) {
    return 'csp: unsafe-inline or too broad'
  }
  if (active.some(plain)) return 'csp: plain http'
  if ([...of('script-src'), ...of('style-src')].includes("'unsafe-eval'")) return 'csp: unsafe-eval'
  if (passive.flatMap((name) => directives.get(name) ?? fallback ?? []).some(plain)) {
    return 'csp: plain http for passive content'
  }
  if (of('style-src').some(unsafe)) return 'csp: unsafe in styles only'
  return fallback?.join() === "'none'" ? 'csp: default-src none, nothing unsafe' : 'csp: nothing unsafe'
}

function gradeReferrer(headers: Headers): Finding {
  const value = headers.get('referrer-policy')
  if (value === null) return 'referrer-policy: none'
  return ['no-referrer', 'same-origin', 'strict-origin', 'strict-origin-when-cross-origin'].includes(
      value.split(',').at(-1)!.trim(),
    )
    ? 'referrer-policy: private'
    : 'referrer-policy: unsafe or invalid'
}

function gradeHsts(headers: Headers): Finding {
  const value = headers.get('strict-transport-security') ?? ''
  const age = value.includes(',') ? undefined : /(?:^|;)\s*max-age=(\d+)/i.exec(value)?.[1]
  if (age === undefined) return 'hsts: none or invalid'
  return Number(age) >= 15_552_000 ? 'hsts: six months or more' : 'hsts: less than six months'
}

function gradeFraming(headers: Headers): Finding {
  if (directivesOf(headers).has('frame-ancestors')) return 'x-frame-options: by frame-ancestors'
  return /^(?:deny|sameorigin)$/i.test(headers.get('x-frame-options') ?? '')
    ? 'x-frame-options: DENY or SAMEORIGIN'
    : 'x-frame-options: none or invalid'
}

function gradeCorp(headers: Headers): Finding {
  const value = headers.get('cross-origin-resource-policy') ?? 'cross-origin'
  if (value === 'cross-origin') return 'corp: none or cross-origin'
  return value === 'same-origin' || value === 'same-site' ? 'corp: same-origin or same-site' : 'corp: invalid'
}

interface Report {
  readonly findings: Finding[]
  readonly score: number
  readonly grade: string
}

/** `headers` are of a page asked for with `Origin: origin`. */
function grade(headers: Headers, origin: string): Report {
  const reflected = headers.get('access-control-allow-origin') === origin &&
    headers.get('access-control-allow-credentials') === 'true'
  const findings: Finding[] = [
    gradeCsp(headers),
    reflected ? 'cors: credentials for any origin' : 'cors: not for others, or for listed origins, or public',
    gradeReferrer(headers),
    gradeHsts(headers),
    headers.get('x-content-type-options') === 'nosniff'
      ? 'x-content-type-options: nosniff'
      : 'x-content-type-options: none or invalid',
    gradeFraming(headers),
    gradeCorp(headers),
  ]
  const worth = findings.map((finding) => FINDINGS[finding])
  const penalties = worth.filter((one) => one < 0).reduce((sum, one) => sum + one, 100)
  // Extra credit counts from an A on only.
  const score = penalties >= 90 ? worth.reduce<number>((sum, one) => sum + one, 100) : penalties
  const most = Math.min(Math.max(score, 0), 100)
  return { findings, score, grade: GRADES[Math.floor(most / 5)]! }
}

async function gradeOf(
  slots: Policy,
  response: () => Response,
  origin = 'https://http-observatory.example',
): Promise<Report> {
  const app = policy({ ...slots, accessLog: false })(response)
  const context = contextOf({ address: '203.0.113.5', connection: { encrypted: true } })
  const { headers } = await send(app, new Request('https://service.test/', { headers: { origin } }), context)
  return grade(headers, origin)
}

const page = (): Response =>
  new Response('<!doctype html><title>Hello</title>', { headers: { 'content-type': 'text/html' } })
const data = (): Response => Response.json({ hello: 'world' })

describe('the MDN HTTP Observatory gives an A+', () => {
  test('to the api preset: 130', async () => {
    expect(await gradeOf(api, data)).toEqual({
      findings: [
        'csp: default-src none, nothing unsafe',
        'cors: not for others, or for listed origins, or public',
        'referrer-policy: private',
        'hsts: six months or more',
        'x-content-type-options: nosniff',
        'x-frame-options: by frame-ancestors',
        'corp: same-origin or same-site',
      ],
      score: 130,
      grade: 'A+',
    })
  })

  test('to the website preset: 125', async () => {
    expect(await gradeOf(website, page)).toEqual({
      findings: [
        'csp: nothing unsafe',
        'cors: not for others, or for listed origins, or public',
        'referrer-policy: private',
        'hsts: six months or more',
        'x-content-type-options: nosniff',
        'x-frame-options: by frame-ancestors',
        'corp: same-origin or same-site',
      ],
      score: 125,
      grade: 'A+',
    })
  })

  test('to a policy without any slot', async () => {
    expect(await gradeOf({}, page)).toMatchObject({ score: 125, grade: 'A+' })
  })

  test('to nonces, and to CORS for listed origins with credentials', async () => {
    const nonced = securityHeaders({
      contentSecurityPolicy: csp({ 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] }, { nonce: true }),
    })
    expect(await gradeOf({ securityHeaders: nonced }, page)).toMatchObject({ score: 130, grade: 'A+' })
    const shared = cors({ origins: ['https://app.example'], credentials: true })
    expect(await gradeOf({ ...api, cors: shared }, data)).toMatchObject({ score: 130, grade: 'A+' })
  })

  test('to refusals, too: a scan may meet a 401 or a 403', async () => {
    for (const status of [401, 403, 404]) {
      expect(await gradeOf(api, () => new Response(null, { status }))).toMatchObject({ score: 130, grade: 'A+' })
    }
  })
})

// Each of these was graded by the package itself as well.
describe('the grader grades', () => {
  test.each<[string, Policy, number, string]>([
    ['nothing', { securityHeaders: false }, 30, 'D'],
    ['no policy', { securityHeaders: securityHeaders({ contentSecurityPolicy: false }) }, 75, 'B'],
    ['no HSTS', { securityHeaders: securityHeaders({ strictTransportSecurity: false }) }, 80, 'B+'],
    [
      'inline scripts',
      {
        securityHeaders: securityHeaders({
          contentSecurityPolicy: csp({ 'default-src': ["'self'", "'unsafe-inline'"] }),
        }),
      },
      80,
      'B+',
    ],
    [
      'eval',
      {
        securityHeaders: securityHeaders({
          contentSecurityPolicy: csp({ 'default-src': ["'self'"], 'script-src': ["'unsafe-eval'"] }),
        }),
      },
      105,
      'A+',
    ],
    ['CORS for anybody with credentials', { cors: cors({ origins: () => true, credentials: true }) }, 50, 'C'],
    ['public CORS', { cors: cors({ origins: '*' }) }, 125, 'A+'],
  ])('%s', async (_what, slots, score, letter) => {
    expect(await gradeOf(slots, page)).toMatchObject({ score, grade: letter })
  })
})
