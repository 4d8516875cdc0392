/**
 * How the chip gets into its bootloader and out of it: by hand, or by the adapter's DTR and RTS wired to BOOT0 and NRST.
 * NRST is low while its line is asserted. BOOT0 is low while its line is asserted; with an inverter in between it is high.
 */
import type { LineSequence, LineStep } from '../../links/line-sequence.ts'

export interface Wiring {
  readonly boot0: 'dtr' | 'rts'
  readonly isBoot0Inverted: boolean
}

const wirings = {
  'dtr-boot0-rts-nrst': { boot0: 'dtr', isBoot0Inverted: false },
  'rts-boot0-dtr-nrst': { boot0: 'rts', isBoot0Inverted: false },
  'dtr-boot0-rts-nrst-inverted': { boot0: 'dtr', isBoot0Inverted: true },
  'rts-boot0-dtr-nrst-inverted': { boot0: 'rts', isBoot0Inverted: true },
} as const satisfies Readonly<Record<string, Wiring>>

/** Null: BOOT0 and the reset button are worked by hand. */
export function wiringOf(entry: string): Wiring | null {
  return Object.entries(wirings).find(([name]) => name === entry)?.[1] ?? null
}

/** Long enough for the capacitor that boards have at NRST. */
const RESET_MS = 100
/** From the end of the reset until the loader listens. */
const START_MS = 100

/** Resets the chip with BOOT0 high, so that the loader starts, or low. */
export function resetSequence(place: 'loader' | 'program', wiring: Wiring): LineSequence {
  const isBoot0High = place === 'loader'
  return [
    linesFor(wiring, isBoot0High, true),
    { kind: 'pause', pauseMs: RESET_MS },
    linesFor(wiring, isBoot0High, false),
    { kind: 'pause', pauseMs: START_MS },
  ]
}

function linesFor({ boot0, isBoot0Inverted }: Wiring, isBoot0High: boolean, isInReset: boolean): LineStep {
  const isBoot0Asserted = isBoot0High === isBoot0Inverted
  return {
    kind: 'lines',
    ...(boot0 === 'dtr' ? { dtr: isBoot0Asserted, rts: isInReset } : { dtr: isInReset, rts: isBoot0Asserted }),
  }
}
