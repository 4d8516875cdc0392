/** Collects the licences of the packages that are bundled into the app: their texts have to come with it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'

const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
})

/** The import of a package, also from a page's component: `from 'x'`, `import 'x'`, `import('x')`. */
const PACKAGE_IMPORT = /(?:from|import)\s*\(?\s*'((?:@[a-z0-9-]+\/)?[a-z][a-z0-9._-]*)[^']*'/g

/** Electron and Chromium bring their own files of licences; the rest is no package. */
const NOT_BUNDLED = /^(?:electron|node)$|:/

/**
 * Reads what the sources import and what that in turn depends on.
 * @param projectFolder with `src` and `node_modules`
 * @returns one text: name, version, licence and its wording of each package, by name
 * @throws when an imported package is not installed
 */
export function thirdPartyNotices(projectFolder: string): string {
  const found = new Map<string, string>()
  for (const name of importedPackages(join(projectFolder, 'src'))) collect(name, projectFolder, found)
  return [...found]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([, notice]) => notice)
    .join(`\n${'-'.repeat(80)}\n\n`)
}

function importedPackages(sources: string): Set<string> {
  const names = new Set<string>()
  for (const path of readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(ts|vue|mjs)$/.test(path)) continue
    for (const [, name] of readFileSync(join(sources, path), 'utf8').matchAll(PACKAGE_IMPORT)) {
      if (name !== undefined && !NOT_BUNDLED.test(name)) names.add(name)
    }
  }
  return names
}

function collect(name: string, from: string, found: Map<string, string>): void {
  const folder = findPackage(name, from)
  const manifest = Manifest.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
  const key = `${manifest.name} ${manifest.version}`
  if (found.has(key)) return
  const files = readdirSync(folder).filter(file => /^(licen[cs]e|notice|copying)/i.test(file))
  const wording = files.map(file => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n')
  const fallback = `Its package holds no text of the licence; see https://spdx.org/licenses/${manifest.license ?? ''}`
  found.set(key, `${key} (${manifest.license ?? 'see below'})\n\n${wording === '' ? fallback : wording}\n`)
  for (const dependency of Object.keys(manifest.dependencies ?? {})) collect(dependency, folder, found)
}

/** Looks for a package as Node does: in `node_modules` of the folder and of those above it. */
function findPackage(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) throw new Error(`The package ${name} is not installed: run npm ci`)
  }
}
