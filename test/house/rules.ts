/** What `test/house.test.ts` looks for in one file's syntax: each rule returns the offending places. */
import ts from 'typescript-5.6'
import { at, type Source, walk } from './source.ts'

export function anyTypes(file: Source): string[] {
  const found: string[] = []
  walk(file.tree, (node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(at(file, node))
  })
  return found
}

export function defaultExports(file: Source): string[] {
  return file.tree.statements.filter((statement) =>
    ts.isExportAssignment(statement) || has(statement, ts.SyntaxKind.DefaultKeyword) || namesDefault(statement)
  ).map((statement) => at(file, statement))
}

export function exportStars(file: Source): string[] {
  return file.tree.statements.filter((statement) =>
    ts.isExportDeclaration(statement) &&
    (statement.exportClause === undefined || ts.isNamespaceExport(statement.exportClause))
  ).map((statement) => at(file, statement))
}

/** The names in `export { a, type B } from`. */
export function exportedNames(file: Source): string[] {
  return file.tree.statements.flatMap((statement) => {
    const clause = ts.isExportDeclaration(statement) ? statement.exportClause : undefined
    return clause !== undefined && ts.isNamedExports(clause) ? clause.elements.map(({ name }) => name.text) : []
  })
}

/** Names of a runtime's own globals, bare or taken from `globalThis`. */
export function runtimeGlobals(file: Source): string[] {
  const names = new Set(['Deno', 'Bun', 'process', 'Buffer', 'require', 'setImmediate', '__dirname', '__filename'])
  const found: string[] = []
  walk(file.tree, (node) => {
    const taken = ts.isStringLiteralLike(node) && ts.isElementAccessExpression(node.parent) &&
      node.parent.expression.getText() === 'globalThis'
    if (!(ts.isIdentifier(node) || taken) || !names.has(node.text)) return
    if (!ts.isIdentifier(node) || !isOnlyAName(node)) found.push(`${at(file, node)} ${node.text}`)
  })
  return found
}

/** `async` costs most of a chain's time: only where something is awaited. Async generators yield instead. */
export function idleAsync(file: Source): string[] {
  const found: string[] = []
  walk(file.tree, (node) => {
    if (!isFunction(node) || !has(node, ts.SyntaxKind.AsyncKeyword)) return
    if ('asteriskToken' in node && node.asteriskToken !== undefined) return
    let awaits = false
    const look = (inner: ts.Node): boolean => {
      if (isFunction(inner)) return false
      if (ts.isAwaitExpression(inner) || (ts.isForOfStatement(inner) && inner.awaitModifier !== undefined)) {
        awaits = true
      }
      if (ts.isVariableDeclarationList(inner) && (inner.flags & ts.NodeFlags.AwaitUsing) === ts.NodeFlags.AwaitUsing) {
        awaits = true
      }
      return true
    }
    walk(node, look)
    if (!awaits) found.push(at(file, node))
  })
  return found
}

/** The labels that every wrapper's documentation carries, in this order. */
export const labels = ['Needs', 'Adds', 'Refuses', 'Throws', 'Fails', 'Costs', 'Source'] as const

/** Exported functions that return a `Wrapper`, and the labels that their documentation lacks or has out of order. */
export function wrapperFactories(file: Source): { name: string; where: string; missing: string[] }[] {
  const seen = new Set<string>()
  const found: { name: string; where: string; missing: string[] }[] = []
  for (const statement of file.tree.statements) {
    if (!has(statement, ts.SyntaxKind.ExportKeyword)) continue
    for (const [name, type] of declared(statement)) {
      if (seen.has(name) || !/\bWrapper\b/.test(type)) continue // of overloads the first is documented
      seen.add(name)
      found.push({ name, where: at(file, statement), missing: lacking(documentation(file, statement)) })
    }
  }
  return found
}

function lacking(text: string): string[] {
  let from = 0
  return labels.filter((label) => {
    const index = text.slice(from).search(new RegExp(`^\\s*\\* ${label}:\\s+\\S`, 'm'))
    if (index >= 0) from += index
    return index < 0
  })
}

/** Each function that the statement declares, with the text of its return type. */
function declared(statement: ts.Statement): [name: string, type: string][] {
  if (ts.isFunctionDeclaration(statement)) return [[statement.name?.text ?? '', statement.type?.getText() ?? '']]
  if (!ts.isVariableStatement(statement)) return []
  return statement.declarationList.declarations.flatMap(({ name, type, initializer }): [string, string][] => {
    if (type !== undefined && ts.isFunctionTypeNode(type)) return [[name.getText(), type.type.getText()]]
    if (initializer !== undefined && (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer))) {
      return [[name.getText(), initializer.type?.getText() ?? '']]
    }
    return []
  })
}

function documentation(file: Source, statement: ts.Statement): string {
  const comments = ts.getLeadingCommentRanges(file.text, statement.pos) ?? []
  const last = comments.map(({ pos, end }) => file.text.slice(pos, end)).at(-1) ?? ''
  return last.startsWith('/**') ? last : ''
}

/** A property, a key or a member of a type: the word, not the global. */
function isOnlyAName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) {
    return parent.name === node && parent.expression.getText() !== 'globalThis'
  }
  if (ts.isShorthandPropertyAssignment(parent)) return false
  if (ts.isQualifiedName(parent)) return parent.right === node
  return (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) || ts.isMethodSignature(parent)) && parent.name === node
}

function namesDefault(statement: ts.Statement): boolean {
  return ts.isExportDeclaration(statement) && statement.exportClause !== undefined &&
    ts.isNamedExports(statement.exportClause) &&
    statement.exportClause.elements.some(({ name }) => name.text === 'default')
}

function isFunction(node: ts.Node): boolean {
  return ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node) || ts.isAccessor(node) || ts.isConstructorDeclaration(node)
}

function has(node: ts.Node, kind: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === kind)
}
