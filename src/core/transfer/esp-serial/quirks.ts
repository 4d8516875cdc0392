/** What single chips want of a loader before, at the end, and when the rate changes. Source: esptool, `esptool/targets/*.py`. */
import type { Clock } from '../../clock.ts'
import type { EspChannel } from './channel.ts'
import type { Watchdogs } from './chips.ts'
import type { EspFacts } from './esp-loader.ts'
import { readRegister, writeRegister } from './registers.ts'

/** Stops the watchdogs that a reset over USB-Serial/JTAG leaves running: they would restart the chip while it is written. */
export async function stopWatchdogs(channel: EspChannel, watchdogs: Watchdogs): Promise<void> {
  await writeRegister(channel, watchdogs.protect, watchdogs.key)
  await writeRegister(channel, watchdogs.config0, 0)
  await writeRegister(channel, watchdogs.protect, 0)
  await writeRegister(channel, watchdogs.superProtect, watchdogs.superKey)
  const config = await readRegister(channel, watchdogs.superConfig)
  await writeRegister(channel, watchdogs.superConfig, (config | watchdogs.superFeed) >>> 0)
  await writeRegister(channel, watchdogs.superProtect, 0)
}

const P4_PADS = 0x5011_010c
const P4_LDO_ANALOG = 0x5011_51bc
const P4_LDO = 0x5011_51b8
const P4_PMU_DATE = 0x5011_53fc
const P4_EFUSE_POWER = 0x5012_d034
const P4_POWERED_BY_ROM = 1 << 16
const FORCE_FLASH_ON = 3
const PADS_SETTLE_MS = 10

/** Revisions 3.1 and 3.2 of the P4 start with their flash switched off. */
export async function powerFlashOfP4(channel: EspChannel, revision: number | null, clock: Clock): Promise<void> {
  if (revision !== 301 && revision !== 302) return
  const isByRom = revision === 302 && ((await readRegister(channel, P4_EFUSE_POWER)) & P4_POWERED_BY_ROM) !== 0
  if (isByRom) {
    // A second entry into the loader switches on what is on already, and the flash fails: release what was forced.
    const date = await readRegister(channel, P4_PMU_DATE)
    if ((date & FORCE_FLASH_ON) === FORCE_FLASH_ON) {
      await writeRegister(channel, P4_PMU_DATE, (date & ~FORCE_FLASH_ON) >>> 0)
    }
    return
  }
  await writeRegister(channel, P4_PADS, 1)
  await clock.delay(PADS_SETTLE_MS)
  for (const [address, bits] of [
    [P4_LDO_ANALOG, 1 << 27],
    [P4_LDO, 1 << 7],
    [P4_PMU_DATE, FORCE_FLASH_ON],
  ] as const) {
    await writeRegister(channel, address, ((await readRegister(channel, address)) | bits) >>> 0)
  }
}

const S3_BOOT_OPTION = 0x6000_812c
const S3_FORCED_DOWNLOAD = 1

/** Else an S3 may come back into its loader after a reset (arduino-esp32 issue 6762). */
export async function releaseForcedDownload(channel: EspChannel, { chip, security }: EspFacts): Promise<void> {
  if (chip.name !== 'ESP32-S3' || security?.isSecureDownloadMode === true) return
  await writeRegister(channel, S3_BOOT_OPTION, 0, S3_FORCED_DOWNLOAD)
}

/** A crystal that was worked out is taken for real within 1 MHz. */
const CRYSTAL_TOLERANCE_HZ = 1_000_000

/**
 * The rate that a ROM must be told so that it gets `baudRate`: some count on a crystal, or on a measured clock, that is not
 * what the board has. The stub knows its clock.
 * @param now the rate in force, from which the crystal is worked out
 */
export async function rateForRom(channel: EspChannel, facts: EspFacts, baudRate: number, now: number): Promise<number> {
  if (facts.security?.isSecureDownloadMode === true) return baudRate
  const believedAndReal = await clocksOf(channel, facts.chip.name, now)
  if (believedAndReal === null) return baudRate
  const [believedHz, realHz] = believedAndReal
  return Math.floor((baudRate * believedHz) / realHz)
}

/** What the ROM takes its clock for, and what it is; null where the two agree or cannot be worked out. */
async function clocksOf(channel: EspChannel, chip: string, now: number): Promise<readonly [number, number] | null> {
  if (chip === 'ESP32') return esp32Clocks(channel)
  const believed = believedClocks[chip]
  if (believed === undefined) return null
  const divider = (await readRegister(channel, UART_DIVIDER)) & DIVIDER_MASK
  const realHz = nearestCrystal(now * divider)
  const believedHz = await believed(channel)
  return realHz === null || believedHz === realHz ? null : [believedHz, realHz]
}

const UART_DIVIDER = 0x6000_0014
const DIVIDER_MASK = 0xf_ffff
const C5_CLOCK = 0x6009_6110

const believedClocks: Readonly<Record<string, (channel: EspChannel) => Promise<number>>> = {
  'ESP32-C2': () => Promise.resolve(40_000_000),
  'ESP32-C5': async channel => (((await readRegister(channel, C5_CLOCK)) >>> 24) & 0x7f) * 1_000_000,
}

/** The ROM of the ESP32 measures its crystal against an oscillator that drifts. */
async function esp32Clocks(channel: EspChannel): Promise<readonly [number, number] | null> {
  const calibration = (await readRegister(channel, 0x3ff5_f06c)) >>> 7
  const oscillator = (await readRegister(channel, 0x3ff5_a010)) & 0xff
  const believedHz = (calibration * 15_625 * oscillator) / 40
  const realHz = believedHz > 33_000_000 ? 40_000_000 : 26_000_000
  return Math.abs(believedHz - realHz) > realHz / 10 ? null : [believedHz, realHz]
}

function nearestCrystal(hertz: number): number | null {
  const crystals = [26_000_000, 40_000_000, 48_000_000]
  return crystals.find(crystal => Math.abs(crystal - hertz) <= CRYSTAL_TOLERANCE_HZ) ?? null
}
