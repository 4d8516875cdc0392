/** The program that esptool loads into RAM in place of the ROM's loader. Its images are esptool-js's; nothing else of it is used. */
import type { EspChannel } from './channel.ts'
import { TIMEOUT_MS, words } from './commands.ts'
import type { EspFacts } from './esp-loader.ts'
import { readRegister, writeRegister } from './registers.ts'

interface StubFile {
  readonly entry: number
  readonly text: string
  readonly text_start: number
  readonly data: string
  readonly data_start: number
}

export interface StubImage {
  readonly entry: number
  readonly segments: readonly { readonly address: number; readonly bytes: Uint8Array }[]
}

const RAM_BLOCK_BYTES = 0x1800
/** USB-OTG of the ROM has a small buffer. */
const USB_OTG_BLOCK_BYTES = 0x800
const GREETING = 'OHAI'

/** From this revision on the P4 has another memory map. */
const P4_NEW_MAP_REVISION = 300
/** The first C2 is too old for the stub. */
const C2_FIRST_REVISION = 0

type StubModule = Promise<{ readonly default: StubFile }>

/** Each one is loaded when it is needed; a bundler keeps them as files of their own. */
const files: Readonly<Record<string, () => StubModule>> = {
  ESP8266: () => import('esptool-js/lib/targets/stub_flasher/esp8266.json', { with: { type: 'json' } }),
  ESP32: () => import('esptool-js/lib/targets/stub_flasher/esp32.json', { with: { type: 'json' } }),
  'ESP32-S2': () => import('esptool-js/lib/targets/stub_flasher/esp32s2.json', { with: { type: 'json' } }),
  'ESP32-S3': () => import('esptool-js/lib/targets/stub_flasher/esp32s3.json', { with: { type: 'json' } }),
  'ESP32-C2': () => import('esptool-js/lib/targets/stub_flasher/esp32c2.json', { with: { type: 'json' } }),
  'ESP32-C3': () => import('esptool-js/lib/targets/stub_flasher/esp32c3.json', { with: { type: 'json' } }),
  'ESP32-C5': () => import('esptool-js/lib/targets/stub_flasher/esp32c5.json', { with: { type: 'json' } }),
  'ESP32-C6': () => import('esptool-js/lib/targets/stub_flasher/esp32c6.json', { with: { type: 'json' } }),
  'ESP32-C61': () => import('esptool-js/lib/targets/stub_flasher/esp32c61.json', { with: { type: 'json' } }),
  'ESP32-H2': () => import('esptool-js/lib/targets/stub_flasher/esp32h2.json', { with: { type: 'json' } }),
  'ESP32-H4': () => import('esptool-js/lib/targets/stub_flasher/esp32h4.json', { with: { type: 'json' } }),
  'ESP32-S31': () => import('esptool-js/lib/targets/stub_flasher/esp32s31.json', { with: { type: 'json' } }),
  'ESP32-P4': () => import('esptool-js/lib/targets/stub_flasher/esp32p4.json', { with: { type: 'json' } }),
}
const p4FirstRevisions = (): StubModule =>
  import('esptool-js/lib/targets/stub_flasher/esp32p4-rev1.json', { with: { type: 'json' } })

/** The stub for a chip; null where there is none (H21, E22, the first C2) or the chip takes none (Secure Download Mode). */
export async function loadStub({ chip, revision, security }: EspFacts): Promise<StubImage | null> {
  if (security?.isSecureDownloadMode === true) return null
  if (chip.name === 'ESP32-C2' && revision === C2_FIRST_REVISION) return null
  const isOldP4 = chip.name === 'ESP32-P4' && (revision ?? P4_NEW_MAP_REVISION) < P4_NEW_MAP_REVISION
  const load = isOldP4 ? p4FirstRevisions : files[chip.name]
  if (load === undefined) return null
  const { entry, text, text_start, data, data_start } = (await load()).default
  return {
    entry,
    segments: [
      { address: text_start, bytes: Buffer.from(text, 'base64') },
      { address: data_start, bytes: Buffer.from(data, 'base64') },
    ],
  }
}

/**
 * Loads a stub into RAM, starts it and waits for its greeting.
 * @throws {FlashproofError} loader.refused, loader.silent, loader.broken-frame; then nobody may answer until a reset
 */
export async function runStub(channel: EspChannel, stub: StubImage, facts: EspFacts, isUsbOtg: boolean): Promise<void> {
  const blockBytes = isUsbOtg ? USB_OTG_BLOCK_BYTES : RAM_BLOCK_BYTES
  const isGuarded = facts.chip.name === 'ESP32-S3' && facts.security?.isSecureBootEnabled === true
  for (const { address, bytes } of stub.segments) await upload(channel, address, bytes, blockBytes)
  await (isGuarded ? startThroughRead(channel, stub) : start(channel, stub))
}

/** Where a block of RAM went wrong, all of it is sent again: nothing hashes RAM. */
const once = { timeoutMs: TIMEOUT_MS, attempts: 1, mayRepeat: () => false }

async function upload(channel: EspChannel, address: number, bytes: Uint8Array, blockBytes: number): Promise<void> {
  const blocks = Math.ceil(bytes.length / blockBytes)
  await channel.ask('memBegin', words(bytes.length, blocks, blockBytes, address))
  for (let sequence = 0; sequence < blocks; sequence++) {
    const payload = bytes.subarray(sequence * blockBytes, (sequence + 1) * blockBytes)
    await channel.sendBlock('memData', { payload, sequence }, once)
  }
}

/** The ROM may begin the program before its answer has left, so the greeting alone counts. */
async function start(channel: EspChannel, stub: StubImage): Promise<void> {
  await channel.tell('memEnd', words(0, stub.entry))
  await channel.greeting('memEnd', GREETING, TIMEOUT_MS)
}

/** Pointer of the ROM to its function that reads flash. */
const S3_READ_POINTER = 0x3fce_f688
const STAY_IN_LOADER = 1

/** With secure boot, the ROM of the S3 starts no program from RAM; it does call its read function through a pointer. */
async function startThroughRead(channel: EspChannel, stub: StubImage): Promise<void> {
  await channel.ask('memEnd', words(STAY_IN_LOADER, 0))
  const pointer = await readRegister(channel, S3_READ_POINTER)
  await writeRegister(channel, S3_READ_POINTER, stub.entry)
  await channel.tell('readFlashSlow', words(0, 0))
  await channel.greeting('readFlashSlow', GREETING, TIMEOUT_MS)
  await writeRegister(channel, S3_READ_POINTER, pointer)
}
