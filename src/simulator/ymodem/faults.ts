/** The named faults of bootloaders that receive YMODEM or XMODEM, besides those of the line. */
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { lineFaults } from '../uart/line-faults.ts'

/** What only a receiver of YMODEM asks its faults. Blocks count from 1, the header is 0. */
export interface YmodemFaultHooks {
  /** What it does with a good block. */
  onBlock?(block: number): 'take' | 'refuse' | 'cancel' | 'lose-ack' | 'restart'
  /** Whether it finds the stored program wrong. */
  failsAtEnd?(): boolean
  storeInstead?(bytes: Uint8Array): Uint8Array
}

const times = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const n = { type: 'number', default: 3, minimum: 0, summary: 'number of the block, from 1; 0 is the header' } as const

type BlockAnswer = ReturnType<NonNullable<YmodemFaultHooks['onBlock']>>

function atBlock(wanted: number, often: number, answer: BlockAnswer): { ymodem: YmodemFaultHooks } {
  const mayStrike = allowance(often)
  return { ymodem: { onBlock: block => (block === wanted && mayStrike() ? answer : 'take') } }
}

export const ymodemFaults = {
  ...lineFaults,
  'nak-block': defineFault({
    summary: 'refuses a block that is right',
    parameters: { n, times },
    primary: 'n',
    create: values => atBlock(values.n, values.times, 'refuse'),
  }),
  'can-at': defineFault({
    summary: 'cancels at a block',
    parameters: { n, times },
    primary: 'n',
    create: values => atBlock(values.n, values.times, 'cancel'),
  }),
  'lost-ack': defineFault({
    summary: 'takes a block without a word, so that it comes again',
    parameters: { n, times },
    primary: 'n',
    create: values => atBlock(values.n, values.times, 'lose-ack'),
  }),
  reboot: defineFault({
    summary: 'restarts at a block',
    parameters: { n, times },
    primary: 'n',
    create: values => atBlock(values.n, values.times, 'restart'),
  }),
  'bad-final': defineFault({
    summary: 'acknowledges everything, then says that verifying failed, and starts nothing',
    parameters: { times },
    primary: 'times',
    create: values => ({ ymodem: { failsAtEnd: allowance(values.times) } }),
  }),
  liar: defineFault({
    summary: 'stores other bytes and says that all went well',
    parameters: {},
    primary: null,
    create: (_values, random) => ({
      ymodem: {
        storeInstead: bytes => bytes.map((byte, index) => (index === 100 ? byte ^ (1 + random.integer(255)) : byte)),
      },
    }),
  }),
} as const satisfies FaultTable
