/** Faults of the answers: errors, text that is not JSON, answers that do not tell the truth. */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { allowance, defineFault, isAt } from './fault-parameters.ts'
import type { Reply, RequestPoint } from './fault-hooks.ts'

const chunkPoint = { type: 'point', default: 2, summary: 'chunk index, "complete" or "any"' } as const
const times = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const

export const answerFaults = {
  'error-500': defineFault({
    summary: 'answers 500 in plain text without storing',
    parameters: {
      chunk: chunkPoint,
      times,
      probability: { type: 'number', default: 1, minimum: 0, summary: 'chance of each, 0 to 1' },
    },
    primary: 'chunk',
    create: (values, random) => {
      const mayStrike = allowance(values.times)
      return {
        replyInstead: at => {
          if (!isAt(values.chunk, at) || random.next() >= values.probability || !mayStrike()) return null
          return text(500, 'text/plain; charset=UTF-8', 'Internal server error')
        },
      }
    },
  }),
  'success-false': defineFault({
    summary: 'answers 200 with success false without storing',
    parameters: {
      chunk: chunkPoint,
      times,
      error: { type: 'text', default: '[Errno 5] EIO', summary: 'the error text' },
    },
    primary: 'chunk',
    create: values => {
      const mayStrike = allowance(values.times)
      return {
        replyInstead: at => {
          if (!isAt(values.chunk, at) || !mayStrike()) return null
          return { kind: 'json', status: 200, value: { success: false, error: values.error } }
        },
      }
    },
  }),
  'wrong-json': defineFault({
    summary: 'does the work, then answers JSON that is cut off or says something else',
    parameters: {
      chunk: chunkPoint,
      times,
      shape: {
        type: 'choice',
        default: 'truncated',
        choices: ['truncated', 'text-success', 'other-chunk', 'no-success', 'list'],
        summary: 'cut off, "success": "true" as text, another chunk number, no success field, or a list',
      },
    },
    primary: 'chunk',
    create: values => {
      const mayStrike = allowance(values.times)
      return {
        rewriteReply: (at, reply) => (isAt(values.chunk, at) && mayStrike() ? misshape(values.shape, at) : reply),
      }
    },
  }),
  'html-instead-of-json': defineFault({
    summary: 'does the work, then answers 200 with a web page',
    parameters: { chunk: chunkPoint, times },
    primary: 'chunk',
    create: values => {
      const mayStrike = allowance(values.times)
      const page = '<!DOCTYPE html><html><head><title>Captive portal</title></head><body>"success":true</body></html>'
      return {
        rewriteReply: (at, reply) =>
          isAt(values.chunk, at) && mayStrike() ? text(200, 'text/html; charset=UTF-8', page) : reply,
      }
    },
  }),
  liar: defineFault({
    summary: 'answers success to everything and stores other bytes; its hash tells the truth about its flash',
    parameters: {
      chunk: { type: 'point', default: 'any', summary: 'the chunk whose bytes are changed, or "any"' },
    },
    primary: 'chunk',
    create: ({ chunk }, random) => ({
      storeInstead: (index, bytes) => {
        if (chunk !== 'any' && chunk !== index) return bytes
        const changed = Uint8Array.from(bytes)
        const at = random.integer(changed.length)
        if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(8))
        return changed
      },
      rewriteReply: (at, reply) => praise(at, reply),
    }),
  }),
  'cached-hash': defineFault({
    summary: 'answers the hash it was told or once computed, with the right nonce but an old or no HMAC',
    parameters: {
      hmac: { type: 'choice', default: 'stale', choices: ['stale', 'absent'], summary: 'an old HMAC or none' },
    },
    primary: 'hmac',
    create: ({ hmac }) => {
      let declared: string | null = null
      let remembered: string | undefined
      return {
        onChunk: (_target, _index, _bytes, declaredSha256) => {
          declared = declaredSha256 ?? declared
        },
        answerHash: (_target, honest) => {
          remembered ??= honest.sha256
          const sha256 = declared ?? remembered
          const { sizeBytes, nonce } = honest
          const answer = { sizeBytes, ...(sha256 === undefined ? {} : { sha256 }) }
          if (nonce === undefined) return answer
          const staleHmac = createHash('sha256')
            .update(`made for an earlier nonce ${sha256 ?? ''}`)
            .digest('hex')
          return { ...answer, nonce, ...(hmac === 'absent' ? {} : { hmac: staleHmac }) }
        },
      }
    },
  }),
  'buffer-hash': defineFault({
    summary: 'hashes what it received, not what is in flash, so it has no HMAC for a new nonce',
    parameters: {},
    primary: null,
    create: () => {
      const running = new Map<string, { hash: Hash; next: number }>()
      return {
        onChunk: (target, index, bytes) => {
          const known = index === 0 ? undefined : running.get(target)
          const state = known ?? { hash: createHash('sha256'), next: index }
          if (known === undefined) running.set(target, state)
          if (index !== state.next) return
          state.hash.update(bytes)
          state.next++
        },
        answerHash: (target, honest) => {
          const state = running.get(target)
          const sha256 = state?.hash.copy().digest('hex')
          return { sizeBytes: honest.sizeBytes, ...(sha256 === undefined ? {} : { sha256 }) }
        },
      }
    },
  }),
} as const

function text(status: number, contentType: string, body: string): Reply {
  return { kind: 'text', status, contentType, text: body }
}

function misshape(
  shape: 'truncated' | 'text-success' | 'other-chunk' | 'no-success' | 'list',
  at: RequestPoint,
): Reply {
  switch (shape) {
    case 'truncated':
      return text(200, 'application/json', '{"success": tr')
    case 'text-success':
      return { kind: 'json', status: 200, value: { success: 'true' } }
    case 'other-chunk':
      return { kind: 'json', status: 200, value: { success: true, chunk: (at.chunk ?? 0) + 1 } }
    case 'no-success':
      return { kind: 'json', status: 200, value: { ok: true } }
    case 'list':
      return text(200, 'application/json', '[{"success": true}]')
  }
}

/** Turns every failed answer to an upload into success. */
function praise(at: RequestPoint, reply: Reply): Reply {
  const isFailure = reply.kind === 'text' || reply.value['success'] !== true
  if (!isFailure) return reply
  if (at.kind === 'chunk') return { kind: 'json', status: 200, value: { success: true, chunk: at.chunk } }
  if (at.kind === 'complete') return { kind: 'json', status: 200, value: { success: true, path: at.target } }
  return reply
}
