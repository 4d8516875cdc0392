import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { CrashPlace, CrashReport } from '../../../../src/shared/contract/models.ts'
import { sourceFromBytes } from '../../../../src/core/formats/file-source.ts'
import { decodeCrash } from '../../../../src/core/telemetry/backtrace/decode-crash.ts'
import { readableName } from '../../../../src/core/telemetry/backtrace/symbols.ts'
import { createThreadDecoder } from '../../../../src/core/telemetry/backtrace/thread-decoder.ts'

const fixture = (name: string): URL => new URL(`fixtures/${name}`, import.meta.url)
const builds = ['dwarf3', 'dwarf4', 'dwarf5', 'packed']

/** addr2line names a function that was inlined; the symbol table knows the one that its code lies in. */
const inlinedInto: Readonly<Record<string, string>> = {
  'pump::half': 'pump::Motor::start',
}

const noCrash: CrashReport = {
  at: '2026-11-21T10:00:00.000+00:00',
  kind: 'panic',
  text: 'LoadProhibited',
  core: 0,
  details: [],
  abortPc: null,
  registers: {},
  backtraces: [],
  stackWords: [],
  elfSha256: null,
}

function crashAt(...pcs: readonly number[]): CrashReport {
  return { ...noCrash, backtraces: [{ frames: pcs.map(pc => ({ pc, sp: 0x3ffb0000 })), ending: null }] }
}

function places(bytes: Uint8Array, crash: CrashReport): readonly CrashPlace[] {
  return decodeCrash(sourceFromBytes('app.elf', bytes), { crash, appElfSha256: null }).places
}

describe.each(builds)('a program compiled as %s', build => {
  const elf = readFileSync(fixture(`${build}.elf`))
  const reference = readFileSync(fixture(`${build}.txt`), 'utf8')
    .trim()
    .split('\n')
    .map(row => row.split('\t'))

  it('has the places that addr2line of binutils finds', () => {
    const found = places(elf, crashAt(...reference.map(([address]) => Number(address))))
    expect(reference.length).toBeGreaterThan(20)
    for (const [index, [, name = '', place = '']] of reference.entries()) {
      const [file = '', line = ''] = place.split(':')
      const enclosing = inlinedInto[readableName(name)] ?? readableName(name)
      expect(found[index]).toMatchObject({ function: enclosing, line: Number.parseInt(line, 10) || 0 })
      // Before version 5 the table does not say where the compiler ran; addr2line takes that from elsewhere.
      if (line !== '?') expect(file.endsWith(found[index]?.file ?? 'none')).toBe(true)
    }
  })

  it('has no place for an address outside', () => {
    expect(places(elf, crashAt(0x400d0000, 0x40100000, 0))).toMatchObject([
      { function: 'pump::Motor::start', offset: 0 },
      { function: null, file: null, line: null },
      { function: null, file: null, line: null },
    ])
  })

  it('gives what can be read of a file that is cut or garbled, or says what is wrong with it', () => {
    const crash = crashAt(...reference.map(([address]) => Number(address)))
    for (let size = 52; size < elf.length; size += 97) {
      expect(() => places(elf.subarray(0, size), crash)).toThrow(expect.objectContaining({ name: 'FlashproofError' }))
    }
    for (let at = 52; at < elf.length; at += 41) {
      const garbled = Buffer.from(elf)
      garbled.writeUInt8(garbled.readUInt8(at) ^ 0xff, at)
      try {
        expect(places(garbled, crash)).toHaveLength(reference.length)
      } catch (thrown) {
        expect(thrown).toMatchObject({ name: 'FlashproofError' })
      }
    }
  })
})

it('reads tables of version 2, which look like those of version 3', () => {
  const elf = readFileSync(fixture('dwarf3.elf'))
  const version3 = places(elf, crashAt(0x400d0000, 0x400d0010))
  // Both tables say their version after their length of 4 bytes; the header length that follows keeps others out.
  let patched = 0
  for (let at = 0; at + 10 < elf.length; at++) {
    const isTable = elf.readUInt16LE(at + 4) === 3 && elf.readUInt32LE(at) < 400 && elf.readUInt32LE(at + 6) < 200
    if (!isTable || elf.readUInt8(at + 10) !== 1 || elf.readUInt32LE(at) === 0) continue
    elf.writeUInt16LE(2, at + 4)
    patched++
  }
  expect(patched).toBe(2)
  expect(places(elf, crashAt(0x400d0000, 0x400d0010))).toEqual(version3)
})

