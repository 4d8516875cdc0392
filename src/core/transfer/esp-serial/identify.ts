/** Who answered: the chip, its MAC, its revision, what protects it, and how large its flash is. Nothing here changes flash. */
import { FlashproofError } from '../../../shared/errors.ts'
import { readUint32 } from '../../formats/esp-image/little-endian.ts'
import { refusalOf, type EspChannel } from './channel.ts'
import { MAGIC_REGISTER, targetByImageId, targetByMagic, targetOf, type EspTarget } from './chips.ts'
import { isUnsupported, readStatus } from './commands.ts'
import type { EspFacts, EspSecurity } from './esp-loader.ts'
import { flashBytesOf, readFields, readFlashId, readRegister, sure } from './registers.ts'

/** Names of the flags of GET_SECURITY_INFO, lowest bit first. */
const FLAGS = [
  'SECURE_BOOT_EN',
  'SECURE_BOOT_AGGRESSIVE_REVOKE',
  'SECURE_DOWNLOAD_ENABLE',
  'SECURE_BOOT_KEY_REVOKE0',
  'SECURE_BOOT_KEY_REVOKE1',
  'SECURE_BOOT_KEY_REVOKE2',
  'SOFT_DIS_JTAG',
  'HARD_DIS_JTAG',
  'DIS_USB',
  'DIS_DOWNLOAD_DCACHE',
  'DIS_DOWNLOAD_ICACHE',
]

const FULL_INFO_BYTES = 20
/** The ESP32-S2 gives no chip id. */
const SHORT_INFO_BYTES = 12
const CHIP_ID_AT = 12
const MOST_STATUS_BYTES = 4

export interface Detected {
  readonly target: EspTarget
  /** Null where the loader has no GET_SECURITY_INFO: the ESP8266 and the ESP32. */
  readonly security: EspSecurity | null
}

/**
 * Finds out which chip it is: by the id of GET_SECURITY_INFO, else by the word at the magic register. An ESP32-S2 gives
 * no id, and in Secure Download Mode no register either.
 * @throws {FlashproofError} loader.unknown-chip; what the channel throws
 */
export async function detectTarget(channel: EspChannel): Promise<Detected> {
  const first = await readSecurityInfo(channel)
  const info = first === null ? null : await sure(() => readSecurityInfo(channel))
  if (info !== null && info.chipId !== null) {
    const target = targetByImageId(info.chipId)
    if (target === undefined) throw unknownChip(`chip id ${String(info.chipId)}`, { chipId: info.chipId })
    return { target, security: info.security }
  }
  if (info?.security.isSecureDownloadMode === true) return { target: targetOf('ESP32-S2'), security: info.security }
  const magic = await sure(() => readRegister(channel, MAGIC_REGISTER))
  const target = targetByMagic(magic)
  if (target === undefined) throw unknownChip(`0x${hex(magic)} at 0x40001000`, { magic })
  // A chip that has the command may have refused it because it arrived damaged.
  if (info === null && !target.isKnownByMagic)
    return { target, security: (await readSecurityInfo(channel))?.security ?? null }
  return { target, security: info?.security ?? null }
}

/** Reads the facts of a chip whose flash is attached; in Secure Download Mode only what was heard already. */
export async function readFacts(channel: EspChannel, { target, security }: Detected): Promise<EspFacts> {
  const { chip } = target
  if (security?.isSecureDownloadMode === true) {
    return { chip, revision: null, mac: null, flashBytes: null, security }
  }
  const revision = await orNull(sure(() => readRevision(channel, target)))
  const id = await orNull(readFlashId(channel, target.spi))
  return {
    chip,
    revision,
    mac: await readMacOf(channel, target),
    flashBytes: id === null ? null : flashBytesOf(id),
    security: security ?? (chip.name === 'ESP32' ? await orNull(readEsp32Security(channel, revision ?? 0)) : null),
  }
}

interface SecurityInfo {
  readonly security: EspSecurity
  readonly chipId: number | null
}

async function readSecurityInfo(channel: EspChannel): Promise<SecurityInfo | null> {
  const body = await orNullIfUnknown(channel.askForBody('securityInfo', new Uint8Array(), 2))
  if (body === null) return null
  const dataBytes = infoBytes(body.length)
  const { isFailure, error, data } = readStatus(body, dataBytes ?? 0)
  if (isFailure || dataBytes === null || data === null) {
    // A ROM repeats the refusal of a command that it does not know.
    if (isUnsupported(error)) await channel.forget('securityInfo')
    return null
  }
  return {
    security: securityOf(readUint32(data, 0), data[4] ?? 0),
    chipId: dataBytes === FULL_INFO_BYTES ? readUint32(data, CHIP_ID_AT) : null,
  }
}

function infoBytes(bodyBytes: number): number | null {
  return (
    [FULL_INFO_BYTES, SHORT_INFO_BYTES].find(
      bytes => bodyBytes >= bytes + 2 && bodyBytes <= bytes + MOST_STATUS_BYTES,
    ) ?? null
  )
}

