/** Makes Espressif files for the tests, damaged ones too. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { buildEspImage } from '../../../../src/core/formats/esp-image/build-image.ts'
import { buildDemoFirmware } from '../../../../src/core/formats/esp-image/demo-firmware.ts'
import { buildOtaData } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable, type Partition } from '../../../../src/core/formats/esp-image/partition-table.ts'

export const partitions: readonly Partition[] = [
  { label: 'nvs', type: 'data', subtype: 'nvs', offset: 0x9000, sizeBytes: 0x5000 },
  { label: 'otadata', type: 'data', subtype: 'ota', offset: 0xe000, sizeBytes: 0x2000 },
  { label: 'app0', type: 'app', subtype: 'ota_0', offset: 0x1_0000, sizeBytes: 0x10_0000 },
  { label: 'app1', type: 'app', subtype: 'ota_1', offset: 0x11_0000, sizeBytes: 0x10_0000 },
]

export function app(chip = 'ESP32', sizeBytes = 4096): Buffer {
  return Buffer.from(buildDemoFirmware({ chip, sizeBytes, version: '1.2.3', seed: 5 }))
}

const bootloaderAddresses: Readonly<Record<string, number>> = {
  ESP32: 0x3fff_0018,
  'ESP32-S2': 0x3ffe_8000,
  'ESP32-S3': 0x3fcd_5820,
  'ESP32-C3': 0x3fcd_5820,
  'ESP32-P4': 0x4ff3_3ce0,
}

/** Only segments in RAM, as second-stage bootloaders have. */
export function bootloader(chip = 'ESP32'): Buffer {
  const address = bootloaderAddresses[chip] ?? 0x4080_0000
  const segments = [
    { address, bytes: Buffer.alloc(100, 0x11) },
    { address: address + 0x1000, bytes: Buffer.alloc(2000, 0x22) },
  ]
  return Buffer.from(buildEspImage({ chip, segments, entryAddress: address + 0x1000 }))
}

/** Puts parts at their flash offsets with FF between, as `esptool merge-bin` does. */
export function merge(parts: readonly (readonly [offset: number, bytes: Uint8Array])[], start = 0): Buffer {
  const end = Math.max(...parts.map(([offset, bytes]) => offset + bytes.length))
  const file = Buffer.alloc(end - start, 0xff)
  for (const [offset, bytes] of parts) file.set(bytes, offset - start)
  return file
}

export function mergedParts(chip: string, bootloaderOffset: number): readonly (readonly [number, Uint8Array])[] {
  return [
    [bootloaderOffset, bootloader(chip)],
    [0x8000, buildPartitionTable(partitions)],
    [0xe000, buildOtaData()],
    [0x1_0000, app(chip)],
  ]
}

/** Appends padding and a secure-boot v2 signature sector, as `espsecure sign-data` does (the signature itself is made up). */
export function sign(image: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil(image.length / 4096) * 4096, 0xff)
  padded.set(image)
  const sector = Buffer.alloc(4096, 0xff)
  const block = Buffer.alloc(1216)
  block.set([0xe7, 2])
  block.set(createHash('sha256').update(padded).digest(), 4)
  block.fill(0x5a, 36, 1196)
  block.writeUInt32LE(crc32(block.subarray(0, 1196)), 1196)
  sector.set(block)
  return Buffer.concat([padded, sector])
}

/** An ESP8266 image: header of 8 bytes, no hash. */
export function esp8266Image(segments: readonly (readonly [address: number, bytes: Uint8Array])[]): Buffer {
  const pieces: Buffer[] = [Buffer.from([0xe9, segments.length, 2, 0x40, 0x10, 0, 0x10, 0x40])]
  let checksum = 0xef
  for (const [address, bytes] of segments) {
    const header = Buffer.alloc(8)
    header.writeUInt32LE(address, 0)
    header.writeUInt32LE(bytes.length, 4)
    pieces.push(header, Buffer.from(bytes))
    for (const byte of bytes) checksum ^= byte
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const tail = Buffer.alloc((length | 15) + 1 - length)
  tail[tail.length - 1] = checksum
  return Buffer.concat([...pieces, tail])
}
