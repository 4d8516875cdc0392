/** What a chip prints while it starts, which tells whether it went into its loader. Source: esptool, `loader.py`. */

/** The first lines of the ROM come first; more than this is a program's log. */
const KEPT_CHARACTERS = 8192
const EXCERPT_CHARACTERS = 300

export interface BootMode {
  /** As printed, such as `0x13`. */
  readonly mode: string
  /** Such as `SPI_FAST_FLASH_BOOT`; null where the ROM prints none. */
  readonly name: string | null
  /** Whether the chip said that it waits for a download. */
  readonly isDownload: boolean
}

export class BootText {
  #text = ''

  push(bytes: Uint8Array): void {
    if (this.#text.length < KEPT_CHARACTERS) this.#text += Buffer.from(bytes).toString('latin1')
  }

  clear(): void {
    this.#text = ''
  }

  /** The last start that was printed; null when none was. */
  get boot(): BootMode | null {
    const last = [...this.#text.matchAll(/boot:(0x[0-9a-f]+)(?:[ \t]*\(([^)\r\n]*)\))?/gi)].at(-1)
    if (last === undefined) return null
    const after = this.#text.slice(last.index)
    return {
      mode: last[1] ?? '',
      name: last[2] ?? null,
      isDownload: /waiting for download/i.test(after) || /^DOWNLOAD/i.test(last[2] ?? ''),
    }
  }

  /** The printable beginning, for the details of an error. */
  get excerpt(): string {
    return this.#text
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim()
      .slice(0, EXCERPT_CHARACTERS)
  }
}
