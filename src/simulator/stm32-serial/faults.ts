/** The named faults of STM32 bootloaders, besides those of the line. */
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { lineFaults } from '../uart/line-faults.ts'

/** What only an STM32's own bootloader asks its faults. */
export interface Stm32FaultHooks {
  /** Whether it refuses a command that it knows. */
  refuses?(command: number): boolean
  readonly protectedPages?: readonly number[]
  readonly stuckBit?: { readonly address: number; readonly mask: number }
  /** Whether a data byte of this WRITE is not heard. */
  dropsByte?(): boolean
  /** Whether it restarts in the middle of this WRITE. */
  restartsInWrite?(): boolean
  readonly erasesLaterByMs?: number
  /** How often it says that it is busy before it acknowledges a WRITE or an erase. */
  busyAnswers?(): { readonly count: number; readonly everyMs: number } | null
  readonly doublesNack?: boolean
  /** What GET ID says once it was reset. */
  readonly pidAfterReset?: number
}

const times = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const nthWrite = { type: 'number', default: 3, minimum: 1, summary: 'which WRITE, counted from 1' } as const

/** Tells the n-th call, and every n-th after it as often as it may strike. */
function everyNth(nth: number, often: number): () => boolean {
  const mayStrike = allowance(often)
  let seen = 0
  return () => {
    seen++
    if (seen < nth || !mayStrike()) return false
    seen = 0
    return true
  }
}

export const stm32SerialFaults = {
  ...lineFaults,
  nack: defineFault({
    summary: 'refuses a command that it knows',
    parameters: {
      command: { type: 'text', default: '31', summary: 'its code, two hexadecimal digits' },
      at: { type: 'number', default: 3, minimum: 1, summary: 'which one of them, counted from 1' },
      times,
    },
    primary: 'command',
    create: ({ command, at, times: often }) => {
      const strikes = everyNth(at, often)
      return { stm32Serial: { refuses: code => code === Number.parseInt(command, 16) && strikes() } }
    },
  }),
  'write-protected': defineFault({
    summary: 'acknowledges writes to a page and erases of it without doing them',
    parameters: { page: { type: 'number', default: 1, minimum: 0, summary: 'number of the page' } },
    primary: 'page',
    create: ({ page }) => ({ stm32Serial: { protectedPages: [page] } }),
  }),
  'double-nack': defineFault({
    summary: 'says NACK twice wherever it refuses',
    parameters: {},
    primary: null,
    create: () => ({ stm32Serial: { doublesNack: true } }),
  }),
  'dropped-byte': defineFault({
    summary: 'does not hear a data byte of a WRITE',
    parameters: { write: nthWrite, times },
    primary: 'write',
    create: ({ write, times: often }) => ({ stm32Serial: { dropsByte: everyNth(write, often) } }),
  }),
  'slow-erase': defineFault({
    summary: 'needs longer for each erase command',
    parameters: { ms: { type: 'number', default: 1500, minimum: 0, summary: 'how much longer' } },
    primary: 'ms',
    create: ({ ms }) => ({ stm32Serial: { erasesLaterByMs: ms } }),
  }),
  'stuck-bit': defineFault({
    summary: 'a bit of its flash stays 0 whatever is written',
    parameters: {
      address: { type: 'number', default: 0x0800_0404, minimum: 0, summary: 'address of the byte' },
      bit: { type: 'number', default: 0, minimum: 0, summary: 'bit of the byte' },
    },
    primary: 'address',
    create: ({ address, bit }) => ({ stm32Serial: { stuckBit: { address, mask: 1 << (bit % 8) } } }),
  }),
  busy: defineFault({
    summary: 'says that it is busy before it acknowledges a WRITE or an erase',
    parameters: {
      count: { type: 'number', default: 3, minimum: 1, summary: 'how often it says so' },
      ms: { type: 'number', default: 5, minimum: 0, summary: 'between them' },
      times,
    },
    primary: 'count',
    create: ({ count, ms, times: often }) => {
      const mayStrike = allowance(often)
      return { stm32Serial: { busyAnswers: () => (mayStrike() ? { count, everyMs: ms } : null) } }
    },
  }),
  reboot: defineFault({
    summary: 'restarts in the middle of a WRITE, half of which is in flash',
    parameters: { write: nthWrite, times },
    primary: 'write',
    create: ({ write, times: often }) => ({ stm32Serial: { restartsInWrite: everyNth(write, often) } }),
  }),
  'other-chip': defineFault({
    summary: 'after a reset another product answers on the same line',
    parameters: { pid: { type: 'text', default: '423', summary: 'its product id, hexadecimal' } },
    primary: 'pid',
    create: ({ pid }) => ({ stm32Serial: { pidAfterReset: Number.parseInt(pid, 16) } }),
  }),
} as const satisfies FaultTable
