import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Context, extend } from '../../src/core/context.ts'
import { type AuditLog, auditLog, type AuditLogOptions } from '../../src/logging/audit.ts'
import { auditKeys } from '../../src/logging/audit-chain.ts'
import type { AuditEvent } from '../../src/logging/audit-event.ts'
import { redaction } from '../../src/core/redact.ts'
import { verifyAudit } from '../../src/logging/audit-verify.ts'
import { contextOf, recorder, settled, virtualClock } from '../helpers.ts'

const LOGIN: AuditEvent = { type: 'authentication', action: 'login', outcome: 'success', actor: 'ada' }
const SECRET = new Uint8Array(32).fill(7)
const KEY = { id: 'k1', secret: SECRET }

interface Audited {
  readonly audit: AuditLog
  readonly lines: string[]
  /** All lines so far, read; each must be one that no reader can take for more. */
  read(): Promise<Record<string, unknown>[]>
}

function audited(options: AuditLogOptions = {}): Audited {
  const lines: string[] = []
  const audit = auditLog({ write: (line) => void lines.push(line), ...options })
  return {
    audit,
    lines,
    async read() {
      await audit.settled()
      for (const line of lines) expect(line).toMatch(/^[ -~]+$/)
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    },
  }
}

function signedIn(context: Context = contextOf()): Context {
  return extend(context, {
    requestId: 'req-12345678',
    clientIp: '203.0.113.9',
    clientNetwork: '203.0.113.9',
    secure: true,
    principal: { id: 'ada' },
  })
}

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

