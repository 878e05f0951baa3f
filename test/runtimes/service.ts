/** The example service as the suite runs and calls it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, send, type Sent } from './client.ts'
import { type Running, start, stop } from './processes.ts'
import type { Target } from './setup.ts'

export const PASSWORD = 'Correct-horse-7'
/** Every address of 127.0.0.0/8 is this machine on Linux; elsewhere all calls come from one, and share its limits. */
export const ALIASES: boolean = process.platform === 'linux'

const folder = mkdtempSync(join(tmpdir(), 'tts-platform-'))

export const OPS_TOKEN = 'the-ops-token-of-the-suite'

/** Where a service writes its logs. */
export function logsOf(name: string): string {
  return join(folder, `${name}-logs`)
}

/** Where it keeps what is uploaded. */
export function uploadsOf(name: string): string {
  return join(folder, `${name}-uploads`)
}

/** Starts the service on a runtime, as `npm start` does. */
export function startService(name: string): Promise<Running> {
  const files = ['--logs', logsOf(name), '--uploads', uploadsOf(name), '--ops-token', OPS_TOKEN]
  const args = ['examples/tts-platform/main.ts', '--runtime', name, '--port', '0', ...files, '--attached']
  const line = new RegExp(`^tts-platform on ${name} listening on http://127\\.0\\.0\\.1:(\\d+)$`, 'm')
  const service = start(name, process.execPath, args, line)
  // Whoever awaits it is told; until then nobody is.
  service.catch(() => {})
  return service
}

export async function stopServices(services: Iterable<Promise<Running>>): Promise<void> {
  for (const service of await Promise.allSettled(services)) {
    if (service.status === 'fulfilled') await stop(service.value)
  }
  rmSync(folder, { recursive: true, force: true })
}

/** A call, with a JSON body and a bearer token where they are given. */
export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  token?: string,
  more?: Partial<Sent>,
) => Promise<Answer>

export function asker(target: Target): Ask {
  return (method, path, body, token = '', more = {}) =>
    send(target, {
      method,
      path,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...more,
    })
}

/** Registers, signs in, and gives the token. */
export async function signUp(ask: Ask, username: string): Promise<string> {
  await ask('POST', '/api/auth/register', { username, email: `${username}@example.org`, password: PASSWORD })
  return parsed<{ token: string }>(await ask('POST', '/api/auth/login', { username, password: PASSWORD })).token
}

export function parsed<T = Record<string, unknown>>({ body }: Answer): T {
  return JSON.parse(String(body)) as T
}

export function field({ headers }: Answer, wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1]
}

/** An event of a line of the log. */
export interface SecurityEvent {
  readonly kind: string
  readonly guard: string
  readonly code: string
  readonly principal?: string
}

/** What guards recorded, save what was merely altered. */
export function eventsIn(text: string): SecurityEvent[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{') && line.includes('"events":'))
  return lines.flatMap((line) => {
    const { events, principal } = JSON.parse(line) as { events: SecurityEvent[]; principal?: string }
    return events.filter(({ kind }) => kind !== 'altered')
      .map((event) => ({ ...event, ...(principal !== undefined && { principal }) }))
  })
}