describe('the hash that the board says', () => {
  const elf = readFileSync(fixture('dwarf5.elf'))
  const elfSha256 = createHash('sha256').update(elf).digest('hex')
  const crash = crashAt(0x400d0000)
  const decode = (said: string | null, atStart: string | null = null): ReturnType<typeof decodeCrash> =>
    decodeCrash(sourceFromBytes('app.elf', elf), { crash: { ...crash, elfSha256: said }, appElfSha256: atStart })

  it('must be the file’s, or nothing is decoded', () => {
    expect(decode(elfSha256.slice(0, 9))).toMatchObject({ build: 'same', elfSha256, places: [{ line: 7 }] })
    expect(decode('0123456789abcdef')).toEqual({ build: 'other', elfSha256, places: [] })
  })

  it('counts from the start too, and the crash’s own before that', () => {
    expect(decode(null, '0123456789abcdef').build).toBe('other')
    expect(decode(elfSha256.slice(0, 16), '0123456789abcdef').build).toBe('same')
  })

  it('is no proof when it is missing, too short, or was never filled in', () => {
    expect([decode(null), decode(elfSha256.slice(0, 4)), decode('0000000000000000')].map(({ build }) => build)).toEqual(
      ['unknown', 'unknown', 'unknown'],
    )
    expect(decode(null).places).toHaveLength(1)
  })
})

describe('other addresses of a crash', () => {
  const elf = Buffer.from(readFileSync(fixture('dwarf5.elf')))
  const withMachine = (machine: number): Buffer => {
    const patched = Buffer.from(elf)
    patched.writeUInt16LE(machine, 18)
    return patched
  }

  it('are registers, looked up where the call is', () => {
    const riscV = { ...noCrash, registers: { MEPC: 0x400d0000, RA: 0x400d0004 } }
    expect(places(withMachine(243), riscV)).toMatchObject([
      { role: 'register', name: 'MEPC', function: 'pump::Motor::start', offset: 0 },
      { role: 'register', name: 'RA', function: 'pump::Motor::start', offset: 4 },
    ])
    // The two highest bits of a raw return address hold the size of the window.
    const xtensa = { ...noCrash, registers: { PC: 0x400d0000, A0: 0x800d0008 } }
    expect(places(withMachine(94), xtensa)).toMatchObject([
      { name: 'PC', address: 0x400d0000 },
      { name: 'A0', address: 0x400d0008, function: 'pump::Motor::start' },
    ])
    expect(places(elf, { ...noCrash, abortPc: 0x400d0000 })).toMatchObject([{ name: 'abort', line: 7 }])
  })

  it('are words of the stack that point into functions, where there is no backtrace', () => {
    const stackWords = [0x63333034, 0x400d0004, 0, 0x400d0000, 0xffffffff]
    expect(places(elf, { ...noCrash, stackWords })).toMatchObject([
      { role: 'stack', address: 0x400d0004, function: 'pump::Motor::start' },
    ])
    expect(places(elf, { ...crashAt(0x400d0000), stackWords })).toHaveLength(1)
  })
})

it('refuses a file that is no 32-bit ELF file', () => {
  expect(() => places(Buffer.from('\u007fELF\u0002\u0001'), noCrash)).toThrow(/64-bit/)
})

it.each([
  ['_ZN4pump5Motor5startEi', 'pump::Motor::start'],
  ['_ZNK4pump5Motor5speedEv', 'pump::Motor::speed'],
  ['_ZL4loopi', 'loop'],
  ['_Z4loopv', 'loop'],
  ['_ZN4pump5MotorC2Ev', 'pump::Motor::Motor'],
  ['_ZN4pump5MotorD0Ev', 'pump::Motor::~Motor'],
  ['_ZN12_GLOBAL__N_14loopEv', '(anonymous)::loop'],
  ['_ZN4pump4loopEi.constprop.0', 'pump::loop'],
  // Templates and abbreviations are left as they are.
  ['_ZNSt6vectorIiSaIiEE9push_backEOi', '_ZNSt6vectorIiSaIiEE9push_backEOi'],
  ['_Z3maxIiET_S0_S0_', '_Z3maxIiET_S0_S0_'],
  ['_ZN99shortE', '_ZN99shortE'],
  ['app_main', 'app_main'],
  ['', ''],
])('%s is read as %s', (raw, readable) => {
  expect(readableName(raw)).toBe(readable)
})

it('decodes in a thread, and passes on what is wrong with a file', async () => {
  const entry = new URL('../../../../src/core/telemetry/backtrace/decode-thread.ts', import.meta.url)
  const decode = createThreadDecoder(entry)
  const elfPath = fixture('dwarf4.elf').pathname
  const request = { crash: crashAt(0x400d0000), appElfSha256: null }
  expect(await decode({ ...request, elfPath })).toMatchObject({ build: 'unknown', places: [{ line: 7 }] })
  await expect(decode({ ...request, elfPath: `${elfPath}.gone` })).rejects.toMatchObject({ code: 'file.not-found' })
})
