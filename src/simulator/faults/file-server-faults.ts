/** Faults of servers that take a file in chunks and have no request that completes it. */
import { allowance, defineFault } from './fault-parameters.ts'

export const fileServerFaults = {
  'lost-last-reply': defineFault({
    summary: 'does the work of the request that completes an upload, then ends the connection without an answer',
    parameters: { times: { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { losesReply: at => at.isLast === true && mayStrike() }
    },
  }),
  'short-body': defineFault({
    summary: 'stores a chunk without its last bytes and answers as if it were whole',
    parameters: {
      chunk: { type: 'point', default: 1, summary: 'the chunk, or "any"' },
      bytes: { type: 'number', default: 1, minimum: 1, summary: 'bytes that are lost' },
    },
    primary: 'chunk',
    create: ({ chunk, bytes }) => ({
      storeInstead: (index, whole) =>
        chunk === 'any' || chunk === index ? whole.subarray(0, Math.max(0, whole.length - bytes)) : whole,
    }),
  }),
  'stores-garbage': defineFault({
    summary: 'answers success to every chunk and stores other bytes',
    parameters: { chunk: { type: 'point', default: 'any', summary: 'the chunk whose bytes are changed, or "any"' } },
    primary: 'chunk',
    create: ({ chunk }, random) => ({
      storeInstead: (index, bytes) => {
        if ((chunk !== 'any' && chunk !== index) || bytes.length === 0) return bytes
        const changed = Uint8Array.from(bytes)
        const at = random.integer(changed.length)
        changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(8))
        return changed
      },
    }),
  }),
} as const
