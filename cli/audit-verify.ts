/** The command that verifies audit logs: on Node, Bun and Deno. A file is read as a stream. */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { auditKeys } from '../src/logging/audit-chain.ts'
import type { AuditFault, AuditReport, VerifyAuditOptions } from '../src/logging/audit-verify.ts'
import { verifyAudit } from '../src/logging/audit-verify.ts'

const USAGE = `Usage: sallyport audit-verify [--key-file FILE] [--partial] FILE…

Verifies an audit log. Give the files of one log oldest first.

  --key-file FILE  check signatures: one key per line, its id and 32 bytes or more in hexadecimal
  --partial        the files before these are gone: chains may begin anywhere

Exit codes: 0 whole, 1 altered, 2 not verified.`

const FAULTS: Readonly<Record<AuditFault, string>> = {
  malformed: 'is no line of an audit log',
  altered: 'was altered',
  unsigned: 'is not signed',
  'key-unknown': 'is signed with a key that is not in the key file',
  forged: 'has a wrong signature: it was altered by somebody without the key',
  missing: 'follows lines that are missing or stand elsewhere',
  repeated: 'is a repetition, or stands too late',
  unlinked: 'was not written after the line before it',
}

/**
 * Runs the command; resolves with its exit code: 0 if the log is whole, 1 if it is not, 2 if that could not be found out.
 *
 * @example
 * process.exitCode = await auditVerify(process.argv.slice(2))
 */
export async function auditVerify(
  args: readonly string[],
  print: (text: string) => void = (text) => console.log(text),
): Promise<0 | 1 | 2> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { 'key-file': { type: 'string' }, partial: { type: 'boolean' }, help: { type: 'boolean' } },
    })
    if (values.help || positionals.length === 0) {
      print(USAGE)
      return values.help ? 0 : 2
    }
    const file = values['key-file']
    const options: VerifyAuditOptions = {
      keys: file === undefined ? undefined : auditKeys(await readFile(file, 'utf8')),
      partial: values.partial,
    }
    if (options.keys?.length === 0) throw new TypeError('the key file holds no key')
    const begins: Begin[] = []
    const report = await verifyAudit(filesOf(positionals, begins), options)
    print(summary(report, options, begins))
    return report.ok ? 0 : 1
  } catch (error) {
    print(`not verified: ${error instanceof Error ? error.message : String(error)}`)
    return 2
  }
}

/** The line before a file's first, of all that is read. */
interface Begin {
  readonly path: string
  readonly before: number
}

/** The bytes of the files, one after the other; where each begins is noted. */
async function* filesOf(paths: readonly string[], begins: Begin[]): AsyncGenerator<Uint8Array> {
  let before = 0
  for (const path of paths) {
    begins.push({ path, before })
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) before++
      yield chunk
    }
  }
}

function summary(report: AuditReport, { keys }: VerifyAuditOptions, begins: readonly Begin[]): string {
  const { ok, fault, lines, chains, open, truncated, dropped } = report
  const out = ['ok']
  if (!ok) {
    const { path, before } = begins.findLast((begin) => begin.before < fault!.line)!
    out[0] = `${path}:${fault!.line - before} ${FAULTS[fault!.why]}; nothing after it was read`
  }
  out.push(
    `${lines} good lines in ${chains} chains, ${keys ? 'signatures checked' : 'signatures not checked: no key file'}`,
  )
  if (open > 0) out.push(`${open} chains have no last line: still written, killed, or cut off`)
  if (truncated > 0) out.push(`${truncated} lines truncated: a process was killed while it wrote`)
  if (dropped > 0) out.push(`${dropped} events lost, says the log itself`)
  return out.join('\n')
}
