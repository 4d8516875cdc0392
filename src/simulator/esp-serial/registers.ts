/** The registers that loaders read and write: efuses, magic value, and the flash controller that runs single commands. */
import { MAGIC_ADDRESS, type Bits, type ChipModel } from './chip-table.ts'

export interface ChipFacts {
  /** Six bytes as text, `02:4f:50:12:34:56`. */
  readonly mac: string
  /** major × 100 + minor. */
  readonly revision: number
  readonly magic: number
  readonly isEncrypted: boolean
  readonly hasSecureBoot: boolean
}

/** Makes the controller run the command in its second user register. Source: esptool, loader.py `run_spiflash_command`. */
const RUN_USER_COMMAND = 1 << 18
const READ_JEDEC_ID = 0x9f

/** The ESP32's third revision bit lies outside of the efuses. Source: esptool, targets/esp32.py. */
const ESP32_APB_DATE = 0x3ff6_607c

export class RegisterFile {
  readonly #chip: ChipModel
  readonly #values = new Map<number, number>()
  readonly #runFlashCommand: (command: number) => number

  /** @param jedecId what the flash says when it is asked who it is: maker, type, size */
  constructor(chip: ChipModel, facts: ChipFacts, jedecId: () => number) {
    this.#chip = chip
    this.#runFlashCommand = command => (command === READ_JEDEC_ID ? jedecId() : 0)
    this.#values.set(MAGIC_ADDRESS, facts.magic)
    if (chip.clockDivider !== null) this.#values.set(...chip.clockDivider)
    this.#burnMac(facts.mac)
    this.#burnRevision(facts.revision)
    if (facts.isEncrypted && chip.cryptCount !== null) this.#burn(chip.cryptCount, 1)
    if (facts.hasSecureBoot && chip.secureBoot !== null) this.#burn(chip.secureBoot, 1)
  }

  /** 0 where nothing is. */
  read(address: number): number {
    return this.#values.get(address) ?? 0
  }

  write(address: number, value: number, mask: number): void {
    const { spi } = this.#chip
    const written = ((this.read(address) & ~mask) | (value & mask)) >>> 0
    if (address === spi.base && (written & RUN_USER_COMMAND) !== 0) {
      this.#values.set(spi.data, this.#runFlashCommand(this.read(spi.user2) & 0xff))
      this.#values.set(spi.base, (written & ~RUN_USER_COMMAND) >>> 0)
    } else this.#values.set(address, written)
  }

  #burn([offset, shift, width]: Bits, value: number): void {
    const address = this.#chip.efuseBase + offset
    this.#values.set(address, (this.read(address) | ((value & (2 ** width - 1)) << shift)) >>> 0)
  }

  #burnMac(mac: string): void {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map(part => Number.parseInt(part, 16))
    const at = this.#chip.efuseBase + this.#chip.macOffset
    if (this.#chip.rom === 'esp8266') {
      this.#values.set(at, (f << 24) >>> 0)
      this.#values.set(at + 4, (d << 8) | e)
      this.#values.set(at + 12, (a << 16) | (b << 8) | c)
    } else {
      this.#values.set(at, ((c << 24) | (d << 16) | (e << 8) | f) >>> 0)
      this.#values.set(at + 4, (a << 8) | b)
    }
  }

  #burnRevision(revision: number): void {
    let minor = revision % 100
    let major = Math.floor(revision / 100)
    for (const bits of this.#chip.minorRevision) {
      this.#burn(bits, minor)
      minor >>= bits[2]
    }
    for (const bits of this.#chip.majorRevision) {
      this.#burn(bits, major)
      major >>= bits[2]
    }
    if (this.#chip.rom !== 'esp32') return
    const full = Math.floor(revision / 100)
    if (full >= 1) this.#burn([0x0c, 15, 1], 1)
    if (full >= 2) this.#burn([0x14, 20, 1], 1)
    if (full >= 3) this.#values.set(ESP32_APB_DATE, 0x8000_0000)
  }
}
