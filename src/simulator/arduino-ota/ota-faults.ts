/** The named faults of ArduinoOTA devices. */
import { connectionFaults } from '../faults/connection-faults.ts'
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { storageFaults } from '../faults/storage-faults.ts'

/** What only an ArduinoOTA device asks its faults. */
export interface OtaFaultHooks {
  /** Whether a datagram is lost: one that arrives, or one that it sends. */
  losesDatagram?(direction: 'in' | 'out', what: 'invitation' | 'authentication'): boolean
  /** Whether it refuses whoever knows the password. */
  refusesPassword?(): boolean
  connectsBack?(): boolean
  /** Changes what came over TCP before the device looks at it. */
  receiveInstead?(offset: number, bytes: Uint8Array): Uint8Array
  /** Error text in place of the work at the end; null to work. */
  failsAtEnd?(): string | null
}

const timesOnce = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const

const ownFaults = {
  'lost-invitation': defineFault({
    summary: 'does not hear the first invitations',
    parameters: { times: { type: 'number', default: 2, minimum: 0, summary: 'how many; 0 all of them' } },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { arduinoOta: { losesDatagram: (way, what) => way === 'in' && what === 'invitation' && mayStrike() } }
    },
  }),
  'lost-datagram': defineFault({
    summary: 'its answer over UDP is lost on the way',
    parameters: {
      answer: {
        type: 'choice',
        default: 'invitation',
        choices: ['invitation', 'authentication'],
        summary: 'the answer to which of the two',
      },
      times: timesOnce,
    },
    primary: 'answer',
    create: ({ answer, times }) => {
      const mayStrike = allowance(times)
      return { arduinoOta: { losesDatagram: (way, what) => way === 'out' && what === answer && mayStrike() } }
    },
  }),
  'refuses-password': defineFault({
    summary: 'answers “Authentication Failed” to the right password',
    parameters: { times: { type: 'number', default: 0, minimum: 0, summary: 'how often; 0 without end' } },
    primary: 'times',
    create: ({ times }) => ({ arduinoOta: { refusesPassword: allowance(times) } }),
  }),
  'no-connect-back': defineFault({
    summary: 'says OK and never connects, as behind a firewall',
    parameters: { times: { type: 'number', default: 0, minimum: 0, summary: 'how often; 0 without end' } },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { arduinoOta: { connectsBack: () => !mayStrike() } }
    },
  }),
  'bit-flip': defineFault({
    summary: 'a bit of the image flips on its way, so that its MD5 is another',
    parameters: {
      byte: { type: 'number', default: 5000, minimum: 0, summary: 'offset in the image' },
      times: timesOnce,
    },
    primary: 'byte',
    create: ({ byte, times }, random) => {
      const mayStrike = allowance(times)
      return {
        arduinoOta: {
          receiveInstead: (offset, bytes) => {
            if (byte < offset || byte >= offset + bytes.length || !mayStrike()) return bytes
            const changed = Uint8Array.from(bytes)
            changed[byte - offset] = (changed[byte - offset] ?? 0) ^ (1 << random.integer(8))
            return changed
          },
        },
      }
    },
  }),
  'no-final-ok': defineFault({
    summary: 'stores the image and restarts into it without having said OK',
    parameters: { times: timesOnce },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { losesReply: at => at.kind === 'complete' && mayStrike() }
    },
  }),
  'error-text': defineFault({
    summary: 'answers an error at the end without storing',
    parameters: {
      text: { type: 'text', default: 'ERROR[4]: Not Enough Space', summary: 'the error' },
      times: timesOnce,
    },
    primary: 'text',
    create: ({ text, times }) => {
      const mayStrike = allowance(times)
      return { arduinoOta: { failsAtEnd: () => (mayStrike() ? text : null) } }
    },
  }),
  liar: defineFault({
    summary: 'stores other bytes, says OK and restarts into what it ran before',
    parameters: {},
    primary: null,
    create: (_values, random) => ({
      // One bit is enough for the bootloader to refuse it, and neither size nor MD5 of what was received shows it.
      storeInstead: (_index, bytes) => {
        const changed = Uint8Array.from(bytes)
        const at = random.integer(changed.length)
        if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(8))
        return changed
      },
      update: { skipsSelfCheck: true },
    }),
  }),
} as const

const { slow, cut, reboot } = connectionFaults
const { 'bad-self-check': badSelfCheck, rollback, 'hostile-name': hostileName } = storageFaults

export const arduinoOtaFaults: FaultTable = {
  slow,
  cut,
  'reset-at-byte': connectionFaults['reset-at-byte'],
  'no-answer': connectionFaults['no-answer'],
  reboot,
  ...ownFaults,
  'bad-self-check': badSelfCheck,
  rollback,
  'wrong-chip': storageFaults['wrong-chip'],
  'other-device-after-reboot': storageFaults['other-device-after-reboot'],
  'hostile-name': hostileName,
}
