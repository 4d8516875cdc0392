/** The named faults of boards with an Espressif chip on a serial line. */
import { FlashproofError } from '../../shared/errors.ts'
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { lineFaults } from '../uart/line-faults.ts'
import { SECTOR_BYTES } from './nor-flash.ts'

/** What only such a board asks its faults. */
export interface EspSerialFaultHooks {
  /** Whether a frame is lost on its way: a command, or the answer to it. */
  losesFrame?(direction: 'command' | 'answer', op: number): boolean
  /** So many pieces a frame of the chip, each an answer of its own to the line. */
  readonly framePieces?: number
  /** Error in place of the work; 0 to work. */
  refuses?(op: number): number
  /** Whether the chip restarts in place of taking a block of an image. */
  crashesAtBlock?(): boolean
  /** Changes what really reaches the cells of the flash. */
  programs?(offset: number, bytes: Uint8Array): Uint8Array
  /** Whether a sector takes nothing that is programmed. */
  isStuck?(sectorOffset: number): boolean
  readonly eraseFactor?: number
  /** Whether uploaded code never says that it runs. */
  silencesStub?(): boolean
  /** The line carries nothing faster. */
  readonly fastestBaudRate?: number
  /** When an application dies: a new one before it says that it is well, or any. */
  readonly crashes?: 'unproven' | 'always'
  /** The MAC from the next reset on; null for its own. */
  macAfterReset?(): string | null
  readonly isLogSilent?: boolean
}

const once = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const CHECKSUM_ERROR = 0x07
const dataOps: ReadonlySet<number> = new Set([0x03, 0x11])

/** @throws {FlashproofError} option.invalid for what is no byte in hexadecimal */
function byteOf(fault: string, parameter: string, text: string): number {
  if (/^[0-9a-f]{1,2}$/i.test(text)) return Number.parseInt(text, 16)
  const problem = `the fault "${fault}" takes a byte in hexadecimal as "${parameter}", such as 11, not "${text}"`
  throw new FlashproofError('option.invalid', problem, { fault, parameter, value: text })
}

const ownFaults = {
  'lost-frame': defineFault({
    summary: 'a command, or the answer to it, is lost',
    parameters: {
      op: { type: 'text', default: '11', summary: 'the command in hexadecimal' },
      way: { type: 'choice', default: 'answer', choices: ['answer', 'command'], summary: 'which of the two' },
      times: once,
    },
    primary: 'op',
    create: ({ op, way, times }) => {
      const mayStrike = allowance(times)
      const wanted = byteOf('lost-frame', 'op', op)
      return { espSerial: { losesFrame: (direction, at) => at === wanted && direction === way && mayStrike() } }
    },
  }),
  'split-frames': defineFault({
    summary: 'each of its frames comes in pieces',
    parameters: { pieces: { type: 'number', default: 3, minimum: 1, summary: 'how many' } },
    primary: 'pieces',
    create: ({ pieces }) => ({ espSerial: { framePieces: Math.floor(pieces) } }),
  }),
  'bad-status': defineFault({
    summary: 'answers an error without doing the work',
    parameters: {
      op: { type: 'text', default: '11', summary: 'the command in hexadecimal' },
      error: { type: 'text', default: '05', summary: 'the error in hexadecimal' },
      times: once,
    },
    primary: 'op',
    create: ({ op, error, times }) => {
      const mayStrike = allowance(times)
      const [wanted, code] = [byteOf('bad-status', 'op', op), byteOf('bad-status', 'error', error)]
      return { espSerial: { refuses: at => (at === wanted && mayStrike() ? code : 0) } }
    },
  }),
  'wrong-checksum-answer': defineFault({
    summary: 'says of a sound block of an image that its check sum is wrong, and drops it',
    parameters: { times: once },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { espSerial: { refuses: at => (dataOps.has(at) && mayStrike() ? CHECKSUM_ERROR : 0) } }
    },
  }),
  'md5-mismatch': defineFault({
    summary: 'a bit flips as it is programmed; the MD5 tells the truth about it',
    parameters: { times: once },
    primary: 'times',
    create: ({ times }, random) => {
      const mayStrike = allowance(times)
      return {
        espSerial: {
          programs: (_offset, bytes) => {
            // A bit that is to become 0 stays 1, or the other way round: the cells differ from what was sent.
            if (bytes.length === 0 || !mayStrike()) return bytes
            const changed = Uint8Array.from(bytes)
            const at = random.integer(changed.length)
            changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(8))
            return changed
          },
        },
      }
    },
  }),
  'stuck-sector': defineFault({
    summary: 'a sector of the flash erases and takes nothing any more',
    parameters: { offset: { type: 'number', default: 0x12000, minimum: 0, summary: 'an offset in it' } },
    primary: 'offset',
    create: ({ offset }) => {
      const stuck = offset - (offset % SECTOR_BYTES)
      return { espSerial: { isStuck: sector => sector === stuck } }
    },
  }),
  'reset-mid-write': defineFault({
    summary: 'restarts from its flash in place of taking a block',
    parameters: {
      block: { type: 'number', default: 3, minimum: 0, summary: 'blocks of images that it takes before' },
      times: once,
    },
    primary: 'block',
    create: ({ block, times }) => {
      const mayStrike = allowance(times)
      let taken = 0
      return {
        espSerial: {
          crashesAtBlock: () => {
            if (taken++ < block || !mayStrike()) return false
            taken = 0
            return true
          },
        },
      }
    },
  }),
  'no-stub': defineFault({
    summary: 'uploaded code never says that it runs, and nothing answers until a reset',
    parameters: { times: { type: 'number', default: 0, minimum: 0, summary: 'how often; 0 without end' } },
    primary: 'times',
    create: ({ times }) => ({ espSerial: { silencesStub: allowance(times) } }),
  }),
  'baud-limit': defineFault({
    summary: 'its adapter carries garbage above a rate',
    parameters: { baud: { type: 'number', default: 460_800, minimum: 1, summary: 'the fastest that it carries' } },
    primary: 'baud',
    create: ({ baud }) => ({ espSerial: { fastestBaudRate: baud } }),
  }),
  'slow-erase': defineFault({
    summary: 'its flash is worn, and takes long to erase',
    parameters: { factor: { type: 'number', default: 20, minimum: 1, summary: 'times as long' } },
    primary: 'factor',
    create: ({ factor }) => ({ espSerial: { eraseFactor: factor } }),
  }),
  rollback: defineFault({
    summary: 'new firmware panics before it says that it is well, and the bootloader goes back',
    parameters: {},
    primary: null,
    create: () => ({ espSerial: { crashes: 'unproven' } }),
  }),
  panics: defineFault({
    summary: 'whatever it starts panics soon, again and again',
    parameters: {},
    primary: null,
    create: () => ({ espSerial: { crashes: 'always' } }),
  }),
  'other-board': defineFault({
    summary: 'after some resets another board of the same chip answers, new from the factory',
    parameters: {
      mac: { type: 'text', default: '02:4f:50:de:ad:01', summary: 'the MAC of the other one' },
      after: { type: 'number', default: 0, minimum: 0, summary: 'resets that still are the first one' },
    },
    primary: 'mac',
    create: ({ mac, after }) => {
      let resets = 0
      return { espSerial: { macAfterReset: () => (resets++ < after ? null : mac) } }
    },
  }),
  'no-boot-log': defineFault({
    summary: 'bootloader and application write nothing',
    parameters: {},
    primary: null,
    create: () => ({ espSerial: { isLogSilent: true } }),
  }),
} as const

export const espSerialFaults: FaultTable = { ...lineFaults, ...ownFaults }
