import type { LineSink } from '../core/log.ts'

/** Options of {@link prettyLines}. */
export interface PrettyLinesOptions {
  /** Colour by level: error red, warn yellow, info cyan, debug white, security magenta, performance green, audit blue. (true) */
  readonly colors?: boolean | undefined
  /** Takes what is to be shown, which has more than one line where there is a stack. (`console.log`) */
  readonly write?: ((text: string) => void) | undefined
}

const COLORS: Readonly<Record<string, number>> = {
  error: 31,
  warn: 33,
  info: 36,
  debug: 37,
  security: 35,
  performance: 32,
  audit: 34,
}
const DIM = 2
/** The longest value that is shown. */
const MOST = 200
/** Told elsewhere, or by the stack. */
const OF_ERRORS: readonly string[] = ['name', 'message', 'stack', 'cause', 'errors']

type Fields = Readonly<Record<string, unknown>>

/**
 * A sink for people at a terminal: a short line per record, in the colour of its level, then its fields, and the stacks of
 * errors below, indented. Made from the finished line, so that it shows no more than a file would hold. What could move the
 * cursor, change a colour or turn the reading direction is shown as an escape.
 *
 * @example
 * createLogger({ level: 'debug', write: prettyLines({ colors: process.stdout.isTTY }) })
 */
export function prettyLines(options: PrettyLinesOptions = {}): LineSink {
  const { colors = true, write = (text) => console.log(text) } = options
  if (typeof write !== 'function') throw new TypeError('prettyLines: write must be a function')
  const paint = (text: string, code: number | undefined): string =>
    colors && code !== undefined ? `\x1b[${code}m${text}\x1b[0m` : text
  return (line) => {
    const record = read(line)
    if (record === undefined) return write(harmless(line))
    const { time, level, message, ...fields } = record
    const name = String(level)
    const color = Object.hasOwn(COLORS, name) ? COLORS[name] : undefined
    const stacks: string[] = []
    let out = `${harmless(String(time).slice(11, 23))} `
    out += paint(harmless(`${name.toUpperCase().padEnd(5)} ${String(message)}`), color)
    for (const [key, value] of shown(fields, stacks)) out += ` ${paint(`${harmless(key)}=`, DIM)}${value}`
    return write([out, ...stacks].join('\n'))
  }
}

function read(line: string): Fields | undefined {
  try {
    const record: unknown = JSON.parse(line)
    return isObject(record) && !Array.isArray(record) ? record : undefined
  } catch {
    return undefined
  }
}

/** Fields as texts; errors go below. */
function* shown(fields: Fields, stacks: string[], prefix = ''): Iterable<[string, string]> {
  for (const [key, value] of Object.entries(fields)) {
    if (!isObject(value) || typeof value['stack'] !== 'string') {
      yield [prefix + key, text(value)]
      continue
    }
    pile(stacks, prefix + key, value)
    const more = Object.entries(value).filter(([name]) => !OF_ERRORS.includes(name))
    yield* shown(Object.fromEntries(more), stacks, `${prefix}${key}.`)
  }
}

/** The stack of an error, of its cause, and of those it gathers. */
function pile(stacks: string[], name: string, error: unknown): void {
  if (!isObject(error) || typeof error['stack'] !== 'string') return
  const [first = '', ...rest] = error['stack'].split('\n')
  stacks.push(`    ${harmless(`${name}: ${first}`)}`)
  for (const line of rest) stacks.push(`      ${harmless(line.trim())}`)
  pile(stacks, `${name}.cause`, error['cause'])
  if (Array.isArray(error['errors'])) error['errors'].forEach((one, i) => pile(stacks, `${name}.errors.${i}`, one))
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

/** As it stands if it is one word, else as JSON. */
function text(value: unknown): string {
  const whole = typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : harmless(JSON.stringify(value))
  return whole.length > MOST ? `${whole.slice(0, MOST)}…` : whole
}

/** Control characters, line separators, and what turns the reading direction. */
// deno-lint-ignore no-control-regex
const HARMFUL = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

function harmless(text: string): string {
  return text.replace(HARMFUL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
