/** Faults of the connection and of power: slow, cut, lost and missing answers, reboots. */
import { allowance, defineFault, isAt } from './fault-parameters.ts'

const point = { type: 'point', default: 'any', summary: 'chunk index, "complete" or "any"' } as const
const timesOnce = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const

export const connectionFaults = {
  slow: defineFault({
    summary: 'needs extra time for every request and for every byte of a body',
    parameters: {
      ms: { type: 'number', default: 25, minimum: 0, summary: 'milliseconds a request' },
      bytesPerSecond: { type: 'number', default: 0, minimum: 0, summary: 'body bytes a second; 0 without limit' },
    },
    primary: 'ms',
    create: ({ ms, bytesPerSecond }) => ({
      delayMs: (_point, bodyBytes) => ms + (bytesPerSecond === 0 ? 0 : (bodyBytes * 1000) / bytesPerSecond),
    }),
  }),
  'drop-reply': defineFault({
    summary: 'does the work, then ends the connection without an answer',
    parameters: {
      chunk: point,
      every: { type: 'number', default: 7, minimum: 1, summary: 'every n-th request, where chunk is "any"' },
      probability: { type: 'number', default: 1, minimum: 0, summary: 'chance of each of those, 0 to 1' },
      times: { type: 'number', default: 1, minimum: 0, summary: 'how often at one chunk; 0 without end' },
    },
    primary: 'every',
    create: ({ chunk, every, probability, times }, random) => {
      const mayStrike = allowance(chunk === 'any' ? 0 : times)
      let seen = 0
      return {
        losesReply: at => {
          if (!isAt(chunk, at)) return false
          seen++
          if (chunk === 'any' && seen % every !== 0) return false
          return random.next() < probability && mayStrike()
        },
      }
    },
  }),
  'reset-at-byte': defineFault({
    summary: 'resets the connection after so many bytes of all chunk bodies together',
    parameters: {
      byte: { type: 'number', default: 10_000, minimum: 0, summary: 'bytes of chunk bodies since power-on' },
      times: timesOnce,
    },
    primary: 'byte',
    create: ({ byte, times }) => {
      const mayStrike = allowance(times)
      return {
        cutBody: (at, contentBytes, receivedBytes) => {
          if (at.kind !== 'chunk' || receivedBytes + contentBytes <= byte || receivedBytes > byte) return null
          return mayStrike() ? { afterBytes: byte - receivedBytes, how: 'reset' } : null
        },
      }
    },
  }),
  cut: defineFault({
    summary: 'ends the connection at one exact point of one request',
    parameters: {
      chunk: { type: 'point', default: 0, summary: 'chunk index, "complete" or "any"' },
      at: {
        type: 'choice',
        default: 'after-process',
        choices: ['before-request', 'in-body', 'after-process'],
        summary: 'before the body is read, after half of it, or after the work but before the answer',
      },
      times: timesOnce,
    },
    primary: 'chunk',
    create: ({ chunk, at, times }) => {
      const mayStrike = allowance(times)
      return {
        onRequest: here => (at === 'before-request' && isAt(chunk, here) && mayStrike() ? 'cut' : 'serve'),
        cutBody: (here, contentBytes) => {
          if (at !== 'in-body' || !isAt(chunk, here) || !mayStrike()) return null
          return { afterBytes: Math.floor(contentBytes / 2), how: 'close' }
        },
        losesReply: here => at === 'after-process' && isAt(chunk, here) && mayStrike(),
      }
    },
  }),
  'no-answer': defineFault({
    summary: 'takes the request and never answers',
    parameters: { chunk: { type: 'point', default: 3, summary: 'chunk index, "complete" or "any"' }, times: timesOnce },
    primary: 'chunk',
    create: ({ chunk, times }) => {
      const mayStrike = allowance(times)
      return { onRequest: at => (isAt(chunk, at) && mayStrike() ? 'ignore' : 'serve') }
    },
  }),
  reboot: defineFault({
    summary: 'panics when a chunk arrives: RAM is lost, what is in flash stays',
    parameters: {
      chunk: { type: 'point', default: 20, summary: 'chunk index, "complete" or "any"' },
      times: timesOnce,
    },
    primary: 'chunk',
    create: ({ chunk, times }) => {
      const mayStrike = allowance(times)
      return { onRequest: at => (isAt(chunk, at) && mayStrike() ? 'power-loss' : 'serve') }
    },
  }),
  leak: defineFault({
    summary: 'loses heap with every request until bodies no longer fit',
    parameters: { bytes: { type: 'number', default: 512, minimum: 1, summary: 'bytes lost a request' } },
    primary: 'bytes',
    create: ({ bytes }) => ({ leaksBytesPerRequest: bytes }),
  }),
} as const
