/** The rules of the house that are about files: who imports whom, and where a protocol or format may be named. */
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { firmwareFormats } from '../src/core/formats/index.ts'
import { transferProtocols } from '../src/core/transfer/index.ts'
import { parse, reachableFrom, readSources, type SourceFile } from './import-graph.ts'
import { explainForbiddenImport } from './layer-table.ts'

const sources = readSources(['src'])
const everything = [...sources, ...readSources(['test'])]

describe('the layers', () => {
  it('read a graph that is worth judging', () => {
    expect(sources.length).toBeGreaterThan(30)
    expect(sources.flatMap(source => source.imports).length).toBeGreaterThan(100)
  })

  it('import only what the table allows', () => {
    expect(forbiddenImports(sources)).toEqual([])
  })

  it('find every way to write an import', () => {
    const source = parse(
      'src/shared/example.ts',
      `import { a } from 'node:fs'
       import 'node:path'
       import type { B } from '../core/clock.ts'
       import { type C, type D } from '../core/clock.ts'
       export { e } from '../worker/index.ts'
       export type * from '../worker/index.ts'
       type F = import('../cli/index.ts').F
       const g = await import('electron')`,
    )
    expect(source.imports.map(({ specifier, isTypeOnly }) => `${specifier}${isTypeOnly ? ' (type)' : ''}`)).toEqual([
      'node:fs',
      'node:path',
      '../core/clock.ts (type)',
      '../core/clock.ts (type)',
      '../worker/index.ts',
      '../worker/index.ts (type)',
      '../cli/index.ts (type)',
      'electron',
    ])
    expect(forbiddenImports([source])).toHaveLength(8)
  })

  it.each([
    ['src/core/jobs/queue.ts', '../../worker/handlers.ts', false],
    ['src/core/jobs/queue.ts', 'electron', true],
    ['src/core/jobs/queue.ts', 'fs', false],
    ['src/simulator/board.ts', '../core/transfer/verdict.ts', true],
    ['src/worker/index.ts', '../simulator/index.ts', false],
    ['src/main/index.ts', '../core/clock.ts', false],
    ['src/cli/run.ts', '../core/clock.ts', false],
    ['src/cli/run.ts', '../worker/handlers.ts', false],
    ['src/serve/index.ts', '../worker/handlers.ts', false],
    ['src/preload/index.ts', '../shared/errors.ts', false],
    ['src/renderer/src/bridge.ts', '../../shared/contract/index.ts', false],
    ['src/renderer/src/bridge.ts', 'zod', false],
    ['src/renderer/src/bridge.ts', 'node:path', true],
    ['src/elsewhere/file.ts', './other.ts', false],
  ])('forbid %s to import %s (as a type: %s)', (fromPath, specifier, isTypeOnly) => {
    expect(explainForbiddenImport(fromPath, specifier, isTypeOnly)).toMatch(/: .{20}/)
  })

  it.each([
    ['src/core/jobs/queue.ts', '../../shared/errors.ts', false],
    ['src/simulator/board.ts', '../core/image/memory-image.ts', false],
    ['src/worker/handlers.ts', '../core/jobs/queue.ts', false],
    ['src/cli/local.ts', '../worker/handlers.ts', false],
    ['src/preload/index.ts', '../shared/contract/index.ts', true],
    ['src/renderer/src/bridge.ts', '../../shared/contract/index.ts', true],
    ['src/shared/contract/models.ts', 'zod', false],
    ['test/any.test.ts', '../src/worker/index.ts', false],
  ])('allow %s to import %s (as a type: %s)', (fromPath, specifier, isTypeOnly) => {
    expect(explainForbiddenImport(fromPath, specifier, isTypeOnly)).toBeNull()
  })

  it.each([
    'src/shared/rpc/client.ts',
    'src/shared/option-spec.ts',
    'src/shared/units.ts',
    'src/shared/messages/index.ts',
  ])('keep %s free of schemas, so that a page can carry it', path => {
    const reached = reachableFrom(path, sources)
    expect(reached).toContain(path)
    expect([...reached].filter(place => place === 'zod' || place.startsWith('src/shared/contract/'))).toEqual([])
  })
})

