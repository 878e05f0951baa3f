/** The fenced blocks of a Markdown page, and what else a test wants to know about it. */

/** One fenced block. */
export interface Block {
  readonly language: string
  readonly text: string
  /** Where it starts, for messages. */
  readonly where: string
}

/** A file that a block shows: its name stands in a comment on the first line. */
export interface ShownFile {
  readonly name: string
  readonly text: string
  readonly where: string
}

export function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const language = /^```(\w*)$/.exec(lines[i]!)?.[1]
    if (language === undefined) continue
    const end = lines.indexOf('```', i + 1)
    if (end < 0) throw new Error(`${page}:${i + 1}: the block does not end`)
    blocks.push({ language, text: lines.slice(i + 1, end).join('\n'), where: `${page}:${i + 1}` })
    i = end
  }
  return blocks
}

const FILE_NAME = /^\/\/ ([\w./-]+\.ts)$/

/** The files of a TypeScript block: each from its name to the next, or to the end. */
export function filesOf({ text, where }: Block): ShownFile[] {
  const files: { name: string; text: string; where: string }[] = []
  for (const line of text.split('\n')) {
    const name = FILE_NAME.exec(line)?.[1]
    if (name !== undefined) files.push({ name, text: '', where })
    else if (files.length === 0) throw new Error(`${where}: a block starts with the name of its file`)
    else files.at(-1)!.text += `${line}\n`
  }
  return files
}

/** The rows of the table that follows a heading, as trimmed cells; without its head. */
export function tableAfter(text: string, heading: string): string[][] {
  const start = text.indexOf(`\n${heading}\n`)
  if (start < 0) throw new Error(`there is no heading '${heading}'`)
  const section = text.slice(start + heading.length + 2).split(/\n#+ /, 1)[0]!
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) => row.slice(1, -1).split('|').map((cell) => cell.trim()))
}

/** Relative links, as written. */
export function linksOf(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((link) => !/^[a-z]+:/.test(link))
}

/** What a link within the page may lead to: headings as GitHub names them, and `<a id>`. */
export function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-')
  )
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1]!)])
}
