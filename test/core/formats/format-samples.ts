/** One valid file a format, made here and not by the project's own writers, so that readers are judged from outside. */
import { createHash } from 'node:crypto'
import type { Segment } from '../../../src/core/image/memory-image.ts'
import { hexText, randomBytes, seededRandom } from './hex-samples.ts'

export interface FormatSample {
  readonly fileName: string
  readonly bytes: Buffer
  /** What a reader must find in it. */
  readonly segments: readonly Segment[]
  readonly startAddress: number | null
  /** Files that lie beside it, which it names. */
  readonly beside?: ReadonlyMap<string, Uint8Array>
  /** Repairs the checksums after a byte was changed, where the format has some; to get behind them. */
  readonly repair?: (bytes: Buffer) => void
}

const random = seededRandom(7)
const first: Segment = { address: 0x0800_0000, bytes: randomBytes(random, 600) }
const second: Segment = { address: 0x0800_1003, bytes: randomBytes(random, 333) }
const START = 0x0800_0101

/** By format id. A new format adds its line here. */
export const formatSamples: Readonly<Record<string, () => FormatSample>> = {
  'intel-hex': () => ({
    fileName: 'board.hex',
    bytes: hexText([first, second], { lineEnd: '\r\n', startAddress: START }),
    segments: [first, second],
    startAddress: START,
    repair: repairTextRecords(':'),
  }),
  's-record': () => ({
    fileName: 'board.s19',
    bytes: sRecordText([first, second], START),
    segments: [first, second],
    startAddress: START,
    repair: repairTextRecords('S'),
  }),
  uf2: () => {
    const data: Segment = { address: 0x2000, bytes: first.bytes.subarray(0, 512) }
    return { fileName: 'board.uf2', bytes: uf2File(data), segments: [data], startAddress: null }
  },
  elf: () => ({
    fileName: 'board.elf',
    bytes: elfFile([first, second], START),
    segments: [first, second],
    startAddress: START,
  }),
  'flash-set': () => {
    const parts = [
      { path: 'sub/low.bin', offset: 0x1000, bytes: first.bytes },
      { path: 'high.bin', offset: 0x2000, bytes: second.bytes },
    ]
    const list = parts.map(({ path, offset }) => ({ path, offset }))
    return {
      fileName: 'manifest.json',
      bytes: Buffer.from(JSON.stringify({ name: 'x', version: '1', builds: [{ chipFamily: 'ESP32', parts: list }] })),
      segments: parts.map(({ offset, bytes }) => ({ address: offset, bytes })),
      startAddress: null,
      beside: new Map(parts.map(({ path, bytes }) => [path, bytes])),
    }
  },
  'esp-image': () => {
    const bytes = espApp(first.bytes)
    return { fileName: 'app.bin', bytes, segments: [{ address: 0, bytes }], startAddress: null, repair: repairEspApp }
  },
  'raw-binary': () => ({
    fileName: 'board.bin',
    bytes: Buffer.from(first.bytes),
    segments: [{ address: 0, bytes: first.bytes }],
    startAddress: null,
  }),
}

/** S3 records of 21 bytes with header, count and start address. */
function sRecordText(segments: readonly Segment[], startAddress: number): Buffer {
  const addressBytes = (address: number): number[] => [24, 16, 8, 0].map(shift => (address >>> shift) & 0xff)
  const record = (type: number, body: readonly number[]): string => {
    const all = [body.length + 1, ...body]
    const sum = all.reduce((total, byte) => total + byte, 0)
    return `S${String(type)}${Buffer.from([...all, ~sum & 0xff])
      .toString('hex')
      .toUpperCase()}\r\n`
  }
  const data: string[] = []
  for (const { address, bytes } of segments) {
    for (let start = 0; start < bytes.length; start += 21) {
      data.push(record(3, [...addressBytes(address + start), ...bytes.subarray(start, start + 21)]))
    }
  }
  const count = record(5, [data.length >> 8, data.length & 0xff])
  return Buffer.from([record(0, [0, 0, 0x46, 0x57]), ...data, count, record(7, addressBytes(startAddress))].join(''))
}

