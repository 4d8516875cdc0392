/** The named faults of a gateway and of the STM32 behind it. */
import { answerFaults } from '../faults/answer-faults.ts'
import { connectionFaults } from '../faults/connection-faults.ts'
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { storageFaults } from '../faults/storage-faults.ts'
import { FW_ERR } from './uart-bytes.ts'

export type UartStep = 'request' | 'length' | 'group' | 'checksum'

/** What only a gateway to an STM32 asks its faults. */
export interface BridgeFaultHooks {
  /** Changes what the STM32 answers; null is silence. */
  answerInstead?(step: UartStep, group: number, honest: number | null): number | null
  /** Changes a group on its way over the UART. */
  onWire?(offset: number, group: Uint8Array): Uint8Array
  /** What happens to the gateway as it is about to send a group. */
  beforeGroup?(group: number): 'power-loss' | 'wifi-loss' | null
  /** Changes what the gateway keeps of an upload. */
  keepInstead?(file: Uint8Array): Uint8Array
}

const timesOnce = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const group = { type: 'number', default: 40, minimum: 0, summary: 'index of the group of eight bytes' } as const

const ownFaults = {
  'stm32-absent': defineFault({
    summary: 'no STM32 answers on the UART',
    parameters: {
      times: { type: 'number', default: 0, minimum: 0, summary: 'tries that get no answer; 0 all of them' },
    },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return {
        stm32Bridge: { answerInstead: (step, _group, honest) => (step === 'request' && mayStrike() ? null : honest) },
      }
    },
  }),
  'length-refused': defineFault({
    summary: 'the STM32 refuses the length',
    parameters: { times: timesOnce },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return {
        stm32Bridge: { answerInstead: (step, _group, honest) => (step === 'length' && mayStrike() ? FW_ERR : honest) },
      }
    },
  }),
  'length-timeout': silentAt('length', 'the STM32 erases its flash and does not answer to the length'),
  'checksum-timeout': silentAt(
    'checksum',
    'the answer of the STM32 to the sum is lost on the UART; it has its program',
  ),
  'no-ack': defineFault({
    summary: 'the STM32 stops answering at a group',
    parameters: { group, times: timesOnce },
    primary: 'group',
    create: ({ group: at, times }) => {
      const mayStrike = allowance(times)
      return {
        stm32Bridge: {
          answerInstead: (step, index, honest) => (step === 'group' && index === at && mayStrike() ? null : honest),
        },
      }
    },
  }),
  'uart-corrupt': defineFault({
    summary: 'a bit flips on the UART, so that the sum is another',
    parameters: {
      byte: { type: 'number', default: 300, minimum: 0, summary: 'offset in the image' },
      times: timesOnce,
    },
    primary: 'byte',
    create: ({ byte, times }, random) => {
      const mayStrike = allowance(times)
      return {
        stm32Bridge: {
          onWire: (offset, bytes) => {
            if (byte < offset || byte >= offset + bytes.length || !mayStrike()) return bytes
            const changed = Uint8Array.from(bytes)
            changed[byte - offset] = (changed[byte - offset] ?? 0) ^ (1 << random.integer(8))
            return changed
          },
        },
      }
    },
  }),
  'checksum-blind': defineFault({
    summary: 'two bytes change places on the UART: the sum is the same, and the STM32 says OK to another program',
    parameters: {
      byte: { type: 'number', default: 0, minimum: 0, summary: 'offset from which on two that differ are looked for' },
      times: timesOnce,
    },
    primary: 'byte',
    create: ({ byte, times }) => {
      const mayStrike = allowance(times)
      return {
        stm32Bridge: {
          onWire: (offset, bytes) => {
            const at = bytes.findIndex((value, index) => index > 0 && value !== bytes[index - 1])
            if (offset < byte || at === -1 || !mayStrike()) return bytes
            const changed = Uint8Array.from(bytes)
            changed[at] = bytes[at - 1] ?? 0
            changed[at - 1] = bytes[at] ?? 0
            return changed
          },
        },
      }
    },
  }),
  'gateway-reboot': defineFault({
    summary: 'the gateway panics in the middle of programming; the STM32 is left half written',
    parameters: { group, times: timesOnce },
    primary: 'group',
    create: ({ group: at, times }) => {
      const mayStrike = allowance(times)
      return { stm32Bridge: { beforeGroup: index => (index === at && mayStrike() ? 'power-loss' : null) } }
    },
  }),
  'wifi-loss': defineFault({
    summary: 'the gateway loses its network in the middle of programming, and programs on',
    parameters: { group, times: timesOnce },
    primary: 'group',
    create: ({ group: at, times }) => {
      const mayStrike = allowance(times)
      return { stm32Bridge: { beforeGroup: index => (index === at && mayStrike() ? 'wifi-loss' : null) } }
    },
  }),
  'truncated-upload': defineFault({
    summary: 'keeps the beginning of an upload alone and says that it has all',
    parameters: {
      bytes: { type: 'number', default: 1000, minimum: 1, summary: 'how much it keeps' },
      times: timesOnce,
    },
    primary: 'bytes',
    create: ({ bytes, times }) => {
      const mayStrike = allowance(times)
      return { stm32Bridge: { keepInstead: file => (mayStrike() ? file.subarray(0, bytes) : file) } }
    },
  }),
} as const

function silentAt(at: UartStep, summary: string) {
  return defineFault({
    summary,
    parameters: { times: timesOnce },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { stm32Bridge: { answerInstead: (step, _group, honest) => (step === at && mayStrike() ? null : honest) } }
    },
  })
}

const { slow, cut, reboot } = connectionFaults
const { 'hostile-name': hostileName } = storageFaults

export const stm32BridgeFaults: FaultTable = {
  slow,
  cut,
  'drop-reply': connectionFaults['drop-reply'],
  'reset-at-byte': connectionFaults['reset-at-byte'],
  'no-answer': connectionFaults['no-answer'],
  reboot,
  'error-500': answerFaults['error-500'],
  'html-instead-of-json': answerFaults['html-instead-of-json'],
  ...ownFaults,
  'other-device-after-reboot': storageFaults['other-device-after-reboot'],
  'hostile-name': hostileName,
}
