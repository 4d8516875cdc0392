import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { convertFile } from '../../../src/core/formats/convert.ts'
import { buildOtaData } from '../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable } from '../../../src/core/formats/esp-image/partition-table.ts'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import { inspectFile, inspectSource, type InspectOptions } from '../../../src/core/formats/inspect.ts'
import type { Inspection } from '../../../src/shared/contract/models.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { app, bootloader, merge, mergedParts, partitions } from './esp-image/esp-files.ts'

type Files = Record<string, Uint8Array>

const files: Files = {
  'bootloader/bootloader.bin': bootloader(),
  'partition_table/partition-table.bin': buildPartitionTable(partitions),
  'ota_data_initial.bin': buildOtaData(),
  'thermostat.bin': app(),
}
const flashFiles = {
  '0x1000': 'bootloader/bootloader.bin',
  '0x8000': 'partition_table/partition-table.bin',
  '0xe000': 'ota_data_initial.bin',
  '0x10000': 'thermostat.bin',
}
/** As ESP-IDF 5 writes it. */
const idfArgs = {
  write_flash_args: ['--flash_mode', 'dio', '--flash_size', '4MB', '--flash_freq', '40m'],
  flash_settings: { flash_mode: 'qio', flash_size: '1MB', flash_freq: '40m' },
  flash_files: flashFiles,
  bootloader: { offset: '0x1000', file: 'bootloader/bootloader.bin', encrypted: 'false' },
  app: { offset: '0x10000', file: 'thermostat.bin', encrypted: 'false' },
  extra_esptool_args: { after: 'hard_reset', before: 'default_reset', stub: true, chip: 'esp32' },
}

function inspect(list: unknown, beside: Files = files, options: InspectOptions = {}): Inspection {
  const text = typeof list === 'string' ? list : JSON.stringify(list)
  const source = sourceFromBytes('flasher_args.json', Buffer.from(text), new Map(Object.entries(beside)))
  return inspectSource(source, options).inspection
}

