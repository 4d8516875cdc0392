/** The named faults of virtual servers of seed 5. */
import { answerFaults } from '../faults/answer-faults.ts'
import { connectionFaults } from '../faults/connection-faults.ts'
import { allowance, defineFault, isAt } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { fileServerFaults } from '../faults/file-server-faults.ts'
import { storageFaults } from '../faults/storage-faults.ts'

const chunkPoint = { type: 'point', default: 2, summary: 'the chunk, or "any"' } as const
const times = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const

const ownFaults = {
  'other-owner': defineFault({
    summary: 'takes an upload for somebody else’s from one chunk on and answers 403',
    parameters: { chunk: chunkPoint, times },
    primary: 'chunk',
    create: ({ chunk, times: allowed }) => {
      const mayStrike = allowance(allowed)
      return { fileServer: { changesOwner: at => isAt(chunk, at) && mayStrike() } }
    },
  }),
  'session-lost': defineFault({
    summary: 'has forgotten the upload and its file when a chunk arrives, and answers 404',
    parameters: { chunk: chunkPoint, times },
    primary: 'chunk',
    create: ({ chunk, times: allowed }) => {
      const mayStrike = allowance(allowed)
      return { fileServer: { forgetsUpload: at => isAt(chunk, at) && mayStrike() } }
    },
  }),
  'foreign-upload-url': defineFault({
    summary: 'names another server as the address for the chunks',
    parameters: { origin: { type: 'text', default: 'http://127.0.0.1:9', summary: 'that server' } },
    primary: 'origin',
    create: ({ origin }) => ({ fileServer: { uploadOrigin: origin } }),
  }),
  'false-complete': defineFault({
    summary: 'says that the upload is complete while chunks are missing, and forgets it',
    parameters: { after: { type: 'number', default: 2, minimum: 1, summary: 'chunks that must be there for it' } },
    primary: 'after',
    create: ({ after }) => ({ fileServer: { claimsCompletion: receivedChunks => receivedChunks >= after } }),
  }),
  'keeps-old-tail': defineFault({
    summary: 'does not truncate: the tail of an older, longer file stays behind the new one, whose size it names',
    parameters: { tail: { type: 'number', default: 4096, minimum: 1, summary: 'bytes that stay at least' } },
    primary: 'tail',
    create: ({ tail }) => ({ fileServer: { oldTailBytes: tail } }),
  }),
  'error-500': defineFault({
    summary: 'fails at a chunk, answers 500 and, as after every exception, has forgotten the upload and its file',
    parameters: {
      chunk: chunkPoint,
      times,
      probability: { type: 'number', default: 1, minimum: 0, summary: 'chance of each, 0 to 1' },
    },
    primary: 'chunk',
    create: ({ chunk, times: allowed, probability }, random) => {
      const mayStrike = allowance(allowed)
      return {
        fileServer: { failsChunk: at => isAt(chunk, at) && random.next() < probability && mayStrike() },
      }
    },
  }),
  'status-fail': defineFault({
    summary: 'answers 200 with status fail without storing',
    parameters: {
      chunk: chunkPoint,
      times,
      message: { type: 'text', default: 'Disk quota exceeded', summary: 'its words' },
    },
    primary: 'chunk',
    create: ({ chunk, times: allowed, message }) => {
      const mayStrike = allowance(allowed)
      return { fileServer: { refusesChunk: at => (isAt(chunk, at) && mayStrike() ? message : null) } }
    },
  }),
} as const

export const guidChunksFaults = {
  slow: connectionFaults.slow,
  'drop-reply': connectionFaults['drop-reply'],
  'reset-at-byte': connectionFaults['reset-at-byte'],
  cut: connectionFaults.cut,
  'no-answer': connectionFaults['no-answer'],
  reboot: connectionFaults.reboot,
  'wrong-json': answerFaults['wrong-json'],
  'html-instead-of-json': answerFaults['html-instead-of-json'],
  'disk-full': storageFaults['disk-full'],
  ...fileServerFaults,
  ...ownFaults,
  'wrong-chip': storageFaults['wrong-chip'],
  'other-device-after-reboot': storageFaults['other-device-after-reboot'],
  'hostile-name': storageFaults['hostile-name'],
} as const satisfies FaultTable
