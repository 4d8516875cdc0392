/** Reads the sources as the compiler does: which file imports what, and which texts stand in it between quotes. */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export interface SourceImport {
  readonly specifier: string
  /** Leaves nothing to load at run time. */
  readonly isTypeOnly: boolean
}

export interface SourceFile {
  /** Relative to the root of the project, with forward slashes. */
  readonly path: string
  readonly text: string
  /** How the file itself begins, whatever language stands there. */
  readonly opening: string
  readonly imports: readonly SourceImport[]
  /** Every text literal that is not the place of an import. */
  readonly literals: readonly { readonly text: string; readonly line: number }[]
}

const root = fileURLToPath(new URL('..', import.meta.url))

/** Reads every source file below the given folders. */
export function readSources(folders: readonly string[]): readonly SourceFile[] {
  return folders
    .flatMap(folder =>
      readdirSync(posix.join(root, folder), { recursive: true, encoding: 'utf8' }).map(name =>
        posix.join(folder, name.replaceAll('\\', '/')),
      ),
    )
    .filter(path => /\.(?:ts|mjs|vue)$/.test(path) && !path.endsWith('.d.ts'))
    .map(path => parse(path, readFileSync(posix.join(root, path), 'utf8')))
}

/** Takes one file apart. In a Vue file the script parts count. */
export function parse(path: string, content: string): SourceFile {
  const text = path.endsWith('.vue') ? scriptsOf(content) : content
  const imports: SourceImport[] = []
  const literals: { text: string; line: number }[] = []
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const visit = (node: ts.Node): void => {
    const found = importOf(node)
    if (found !== null) imports.push(found)
    if (ts.isStringLiteralLike(node) && !isPlaceOfImport(node)) {
      literals.push({ text: node.text, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { path, text, opening: content.slice(0, 200), imports, literals }
}

function importOf(node: ts.Node): SourceImport | null {
  if (ts.isImportDeclaration(node)) {
    const clause = node.importClause
    return importAt(node.moduleSpecifier, clause !== undefined && isTypeOnlyClause(clause))
  }
  if (ts.isExportDeclaration(node)) return importAt(node.moduleSpecifier, node.isTypeOnly)
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? importAt(node.argument.literal, true) : null
  const isImportCall = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
  return isImportCall ? importAt(node.arguments[0], false) : null
}

function importAt(place: ts.Node | undefined, isTypeOnly: boolean): SourceImport | null {
  return place !== undefined && ts.isStringLiteralLike(place) ? { specifier: place.text, isTypeOnly } : null
}

function isTypeOnlyClause(clause: ts.ImportClause): boolean {
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const bindings = clause.namedBindings
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false
  return bindings.elements.length > 0 && bindings.elements.every(element => element.isTypeOnly)
}

function isPlaceOfImport(node: ts.Node): boolean {
  const { parent } = node
  if (ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)) return true
  if (ts.isLiteralTypeNode(parent) && ts.isImportTypeNode(parent.parent)) return true
  return ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword
}

function scriptsOf(vueFile: string): string {
  return [...vueFile.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/g)].map(([, script]) => script ?? '').join('\n')
}

/** Every file and package that loading `path` loads too. */
export function reachableFrom(path: string, sources: readonly SourceFile[]): ReadonlySet<string> {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const reached = new Set<string>()
  const visit = (current: string): void => {
    if (reached.has(current)) return
    reached.add(current)
    for (const { specifier, isTypeOnly } of byPath.get(current)?.imports ?? []) {
      if (!isTypeOnly) visit(specifier.startsWith('.') ? posix.join(posix.dirname(current), specifier) : specifier)
    }
  }
  visit(path)
  return reached
}
