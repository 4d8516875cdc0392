/** What a board comes with: a bootloader, a partition table and an application. */
import { buildEspImage } from '../../core/formats/esp-image/build-image.ts'
import { chipByName, type EspChip } from '../../core/formats/esp-image/chips.ts'
import { buildDemoFirmware, randomBytes } from '../../core/formats/esp-image/demo-firmware.ts'
import { buildOtaData } from '../../core/formats/esp-image/ota-data.ts'
import { buildPartitionTable, type Partition } from '../../core/formats/esp-image/partition-table.ts'

/** `two-slots`: two OTA slots and otadata; `factory-only`: one application; `factory-and-ota`: all three; `blank`: nothing. */
export type FactoryState = 'two-slots' | 'factory-only' | 'factory-and-ota' | 'blank'

export interface FactoryWish {
  readonly chip: string
  readonly flashBytes: number
  readonly state: FactoryState
  readonly version: string
  readonly seed: number
  readonly tableOffset: number
}

const KIB = 1024
const MIB = 1024 * KIB
const OLD_APP_BYTES = 96 * KIB
const BOOTLOADER_BYTES = 16 * KIB
const TABLE_SECTOR_BYTES = 0x1000
const NVS_BYTES = 0x5000
const OTA_DATA_BYTES = 0x2000

/** The application that a board comes with, the same for the same wish; null for a blank one. */
export function factoryApp({ chip, version, seed, state }: FactoryWish): Uint8Array | null {
  if (state === 'blank') return null
  if (chip === 'ESP8266') return esp8266Firmware(seed)
  return buildDemoFirmware({ chip, version, seed, sizeBytes: OLD_APP_BYTES, projectName: 'thermostat' })
}

/** Puts the delivered state into erased cells. */
export function deliver(cells: Uint8Array, wish: FactoryWish): void {
  const app = factoryApp(wish)
  if (wish.state === 'blank' || app === null) return
  if (wish.chip === 'ESP8266') {
    cells.set(app)
    return
  }
  const chip = chipByName(wish.chip)
  if (chip === undefined) throw new RangeError(`there is no chip ${wish.chip}`)
  cells.set(demoBootloader(chip, wish.seed), chip.bootloaderOffset)
  const partitions = partitionsOf(wish, wish.state)
  cells.set(buildPartitionTable(partitions), wish.tableOffset)
  for (const { type, subtype, label, offset } of partitions) {
    if (type === 'app' && (subtype === 'factory' || wish.state === 'two-slots') && subtype !== 'ota_1')
      cells.set(app, offset)
    if (subtype === 'ota' && wish.state === 'two-slots') cells.set(buildOtaData(1), offset)
    // Settings of the customer, which nothing may lose.
    if (label === 'nvs') cells.set(randomBytes(wish.seed)(2 * KIB), offset)
  }
}

/** As `default.csv` of the Arduino core and the examples of ESP-IDF lay flash out. */
function partitionsOf(
  { flashBytes, tableOffset }: FactoryWish,
  state: Exclude<FactoryState, 'blank'>,
): readonly Partition[] {
  const nvsAt = tableOffset + TABLE_SECTOR_BYTES
  const nvs: Partition = { label: 'nvs', type: 'data', subtype: 'nvs', offset: nvsAt, sizeBytes: NVS_BYTES }
  const otaDataAt = nvsAt + NVS_BYTES
  const otaData: Partition = {
    label: 'otadata',
    type: 'data',
    subtype: 'ota',
    offset: otaDataAt,
    sizeBytes: OTA_DATA_BYTES,
  }
  const appsAt = Math.ceil((otaDataAt + OTA_DATA_BYTES) / 0x1_0000) * 0x1_0000
  const spiffsBytes = flashBytes >= 4 * MIB ? 0x16_0000 : 0x2_0000
  const spiffsAt = flashBytes - 0x1_0000 - spiffsBytes
  const spiffs: Partition = {
    label: 'spiffs',
    type: 'data',
    subtype: 'spiffs',
    offset: spiffsAt,
    sizeBytes: spiffsBytes,
  }
  const roomBytes = spiffsAt - appsAt
  const apps = {
    'two-slots': ['ota_0', 'ota_1'],
    'factory-only': ['factory'],
    'factory-and-ota': ['factory', 'ota_0', 'ota_1'],
  }
  const names = apps[state]
  const slotBytes = Math.floor(roomBytes / names.length / 0x1_0000) * 0x1_0000
  const slots = names.map((subtype, index): Partition => ({
    label: { factory: 'factory', ota_0: 'app0', ota_1: 'app1' }[subtype] ?? subtype,
    type: 'app',
    subtype,
    offset: appsAt + index * slotBytes,
    sizeBytes: slotBytes,
  }))
  return [nvs, ...(state === 'factory-only' ? [] : [otaData]), ...slots, spiffs]
}

/** An image that loads where bootloaders load, and has no descriptor of an application. */
function demoBootloader(chip: EspChip, seed: number): Uint8Array {
  const address = chip.name === 'ESP32' ? 0x4007_8000 : chip.ram[0]
  const bytes = randomBytes(seed + 1)(BOOTLOADER_BYTES)
  return buildEspImage({ chip: chip.name, segments: [{ address, bytes }], entryAddress: address })
}

/** One image at 0: header of 8 bytes, one segment in IRAM, check sum. */
function esp8266Firmware(seed: number): Uint8Array {
  const content = randomBytes(seed)(32 * KIB)
  const image = new Uint8Array(8 + 8 + content.length + 16)
  const view = new DataView(image.buffer)
  image.set([0xe9, 1, 2, 0x40])
  view.setUint32(4, 0x4010_0000, true)
  view.setUint32(8, 0x4010_0000, true)
  view.setUint32(12, content.length, true)
  image.set(content, 16)
  image[image.length - 1] = content.reduce((sum, byte) => sum ^ byte, 0xef)
  return image
}
