/** Faults of devices that take the whole image in one transfer, check it, and restart into it. */
import { updateErrors, type UpdateError } from '../board/update.ts'
import { connectionFaults } from './connection-faults.ts'
import type { Reply, RequestPoint } from './fault-hooks.ts'
import { allowance, defineFault } from './fault-parameters.ts'
import { storageFaults } from './storage-faults.ts'

const once = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const always = { ...once, default: 0 } as const

/** Longer than anybody waits, and not too long for a timer. */
const FOREVER_MS = 2_000_000_000

/** The step at which `Update` comes to each of its errors. */
function stepOf(error: UpdateError): 'begin' | 'write' | 'end' {
  switch (error) {
    case 'Bad Size Given':
    case 'Partition Could Not be Found':
    case 'Bad Argument':
      return 'begin'
    case 'Flash Read Failed':
    case 'MD5 Check Failed':
    case 'Could Not Activate The Firmware':
      return 'end'
    default:
      return 'write'
  }
}

/** What goes wrong with the image and with the restart, whatever carries the image. */
export const imageFaults = {
  'update-error': defineFault({
    summary: 'the update fails with an error of the Arduino core',
    parameters: {
      text: { type: 'choice', default: 'Flash Write Failed', choices: updateErrors, summary: 'the error' },
      byte: { type: 'number', default: 4096, minimum: 0, summary: 'for errors of writing: after how many bytes' },
      times: once,
    },
    primary: 'text',
    create: ({ text, byte, times }) => {
      const mayStrike = allowance(times)
      const failsAt = stepOf(text)
      return {
        update: {
          failUpdate: (step, writtenBytes) =>
            step === failsAt && (step !== 'write' || writtenBytes >= byte) && mayStrike() ? text : null,
        },
      }
    },
  }),
  'stores-garbage': defineFault({
    summary: 'answers success and stores other bytes, unchecked: the bootloader refuses them and the old image runs on',
    parameters: {},
    primary: null,
    create: (_values, random) => ({
      storeInstead: (_offset, bytes) => {
        const changed = Uint8Array.from(bytes)
        const at = random.integer(changed.length)
        if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(8))
        return changed
      },
      update: { skipsSelfCheck: true },
    }),
  }),
  liar: defineFault({
    summary: 'answers success, restarts, and still runs the old image: it never kept the new one',
    parameters: {},
    primary: null,
    create: () => ({ update: { discards: true } }),
  }),
  'no-restart': defineFault({
    summary: 'stores the image, answers success and does not restart',
    parameters: {},
    primary: null,
    create: () => ({ update: { staysUp: true } }),
  }),
  'slow-boot': defineFault({
    summary: 'needs longer for its next restart',
    parameters: {
      ms: { type: 'number', default: 1000, minimum: 0, summary: 'milliseconds more' },
      times: once,
    },
    primary: 'ms',
    create: ({ ms, times }) => {
      const mayStrike = allowance(times)
      return { bootsLaterByMs: () => (mayStrike() ? ms : 0) }
    },
  }),
  'never-returns': defineFault({
    summary: 'goes away to restart and does not come back',
    parameters: {},
    primary: null,
    create: () => ({ bootsLaterByMs: () => FOREVER_MS }),
  }),
  'bad-self-check': storageFaults['bad-self-check'],
  rollback: storageFaults.rollback,
  'wrong-chip': storageFaults['wrong-chip'],
  'other-device-after-reboot': storageFaults['other-device-after-reboot'],
  'hostile-name': storageFaults['hostile-name'],
} as const

/** What goes wrong with the one request that carries the image. */
export const uploadFaults = {
  slow: connectionFaults.slow,
  'reset-at-byte': connectionFaults['reset-at-byte'],
  cut: defineFault({
    summary: 'ends the connection at one point of the upload',
    parameters: {
      percent: {
        type: 'number',
        default: 50,
        minimum: 0,
        summary: 'how much of the body has arrived; at most all but its last byte',
      },
      times: once,
    },
    primary: 'percent',
    create: ({ percent, times }) => {
      const mayStrike = allowance(times)
      return {
        cutBody: (at, contentBytes) => {
          if (at.kind !== 'chunk' || !mayStrike()) return null
          // The last byte is never reached: with it the upload would be whole.
          const afterBytes = Math.min(Math.floor((contentBytes * percent) / 100), contentBytes - 1)
          return { afterBytes: Math.max(afterBytes, 1), how: 'close' }
        },
      }
    },
  }),
  reboot: defineFault({
    summary: 'panics in the middle of the upload: RAM is lost, what is in flash stays',
    parameters: {
      byte: { type: 'number', default: 10_000, minimum: 1, summary: 'bytes of the body that have arrived' },
      times: once,
    },
    primary: 'byte',
    create: ({ byte, times }) => {
      const mayStrike = allowance(times)
      return {
        cutBody: (at, contentBytes) =>
          at.kind === 'chunk' && contentBytes > byte && mayStrike() ? { afterBytes: byte, how: 'power-loss' } : null,
      }
    },
  }),
  'drop-reply': defineFault({
    summary: 'does the work, then ends the connection without an answer to the upload',
    parameters: { times: once },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { losesReply: at => at.kind === 'chunk' && mayStrike() }
    },
  }),
  'no-answer': defineFault({
    summary: 'takes the upload, stores nothing and never answers',
    parameters: { times: once },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { onRequest: at => (at.kind === 'chunk' && mayStrike() ? 'ignore' : 'serve') }
    },
  }),
  'error-500': defineFault({
    summary: 'takes the upload, stores nothing and answers 500 in plain text',
    parameters: { times: once },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return {
        replyInstead: at =>
          at.kind === 'chunk' && mayStrike() ? text(500, 'text/plain', 'Internal Server Error') : null,
      }
    },
  }),
  'captive-portal': defineFault({
    summary: 'answers the upload with 200 and the page of a captive portal; nothing is stored',
    parameters: { times: always },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      const page = '<!DOCTYPE html><html><head><title>Sign in to Wi-Fi</title></head><body>OK. Success!</body></html>'
      return { replyInstead: at => (at.kind === 'chunk' && mayStrike() ? text(200, 'text/html', page) : null) }
    },
  }),
  'cut-answer': defineFault({
    summary: 'does the work, then answers with the first characters of its answer alone',
    parameters: { bytes: { type: 'number', default: 1, minimum: 0, summary: 'how many characters' }, times: once },
    primary: 'bytes',
    create: ({ bytes, times }) => {
      const mayStrike = allowance(times)
      return {
        rewriteReply: (at: RequestPoint, reply: Reply) =>
          at.kind === 'chunk' && reply.kind === 'text' && mayStrike()
            ? { ...reply, text: reply.text.slice(0, bytes) }
            : reply,
      }
    },
  }),
} as const

function text(status: number, contentType: string, body: string): Reply {
  return { kind: 'text', status, contentType, text: body }
}
