/** The repository's own files, as `test/house.test.ts` looks at them. */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript-5.6' // TypeScript 7 has no JavaScript API

export const root: string = join(import.meta.dirname, '../..')

export interface Source {
  /** From the repository's root, such as `src/core/handler.ts`. */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

export interface Import {
  readonly specifier: string
  /** The file of ours that it names; undefined for a package. */
  readonly target: string | undefined
  readonly typeOnly: boolean
  readonly reExport: boolean
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function sources(...patterns: string[]): Source[] {
  return globSync(patterns, { cwd: root }).toSorted().map(source)
}

export function source(path: string): Source {
  const text = read(path)
  return parse(path, text)
}

export function parse(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  return { path, text, tree, imports: importsOf(path, tree) }
}

/** Every file that git tracks or would add: what others get. */
export function trackedFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  return String(listed).split('\0').filter((path) => path !== '' && existsSync(join(root, path)))
}

/** Calls `visit` on each node below `from`; where it returns false, not on that node's children. */
export function walk(from: ts.Node, visit: (node: ts.Node) => boolean | void): void {
  ts.forEachChild(from, (node) => {
    if (visit(node) !== false) walk(node, visit)
  })
}

/** `src/core/handler.ts:12`, to be clicked. */
export function at(file: Source, node: ts.Node): string {
  return `${file.path}:${file.tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

function importsOf(path: string, tree: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, typeOnly: boolean, reExport: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    const { text } = specifier
    const target = text.startsWith('.') ? normalize(join(dirname(path), text)) : undefined
    found.push({ specifier: text, target, typeOnly, reExport })
  }
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false, false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly, true)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true, false)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false, false)
    }
  })
  return found
}
