/** Compares what lies in the device's flash with our image, by a hash that it makes now. */
import { asFlashproofError } from '../../../shared/errors.ts'
import { isTransient } from '../retry.ts'
import type { TransferContext, TransferOrder } from '../transfer-protocol.ts'
import type { EspPartsDevice } from './device.ts'
import { expectedHmac, type FlashHash } from './requests.ts'

/** A small chip hashes about a megabyte in two seconds; the rest is for a slow link. */
const HASH_FLOOR_MS = 10_000
const HASH_BYTES_PER_MS = 100

export type StoredOutcome = 'proven' | 'intact' | 'contradicted' | 'not-answered' | 'cannot-tell'

/**
 * Asks for the hash with a nonce and adds the fact. A hash that repeats our nonce and keys its HMAC with it was made now,
 * over what it names; one without could be an old answer or a hash of the receive buffer, so it counts as `received`.
 */
export async function verifyStored(
  order: TransferOrder,
  device: EspPartsDevice,
  context: TransferContext,
): Promise<StoredOutcome> {
  if (device.capabilities?.hasHash !== true) return 'cannot-tell'
  const timeoutMs = HASH_FLOOR_MS + order.image.bytes.length / HASH_BYTES_PER_MS
  const deadlineMs = context.clock.monotonicMs() + timeoutMs + context.retryPolicy.rebootTimeoutMs
  try {
    const { nonce, answer } = await device.patiently('hash', () => askSameBoard(device, timeoutMs), deadlineMs)
    if (answer.kind === 'unsupported') {
      context.warn('The device announces a hash and has none.')
      return 'not-answered'
    }
    if (answer.kind === 'absent') {
      context.addEvidence({
        level: 'stored',
        basis: 'device-hash',
        method: 'sha256-nonce',
        value: `absent: ${answer.deviceError}`,
        matches: false,
      })
      return 'contradicted'
    }
    return await addHashFact(order, context, nonce, answer.hash)
  } catch (thrown) {
    const error = asFlashproofError(thrown)
    const isSilence = isTransient(error) && !context.signal.aborted
    if (!isSilence) throw error
    context.log('warning', 'hash.unanswered', error.message)
    return 'not-answered'
  }
}

/** Asks for the hash, then for the identity: an answer counts only when the board that gave it is still ours. */
async function askSameBoard(device: EspPartsDevice, timeoutMs: number): ReturnType<EspPartsDevice['hash']> {
  const asked = await device.hash(timeoutMs)
  await device.reidentify()
  return asked
}

async function addHashFact(
  order: TransferOrder,
  context: TransferContext,
  nonce: string,
  hash: FlashHash,
): Promise<StoredOutcome> {
  const image = order.image
  const isSizeEqual = hash.sizeBytes === null || hash.sizeBytes === image.bytes.length
  const isHashEqual = hash.sha256 === image.sha256 && isSizeEqual
  const isFresh = hash.nonce === nonce && hash.hmac !== null
  if (!isFresh) {
    context.addEvidence({
      level: 'received',
      basis: 'device-hash',
      method: 'sha256',
      value: hash.sha256,
      matches: isHashEqual,
      fresh: false,
    })
    context.warn('The hash does not answer this question anew, so it shows what arrived, not what lies in flash.')
    return isHashEqual ? 'intact' : 'contradicted'
  }
  const isHmacEqual = hash.hmac === (await expectedHmac(nonce, image.bytes))
  if (isHashEqual && !isHmacEqual) {
    context.log('error', 'hash.stale', 'the SHA-256 is ours, the HMAC over the content is not: an old answer')
  }
  const matches = isHashEqual && isHmacEqual
  context.addEvidence({
    level: 'stored',
    basis: 'device-hash',
    method: 'sha256-nonce',
    value: isHashEqual && !isHmacEqual ? `hmac ${String(hash.hmac)}` : hash.sha256,
    matches,
    fresh: true,
  })
  return matches ? 'proven' : 'contradicted'
}
