// The packed app, laid out by electron-builder itself with stand-ins for Electron's runtime and for the built app.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extractFile, listPackage, statFile } from '@electron/asar'
import { Arch, build, Platform } from 'electron-builder'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createConfiguration } from '../../electron-builder.config.ts'
import { completeAndCheck, LARGEST_OWN_BYTES } from '../../packaging/after-pack.ts'
import { BUILT_FILES, writeStandInElectron, writeStandInOutput } from './stand-in-parts.ts'

const root = join(import.meta.dirname, '../..')
const SERIAL_BINDING = 'node_modules/@serialport/bindings-cpp'
const GLIBC_X64 = `${SERIAL_BINDING}/prebuilds/linux-x64/@serialport+bindings-cpp.glibc.node`
const realOutput = join(root, 'out')
/** The build may stand or not when the tests run; packing it tells its true size. */
const isBuilt = BUILT_FILES.filter(path => !path.includes('-') || path.endsWith('-thread.js')).every(path =>
  existsSync(join(realOutput, path)),
)

let folder = ''
let packed = ''
let archive = ''

async function pack(name: string, builtFolder: string): Promise<string> {
  const configuration = createConfiguration({
    builtFolder,
    isSigned: false,
    homepage: undefined,
    maintainer: undefined,
  })
  const output = join(folder, name)
  await build({
    projectDir: root,
    targets: Platform.LINUX.createTarget(['dir'], Arch.x64),
    publish: 'never',
    config: {
      ...configuration,
      electronDist: join(folder, 'electron'),
      directories: { ...configuration.directories, output },
    },
  })
  return join(output, 'linux-unpacked')
}

