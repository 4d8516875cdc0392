/** The named faults of virtual ESPHome devices; those of HTTP alone do nothing on one that speaks the TCP protocol, and the other way round. */
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import { imageFaults, uploadFaults } from '../faults/update-faults.ts'
import { stages, type Stage } from './wire.ts'

export interface EsphomeFaultHooks {
  /** Error byte in place of what is expected there; null to go on. */
  errorAt?(stage: Stage, receivedBytes: number): number | null
  /** Whether it falls silent there for good. @param block index of the block, from 0 */
  fallsSilentAt?(stage: Stage, block: number): boolean
  /** Whether it ends the connection there in place of an answer, its work done. */
  endsAt?(stage: Stage): boolean
  /** Changes image bytes on their way. */
  receiveInstead?(offset: number, bytes: Uint8Array): Uint8Array
  refusesPassword?(): boolean
  /** What it says in place of its version; null to say that. */
  greetsWith?(): Uint8Array | null
}

const once = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const always = { ...once, default: 0 } as const

export const esphomeFaults = {
  ...uploadFaults,
  ...imageFaults,
  'error-code': defineFault({
    summary: 'sends an error byte in place of the byte that is expected, and closes',
    parameters: {
      code: { type: 'text', default: '83', summary: 'the byte, two hex digits' },
      stage: { type: 'choice', default: 'data', choices: stages, summary: 'in place of which answer' },
      byte: { type: 'number', default: 10_000, minimum: 0, summary: 'in the data: after so many bytes' },
      times: once,
    },
    primary: 'code',
    create: ({ code, stage, byte, times }) => {
      const mayStrike = allowance(times)
      const value = Number.parseInt(code, 16) & 0xff
      return {
        esphome: {
          errorAt: (here, receivedBytes) =>
            here === stage && (here !== 'data' || receivedBytes >= byte) && mayStrike() ? value : null,
        },
      }
    },
  }),
  'no-ack': defineFault({
    summary: 'takes a block, does not acknowledge it and falls silent',
    parameters: { block: { type: 'number', default: 1, minimum: 0, summary: 'index of the block' }, times: once },
    primary: 'block',
    create: ({ block, times }) => {
      const mayStrike = allowance(times)
      return { esphome: { fallsSilentAt: (stage, here) => stage === 'data' && here === block && mayStrike() } }
    },
  }),
  silent: defineFault({
    summary: 'takes connections and says nothing from one answer on',
    parameters: {
      stage: { type: 'choice', default: 'greeting', choices: stages, summary: 'from which answer on' },
      times: always,
    },
    primary: 'stage',
    create: ({ stage, times }) => {
      const mayStrike = allowance(times)
      return { esphome: { fallsSilentAt: here => here === stage && mayStrike() } }
    },
  }),
  'bit-flip': defineFault({
    summary: 'a bit of the image flips on its way: its MD5 is another',
    parameters: { byte: { type: 'number', default: 500, minimum: 0, summary: 'offset in the image' }, times: once },
    primary: 'byte',
    create: ({ byte, times }, random) => {
      const mayStrike = allowance(times)
      return {
        esphome: {
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
  'lost-answer': defineFault({
    summary: 'does the work of a step, then ends the connection in place of its answer',
    parameters: {
      stage: { type: 'choice', default: 'end', choices: stages, summary: 'in place of which answer' },
      times: once,
    },
    primary: 'stage',
    create: ({ stage, times }) => {
      const mayStrike = allowance(times)
      return { esphome: { endsAt: here => here === stage && mayStrike() } }
    },
  }),
  'refuses-password': defineFault({
    summary: 'answers the right password with error 82',
    parameters: { times: always },
    primary: 'times',
    create: ({ times }) => ({ esphome: { refusesPassword: allowance(times) } }),
  }),
  'unknown-version': defineFault({
    summary: 'speaks a version that nobody knows',
    parameters: { version: { type: 'number', default: 3, minimum: 0, summary: 'the version' } },
    primary: 'version',
    create: ({ version }) => ({ esphome: { greetsWith: () => Uint8Array.from([0, version]) } }),
  }),
  'another-service': defineFault({
    summary: 'answers the first bytes as a web server would',
    parameters: {},
    primary: null,
    create: () => ({ esphome: { greetsWith: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') } }),
  }),
} as const
