/**
 * The Arduino core's `Update` object of a virtual board: begin, write, end into the inactive slot or the file system, with the
 * core's own error texts (arduino-esp32, libraries/Update/src/Updater.cpp). It lives in RAM: a restart forgets what was begun.
 */
import { createHash, type Hash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { otherSlot, slotFile } from './board-state.ts'
import type { VirtualBoard } from './board.ts'
import { checkEspImage } from './esp-image.ts'

const IMAGE_MAGIC = 0xe9
const GZIP_MAGIC = 0x1f
const FILE_SYSTEM_FILE = 'filesystem.bin'
const DEFAULT_FILE_SYSTEM_BYTES = 1536 * 1024

/** Every text of `Update.errorString()` of arduino-esp32 but that for no error. */
export const updateErrors = [
  'Flash Write Failed',
  'Flash Erase Failed',
  'Flash Read Failed',
  'Not Enough Space',
  'Bad Size Given',
  'Stream Read Timeout',
  'MD5 Check Failed',
  'Wrong Magic Byte',
  'Could Not Activate The Firmware',
  'Partition Could Not be Found',
  'Bad Argument',
  'Aborted',
  'Decryption error',
] as const

export type UpdateError = 'No Error' | (typeof updateErrors)[number]

/** What is written: `U_FLASH` or `U_SPIFFS` of the core. */
export type UpdateTarget = 'app' | 'filesystem'

export interface UpdateSettings {
  readonly fileSystemBytes?: number
  /** The ESP8266 stores a gzip file and unpacks it as it restarts; the ESP32 refuses its first byte. */
  readonly acceptsGzip?: boolean
}

/** What a fault may change of an update. */
export interface UpdateFaultHooks {
  /** @returns with what this step fails; null when it does not */
  failUpdate?(step: 'begin' | 'write' | 'end', writtenBytes: number): UpdateError | null
  /** Whether it takes any image at the end, without having the bootloader check it. */
  readonly skipsSelfCheck?: boolean
  /** Whether it says yes at the end and keeps nothing. */
  readonly discards?: boolean
  /** Whether the firmware does not restart after an update. */
  readonly staysUp?: boolean
}

export class UpdateObject {
  readonly #board: VirtualBoard
  readonly #fileSystemBytes: number
  readonly #acceptsGzip: boolean
  #target: UpdateTarget = 'app'
  #isOpen = false
  #sizeBytes = 0
  #isSizeKnown = false
  #writtenBytes = 0
  #md5: Hash | null = null
  #expectedMd5 = ''
  #error: UpdateError = 'No Error'
  #busyUntilMs = 0

  constructor(board: VirtualBoard, settings: UpdateSettings = {}) {
    this.#board = board
    this.#fileSystemBytes = settings.fileSystemBytes ?? DEFAULT_FILE_SYSTEM_BYTES
    this.#acceptsGzip = settings.acceptsGzip ?? false
  }

  get isRunning(): boolean {
    return this.#isOpen
  }

  get errorText(): UpdateError {
    return this.#error
  }

  get hasError(): boolean {
    return this.#error !== 'No Error'
  }

  get progressBytes(): number {
    return this.#writtenBytes
  }

  /** How long from now the flash chip still needs for what it was given. */
  get busyMs(): number {
    return Math.max(0, this.#busyUntilMs - this.#board.options.clock.monotonicMs())
  }

  /**
   * Opens an update of the other application slot or of the file system. Clears an MD5 that was set before, as the core does.
   * @param sizeBytes null: not known (`UPDATE_SIZE_UNKNOWN`), up to the whole partition
   * @returns false without an error text when another update is open already
   */
  begin(sizeBytes: number | null, target: UpdateTarget = 'app'): boolean {
    if (this.#isOpen) return false
    this.#error = 'No Error'
    this.#expectedMd5 = ''
    this.#writtenBytes = 0
    this.#md5 = createHash('md5')
    const partitionBytes = target === 'app' ? this.#board.options.slotBytes : this.#fileSystemBytes
    if (sizeBytes === 0) return this.#fail('Bad Size Given')
    if (sizeBytes !== null && sizeBytes > partitionBytes) return this.#fail('Bad Size Given')
    const failure = this.#failureAt('begin')
    if (failure !== null) return this.#fail(failure)
    this.#isSizeKnown = sizeBytes !== null
    this.#sizeBytes = sizeBytes ?? partitionBytes
    this.#target = target
    this.#erase()
    this.#isOpen = true
    return true
  }

  /** To be called after `begin`: what is set before is forgotten there. @returns false for anything but 32 hex digits */
  setMd5(md5: string): boolean {
    if (!/^[0-9a-f]{32}$/i.test(md5)) return false
    this.#expectedMd5 = md5.toLowerCase()
    return true
  }

  /** @returns how many bytes it took; 0 after an error */
  write(bytes: Uint8Array): number {
    if (!this.#isOpen || this.hasError) return 0
    const failure = this.#failureAt('write') ?? this.#problemOf(bytes)
    if (failure !== null) {
      this.#abort(failure)
      return 0
    }
    const stored = this.#board.faults.storeInstead(this.#writtenBytes, bytes)
    this.#board.flash.writeAt(this.#file, this.#writtenBytes, stored)
    this.#occupy(this.#board.flashTime.write(bytes.length))
    this.#md5?.update(bytes)
    this.#writtenBytes += bytes.length
    return bytes.length
  }

  /**
   * Closes it: compares the MD5 where one was set, has the bootloader check an application (`esp_ota_set_boot_partition`) and
   * lets it be tried at the next boot. A file system is not checked. The MD5 runs over what was received, not over the flash.
   * @param evenIfRemaining accepts fewer bytes than `begin` was told
   */
  end(evenIfRemaining: boolean): boolean {
    if (!this.#isOpen || this.hasError) return false
    if (this.#writtenBytes === 0 || (this.#isSizeKnown && this.#writtenBytes < this.#sizeBytes && !evenIfRemaining)) {
      this.#abort('Aborted')
      return false
    }
    this.#board.flash.settle(this.#file)
    this.#occupy(this.#board.flashTime.read(this.#writtenBytes))
    const isExpected = this.#expectedMd5 === '' || this.#md5?.digest('hex') === this.#expectedMd5
    const failure = this.#failureAt('end') ?? (isExpected ? null : 'MD5 Check Failed')
    if (failure !== null) {
      this.#abort(failure)
      return false
    }
    if (this.#board.faults.all.some(({ update }) => update?.discards === true)) {
      this.#isOpen = false
      return true
    }
    return this.#target === 'app' ? this.#activate() : this.#finish(null, this.#writtenBytes)
  }

  /** Gives up what was begun. */
  abort(): void {
    if (this.#isOpen) this.#abort('Aborted')
  }

  /** What the newest finished update left in its slot or in the file system; null when there is none. */
  stored(): Uint8Array | null {
    const upload = Object.values(this.#board.state.stored).at(-1)
    if (upload === undefined) return null
    const file = upload.slot === null ? FILE_SYSTEM_FILE : slotFile(upload.slot)
    return this.#board.flash.read(file)?.subarray(0, upload.sizeBytes) ?? null
  }

  get #file(): string {
    return this.#target === 'app' ? slotFile(otherSlot(this.#board.state.activeSlot)) : FILE_SYSTEM_FILE
  }

  /** What an earlier update left there goes, and so does the bootloader's word to try it. */
  #erase(): void {
    const { state, flash } = this.#board
    const slot = otherSlot(state.activeSlot)
    if (this.#target === 'filesystem') delete state.stored['filesystem']
    else {
      state.slots[slot] = null
      if (state.stored['app']?.slot === slot) delete state.stored['app']
      if (state.pendingSlot === slot) state.pendingSlot = null
    }
    this.#board.saveState()
    flash.write(this.#file, new Uint8Array())
  }

  /** What the core finds wrong with bytes that are to be written; it looks at the first byte of an application alone. */
  #problemOf(bytes: Uint8Array): UpdateError | null {
    if (this.#writtenBytes + bytes.length > this.#sizeBytes) return 'Not Enough Space'
    if (this.#target !== 'app' || this.#writtenBytes > 0 || bytes.length === 0) return null
    const isKnown = bytes[0] === IMAGE_MAGIC || (this.#acceptsGzip && bytes[0] === GZIP_MAGIC)
    return isKnown ? null : 'Wrong Magic Byte'
  }

  #activate(): boolean {
    const { flash, state, options } = this.#board
    const slot = otherSlot(state.activeSlot)
    const received = flash.read(this.#file)?.subarray(0, this.#writtenBytes) ?? new Uint8Array()
    const image = received[0] === GZIP_MAGIC ? unpack(received) : received
    const isChecked = !this.#board.faults.all.some(({ update }) => update?.skipsSelfCheck === true)
    if (image === null || (isChecked && checkEspImage(image, options.identity.chip).problem !== null)) {
      this.#abort('Could Not Activate The Firmware')
      return false
    }
    if (image !== received) flash.write(slotFile(slot), image)
    this.#board.install(image, true)
    return this.#finish(slot, image.length)
  }

  #finish(slot: 0 | 1 | null, sizeBytes: number): true {
    this.#isOpen = false
    const { state } = this.#board
    // The newest stands last.
    Reflect.deleteProperty(state.stored, this.#target)
    state.stored[this.#target] = { sizeBytes, sha256: null, chunkBytes: null, slot }
    this.#board.saveState()
    return true
  }

  #failureAt(step: 'begin' | 'write' | 'end'): UpdateError | null {
    for (const { update } of this.#board.faults.all) {
      const failure = update?.failUpdate?.(step, this.#writtenBytes) ?? null
      if (failure !== null) return failure
    }
    return null
  }

  #occupy(durationMs: number): void {
    this.#busyUntilMs = this.#board.options.clock.monotonicMs() + durationMs
  }

  #fail(error: UpdateError): false {
    this.#error = error
    return false
  }

  #abort(error: UpdateError): void {
    this.#error = error
    this.#isOpen = false
    this.#board.flash.settle(this.#file)
  }
}

function unpack(packed: Uint8Array): Uint8Array | null {
  try {
    return new Uint8Array(gunzipSync(packed))
  } catch {
    return null
  }
}
