/** Firmware files for tests of the page: an ESP32 image from the simulator, the same as Intel HEX, and one that is none. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDemoFirmware } from '../../../src/host/simulator-process.ts'

export async function writeImage(folder: string, version: string, sizeBytes: number): Promise<string> {
  const path = join(folder, `thermostat-${version}.bin`)
  await makeDemoFirmware({ path, sizeBytes, version })
  return path
}

/** The bytes of `imagePath` from `base` on, in records of 32 bytes. */
export function writeHex(imagePath: string, base: number): string {
  const image = readFileSync(imagePath)
  const lines: string[] = []
  for (let offset = 0; offset < image.length; offset += 32) {
    const address = base + offset
    if (offset === 0 || address % 0x10000 === 0) lines.push(record(0, 4, [address >>> 24, (address >>> 16) & 0xff]))
    lines.push(record(address & 0xffff, 0, [...image.subarray(offset, offset + 32)]))
  }
  lines.push(record(0, 1, []))
  const path = imagePath.replace(/\.bin$/, '.hex')
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

/** An Intel HEX file whose third line was changed by one digit. */
export function writeBrokenHex(folder: string): string {
  const path = join(folder, 'broken.hex')
  writeFileSync(path, ':020000040000FA\n:0400000001020304F2\n:0400040005060708DD\n:00000001FF\n')
  return path
}

function record(address: number, type: number, data: readonly number[]): string {
  const bytes = [data.length, address >> 8, address & 0xff, type, ...data]
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  return `:${Buffer.from([...bytes, -sum & 0xff])
    .toString('hex')
    .toUpperCase()}`
}
