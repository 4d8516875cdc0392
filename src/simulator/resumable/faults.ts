/** The named faults of virtual servers for Resumable.js. */
import { answerFaults } from '../faults/answer-faults.ts'
import { connectionFaults } from '../faults/connection-faults.ts'
import { allowance, defineFault, isAt } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { fileServerFaults } from '../faults/file-server-faults.ts'
import { storageFaults } from '../faults/storage-faults.ts'
import type { JsonValue } from '../python-json.ts'

const times = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const

const ownFaults = {
  status: defineFault({
    summary:
      'answers a test or an upload with a status code; an upload with a code below 300 is stored, a test is not looked up',
    parameters: {
      code: { type: 'number', default: 404, minimum: 200, summary: 'the status code' },
      on: { type: 'choice', default: 'upload', choices: ['upload', 'test'], summary: 'which requests' },
      chunk: { type: 'point', default: 2, summary: 'the chunk, or "any"' },
      times,
    },
    primary: 'code',
    create: ({ code, on, chunk, times: allowed }) => {
      const mayStrike = allowance(allowed)
      const reply = {
        kind: 'text',
        status: code,
        contentType: 'text/plain',
        text: code === 204 ? '' : String(code),
      } as const
      const isHere = (kind: string, at: number | null): boolean => {
        const isKind = kind === (on === 'test' ? 'status' : 'chunk')
        return isKind && at !== null && (chunk === 'any' || chunk === at)
      }
      const isStored = on === 'upload' && code < 300
      return {
        replyInstead: at => (!isStored && isHere(at.kind, at.chunk) && mayStrike() ? reply : null),
        rewriteReply: (at, honest) => (isStored && isHere(at.kind, at.chunk) && mayStrike() ? reply : honest),
      }
    },
  }),
  'existing-file': defineFault({
    summary: 'has another file of the same name already (not with trait node)',
    parameters: { bytes: { type: 'number', default: 1000, minimum: 1, summary: 'its size' } },
    primary: 'bytes',
    create: ({ bytes }) => ({ fileServer: { existingFileBytes: bytes } }),
  }),
  'ttl-expired': defineFault({
    summary: 'removes all parts before it looks at a chunk, as if their time had run out',
    parameters: { chunk: { type: 'point', default: 5, summary: 'the chunk that is tested or sent, or "any"' }, times },
    primary: 'chunk',
    create: ({ chunk, times: allowed }) => {
      const mayStrike = allowance(allowed)
      return {
        fileServer: { expiresParts: at => (chunk === 'any' || chunk === at.chunk) && mayStrike() },
      }
    },
  }),
  'assembly-fails': defineFault({
    summary: 'fails to put the parts together and answers OK all the same (not with trait node)',
    parameters: {
      at: { type: 'choice', default: 'open', choices: ['open', 'middle'], summary: 'before, or when half is written' },
      times: { ...times, default: 0 },
    },
    primary: 'at',
    create: ({ at, times: allowed }) => {
      const mayStrike = allowance(allowed)
      return { fileServer: { failsAssembly: () => (mayStrike() ? at : null) } }
    },
  }),
  'wrong-size': defineFault({
    summary: 'loses the end of the file when it puts the parts together (not with trait node)',
    parameters: { bytes: { type: 'number', default: 1, minimum: 1, summary: 'bytes that are lost' } },
    primary: 'bytes',
    create: ({ bytes }) => ({
      fileServer: { assembles: file => file.subarray(0, Math.max(0, file.length - bytes)) },
    }),
  }),
  'says-complete': defineFault({
    summary: 'says that the upload is complete while chunks are missing, and never puts them together',
    parameters: { after: { type: 'number', default: 3, minimum: 1, summary: 'chunks that must be there for it' } },
    primary: 'after',
    create: ({ after }) => ({ fileServer: { claimsCompletion: receivedChunks => receivedChunks >= after } }),
  }),
  'wrong-json': defineFault({
    summary:
      'answers the question for the whole upload with JSON that is cut off or says something else (not with trait node)',
    parameters: {
      shape: {
        type: 'choice',
        default: 'truncated',
        choices: ['truncated', 'text-size', 'other-status', 'list'],
        summary: 'cut off, the size as text, a status that nobody knows, or a list',
      },
      times: { ...times, default: 0 },
    },
    primary: 'shape',
    create: ({ shape, times: allowed }) => {
      const mayStrike = allowance(allowed)
      return {
        rewriteReply: (at, honest) => {
          const isQuestion = at.kind === 'status' && at.chunk === null && honest.kind === 'json'
          if (!isQuestion || !mayStrike()) return honest
          return { kind: 'text', status: 200, contentType: 'application/json', text: misshapen(shape, honest.value) }
        },
      }
    },
  }),
  refuses: defineFault({
    summary: 'answers 200 with a text that means no, without storing',
    parameters: {
      text: { type: 'text', default: 'invalid_resumable_request3', summary: 'the text' },
      chunk: { type: 'point', default: 2, summary: 'the chunk, or "any"' },
      times,
    },
    primary: 'text',
    create: ({ text, chunk, times: allowed }) => {
      const mayStrike = allowance(allowed)
      return {
        replyInstead: at =>
          isAt(chunk, at) && mayStrike() ? { kind: 'text', status: 200, contentType: 'text/html', text } : null,
      }
    },
  }),
} as const

function misshapen(
  shape: 'truncated' | 'text-size' | 'other-status' | 'list',
  honest: { readonly [key: string]: JsonValue },
): string {
  switch (shape) {
    case 'truncated':
      return JSON.stringify(honest).slice(0, -3)
    case 'text-size':
      return JSON.stringify({ ...honest, size: JSON.stringify(honest['size'] ?? 0) })
    case 'other-status':
      return JSON.stringify({ ...honest, status: 'ready' })
    case 'list':
      return JSON.stringify([honest])
  }
}

export const resumableFaults = {
  slow: connectionFaults.slow,
  'drop-reply': connectionFaults['drop-reply'],
  'reset-at-byte': connectionFaults['reset-at-byte'],
  cut: connectionFaults.cut,
  'no-answer': connectionFaults['no-answer'],
  reboot: connectionFaults.reboot,
  'error-500': answerFaults['error-500'],
  'success-false': answerFaults['success-false'],
  'html-instead-of-json': answerFaults['html-instead-of-json'],
  'disk-full': storageFaults['disk-full'],
  ...fileServerFaults,
  ...ownFaults,
  'wrong-chip': storageFaults['wrong-chip'],
  'other-device-after-reboot': storageFaults['other-device-after-reboot'],
  'hostile-name': storageFaults['hostile-name'],
} as const satisfies FaultTable
