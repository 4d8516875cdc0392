/** Registers of the chip through the loader, and the id of its flash, which is asked for through the SPI controller. */
import { isDeepStrictEqual } from 'node:util'
import { FlashproofError } from '../../../shared/errors.ts'
import type { EspChannel } from './channel.ts'
import type { BitField, SpiRegisters } from './chips.ts'
import { words } from './commands.ts'

const ALL_BITS = 0xffff_ffff
const READ_ATTEMPTS = 3
/** A register is there at once; what is not heard within this time was lost. */
const READ_TIMEOUT_MS = 500

export async function readRegister(
  channel: EspChannel,
  address: number,
  { timeoutMs = READ_TIMEOUT_MS, attempts = READ_ATTEMPTS }: { timeoutMs?: number; attempts?: number } = {},
): Promise<number> {
  return (await channel.ask('readRegister', words(address), { timeoutMs, attempts })).value
}

export async function writeRegister(
  channel: EspChannel,
  address: number,
  value: number,
  mask = ALL_BITS,
): Promise<void> {
  await channel.ask('writeRegister', words(address, value, mask, 0))
}

const SURE_ATTEMPTS = 4

/**
 * What a board is judged by is read until it comes out the same twice: an answer has no checksum.
 * @throws {FlashproofError} loader.broken-frame when it never does
 */
export async function sure<Fact>(read: () => Promise<Fact>): Promise<Fact> {
  let before = await read()
  for (let attempt = 1; attempt < SURE_ATTEMPTS; attempt++) {
    const now = await read()
    if (isDeepStrictEqual(now, before)) return now
    before = now
  }
  throw new FlashproofError('loader.broken-frame', 'the loader answers the same question otherwise each time')
}

/** Puts a number together from bits that may lie in several registers. */
export async function readFields(channel: EspChannel, fields: readonly BitField[]): Promise<number> {
  let number = 0
  for (const { address, shift, bits, at = 0 } of fields) {
    number |= (((await readRegister(channel, address)) >>> shift) & (2 ** bits - 1)) << at
  }
  return number
}

const READ_ID = 0x9f
const ID_BITS = 24
const USER_COMMAND = 0x8000_0000
const USER_READS = 0x1000_0000
const START_USER = 1 << 18
const COMMAND_LENGTH_SHIFT = 28
const OLD_READ_LENGTH_SHIFT = 8
const SPI_POLLS = 10

/**
 * Asks the flash who it is (RDID): vendor in the low byte, then type and capacity.
 * @returns null when the SPI controller does not finish
 */
export async function readFlashId(channel: EspChannel, spi: SpiRegisters): Promise<number | null> {
  const at = (offset: number): number => spi.base + offset
  const oldUser = await readRegister(channel, at(spi.user))
  const oldUser2 = await readRegister(channel, at(spi.user2))
  if (spi.misoLength === null) await writeRegister(channel, at(spi.user1), (ID_BITS - 1) << OLD_READ_LENGTH_SHIFT)
  else await writeRegister(channel, at(spi.misoLength), ID_BITS - 1)
  await writeRegister(channel, at(spi.user), USER_COMMAND + USER_READS)
  await writeRegister(channel, at(spi.user2), 7 * 2 ** COMMAND_LENGTH_SHIFT + READ_ID)
  await writeRegister(channel, at(spi.data0), 0)
  await writeRegister(channel, spi.base, START_USER)
  let id: number | null = null
  for (let poll = 0; poll < SPI_POLLS && id === null; poll++) {
    if (((await readRegister(channel, spi.base)) & START_USER) === 0)
      id = await sure(() => readRegister(channel, at(spi.data0)))
  }
  await writeRegister(channel, at(spi.user), oldUser)
  await writeRegister(channel, at(spi.user2), oldUser2)
  return id
}

const ADESTO = 0x1f
const NO_FLASH = [0, 0xff_ffff]

/** The size that an id tells; null for one that tells none. Source: esptool, `DETECTED_FLASH_SIZES`. */
export function flashBytesOf(id: number): number | null {
  const low24 = id & 0xff_ffff
  if (NO_FLASH.includes(low24)) return null
  if ((low24 & 0xff) === ADESTO) {
    const code = (low24 >>> 8) & 0x1f
    return code >= 0x04 && code <= 0x09 ? 2 ** (code + 15) : null
  }
  const code = low24 >>> 16
  if (code >= 0x12 && code <= 0x1c) return 2 ** code
  if (code >= 0x20 && code <= 0x22) return 2 ** (code - 0x20 + 26)
  if (code >= 0x32 && code <= 0x3a) return 2 ** (code - 0x20)
  return null
}