function filesOf(resourcesFolder: string): string[] {
  const path = join(resourcesFolder, 'app.asar')
  return listPackage(path, { isPack: false })
    .map(entry => entry.slice(1))
    .filter(entry => !('files' in statFile(path, entry)))
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-package-'))
  await writeStandInElectron(join(folder, 'electron'))
  writeStandInOutput(join(folder, 'built'))
  packed = await pack('packed', join(folder, 'built'))
  archive = join(packed, 'resources/app.asar')
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the archive', () => {
  it('holds everything that was built, and no source map', () => {
    const built = filesOf(join(packed, 'resources')).filter(path => path.startsWith('out/'))
    expect(built.toSorted()).toEqual(BUILT_FILES.map(path => `out/${path}`).toSorted())
  })

  it('holds beside that a manifest, the licence and the one dependency that is not bundled', () => {
    const others = filesOf(join(packed, 'resources')).filter(path => !path.startsWith('out/'))
    const packages = new Set(others.filter(path => path.startsWith('node_modules/')).map(path => path.split('/')[1]))
    expect(others.filter(path => !path.startsWith('node_modules/')).toSorted()).toEqual(['LICENSE', 'package.json'])
    expect([...packages].toSorted()).toEqual(['@serialport', 'debug', 'ms', 'node-gyp-build', 'serialport'])
  })

  it('holds no test, no source of the project and no type declaration', () => {
    const files = filesOf(join(packed, 'resources'))
    expect(files.filter(path => /\.(ts|mts|cts|map|vue|gyp|cc|h)$/.test(path))).toEqual([])
    expect(files.filter(path => /^(src|test|docs|packaging)\//.test(path))).toEqual([])
  })

  it('starts with the built entry, under the version of this project, and names no script and no development package', () => {
    const project: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const manifest: unknown = JSON.parse(extractFile(archive, 'package.json').toString())
    expect(manifest).toMatchObject({ main: './out/main.js', type: 'module', dependencies: { serialport: '13.0.0' } })
    expect(manifest).toHaveProperty('version', (project as { version: unknown }).version) // a border: JSON
    expect(manifest).not.toHaveProperty('scripts')
    expect(manifest).not.toHaveProperty('devDependencies')
  })

  it('leaves outside only the compiled part of serialport, and only the one for this system and processor', () => {
    const unpacked = readdirSync(`${archive}.unpacked`, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(`${archive}.unpacked/`.length))
    expect(unpacked).toEqual([GLIBC_X64])
    expect(filesOf(join(packed, 'resources')).filter(path => path.endsWith('.node'))).toEqual([GLIBC_X64])
  })
})

describe('the packed folder', () => {
  it('has its fuses set as Electron’s checklist asks', async () => {
    const { FuseV1Options, getCurrentFuseWire } = await loadFuses()
    const wire = await getCurrentFuseWire(join(packed, 'flashproof-app'))
    const isOn = (option: number): boolean => wire[option] === 0x31
    expect({
      runAsNode: isOn(FuseV1Options.RunAsNode),
      enableCookieEncryption: isOn(FuseV1Options.EnableCookieEncryption),
      enableNodeOptionsEnvironmentVariable: isOn(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
      enableNodeCliInspectArguments: isOn(FuseV1Options.EnableNodeCliInspectArguments),
      enableEmbeddedAsarIntegrityValidation: isOn(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
      onlyLoadAppFromAsar: isOn(FuseV1Options.OnlyLoadAppFromAsar),
      loadBrowserProcessSpecificV8Snapshot: isOn(FuseV1Options.LoadBrowserProcessSpecificV8Snapshot),
      grantFileProtocolExtraPrivileges: isOn(FuseV1Options.GrantFileProtocolExtraPrivileges),
    }).toEqual({
      runAsNode: false,
      enableCookieEncryption: true,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      loadBrowserProcessSpecificV8Snapshot: false,
      grantFileProtocolExtraPrivileges: false,
    })
  })

  it('has no default app, no file of an updater, and the two languages of the app', () => {
    expect(readdirSync(join(packed, 'locales')).toSorted()).toEqual(['en-US.pak', 'vi.pak'])
    expect(readdirSync(join(packed, 'resources')).toSorted()).toEqual([
      'app.asar',
      'app.asar.unpacked',
      'command',
      'documentation',
      'icons',
      'udev',
    ])
  })

  it('has the command beside the archive, complete but for what only Electron can run', () => {
    const command = join(packed, 'resources/command')
    const inCommand = readdirSync(command, { recursive: true, encoding: 'utf8' })
    for (const path of [
      'flashproof',
      'package.json',
      'out/cli.js',
      'out/worker.js',
      'out/page/index.html',
      GLIBC_X64,
    ]) {
      expect(inCommand).toContain(path)
    }
    expect(inCommand).not.toContain('out/main.js')
    expect(inCommand).not.toContain('out/preload')
    expect(statSync(join(command, 'flashproof')).mode & 0o111).toBe(0o111)
  })

  it('brings the licences of what is bundled, also of what only a dependency needs', () => {
    const notices = readFileSync(join(packed, 'resources/documentation/third-party-notices.txt'), 'utf8')
    for (const name of ['vue', '@vue/runtime-core', 'zod'])
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d`, 'm'))
    expect(notices).toContain('Permission is hereby granted')
    expect(notices).not.toMatch(/^electron \d/m)
  })

  it('lets the serialport of the command find its compiled part', () => {
    const require = createRequire(join(packed, 'resources/command/out/cli.js'))
    expect(require.resolve('serialport')).toContain(packed)
    expect(require('serialport')).toHaveProperty('SerialPort')
  })
})

describe('the check after packing', () => {
  it('refuses a build that lacks a file which is started by name', async () => {
    const incomplete = join(folder, 'incomplete')
    writeStandInOutput(
      incomplete,
      BUILT_FILES.filter(path => path !== 'history-thread.js'),
    )
    await expect(pack('packed-incomplete', incomplete)).rejects.toThrow('The package lacks out/history-thread.js')
  }, 60_000)

  it('finds the package within its limit of 12 MiB', () => {
    const { ownBytes } = completeAndCheck(join(packed, 'resources'))
    expect(LARGEST_OWN_BYTES).toBe(12 * 1024 * 1024)
    expect(ownBytes).toBeGreaterThan(300_000)
    expect(ownBytes).toBeLessThan(LARGEST_OWN_BYTES)
  })

  it.skipIf(!isBuilt)(
    'finds the real build within the same limit (where npm run build has been run)',
    async () => {
      const real = await pack('packed-real', realOutput)
      expect(completeAndCheck(join(real, 'resources')).ownBytes).toBeLessThan(LARGEST_OWN_BYTES)
    },
    60_000,
  )
})

type FuseOptions = Readonly<
  Record<
    | 'RunAsNode'
    | 'EnableCookieEncryption'
    | 'EnableNodeOptionsEnvironmentVariable'
    | 'EnableNodeCliInspectArguments'
    | 'EnableEmbeddedAsarIntegrityValidation'
    | 'OnlyLoadAppFromAsar'
    | 'LoadBrowserProcessSpecificV8Snapshot'
    | 'GrantFileProtocolExtraPrivileges',
    number
  >
>

interface FuseReader {
  readonly FuseV1Options: FuseOptions
  getCurrentFuseWire(path: string): Promise<Readonly<Record<number, number>>>
}

/** The reader of fuses that comes with electron-builder. */
async function loadFuses(): Promise<FuseReader> {
  const builder = createRequire(createRequire(import.meta.url).resolve('electron-builder/package.json'))
  // A border: another package's dependency has no types here.
  return (await import(builder.resolve('@electron/fuses'))) as FuseReader
}