/** Recomputes the checksum of every text record whose length still fits. */
function repairTextRecords(lead: ':' | 'S'): (bytes: Buffer) => void {
  const digitsStart = lead === ':' ? 1 : 2
  return bytes => {
    const text = bytes.toString('latin1')
    for (const match of text.matchAll(/[^\r\n]+/g)) {
      const digits = match[0].slice(digitsStart)
      if (!/^([0-9A-Fa-f]{2}){2,}$/.test(digits)) continue
      const body = Buffer.from(digits.slice(0, -2), 'hex')
      const sum = body.reduce((total, byte) => total + byte, 0)
      const checksum = (lead === ':' ? -sum : ~sum) & 0xff
      const digitsText = checksum.toString(16).toUpperCase().padStart(2, '0')
      bytes.write(digitsText, match.index + match[0].length - 2, 'latin1')
    }
  }
}

function uf2File({ address, bytes }: Segment): Buffer {
  const payloadBytes = 256
  const count = Math.ceil(bytes.length / payloadBytes)
  const file = Buffer.alloc(count * 512)
  for (let index = 0; index < count; index++) {
    const block = file.subarray(index * 512, (index + 1) * 512)
    const start = index * payloadBytes
    const words = [0x0a32_4655, 0x9e5d_5157, 0x2000, address + start, payloadBytes, index, count, 0xe48b_ff56]
    for (const [word, value] of words.entries()) block.writeUInt32LE(value, word * 4)
    block.set(bytes.subarray(start, start + payloadBytes), 32)
    block.writeUInt32LE(0x0ab1_6f30, 508)
  }
  return file
}

/** A 32-bit little-endian ELF for ARM with one program header a segment and no sections. */
function elfFile(segments: readonly Segment[], entryAddress: number): Buffer {
  const headerBytes = 52
  const programHeaderBytes = 32
  const header = Buffer.alloc(headerBytes + programHeaderBytes * segments.length)
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  header.writeUInt16LE(2, 16)
  header.writeUInt16LE(40, 18)
  header.writeUInt32LE(1, 20)
  header.writeUInt32LE(entryAddress, 24)
  header.writeUInt32LE(headerBytes, 28)
  header.writeUInt16LE(headerBytes, 40)
  header.writeUInt16LE(programHeaderBytes, 42)
  header.writeUInt16LE(segments.length, 44)
  let offset = header.length
  for (const [index, { address, bytes }] of segments.entries()) {
    const words = [1, offset, address, address, bytes.length, bytes.length, 5, 4]
    for (const [word, value] of words.entries()) {
      header.writeUInt32LE(value, headerBytes + programHeaderBytes * index + word * 4)
    }
    offset += bytes.length
  }
  return Buffer.concat([header, ...segments.map(({ bytes }) => bytes)])
}

/** An ESP32 application image of one data segment, with checksum and appended SHA-256. */
function espApp(data: Uint8Array): Buffer {
  const dataBytes = data.length - (data.length % 4)
  const body = Buffer.alloc(24 + 8 + dataBytes)
  body.set([0xe9, 1, 2, 0x20])
  body.writeUInt32LE(0x4008_0000, 4)
  body[23] = 1
  body.writeUInt32LE(0x3f40_0020, 24)
  body.writeUInt32LE(dataBytes, 28)
  body.set(data.subarray(0, dataBytes), 32)
  const checksumEnd = Math.ceil((body.length + 1) / 16) * 16
  const file = Buffer.alloc(checksumEnd + 32)
  file.set(body)
  repairEspApp(file)
  return file
}

function repairEspApp(file: Buffer): void {
  const hashStart = file.length - 32
  let checksum = 0xef
  const dataBytes = Math.min(file.readUInt32LE(28), hashStart - 33)
  for (const byte of file.subarray(32, 32 + dataBytes)) checksum ^= byte
  file[hashStart - 1] = checksum
  file.set(createHash('sha256').update(file.subarray(0, hashStart)).digest(), hashStart)
}
