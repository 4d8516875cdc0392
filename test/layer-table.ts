/** THE table of layers: who may import whom. The linter and the test of the import graph both read it. */
import { posix } from 'node:path'

interface Layer {
  /** The folder it governs; of two that fit, the longer one counts. */
  readonly folder: string
  /** Folders and files of the sources, packages, and `node:` for Node's own modules. */
  readonly mayImport: readonly string[]
  /** May be imported with `import type` alone. */
  readonly mayImportTypes?: readonly string[]
  /** The allowed way, for whoever wanted another one. */
  readonly advice: string
}

const contract = 'speak the contract (src/shared/contract) over a MessageLink'

export const LAYERS: readonly Layer[] = [
  {
    folder: 'src/shared',
    mayImport: ['src/shared'],
    advice: 'shared is pure: take what you need as a parameter with a structural type',
  },
  {
    folder: 'src/shared/contract',
    mayImport: ['src/shared', 'zod'],
    advice: 'the contract holds schemas and types only',
  },
  {
    folder: 'src/core',
    // zod: what the journal and recipe files hold comes back as unknown data.
    mayImport: ['src/shared', 'src/core', 'node:', 'zod', 'serialport', 'bonjour-service', 'esptool-js'],
    advice: 'core is the domain alone: whoever drives it passes things in',
  },
  {
    folder: 'src/simulator',
    mayImport: ['src/shared', 'src/core/image', 'src/core/formats', 'src/simulator', 'node:'],
    advice: 'a virtual device shares no code with the client it tests: write it from the protocol’s description',
  },
  {
    folder: 'src/worker',
    mayImport: ['src/shared', 'src/core', 'src/worker', 'node:'],
    advice: 'the worker wires the contract to core; Electron is only the global process.parentPort',
  },
  {
    folder: 'src/host',
    mayImport: ['src/shared', 'src/host', 'node:'],
    advice: `a host of pages runs no protocol: ${contract}`,
  },
  {
    folder: 'src/main',
    mayImport: [
      'src/shared',
      'src/host',
      'src/main',
      'src/cli/run.ts',
      'src/cli/terminal-host.ts',
      'node:',
      'electron',
    ],
    advice: `main never runs a protocol: ${contract}`,
  },
  {
    folder: 'src/preload',
    mayImport: ['electron'],
    mayImportTypes: ['src/shared'],
    advice: 'the preload is one small file: types of shared, and electron',
  },
  {
    folder: 'src/cli',
    mayImport: ['src/shared', 'src/host', 'src/cli', 'src/serve', 'node:'],
    advice: `the command line runs no protocol: ${contract}; processes are started by their entry's URL, not imported`,
  },
  {
    folder: 'src/cli/local.ts',
    mayImport: ['src/shared', 'src/host', 'src/cli', 'src/worker', 'node:'],
    advice: 'only inspect and convert run in this process, through the handlers of the worker',
  },
  {
    folder: 'src/serve',
    mayImport: ['src/shared', 'src/host', 'src/serve', 'node:', 'ws'],
    advice: `the browser mode runs no protocol: ${contract}`,
  },
  {
    folder: 'src/serve/build-page.mjs',
    mayImport: ['node:', 'vite'],
    advice: 'only the build of the page in a checkout uses the bundler, in a process of its own',
  },
  {
    folder: 'src/renderer',
    mayImport: [
      'src/renderer',
      'src/shared/units.ts',
      'src/shared/errors.ts',
      'src/shared/option-spec.ts',
      'src/shared/messages',
      'src/shared/rpc/client.ts',
      'src/shared/rpc/message-link.ts',
      'vue',
      'pinia',
      'reka-ui',
      'uplot',
      '@vueuse/core',
      '@tanstack/vue-virtual',
      '@lucide/vue',
    ],
    mayImportTypes: ['src/shared'],
    advice: `a page knows no schemas and no Node: types of the contract, and calls through its bridge`,
  },
]

/**
 * Judges one import of a source file.
 * @param fromPath the importing file, relative to the root of the project, with forward slashes
 * @param specifier as written in the import
 * @returns why it is forbidden and what to do instead; null when it is allowed
 */
export function explainForbiddenImport(fromPath: string, specifier: string, isTypeOnly: boolean): string | null {
  const layer = LAYERS.filter(({ folder }) => isInside(fromPath, folder)).toSorted(
    (left, right) => right.folder.length - left.folder.length,
  )[0]
  if (layer === undefined) {
    return fromPath.startsWith('src/') ? `${fromPath} lies in no layer: add its folder to test/layer-table.ts` : null
  }
  const target = specifier.startsWith('.') ? posix.join(posix.dirname(fromPath), specifier) : specifier
  const allowed = isTypeOnly ? [...layer.mayImport, ...(layer.mayImportTypes ?? [])] : layer.mayImport
  if (allowed.some(entry => (entry === 'node:' ? target.startsWith(entry) : isInside(target, entry)))) return null
  const asValue = !isTypeOnly && (layer.mayImportTypes ?? []).some(entry => isInside(target, entry))
  return `${layer.folder} may not import ${target}${asValue ? ' except as a type' : ''}: ${layer.advice}`
}

function isInside(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`)
}
