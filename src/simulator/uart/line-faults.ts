/**
 * The named faults that every device on a serial line has: cut cables, noise, lost bytes, split and late answers. Offsets
 * count the bytes of one direction since the faults were set, and begin anew each time that the fault has struck.
 */
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import type { FaultSet } from '../faults/fault-table.ts'

/** What a serial line asks its faults, in the order in which bytes pass. */
export interface UartFaultHooks {
  /** How many of these bytes still arrive before the cable is pulled, and for how long; null when it stays. */
  cutsAfter?(bytes: Uint8Array): { readonly bytes: number; readonly forMs: number } | null
  /** Changes what the device gets of the host's bytes. */
  fromHost?(bytes: Uint8Array): Uint8Array
  /** Changes what the host gets of the device's bytes. */
  fromDevice?(bytes: Uint8Array): Uint8Array
  /** Neither side gets more than so many bytes at once. */
  readonly pieceBytes?: number
  /** How much later an answer leaves. */
  readonly answersLaterByMs?: number
  /** A client has come. */
  connected?(): void
}

/** The faults of a device that its serial line has to know. */
export function uartFaultsOf(faults: FaultSet): readonly UartFaultHooks[] {
  return faults.all.flatMap(({ uart }) => uart ?? [])
}

const times = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const hostByte = { type: 'number', default: 2000, minimum: 0, summary: 'offset in what the host sends' } as const
const deviceByte = { type: 'number', default: 100, minimum: 0, summary: 'offset in what the device sends' } as const

/** Finds in each piece of a stream the bytes that a fault strikes: at an offset, counted anew after each. */
function watchFor(byte: number, often: number): (bytes: Uint8Array) => readonly number[] {
  const mayStrike = allowance(often)
  /** Where the next one lies, from the beginning of the piece. */
  let next = Math.floor(byte)
  return bytes => {
    const struck: number[] = []
    for (; next < bytes.length && mayStrike(); next += Math.floor(byte) + 1) struck.push(next)
    // One that may not strike any more lies behind for good.
    next -= bytes.length
    return struck
  }
}

function withoutBytes(bytes: Uint8Array, lost: readonly number[]): Uint8Array {
  return lost.length === 0 ? bytes : bytes.filter((_byte, index) => !lost.includes(index))
}

function withNoise(bytes: Uint8Array, struck: readonly number[], mask: () => number): Uint8Array {
  return struck.length === 0 ? bytes : bytes.map((byte, index) => (struck.includes(index) ? byte ^ mask() : byte))
}

export const lineFaults = {
  cut: defineFault({
    summary: 'the cable is pulled after so many bytes of the host, and plugged in again',
    parameters: {
      byte: { type: 'number', default: 2000, minimum: 0, summary: 'bytes from the host that still arrive' },
      ms: { type: 'number', default: 50, minimum: 0, summary: 'how long it is out' },
      times,
    },
    primary: 'byte',
    create: ({ byte, ms, times: often }) => {
      const mayStrike = allowance(often)
      let passed = 0
      return {
        uart: {
          cutsAfter: bytes => {
            const left = byte - passed
            passed += bytes.length
            if (left < 0 || left > bytes.length || !mayStrike()) return null
            passed = 0
            return { bytes: left, forMs: ms }
          },
        },
      }
    },
  }),
  noise: defineFault({
    summary: 'bits of a byte from the host flip on the line',
    parameters: { byte: hostByte, times },
    primary: 'byte',
    create: ({ byte, times: often }, random) => {
      const find = watchFor(byte, often)
      return { uart: { fromHost: bytes => withNoise(bytes, find(bytes), () => 1 + random.integer(255)) } }
    },
  }),
  'lost-byte': defineFault({
    summary: 'a byte from the host is lost on the line',
    parameters: { byte: hostByte, times },
    primary: 'byte',
    create: ({ byte, times: often }) => {
      const find = watchFor(byte, often)
      return { uart: { fromHost: bytes => withoutBytes(bytes, find(bytes)) } }
    },
  }),
  'answer-noise': defineFault({
    summary: 'bits of a byte from the device flip on the line',
    parameters: { byte: deviceByte, times },
    primary: 'byte',
    create: ({ byte, times: often }, random) => {
      const find = watchFor(byte, often)
      return { uart: { fromDevice: bytes => withNoise(bytes, find(bytes), () => 1 + random.integer(255)) } }
    },
  }),
  'answer-lost': defineFault({
    summary: 'a byte from the device is lost on the line',
    parameters: { byte: deviceByte, times },
    primary: 'byte',
    create: ({ byte, times: often }) => {
      const find = watchFor(byte, often)
      return { uart: { fromDevice: bytes => withoutBytes(bytes, find(bytes)) } }
    },
  }),
  split: defineFault({
    summary: 'both sides get the bytes of the other in small pieces',
    parameters: { bytes: { type: 'number', default: 1, minimum: 1, summary: 'bytes a piece' } },
    primary: 'bytes',
    create: ({ bytes }) => ({ uart: { pieceBytes: Math.floor(bytes) } }),
  }),
  slow: defineFault({
    summary: 'needs extra time for every answer',
    parameters: { ms: { type: 'number', default: 25, minimum: 0, summary: 'milliseconds an answer' } },
    primary: 'ms',
    create: ({ ms }) => ({ uart: { answersLaterByMs: ms } }),
  }),
  silent: defineFault({
    summary: 'says nothing after so many bytes of the host, until the host connects again',
    parameters: { byte: hostByte, times },
    primary: 'byte',
    create: ({ byte, times: often }) => {
      const find = watchFor(byte, often)
      let isSilent = false
      return {
        uart: {
          fromHost: bytes => {
            if (find(bytes).length > 0) isSilent = true
            return bytes
          },
          fromDevice: bytes => (isSilent ? new Uint8Array() : bytes),
          connected: () => {
            isSilent = false
          },
        },
      }
    },
  }),
} as const