function refusalOf(action: () => unknown): FlashproofError {
  try {
    action()
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

function codes({ findings }: Inspection, severity = 'error'): string[] {
  return findings.filter(finding => finding.severity === severity).map(({ code }) => code)
}

function manifest(...builds: [chipFamily: string, parts: [path: string, offset: number][]][]): object {
  return {
    name: 'Thermostat',
    version: '1.2.3',
    builds: builds.map(([chipFamily, parts]) => ({
      chipFamily,
      parts: parts.map(([path, offset]) => ({ path, offset })),
    })),
  }
}

describe('a flasher_args.json', () => {
  it('is read with every part at its address', () => {
    const inspection = inspect(idfArgs)
    expect(inspection).toMatchObject({ format: 'flash-set', baseAddress: 0x1000 })
    // The boot choice ends where the application begins.
    expect(inspection.segments.map(({ address }) => address)).toEqual([0x1000, 0x8000, 0xe000])
    expect(inspection.esp).toMatchObject({
      kind: 'set',
      chip: 'ESP32',
      chipId: 0,
      checksumValid: true,
      sha256Valid: true,
      app: { projectName: 'thermostat', version: '1.2.3' },
      partitions,
      parts: [
        { kind: 'bootloader', offset: 0x1000, file: 'bootloader/bootloader.bin' },
        { kind: 'partition-table', offset: 0x8000 },
        { kind: 'otadata', offset: 0xe000 },
        { kind: 'app', offset: 0x1_0000, file: 'thermostat.bin' },
      ],
    })
    expect(codes(inspection)).toEqual([])
  })

  it('that asks for other flash settings than the bootloader has is told so, and changes no byte', () => {
    const { esp, findings } = inspect(idfArgs)
    const [mode, size] = [esp?.flashMode ?? '', esp?.flashSize ?? '']
    const same = { flash_mode: mode.toLowerCase(), flash_size: size, flash_freq: 'keep' }
    expect(codes(inspect({ ...idfArgs, flash_settings: same }), 'warning')).not.toContain('flash-settings-differ')
    const other = inspect({ ...idfArgs, flash_settings: { flash_mode: mode === 'DIO' ? 'qio' : 'dio' } })
    expect(codes(other, 'warning')).toContain('flash-settings-differ')
    expect(other.imageSha256).toBe(inspect(idfArgs).imageSha256)
    expect(findings).not.toHaveLength(0)
  })

  it('names parts that are meant to be encrypted', () => {
    const encrypted = { ...idfArgs, app: { ...idfArgs.app, encrypted: 'true' } }
    expect(codes(inspect(encrypted), 'warning')).toContain('encrypted-part')
  })

  it.each([
    ['of another chip', { 'thermostat.bin': app('ESP32-S3') }, flashFiles, 'mixed-chips'],
    ['that is damaged', { 'thermostat.bin': app().fill(0x55, 300, 400) }, flashFiles, 'bad-checksum'],
    [
      'that no partition is for',
      {},
      { '0x1000': flashFiles['0x1000'], '0x8000': flashFiles['0x8000'], '0x20000': 'thermostat.bin' },
      'app-outside-partition',
    ],
    ['that is too large for its partition', { 'thermostat.bin': app('ESP32', 0x11_0000) }, flashFiles, 'app-too-large'],
    ['bootloader at a wrong place', {}, { '0x0': 'bootloader/bootloader.bin' }, 'bootloader-misplaced'],
  ])('with a part %s says so', (_, changed, wanted, code) => {
    expect(codes(inspect({ ...idfArgs, flash_files: wanted }, { ...files, ...changed }))).toContain(code)
  })

  it('with two parts in one flash sector is refused, naming both', () => {
    const error = refusalOf(() =>
      inspect({ ...idfArgs, flash_files: { ...flashFiles, '0x10100': 'ota_data_initial.bin' } }),
    )
    expect(error.code).toBe('image.overlap')
    expect(error.details).toMatchObject({ part: 'thermostat.bin', otherPart: 'ota_data_initial.bin' })
  })

  it('with a part that is missing, or handed over alone, names it', () => {
    const { 'thermostat.bin': gone, ...rest } = files
    expect(gone).toBeDefined()
    const error = refusalOf(() => inspect(idfArgs, rest))
    expect([error.code, error.details['part']]).toEqual(['format.part-missing', 'thermostat.bin'])
    const alone = sourceFromBytes('flasher_args.json', Buffer.from(JSON.stringify(idfArgs)))
    expect(refusalOf(() => inspectSource(alone)).code).toBe('format.part-missing')
  })

  it('with a web page for a part is refused', () => {
    const error = refusalOf(() =>
      inspect(idfArgs, { ...files, 'thermostat.bin': Buffer.from('<!DOCTYPE html><html>') }),
    )
    expect([error.code, error.details['part']]).toEqual(['format.not-firmware', 'thermostat.bin'])
  })

  it.each([
    '../thermostat.bin',
    'build/../../x.bin',
    '/etc/passwd',
    'C:/firmware.bin',
    'a\\b.bin',
    'https://example.com/a.bin',
    '',
  ])('that names “%s” is refused before anything is read', path => {
    const error = refusalOf(() => inspect({ ...idfArgs, flash_files: { '0x1000': path } }, { [path]: bootloader() }))
    expect(error.code).toBe('format.bad-set')
  })

  it.each([
    ['no JSON', '{"flash_files": {'],
    ['no parts', { flash_files: {} }],
    ['an odd offset', { flash_files: { somewhere: 'thermostat.bin' } }],
    ['an offset past every flash', { flash_files: { '0x10000000': 'thermostat.bin' } }],
    ['an unknown chip', { flash_files: flashFiles, extra_esptool_args: { chip: 'esp99' } }],
    ['a part of another kind', { flash_files: { '0x0': 7 } }],
    ['builds that are none', { builds: [7] }],
    ['too many parts', { flash_files: Object.fromEntries(Array.from({ length: 200 }, (_, at) => [String(at), 'x'])) }],
  ])('with %s is refused', (_, list) => {
    expect(refusalOf(() => inspect(list)).code).toBe('format.bad-set')
  })
})

describe('a manifest.json', () => {
  const parts = Object.entries(flashFiles).map(([offset, path]): [string, number] => [path, Number(offset)])

  it('with one build needs no choice', () => {
    expect(inspect(manifest(['ESP32', parts])).esp).toMatchObject({ kind: 'set', chip: 'ESP32' })
  })

  it('with several builds asks which, and gives the one that is named', () => {
    const s3: Files = { ...files, 's3.bin': merge(mergedParts('ESP32-S3', 0)) }
    const list = manifest(['ESP32', parts], ['ESP32-S3', [['s3.bin', 0]]])
    const error = refusalOf(() => inspect(list, s3))
    expect([error.code, error.details['variants']]).toEqual(['format.variant-needed', ['ESP32', 'ESP32-S3']])
    expect(refusalOf(() => inspect(list, s3, { variant: 'ESP32-C3' })).code).toBe('format.unknown-variant')
    for (const variant of ['esp32s3', 'ESP32-S3']) {
      const inspection = inspect(list, s3, { variant })
      expect(inspection.baseAddress).toBe(0)
      expect(inspection.esp).toMatchObject({ kind: 'set', chip: 'ESP32-S3', partitions })
      // The parts of the merged file inside.
      expect(inspection.esp?.parts).toMatchObject([
        { kind: 'bootloader', offset: 0, file: 's3.bin' },
        { kind: 'partition-table', offset: 0x8000 },
        { kind: 'otadata', offset: 0xe000 },
        { kind: 'app', offset: 0x1_0000 },
      ])
    }
  })

  it('with two builds for one chip numbers the second', () => {
    const list = manifest(['ESP32', parts], ['ESP32', [['thermostat.bin', 0x1_0000]]])
    expect(refusalOf(() => inspect(list)).details['variants']).toEqual(['ESP32', 'ESP32 (2)'])
    expect(inspect(list, files, { variant: 'ESP32 (2)' }).esp?.parts).toHaveLength(1)
  })

  it('is the only kind of file besides UF2 in which something can be chosen', () => {
    const plain = sourceFromBytes('app.bin', app())
    expect(refusalOf(() => inspectSource(plain, { variant: 'ESP32' })).code).toBe('format.unknown-variant')
    expect(refusalOf(() => inspect(idfArgs, files, { variant: 'ESP32-S3' })).code).toBe('format.unknown-variant')
    expect(inspect(idfArgs, files, { variant: 'esp32' }).esp?.chip).toBe('ESP32')
  })
})

describe('a set on disk', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flash-set-'))
    for (const [name, bytes] of Object.entries(files)) write(name, bytes)
    write('flasher_args.json', Buffer.from(JSON.stringify(idfArgs)))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  function write(name: string, bytes: Uint8Array): void {
    mkdirSync(dirname(join(folder, 'build', name)), { recursive: true })
    writeFileSync(join(folder, 'build', name), bytes)
  }

  it('is read from its folder, and converted to one file', () => {
    const list = join(folder, 'build', 'flasher_args.json')
    expect(inspectFile(list).esp?.parts).toHaveLength(4)
    const output = join(folder, 'all.bin')
    convertFile({ inputPath: list, outputPath: output, base: 0 })
    const parts = Object.entries(flashFiles).map(([at, name]) => [Number(at), files[name] ?? Buffer.of()] as const)
    expect(inspectFile(output).imageSha256).toBe(
      inspectSource(sourceFromBytes('all.bin', merge(parts))).inspection.imageSha256,
    )
  })

  it('does not follow a link out of its folder', () => {
    write('../secret.bin', app())
    rmSync(join(folder, 'build', 'thermostat.bin'))
    symlinkSync(join(folder, 'secret.bin'), join(folder, 'build', 'thermostat.bin'))
    const error = refusalOf(() => inspectFile(join(folder, 'build', 'flasher_args.json')))
    expect(error.code).toBe('file.not-readable')
    expect(error.message).toContain('outside')
  })
})
