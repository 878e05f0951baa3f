import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { auditLog } from '../../src/logging/audit.ts'
import type { AuditKey } from '../../src/logging/audit-chain.ts'
import { verifyAudit } from '../../src/logging/audit-verify.ts'
import { contextOf } from '../helpers.ts'

const KEYS = ['k1', 'k2'].map((id, i) => ({ id, secret: new Uint8Array(32).fill(i + 1) }))
const ENCODER = new TextEncoder()

interface ChainOptions {
  readonly key?: AuditKey | null
  readonly close?: boolean
  readonly actor?: string
}

/** The lines of a log with `count` events and, once it is closed, a last line. */
async function chainOf(
  count: number,
  { key = KEYS[0]!, close = true, actor = 'ada' }: ChainOptions = {},
): Promise<string[]> {
  const lines: string[] = []
  const audit = auditLog({ write: (line) => void lines.push(line), ...key && { key } })
  for (let i = 0; i < count; i++) {
    const details = i % 3 === 0 ? { chain: 'x', note: `{"chain":"\n ä ${i}` } : undefined
    audit(contextOf(), {
      type: 'data-access',
      action: 'note-read',
      outcome: 'success',
      resource: { type: 'note', id: i },
      actor,
      details,
    })
  }
  await (close ? audit.close() : audit.settled())
  return lines
}

const unsigned = (count: number): Promise<string[]> => chainOf(count, { key: null })
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

/** Takes a line from one or the other, in their order. */
function interleaved(one: readonly string[], other: readonly string[], turns: readonly boolean[]): string[] {
  const queues = [[...one], [...other]]
  const out = turns.flatMap((turn) => queues[Number(turn)]!.splice(0, 1))
  return [...out, ...queues.flat()]
}

describe('lets the good through', () => {
  test('a whole log verifies, with its keys and without them', async () => {
    const lines = await chainOf(300)
    const whole = { ok: true, fault: undefined, lines: 301, chains: 1, open: 0, truncated: 0, dropped: 0 }
    expect(await verifyAudit(text(lines), { keys: KEYS })).toEqual({ ...whole, signed: 301 })
    expect(await verifyAudit(text(lines))).toEqual({ ...whole, signed: 0 })
    expect(await verifyAudit(text(await unsigned(300)))).toEqual({ ...whole, signed: 0 })
    expect(await verifyAudit('')).toMatchObject({ ok: true, lines: 0, chains: 0 })
  })

  test('it comes in chunks cut anywhere, as bytes or text, as a stream or a list', async () => {
    const all = ENCODER.encode(text(await chainOf(9)))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(all.length), { maxLength: 20 }), fc.boolean(), async (cuts, bytes) => {
        const ends = [...cuts.sort((a, b) => a - b), all.length]
        const chunks = ends.map((end, i) => all.slice(ends[i - 1] ?? 0, end))
        const source = bytes ? chunks : chunks.map((chunk) => new TextDecoder().decode(chunk))
        expect(await verifyAudit(source, { keys: KEYS })).toMatchObject({ ok: true, lines: 10 })
      }),
      { numRuns: 30 },
    )
    const stream = new Response(all).body as ReadableStream<Uint8Array>
    expect(await verifyAudit(stream, { keys: KEYS })).toMatchObject({ ok: true, lines: 10 })
  })

  test('chains of several processes lie among one another, each with its key', async () => {
    const one = await chainOf(20, { key: KEYS[0]! })
    const other = await chainOf(20, { key: KEYS[1]!, close: false })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (turns) => {
        const report = await verifyAudit(text(interleaved(one, other, turns)), { keys: KEYS })
        expect(report).toMatchObject({ ok: true, lines: 41, chains: 2, open: 1 })
      }),
      { numRuns: 20 },
    )
  })

  test('a log whose older files are gone verifies where that is said', async () => {
    const lines = (await chainOf(9)).slice(4)
    expect(await verifyAudit(text(lines), { keys: KEYS })).toMatchObject({ fault: { line: 1, why: 'missing' } })
    expect(await verifyAudit(text(lines), { keys: KEYS, partial: true })).toMatchObject({ ok: true, lines: 6 })
  })
})