/** The file that crashes are decoded with is an ELF file too: an option and a file's ending have its name, and mean no format. */
function isCrashFile(path: string, id: string): boolean {
  return id === 'elf' && ['src/cli/grammar.ts', 'src/cli/build-command.ts', 'src/main/dialogs.ts'].includes(path)
}

describe('the lists', () => {
  const protocolIds = transferProtocols.map(protocol => protocol.descriptor.id)
  const formatIds = firmwareFormats.map(format => format.id)

  it('hold ids that are unique and written in kebab-case', () => {
    const ids = [...protocolIds, ...formatIds]
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
  })

  it('are the only place outside its own folder where a protocol is named', () => {
    const misplaced = placesOf(protocolIds, (path, id) => {
      const isOwn = path.startsWith(`src/core/transfer/${id}/`) || path === `src/core/transfer/${id}.ts`
      // A virtual device is what it speaks: its kind has the protocol's name.
      return isOwn || path === 'src/core/transfer/index.ts' || path.startsWith('src/simulator/')
    })
    expect(misplaced).toEqual([])
  })

  it('would show a name in a wrong place, whatever the quotes', () => {
    const quoted = ["'", '"', '`'].flatMap(quote => protocolIds.map(id => `if (x === ${quote}${id}${quote}) y()`))
    const source = parse('src/cli/example.ts', quoted.join('\n'))
    expect(placesOf(protocolIds, () => false, [source])).toHaveLength(3 * protocolIds.length)
  })

  it('are the only place outside its own file where a format is named', () => {
    const misplaced = placesOf(formatIds, (path, id) => {
      const isOwn = path.startsWith(`src/core/formats/${id}/`) || path === `src/core/formats/${id}.ts`
      return isOwn || path === 'src/core/formats/index.ts' || isCrashFile(path, id)
    })
    expect(misplaced).toEqual([])
  })
})

describe('every source', () => {
  it('loads without going round in a circle', () => {
    expect(circlesIn(sources)).toEqual([])
  })

  it('says at its top what it owns', () => {
    const silent = sources.filter(({ opening }) => !/^(?:#!.*\n)?(?:\/\*\*|\/\/|<!-- )/.test(opening))
    expect(silent.map(({ path }) => path)).toEqual([])
  })
})

describe('every source and test', () => {
  it('obeys the linter and the compiler without exceptions', () => {
    const escape = new RegExp(['eslint-' + 'disable', '@ts-' + 'ignore', '@ts-' + 'nocheck'].join('|'))
    expect(everything.filter(({ text }) => escape.test(text)).map(({ path }) => path)).toEqual([])
  })

  it('has a name in kebab-case', () => {
    const odd = everything.filter(({ path }) => !/\/[a-z0-9]+(?:[-.][a-z0-9]+)*\.(?:ts|mjs)$|\.vue$/.test(path))
    expect(odd.map(({ path }) => path)).toEqual([])
  })
})

function forbiddenImports(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, isTypeOnly }) => {
      const why = explainForbiddenImport(path, specifier, isTypeOnly)
      return why === null ? [] : [`${path}: ${why}`]
    }),
  )
}

/** Where one of the ids stands between quotes although `isAllowed` says no. */
function placesOf(
  ids: readonly string[],
  isAllowed: (path: string, id: string) => boolean,
  files = sources,
): readonly string[] {
  return files.flatMap(({ path, literals }) =>
    literals
      .filter(({ text }) => ids.includes(text) && !isAllowed(path, text))
      .map(({ text, line }) => `${path}:${String(line)} names ${text}`),
  )
}

/** Every circle of imports that run, as `a → b → a`. */
function circlesIn(files: readonly SourceFile[]): readonly string[] {
  const edges = new Map(files.map(file => [file.path, filesImportedBy(file)]))
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) circles.push([...trail.slice(start), path].join(' → '))
    if (start >= 0 || done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const { path } of files) visit(path, [])
  return circles
}

function filesImportedBy({ path, imports }: SourceFile): readonly string[] {
  return imports
    .filter(({ specifier, isTypeOnly }) => specifier.startsWith('.') && !isTypeOnly)
    .map(({ specifier }) => posix.join(posix.dirname(path), specifier))
}
