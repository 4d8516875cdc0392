/**
 * The Arduino core's `Update` object of a virtual ESP32: begin, write, end into the inactive slot, with the core's own error
 * texts (arduino-esp32, libraries/Update/src/Updater.cpp). It lives in RAM: a restart forgets what was begun.
 */
import { createHash, type Hash } from 'node:crypto'
import { otherSlot, slotFile } from './board-state.ts'
import type { VirtualBoard } from './board.ts'
import { checkEspImage } from './esp-image.ts'

const IMAGE_MAGIC = 0xe9

/** `Update.errorString()` of arduino-esp32. */
export type UpdateError =
  | 'No Error'
  | 'Flash Write Failed'
  | 'Flash Erase Failed'
  | 'Not Enough Space'
  | 'Bad Size Given'
  | 'Stream Read Timeout'
  | 'MD5 Check Failed'
  | 'Wrong Magic Byte'
  | 'Could Not Activate The Firmware'
  | 'Bad Argument'
  | 'Aborted'

export class UpdateObject {
  readonly #board: VirtualBoard
  #isOpen = false
  #sizeBytes = 0
  #isSizeKnown = false
  #writtenBytes = 0
  #md5: Hash | null = null
  #expectedMd5 = ''
  #error: UpdateError = 'No Error'

  constructor(board: VirtualBoard) {
    this.#board = board
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

  /**
   * Opens an update of the other application slot. Clears an MD5 that was set before, as the core does.
   * @param sizeBytes null: not known (`UPDATE_SIZE_UNKNOWN`), up to the whole slot
   * @returns false without an error text when another update is open already
   */
  begin(sizeBytes: number | null): boolean {
    if (this.#isOpen) return false
    this.#error = 'No Error'
    this.#expectedMd5 = ''
    this.#writtenBytes = 0
    this.#md5 = createHash('md5')
    const slotBytes = this.#board.options.slotBytes
    if (sizeBytes === 0) return this.#fail('Bad Size Given')
    if (sizeBytes !== null && sizeBytes > slotBytes) return this.#fail('Bad Size Given')
    this.#isSizeKnown = sizeBytes !== null
    this.#sizeBytes = sizeBytes ?? slotBytes
    const slot = otherSlot(this.#board.state.activeSlot)
    const { state } = this.#board
    state.slots[slot] = null
    // What an earlier update left there is erased now, and so is the bootloader's word to try it.
    if (state.stored['app']?.slot === slot) delete state.stored['app']
    if (state.pendingSlot === slot) state.pendingSlot = null
    this.#board.saveState()
    this.#board.flash.write(slotFile(slot), new Uint8Array())
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
    if (this.#writtenBytes + bytes.length > this.#sizeBytes) {
      this.#abort('Not Enough Space')
      return 0
    }
    // The core looks at the first byte that it writes to an application slot.
    if (this.#writtenBytes === 0 && bytes.length > 0 && bytes[0] !== IMAGE_MAGIC) {
      this.#abort('Wrong Magic Byte')
      return 0
    }
    const stored = this.#board.faults.storeInstead(this.#writtenBytes, bytes)
    this.#board.flash.writeAt(slotFile(otherSlot(this.#board.state.activeSlot)), this.#writtenBytes, stored)
    this.#md5?.update(bytes)
    this.#writtenBytes += bytes.length
    return bytes.length
  }

  /**
   * Closes it: compares the MD5 where one was set, has the bootloader check the image (`esp_ota_set_boot_partition`), and
   * lets it be tried at the next boot. The MD5 runs over what was received, not over the flash.
   * @param evenIfRemaining accepts fewer bytes than `begin` was told
   */
  end(evenIfRemaining: boolean): boolean {
    if (!this.#isOpen || this.hasError) return false
    if (this.#writtenBytes === 0 || (this.#isSizeKnown && this.#writtenBytes < this.#sizeBytes && !evenIfRemaining)) {
      this.#abort('Aborted')
      return false
    }
    const slot = otherSlot(this.#board.state.activeSlot)
    const { flash, state } = this.#board
    flash.settle(slotFile(slot))
    if (this.#expectedMd5 !== '' && this.#md5?.digest('hex') !== this.#expectedMd5) {
      this.#abort('MD5 Check Failed')
      return false
    }
    const image = flash.read(slotFile(slot))?.subarray(0, this.#writtenBytes) ?? new Uint8Array()
    if (checkEspImage(image, this.#board.options.identity.chip).problem !== null) {
      this.#abort('Could Not Activate The Firmware')
      return false
    }
    this.#isOpen = false
    this.#board.install(image, true)
    state.stored['app'] = { sizeBytes: image.length, sha256: null, chunkBytes: null, slot }
    this.#board.saveState()
    return true
  }

  /** Gives up what was begun. */
  abort(): void {
    if (this.#isOpen) this.#abort('Aborted')
  }

  /** What a finished update left in its slot; null when there is none. */
  stored(): Uint8Array | null {
    const upload = this.#board.state.stored['app']
    if (upload === undefined || upload.slot === null) return null
    return this.#board.flash.read(slotFile(upload.slot))?.subarray(0, upload.sizeBytes) ?? null
  }

  #fail(error: UpdateError): false {
    this.#error = error
    return false
  }

  #abort(error: UpdateError): void {
    this.#error = error
    this.#isOpen = false
    this.#board.flash.settle(slotFile(otherSlot(this.#board.state.activeSlot)))
  }
}