describe('refuses the bad', () => {
  test('any byte that is changed is found, in the line that holds it', async () => {
    for (
      const [lines, keys] of [[await chainOf(6), KEYS], [await unsigned(6), undefined], [await chainOf(6)]] as const
    ) {
      const good = ENCODER.encode(text(lines))
      await fc.assert(
        fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
          const bad = good.slice()
          bad[at] = bad[at]! ^ mask
          const report = await verifyAudit([bad], { keys })
          const line = good.slice(0, at).filter((byte) => byte === 10).length + 1
          expect(report).toMatchObject({ ok: false, fault: { line }, lines: line - 1 })
        }),
        { numRuns: 100 },
      )
    }
  })

  test('any bytes that are removed or put in are found', async () => {
    const good = text(await chainOf(6))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 2),
        fc.integer({ min: 0, max: 5 }),
        fc.array(fc.nat(0xffff), { maxLength: 4 }).map((units) => String.fromCharCode(...units)),
        async (at, length, put) => {
          const bad = good.slice(0, at) + put + good.slice(at + length)
          fc.pre(bad !== good && at + length < good.length)
          expect(await verifyAudit(bad, { keys: KEYS })).toMatchObject({ ok: false })
        },
      ),
      { numRuns: 80 },
    )
  })

  test('any line that is removed, copied, moved or exchanged is found, among those of another chain too', async () => {
    const one = await chainOf(8)
    const other = await chainOf(8, { actor: 'bob' })
    const turns = fc.array(fc.boolean(), { maxLength: 30 })
    const changes = fc.constantFrom('remove', 'copy', 'move', 'swap')
    await fc.assert(
      fc.asyncProperty(turns, changes, fc.nat(17), fc.nat(17), async (turns, change, from, to) => {
        const good = interleaved(one, other, turns)
        const bad = [...good]
        if (change === 'copy') bad.splice(to, 0, good[from]!)
        else if (change === 'swap') [bad[from], bad[to]] = [good[to]!, good[from]!]
        else {
          bad.splice(from, 1)
          if (change === 'move') bad.splice(to, 0, good[from]!)
        }
        const chainsOf = (lines: string[]): string =>
          [one, other].map((chain) => lines.filter((line) => chain.includes(line))).join()
        // Lines of different chains may stand in any order; that the last of one is gone, an open chain shows.
        fc.pre(chainsOf(bad) !== chainsOf(good))
        const report = await verifyAudit(text(bad), { keys: KEYS })
        if (change === 'remove' && (good[from] === one.at(-1) || good[from] === other.at(-1))) {
          expect(report).toMatchObject({ ok: true, open: 1 })
        } else expect(report.ok).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  test('what was done to a line is named', async () => {
    const lines = await chainOf(4)
    const faultOf = async (bad: readonly string[], keys = KEYS) => (await verifyAudit(text(bad), { keys })).fault
    const [a, b, c] = lines as [string, string, string]
    expect(await faultOf([a, b.replace('note-read', 'note-kept'), c])).toEqual({ line: 2, why: 'altered' })
    expect(await faultOf([a, c])).toEqual({ line: 2, why: 'missing' })
    expect(await faultOf([a, c, b])).toEqual({ line: 2, why: 'missing' })
    expect(await faultOf([a, b, b])).toEqual({ line: 3, why: 'repeated' })
    expect(await faultOf([a, 'hello', b])).toEqual({ line: 2, why: 'malformed' })
    expect(await faultOf([a, '', b])).toEqual({ line: 2, why: 'malformed' })
    expect(await faultOf(lines, [KEYS[1]!])).toEqual({ line: 1, why: 'key-unknown' })
    expect(await faultOf(await unsigned(2))).toEqual({ line: 1, why: 'unsigned' })
    const imposter = { id: 'k1', secret: new Uint8Array(32) }
    expect(await faultOf(await chainOf(2, { key: imposter }))).toEqual({ line: 1, why: 'forged' })
  })

  test('who has the file but not the key cannot forge: a new hash needs a new signature', async () => {
    const [line] = await chainOf(1, { close: false }) as [string]
    const reseal = async (content: string): Promise<string> => {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', ENCODER.encode(content)))
      return `${content},"hash":"${[...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')}"}`
    }
    const content = line.replace(/,"hash":.*/, '')
    expect(await reseal(content)).toBe(line)
    const forged = await reseal(content.replace('"ada"', '"eve"'))
    expect(await verifyAudit(text([forged]))).toMatchObject({ ok: true })
    expect(await verifyAudit(text([forged]), { keys: KEYS })).toMatchObject({ fault: { line: 1, why: 'forged' } })
    const bare = await reseal(content.replace('"ada"', '"eve"').replace(/,"mac":.*/, ''))
    expect(await verifyAudit(text([bare]), { keys: KEYS })).toMatchObject({ fault: { line: 1, why: 'unsigned' } })
    const anonymous = await reseal(content.replace(',"keyId":"k1"', ''))
    expect(await verifyAudit(text([anonymous]), { keys: KEYS })).toMatchObject({ fault: { line: 1, why: 'unsigned' } })
  })

  test('a line of one chain does not fit into another, though its hash is its own', async () => {
    const [a0] = await unsigned(3) as [string]
    const [, b1] = await unsigned(3) as [string, string]
    const chain = (line: string): string => /[\da-f]{32}/.exec(line)![0]
    const content = b1.replace(/,"hash":.*/, '').replace(chain(b1), chain(a0))
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', ENCODER.encode(content)))
    const moved = `${content},"hash":"${[...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')}"}`
    expect(await verifyAudit(text([a0, moved]))).toMatchObject({ fault: { line: 2, why: 'unlinked' } })
  })

  test('a key that cannot verify is a TypeError', async () => {
    const key = await crypto.subtle.importKey('raw', KEYS[0]!.secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ])
    await expect(verifyAudit('', { keys: [{ id: 'k1', secret: key }] })).rejects.toThrow(TypeError)
    await expect(verifyAudit('', { keys: [{ id: 'k1', secret: new Uint8Array(8) }] })).rejects.toThrow(
      /verifyAudit: key 'k1'/,
    )
  })
})

describe('survives the broken', () => {
  test('kill -9: a log cut anywhere in its last line is truncated, not tampered with, and all before it verifies', async () => {
    const lines = await chainOf(5, { close: false })
    const before = text(lines.slice(0, 4))
    const last = lines[4]!
    for (let length = 1; length < last.length; length += 7) {
      const report = await verifyAudit(before + last.slice(0, length), { keys: KEYS })
      expect(report, last.slice(0, length)).toMatchObject({ ok: true, lines: 4, truncated: 1, open: 1 })
    }
    expect(await verifyAudit(before + last, { keys: KEYS })).toMatchObject({ ok: true, lines: 5, truncated: 0 })
  })

  test('kill -9: the next process goes on behind a line that was cut', async () => {
    const killed = await chainOf(5, { close: false })
    const next = await chainOf(5)
    for (let length = 1; length < killed[4]!.length; length += 7) {
      const all = text(killed.slice(0, 4)) + killed[4]!.slice(0, length) + text(next)
      expect(await verifyAudit(all, { keys: KEYS })).toMatchObject({ ok: true, lines: 10, chains: 2, truncated: 1 })
    }
    // But not the same process: then its line was not cut by its death.
    const all = text(killed.slice(0, 2)) + killed[2]!.slice(0, 90) + text(killed.slice(3))
    expect(await verifyAudit(all, { keys: KEYS })).toMatchObject({ fault: { line: 3, why: 'missing' } })
  })

  test('kill -9: the next process begins a line of its own', async () => {
    const killed = await chainOf(5, { close: false })
    const next = await chainOf(5)
    const other = await chainOf(2)
    for (let length = 1; length < killed[4]!.length; length += 7) {
      const cut = killed[4]!.slice(0, length)
      const all = text([...killed.slice(0, 4), cut, ...next])
      expect(await verifyAudit(all, { keys: KEYS })).toMatchObject({ ok: true, lines: 10, chains: 2, truncated: 1 })
      // Two that began at once, and one that was killed at its first line.
      const two = text([...killed.slice(0, 4), cut, ...next, '', ...other, cut]) + cut
      expect(await verifyAudit(two, { keys: KEYS })).toMatchObject({ ok: true, lines: 13, chains: 3, truncated: 3 })
      // Nobody went on behind it, or the same process did.
      for (const after of [[], killed.slice(4)]) {
        const bad = text([...killed.slice(0, 4), cut, ...after])
        expect(await verifyAudit(bad, { keys: KEYS })).toMatchObject({ fault: { line: 5, why: 'malformed' }, lines: 4 })
      }
    }
    // A first line that was altered into half a one is none.
    const halved = text([next[0]!.slice(0, -1), ...next.slice(1)])
    for (const partial of [false, true]) {
      expect(await verifyAudit(halved, { partial })).toMatchObject({ fault: { line: 1, why: 'malformed' }, lines: 0 })
    }
    expect(await verifyAudit(text(['', ...next]))).toMatchObject({ fault: { line: 1, why: 'malformed' } })
    expect(await verifyAudit(text([...next, '']))).toMatchObject({ fault: { line: 7, why: 'malformed' } })
  })

  test('what is no log is named in its first line, and never kept whole', async () => {
    expect(await verifyAudit('hello\n')).toMatchObject({ fault: { line: 1, why: 'malformed' } })
    expect(await verifyAudit('hello')).toMatchObject({ fault: { line: 1, why: 'malformed' }, truncated: 0 })
    function* endless(): Generator<Uint8Array> {
      for (let i = 0; i < 1_000; i++) yield new Uint8Array(65_536).fill(97)
    }
    expect(await verifyAudit(endless())).toMatchObject({ fault: { line: 1, why: 'malformed' } })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        const { ok, lines, truncated } = await verifyAudit([bytes])
        expect(ok && truncated === 0).toBe(false)
        expect(lines).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  test('a source that breaks, breaks the verification', async () => {
    const broken = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('gone')) })
    await expect(verifyAudit(broken)).rejects.toThrow('gone')
  })
})
