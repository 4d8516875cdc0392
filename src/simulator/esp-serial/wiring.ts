/** How the two lines of an adapter reach the chip's EN and IO0. Source: protocol sheet 3.4. Asserted lines are low. */
import type { UartLines } from '../uart/uart.ts'

/**
 * `two-transistors`: DTR to IO0, RTS to EN, and neither is pulled while both are asserted. `usb-serial-jtag`: the chip's own USB
 * port makes of the lines what the transistors would. `none`: IO0 is held low by hand, and no line resets it.
 */
export type Wiring = 'two-transistors' | 'usb-serial-jtag' | 'none'

/** `held`: EN is low. `free`: it is not. `reset`: the chip resets at once, without EN. */
export interface LineEffect {
  readonly reset: 'held' | 'free' | 'reset'
  /** Whether a chip that comes out of reset now waits for a download. */
  readonly isDownloadWanted: boolean
}

/** Follows the lines of one board. */
export class LineWiring {
  readonly #wiring: Wiring
  /** What the USB port remembers for the next reset. */
  #isDownloadFlagged = false
  #wasReset = false

  constructor(wiring: Wiring) {
    this.#wiring = wiring
  }

  /** @returns null where the lines do nothing */
  follow({ dtr, rts }: UartLines): LineEffect | null {
    const resets = rts && !dtr
    switch (this.#wiring) {
      case 'none':
        return null
      case 'two-transistors':
        return { reset: resets ? 'held' : 'free', isDownloadWanted: dtr && !rts }
      case 'usb-serial-jtag': {
        // RTS alone resets as it comes, DTR alone sets the flag, neither clears it, both together do nothing.
        if (!rts) this.#isDownloadFlagged = dtr
        const isNew = resets && !this.#wasReset
        this.#wasReset = resets
        return { reset: isNew ? 'reset' : 'free', isDownloadWanted: this.#isDownloadFlagged }
      }
    }
  }
}