function securityOf(flags: number, cryptCount: number): EspSecurity {
  const isSet = (name: string): boolean => (flags & (1 << FLAGS.indexOf(name))) !== 0
  return {
    isSecureBootEnabled: isSet('SECURE_BOOT_EN'),
    isSecureDownloadMode: isSet('SECURE_DOWNLOAD_ENABLE'),
    isFlashEncrypted: hasOddBits(cryptCount),
    flags: FLAGS.filter(isSet),
  }
}

/** Null where the loader says, under whatever number, that it does not know the command. */
async function orNullIfUnknown<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal !== null && isUnsupported(refusal)) return null
    throw error
  }
}

const EFUSE32 = 0x3ff5_a000
const APB_DATE = 0x3ff6_607c
/** Three bits that were added one after the other, each with a new silicon. */
const esp32Majors: Readonly<Record<number, number>> = { 0: 0, 1: 1, 3: 2, 7: 3 }

export async function readRevision(channel: EspChannel, target: EspTarget): Promise<number | null> {
  if (target.chip.name === 'ESP32') return readEsp32Revision(channel)
  if (target.major.length === 0) return null
  const minor = await readFields(channel, target.minor)
  if (target.chip.name === 'ESP32-S3' && (await isFirstS3(channel, minor))) return 0
  return (await readFields(channel, target.major)) * 100 + minor
}

async function readEsp32Revision(channel: EspChannel): Promise<number> {
  const word3 = await readRegister(channel, EFUSE32 + 12)
  const word5 = await readRegister(channel, EFUSE32 + 20)
  const date = await readRegister(channel, APB_DATE)
  const bits = ((date >>> 31) << 2) | (((word5 >>> 20) & 1) << 1) | ((word3 >>> 15) & 1)
  return (esp32Majors[bits] ?? 0) * 100 + ((word5 >>> 24) & 3)
}

/** The first silicon of the S3 used the bits of the major revision otherwise; its eFuse block has version 1.1. */
async function isFirstS3(channel: EspChannel, minor: number): Promise<boolean> {
  if ((minor & 7) !== 0) return false
  const blockMajor = (await readRegister(channel, 0x6000_706c)) & 3
  const blockMinor = ((await readRegister(channel, 0x6000_7050)) >>> 24) & 7
  return blockMajor === 1 && blockMinor === 1
}

async function readEsp32Security(channel: EspChannel, revision: number): Promise<EspSecurity> {
  const cryptCount = ((await readRegister(channel, EFUSE32)) >>> 20) & 0x7f
  const done = await readRegister(channel, EFUSE32 + 0x18)
  const isV1 = (done & (1 << 4)) !== 0
  const isV2 = revision >= 300 && (done & (1 << 5)) !== 0
  return {
    isSecureBootEnabled: isV1 || isV2,
    isSecureDownloadMode: false,
    isFlashEncrypted: hasOddBits(cryptCount),
    flags: [...(isV1 ? ['ABS_DONE_0'] : []), ...(isV2 ? ['ABS_DONE_1'] : [])],
  }
}

/** The MAC alone: whether it is still the same board. */
export function readMacOf(channel: EspChannel, target: EspTarget): Promise<string | null> {
  return orNull(sure(() => readMac(channel, target))).then(knownMac)
}

async function readMac(channel: EspChannel, { macRegister }: EspTarget): Promise<string> {
  if (macRegister === null) return readEsp8266Mac(channel)
  const low = await readRegister(channel, macRegister)
  const high = await readRegister(channel, macRegister + 4)
  return macText([high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low])
}

async function readEsp8266Mac(channel: EspChannel): Promise<string> {
  const mac0 = await readRegister(channel, 0x3ff0_0050)
  const mac1 = await readRegister(channel, 0x3ff0_0054)
  const mac3 = await readRegister(channel, 0x3ff0_005c)
  return macText([...esp8266Maker(mac1, mac3), mac1 >>> 8, mac1, mac0 >>> 24])
}

/** Chips of before 2016 keep no maker in their eFuses, only which of two it is. */
function esp8266Maker(mac1: number, mac3: number): readonly number[] {
  if (mac3 !== 0) return [mac3 >>> 16, mac3 >>> 8, mac3]
  return ((mac1 >>> 16) & 0xff) === 0 ? [0x18, 0xfe, 0x34] : [0xac, 0xd0, 0x74]
}

function macText(bytes: readonly number[]): string {
  return bytes.map(byte => (byte & 0xff).toString(16).padStart(2, '0')).join(':')
}

/** A chip whose eFuses are empty has no name of its own. */
function knownMac(mac: string | null): string | null {
  return mac === '00:00:00:00:00:00' || mac === 'ff:ff:ff:ff:ff:ff' ? null : mac
}

/** A register that the loader will not show is not known; a line that fails is an error. */
async function orNull<Fact>(reading: Promise<Fact>): Promise<Fact | null> {
  try {
    return await reading
  } catch (error) {
    if (refusalOf(error) === null) throw error
    return null
  }
}

function hasOddBits(value: number): boolean {
  let count = 0
  for (let rest = value; rest > 0; rest >>>= 1) count += rest & 1
  return count % 2 === 1
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}

function unknownChip(what: string, details: Readonly<Record<string, unknown>>): FlashproofError {
  return new FlashproofError('loader.unknown-chip', `no chip is known here with ${what}`, details)
}
