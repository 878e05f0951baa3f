/** A strict reader of both formats: it takes no more than the specifications allow, so that what it takes, Prometheus does. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar: { readonly labels: Readonly<Record<string, string>>; readonly value: number } | undefined
}

export interface ReadFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly unit: string | undefined
  readonly samples: readonly Sample[]
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const NUMBER = '(?:\\+Inf|-Inf|NaN|-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)'
const META = new RegExp(`^# (HELP|TYPE|UNIT) (${NAME}) ([^\n]+)$`)
const START = new RegExp(`^${NAME}`)
const VALUE = new RegExp(`^ (${NUMBER})(?: # (\\{.*))?$`, 's')
const EXEMPLAR = new RegExp(`^ (${NUMBER}) (\\d+(?:\\.\\d+)?)$`)

/** Reads a page. Throws an Error for the first thing that is not as it must be. */
export function parsePage(text: string, open: boolean): Map<string, ReadFamily> {
  if (text !== '' && !text.endsWith('\n')) fail('no newline at the end')
  const lines = text.split('\n').slice(0, -1)
  if (open && lines.pop() !== '# EOF') fail('no # EOF at the end')
  const families = new Map<string, ReadFamily>()
  const names = new Set<string>()
  let family: ReadFamily & { samples: Sample[]; help: string; unit: string | undefined; type: string } | undefined
  const seen = new Set<string>()
  for (const line of lines) {
    const meta = META.exec(line)
    if (meta !== null) {
      const [, what, name, rest] = meta as unknown as [string, 'HELP' | 'TYPE' | 'UNIT', string, string]
      if (family?.name !== name) {
        if (families.has(name)) fail(`the family ${name} twice`)
        families.set(name, family = { name, type: '', help: '', unit: undefined, samples: [] })
      }
      if (family.samples.length > 0) fail('metadata after samples')
      const key = what.toLowerCase() as 'help' | 'type' | 'unit'
      if (family[key]) fail(`${what} twice`)
      if (what === 'UNIT' && (!open || !name.endsWith(`_${rest}`))) fail(`a unit that is not in the name: ${line}`)
      if (what === 'TYPE' && !['counter', 'gauge', 'histogram'].includes(rest)) fail(`type ${rest}`)
      family[key] = what === 'HELP' ? unescape(rest, open) : rest
      continue
    }
    if (family === undefined) return fail(`no family: ${line}`)
    const sample = parseSample(line, open)
    if (!belongs(sample.name, family, open)) fail(`${sample.name} in ${family.name}`)
    const id = sample.name + JSON.stringify(Object.entries(sample.labels).sort())
    if (seen.has(id)) fail(`a series twice: ${id}`)
    seen.add(id)
    names.add(sample.name)
    if (family.type === 'counter' && !(sample.value >= 0)) fail('a counter below 0')
    family.samples.push(sample)
  }
  for (const one of families.values()) if (one.type === 'histogram') checkHistogram(one)
  return families
}

function belongs(name: string, { name: family, type }: ReadFamily, open: boolean): boolean {
  if (type === 'counter') return open ? name === `${family}_total` : name === family && name.endsWith('_total')
  if (type === 'histogram') return ['_bucket', '_sum', '_count'].some((end) => name === family + end)
  return name === family
}

function parseSample(line: string, open: boolean): Sample {
  const name = START.exec(line)?.[0] ?? fail(`no sample: ${line}`)
  let rest = line.slice(name.length)
  let labels: Record<string, string> = {}
  if (rest.startsWith('{')) [labels, rest] = parseLabels(rest)
  const match = VALUE.exec(rest)
  if (match === null) return fail(`no value: ${line}`)
  let exemplar: Sample['exemplar']
  if (match[2] !== undefined) {
    if (!open || !/_(?:bucket|total)$/.test(name)) fail(`an exemplar: ${line}`)
    const [own, after] = parseLabels(match[2])
    const value = EXEMPLAR.exec(after)
    if (value === null || Object.entries(own).flat().join('').length > 128) return fail(`no exemplar: ${line}`)
    exemplar = { labels: own, value: Number(value[1]) }
  }
  return { name, labels, value: numberOf(match[1]!), exemplar }
}

/** `{a="x",b="y"}` and what follows. */
function parseLabels(text: string): [labels: Record<string, string>, rest: string] {
  const labels: Record<string, string> = {}
  const pair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"(,|\})/sy
  pair.lastIndex = 1
  for (;;) {
    const match = pair.exec(text)
    if (match === null) return fail(`no labels: ${text}`)
    const [, name, value, end] = match as unknown as [string, string, string, string]
    if (name in labels) fail(`the label ${name} twice`)
    if (value === '') fail(`the label ${name} is empty`)
    labels[name] = unescape(value, true)
    if (end === '}') return [labels, text.slice(pair.lastIndex)]
  }
}

function unescape(text: string, quotes: boolean): string {
  if (quotes && /^(?:[^"\\]|\\.)*"/s.test(text)) fail(`a bare quote: ${text}`)
  return text.replace(/\\(.?)/gs, (_all, char: string) => {
    if (char === 'n') return '\n'
    if (char === '\\' || (quotes && char === '"')) return char
    return fail(`the escape \\${char}`)
  })
}

function checkHistogram({ name, samples }: ReadFamily): void {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { le: _le, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const group of groups.values()) {
    const buckets = group.filter((one) => one.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => numberOf(labels['le'] ?? ''))
    if (bounds.at(-1) !== Infinity) fail('no +Inf bucket')
    if (bounds.some((bound, at) => Number.isNaN(bound) || (at > 0 && bound <= bounds[at - 1]!))) fail('bounds')
    if (buckets.some(({ value }, at) => at > 0 && value < buckets[at - 1]!.value)) fail('buckets are not cumulative')
    const count = group.filter((one) => one.name === `${name}_count`)
    const sum = group.filter((one) => one.name === `${name}_sum`)
    if (count.length !== 1 || sum.length !== 1 || count[0]!.value !== buckets.at(-1)!.value) fail('count and buckets')
  }
}

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : text === '' ? NaN : Number(text)
}

function fail(what: string): never {
  throw new Error(`not a page of metrics: ${what}`)
}