describe('lets the good through', () => {
  test('A1, A2, A3: a line says who did what to which resource, from where, when, and how it came out', async () => {
    const { audit, read } = audited()
    audit(signedIn(), {
      type: 'data-modification',
      action: 'video-created',
      outcome: 'success',
      resource: { type: 'video', id: 7 },
      reason: 'scheduled',
      status: 201,
      userAgent: 'test/1.0',
      details: { tone: 'calm' },
    })
    const [line] = await read()
    const { chain, previous, hash, ...rest } = line!
    expect([chain, previous, hash]).toEqual([
      expect.stringMatching(/^[\da-f]{32}$/),
      '',
      expect.stringMatching(/^[\da-f]{64}$/),
    ])
    expect(rest).toEqual({
      seq: 0,
      time: '2026-01-01T00:00:00.000Z',
      type: 'data-modification',
      action: 'video-created',
      actor: 'ada',
      client: '203.0.113.9',
      requestId: 'req-12345678',
      resource: { type: 'video', id: '7' },
      outcome: 'success',
      reason: 'scheduled',
      status: 201,
      userAgent: 'test/1.0',
      details: { tone: 'calm' },
    })
  })

  test('A4: a login that failed names whom it was tried for, and is anonymous where it does not', async () => {
    const { audit, read } = audited()
    audit(contextOf(), { type: 'authentication', action: 'login', outcome: 'failure', reason: 'password-wrong' })
    audit(contextOf(), LOGIN)
    expect(await read()).toMatchObject([{ actor: 'anonymous', reason: 'password-wrong' }, { actor: 'ada', seq: 1 }])
  })

  test('ASVS 16.4.2: each line holds the hash of the one before, as sha256sum has it, and ends with its own', async () => {
    const { audit, lines, read } = audited()
    for (let i = 0; i < 5; i++) audit(contextOf(), LOGIN)
    const read5 = await read()
    expect(read5.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4])
    expect(read5.map(({ previous }) => previous)).toEqual(['', ...read5.map(({ hash }) => hash).slice(0, 4)])
    const before = new TextEncoder().encode(lines[4]!.replace(/,"hash":.*/, ''))
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', before))
    expect(read5[4]!['hash']).toBe([...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
  })

  test('lines are signed with bytes or a CryptoKey, and name the key', async () => {
    const secret = await crypto.subtle.importKey('raw', SECRET, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    for (const key of [KEY, { id: 'k1', secret }]) {
      const { audit, lines, read } = audited({ key })
      audit(contextOf(), LOGIN)
      await audit.close()
      expect(await read()).toMatchObject([{ keyId: 'k1', mac: expect.stringMatching(/^[\da-f]{64}$/) }, { end: true }])
      expect(await verifyAudit(text(lines), { keys: [KEY] })).toMatchObject({ ok: true, signed: 2, open: 0 })
    }
  })

  test('keys are read from text', () => {
    const hex = '0f'.repeat(32)
    expect(auditKeys(`2026-02 ${hex}\n\n 2026-01\t${hex.toUpperCase()}\r\n`)).toEqual([
      { id: '2026-02', secret: new Uint8Array(32).fill(15) },
      { id: '2026-01', secret: new Uint8Array(32).fill(15) },
    ])
  })

  test('a log without an event writes nothing, not even at its end', async () => {
    const { audit, lines } = audited({ key: KEY })
    await audit.settled()
    await audit.close()
    await audit.close()
    expect(lines).toEqual([])
  })
})

describe('refuses the bad', () => {
  test.each<[string, object, RegExp]>([
    ['a sink', { write: 'audit.log' }, /auditLog: write must be a function/],
    ['a bound', { maxQueued: 0 }, /auditLog: maxQueued must be/],
    [
      'a short key',
      { key: { id: 'k', secret: new Uint8Array(31) } },
      /auditLog: key\.secret must be at least 32 bytes/,
    ],
    ['no key', { key: { id: 'k' } }, /auditLog: key\.secret/],
    ['a key id', { key: { id: 'a b', secret: SECRET } }, /auditLog: key\.id/],
  ])('%s that cannot be is found when the log is made', (_what, options, message) => {
    expect(() => auditLog(options)).toThrow(message)
  })

  test('a CryptoKey that may not sign, or is for something else, is found when the log is made', async () => {
    const verifies = await crypto.subtle.importKey('raw', SECRET, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
    const sha512 = await crypto.subtle.importKey('raw', SECRET, { name: 'HMAC', hash: 'SHA-512' }, false, ['sign'])
    const aes = await crypto.subtle.importKey('raw', SECRET, 'AES-GCM', false, ['encrypt'])
    for (const secret of [verifies, sha512, aes]) {
      expect(() => auditLog({ key: { id: 'k', secret } })).toThrow(/may sign/)
    }
  })

  test('a bad key file is named by its line, and what stands there is not told', () => {
    for (const bad of ['secret', `a ${'0f'.repeat(31)}`, `a ${'0f'.repeat(32)}0`, `a! ${'0f'.repeat(32)}`]) {
      expect(() => auditKeys(`ok ${'0f'.repeat(32)}\n${bad}`)).toThrow(/^auditKeys: line 2 must be an id and 32 bytes/)
    }
  })
})

describe('survives the broken', () => {
  test('PITFALLS 22: whatever an event holds, it is one line of printable ASCII that verifies', async () => {
    const hostile = fc.oneof(
      fc.array(fc.nat(0xffff), { maxLength: 300 }).map((units) => String.fromCharCode(...units)),
      fc.constantFrom('\r\n{"chain":"x"}', '\u001b[2K\u001b[1A', '\u2028', '\u202e', '\ud800', '"},"hash":"', '\\'),
      fc.constantFrom('a', 'ä', '\u{1f600}', '\0', '"').map((text) => text.repeat(10_000)),
    )
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, fc.object(), async (one, two, three, details) => {
        const { audit, lines, read } = audited({ key: KEY })
        audit(contextOf(), {
          type: 'security',
          action: one,
          outcome: 'denied',
          actor: two,
          reason: three,
          userAgent: one,
          resource: { type: two, id: three },
          details: { ...details, one, two, deep: { three } },
        })
        const [line] = await read()
        expect(line).toMatchObject({ seq: 0, type: 'security', outcome: 'denied' })
        expect(lines[0]!.length).toBeLessThan(65_536)
        expect(await verifyAudit(text(lines), { keys: [KEY] })).toMatchObject({ ok: true, lines: 1, truncated: 0 })
      }),
      { numRuns: 25 },
    )
  })

  test('PITFALLS 22: secrets are redacted by key and by shape, at any depth, with more names where told', async () => {
    const { audit, lines } = audited({ redaction: redaction({ keys: ['customerId'] }) })
    const marker = 'marker-7f3a'
    const details = {
      password: marker,
      a: { b: [{ apiKey: marker, url: new URL(`https://a.test/?token=${marker}`) }] },
      customer_id: marker,
      note: `Bearer ${marker}`,
      keyboard: 'qwerty',
    }
    const leaky = `/x?token=${marker}`
    audit(contextOf(), { ...LOGIN, details, actor: leaky, userAgent: leaky, resource: { type: 'note', id: leaky } })
    await audit.settled()
    expect(lines.join()).not.toContain(marker)
    expect(lines.join()).toContain('qwerty')
  })

  test('who signed in is named, though his number may pass for a card', async () => {
    const { audit, read } = audited()
    const context = extend(contextOf(), { principal: { id: '4111111111111111' } })
    audit(context, { ...LOGIN, actor: undefined })
    expect(await read()).toMatchObject([{ actor: '4111111111111111' }])
  })

  test('an event that cannot be read is counted, told once, and owned up to in the next line', async () => {
    const { log, records } = recorder()
    const { audit, read } = audited({ log })
    const broken = Object.defineProperty({ ...LOGIN }, 'action', {
      get() {
        throw new Error('no')
      },
    })
    audit(contextOf(), broken)
    audit(contextOf(), broken)
    audit(contextOf(), LOGIN)
    audit(contextOf(), LOGIN)
    const [first, second] = await read()
    expect(first).toMatchObject({ seq: 0, dropped: 2 })
    expect(second).not.toHaveProperty('dropped')
    expect(audit.dropped).toBe(2)
    expect(records).toMatchObject([{ level: 'error', code: 'audit-events-lost' }])
  })

  test('a request never waits: events beyond the queue are dropped, counted, and owned up to', async () => {
    const { log, records } = recorder()
    const lines: string[] = []
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => open = resolve)
    const audit = auditLog({
      write: async (line) => {
        await gate
        lines.push(line)
      },
      maxQueued: 3,
      log,
    })
    for (let i = 0; i < 10; i++) audit(contextOf(), LOGIN)
    await settled()
    expect(lines).toEqual([])
    open()
    await audit.settled()
    audit(contextOf(), LOGIN)
    await audit.close()
    // One was being written, three waited.
    const report = await verifyAudit(text(lines))
    expect(audit.dropped).toBe(6)
    expect(report).toMatchObject({ ok: true, dropped: 6, open: 0 })
    expect(records).toHaveLength(1)
  })

  test('lasting overload is told once, not once per line that makes room', async () => {
    const { log, records } = recorder()
    const audit = auditLog({ write: () => {}, maxQueued: 10, log })
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 20; i++) audit(contextOf(), LOGIN)
      await crypto.subtle.digest('SHA-256', new Uint8Array(1))
    }
    expect(audit.dropped).toBeGreaterThan(20)
    expect(records).toHaveLength(1)
    await audit.settled()
    for (let i = 0; i < 20; i++) audit(contextOf(), LOGIN)
    expect(records).toHaveLength(2)
  })

  test('a sink that fails is told once per outage; the lines it lost leave a gap, which the next line owns up to', async () => {
    const { log, records } = recorder()
    const lines: string[] = []
    let calls = 0
    const audit = auditLog({
      write: (line) => {
        if (++calls === 2 || calls === 3 || calls === 5) throw new Error('disk full')
        lines.push(line)
      },
      log,
    })
    for (let i = 0; i < 6; i++) audit(contextOf(), LOGIN)
    await audit.close()
    expect(lines.map((line) => JSON.parse(line)).map(({ seq, lost }) => [seq, lost])).toEqual([
      [0, undefined],
      [3, 2],
      [5, 1],
      [6, undefined],
    ])
    expect(audit.dropped).toBe(3)
    expect(records).toHaveLength(2)
    expect(await verifyAudit(text(lines))).toMatchObject({ ok: true, dropped: 3 })
    // What it does not own up to is missing.
    expect(await verifyAudit(text([lines[0]!, ...lines.slice(2)]))).toMatchObject({
      fault: { line: 2, why: 'missing' },
    })
  })

  test('a sink that wrote and then failed does no harm', async () => {
    const lines: string[] = []
    const audit = auditLog({
      write: (line) => {
        lines.push(line)
        if (lines.length === 2) throw new Error('flush failed')
      },
      log: () => {},
    })
    for (let i = 0; i < 4; i++) audit(contextOf(), LOGIN)
    await audit.close()
    expect(await verifyAudit(text(lines))).toMatchObject({ ok: true, lines: 5 })
  })

  test('a line that takes too long is given up, and a new chain begins', async () => {
    const clock = virtualClock()
    const lines: string[] = []
    let wake = (): void => {}
    const audit = auditLog({
      write: (line) => {
        lines.push(line)
        return lines.length === 1 ? new Promise<void>((resolve) => wake = resolve) : undefined
      },
      log: () => {},
    })
    audit(contextOf({ clock }), LOGIN)
    audit(contextOf({ clock }), LOGIN)
    await settled()
    await settled()
    expect(lines).toHaveLength(1)
    clock.advance(31_000)
    audit(contextOf({ clock }), LOGIN)
    await audit.settled()
    wake()
    await settled()
    await audit.close()
    expect(lines.map((line) => JSON.parse(line)).map(({ seq, dropped }) => [seq, dropped])).toEqual([
      [0, undefined],
      [0, 1],
      [1, undefined],
      [2, undefined],
    ])
    expect(await verifyAudit(text(lines))).toMatchObject({ ok: true, chains: 2, open: 1 })
  })

  test('what is recorded after the end is dropped', async () => {
    const { audit, lines } = audited({ log: () => {} })
    audit(contextOf(), LOGIN)
    const closing = audit.close()
    audit(contextOf(), LOGIN)
    await closing
    audit(contextOf(), LOGIN)
    await audit.settled()
    expect(lines).toHaveLength(2)
    expect(audit.dropped).toBe(2)
    expect(await verifyAudit(text(lines))).toMatchObject({ ok: true, open: 0, dropped: 1 })
  })

  test('what an event says is fixed when it is recorded, and the runtime is asked to wait for its line', async () => {
    const { audit, lines, read } = audited()
    const waiting: Promise<unknown>[] = []
    const details = { step: 'before' }
    audit(contextOf({ waitUntil: (work) => void waiting.push(work) }), { ...LOGIN, details })
    details.step = 'after'
    expect(lines).toEqual([])
    await Promise.all(waiting)
    expect(await read()).toMatchObject([{ details: { step: 'before' } }])
  })
})
