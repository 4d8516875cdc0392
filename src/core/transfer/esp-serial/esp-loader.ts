/**
 * What the rest of this protocol knows of a loader, ROM or stub, behind a serial line. `connect.ts` makes one; nothing else
 * here knows frames, opcodes or modem lines.
 */
import type { EspChip } from '../../formats/esp-image/chips.ts'

/** GET_SECURITY_INFO (opcode 14), or what the ESP32's registers give in its place. */
export interface EspSecurity {
  readonly isSecureBootEnabled: boolean
  readonly isSecureDownloadMode: boolean
  readonly isFlashEncrypted: boolean
  /** Flag names of table 3.2 that are set, for people. */
  readonly flags: readonly string[]
}

export interface EspFacts {
  readonly chip: EspChip
  /** major·100 + minor, as image headers count; null where it cannot be read (Secure Download Mode, ESP8266). */
  readonly revision: number | null
  /** `aa:bb:cc:dd:ee:ff`; null where it cannot be read. */
  readonly mac: string | null
  /** Null where it cannot be read. */
  readonly flashBytes: number | null
  readonly security: EspSecurity | null
}

/** How far the proof goes with the loader at hand. */
export interface EspAbilities {
  /** MD5 of flash: not in Secure Download Mode, not by the ESP8266's ROM. */
  readonly hasMd5: boolean
  readonly canReadFlash: boolean
  readonly canCompress: boolean
  readonly canErase: boolean
  /** Data bytes a write command. */
  readonly blockBytes: number
}

/** One run of blocks to one place: begun, written in order, ended. */
export interface EspWrite {
  /**
   * Resolves when the loader acknowledged the block. Sends a block up to three times, as esptool does; again after silence
   * only where an MD5 will tell whether the loader took it twice.
   * @param plainBytes how much of the flash a compressed block fills, which decides how long its answer may take; left out:
   *   the whole write
   * @throws {FlashproofError} loader.refused, loader.broken-frame, loader.silent, serial.unplugged, network.reset
   */
  block(bytes: Uint8Array, plainBytes?: number): Promise<void>
  /** Resolves when everything lies in flash, as far as the loader can tell. */
  end(): Promise<void>
}

export interface EspLoader {
  readonly facts: EspFacts
  readonly isStub: boolean
  readonly abilities: EspAbilities
  readonly baudRate: number
  /** Blocks and questions that had to be sent again so far: more than a few are a line that is not clean at this rate. */
  readonly repeats: number
  /** Reads the MAC once more: whether it is still the same board. Null where it cannot be read. */
  mac(): Promise<string | null>
  /**
   * Loads the stub into RAM and starts it; does nothing where the chip has none or forbids it. Where it does not start, the
   * ROM is left that was there before, which `isStub` tells.
   */
  startStub(): Promise<void>
  /**
   * Changes the rate of chip and port, and makes sure with an answer that it holds; goes back to the old one where it does not.
   * @returns the rate in force
   */
  changeBaudRate(baudRate: number): Promise<number>
  /** Tells the loader how large the flash is. */
  setFlashSize(flashBytes: number): Promise<void>
  /**
   * MD5 of flash in hex, computed by the loader now.
   * @param sizeBytes as much as there is flash; waits 8 s a MiB at least
   */
  md5(offset: number, sizeBytes: number): Promise<string>
  /** Reads flash in pieces of at most 4 KiB; the loader's own MD5 of the whole is compared at the end. */
  read(offset: number, sizeBytes: number): AsyncIterable<Uint8Array>
  /**
   * Begins to write plain bytes, erasing what they cover.
   * @param offset multiple of 4096
   */
  beginWrite(offset: number, sizeBytes: number): Promise<EspWrite>
  /** Begins to write a zlib stream of `sizeBytes` plain bytes that is `compressedBytes` long. */
  beginCompressedWrite(offset: number, sizeBytes: number, compressedBytes: number): Promise<EspWrite>
  /** @param offset and sizeBytes multiples of 4096 */
  eraseRegion(offset: number, sizeBytes: number): Promise<void>
  eraseChip(): Promise<void>
  /**
   * Leaves the loader and starts the program: by the modem lines where they work, else by the loader's own command.
   * Afterwards the line belongs to the program's boot log at `115200` baud.
   * @returns `unknown` where neither is known to work: a person taps RESET
   */
  startProgram(): Promise<'lines' | 'command' | 'unknown'>
}
