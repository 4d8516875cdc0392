// What the configuration of the installers promises, and whether electron-builder accepts it.
import { createRequire } from 'node:module'
import type { Configuration } from 'electron-builder'
import { describe, expect, it } from 'vitest'
import { createConfiguration } from '../../electron-builder.config.ts'
import type { PackagingOptions } from '../../electron-builder.config.ts'

const UNSIGNED: PackagingOptions = { builtFolder: 'out', isSigned: false, homepage: undefined, maintainer: undefined }

/** electron-builder's own check against its schema. */
async function validate(configuration: Configuration): Promise<void> {
  const require = createRequire(import.meta.url)
  const library = createRequire(require.resolve('electron-builder/package.json'))
  // Borders: neither module is typed for whoever is not electron-builder.
  const { validateConfiguration } = library('app-builder-lib/out/util/config/config') as {
    validateConfiguration: (configuration: Configuration, log: unknown) => Promise<void>
  }
  const { DebugLogger } = library('builder-util') as { DebugLogger: new (isEnabled: boolean) => unknown }
  await validateConfiguration(configuration, new DebugLogger(false))
}

describe('the configuration of the installers', () => {
  it.each([
    ['unsigned', UNSIGNED],
    [
      'signed',
      { ...UNSIGNED, isSigned: true, homepage: 'https://flash.example/', maintainer: 'Ann <ann@flash.example>' },
    ],
  ])('is accepted by the schema of electron-builder when %s', async (_case, options) => {
    await expect(validate(createConfiguration(options))).resolves.toBeUndefined()
  })

  it('would be refused by that schema with a key that does not exist', async () => {
    const wrong = { ...createConfiguration(UNSIGNED), instalers: true }
    await expect(validate(wrong)).rejects.toThrow(/instalers/)
  })

  it('makes the installers that each system is known for', () => {
    const { win, mac, linux } = createConfiguration(UNSIGNED)
    const targets = [win, mac, linux].flatMap(platform => platform?.target ?? [])
    expect(targets).toEqual([
      { target: 'nsis', arch: ['x64'] },
      { target: 'portable', arch: ['x64'] },
      { target: 'dmg', arch: ['universal'] },
      { target: 'AppImage', arch: ['x64', 'arm64'] },
      { target: 'deb', arch: ['x64', 'arm64'] },
    ])
  })

  it('opens .hex, .s19 and .uf2 on a double click, and leaves .bin to others', () => {
    const associations = [createConfiguration(UNSIGNED).fileAssociations ?? []].flat()
    expect(associations.map(({ ext }) => ext)).toEqual(['hex', 's19', 'uf2'])
    // The deb registers by this type alone.
    for (const { mimeType } of associations) expect(mimeType).toMatch(/^[a-z]+\/[a-z0-9.-]+$/)
  })

  it('asks for no administrator, neither when installing on Windows nor when running', () => {
    const { nsis, portable, win } = createConfiguration(UNSIGNED)
    expect(nsis).toMatchObject({ oneClick: true, perMachine: false, packElevateHelper: false })
    expect(portable).toMatchObject({ requestExecutionLevel: 'user' })
    expect(win).toMatchObject({ requestedExecutionLevel: 'asInvoker' })
  })

  it('uploads nothing, updates nothing by itself and compiles nothing', () => {
    const configuration = createConfiguration(UNSIGNED)
    expect(configuration).toMatchObject({ publish: null, npmRebuild: false, nodeGypRebuild: false })
    expect(configuration.nsis).toMatchObject({ differentialPackage: false })
    expect(configuration.dmg).toMatchObject({ writeUpdateInfo: false })
  })

  it('signs only when told, and then fails rather than leave a signature out', () => {
    expect(createConfiguration(UNSIGNED)).toMatchObject({
      win: { signExecutable: false, forceCodeSigning: false },
      mac: { identity: '-', notarize: false, forceCodeSigning: false },
    })
    const signed = createConfiguration({ ...UNSIGNED, isSigned: true })
    expect(signed).toMatchObject({
      win: { signExecutable: true, forceCodeSigning: true },
      mac: { notarize: true, hardenedRuntime: true, forceCodeSigning: true },
    })
    expect(signed.mac).not.toHaveProperty('identity')
  })

  it('names a page that the deb itself installs, unless its maker has one', () => {
    expect(createConfiguration(UNSIGNED).extraMetadata).toEqual({
      homepage: 'file:///opt/Flashproof/resources/documentation/shipping.md',
    })
    const homepage = 'https://flash.example/'
    expect(createConfiguration({ ...UNSIGNED, homepage }).extraMetadata).toEqual({ homepage })
  })
})
