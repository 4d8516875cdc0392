/**
 * Reads the gateway's plain texts: the status alone says little, and each text has one cause. The texts are those of the
 * seed's ESP-IDF server.
 */
import { FlashproofError, type ErrorCode } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import type { HttpAnswer } from '../../links/http-client.ts'

/** What each text of `/download` means; the first that is contained counts. */
const downloadCauses: readonly { readonly text: string; readonly code: ErrorCode }[] = [
  { text: 'Firmware file not found', code: 'relay.not-stored' },
  { text: 'STM32 not ready for firmware update', code: 'relay.not-ready' },
  { text: 'STM32 rejected firmware length', code: 'relay.length-refused' },
  { text: 'STM32 length response timeout', code: 'relay.broke-off' },
  { text: 'STM32 did not acknowledge data byte', code: 'relay.broke-off' },
  { text: 'Checksum verification timeout', code: 'relay.broke-off' },
  { text: 'checksum error', code: 'relay.sum-differs' },
]

/**
 * @throws {FlashproofError} image.not-transferable when the gateway converted what it should have kept, device.no-space,
 *   device.rejected, device.bad-answer, device.unauthorised, device.not-speaking
 */
export function readUploadAnswer(answer: HttpAnswer, sizeBytes: number): void {
  const text = textOf(answer)
  assertRoute(answer, 'POST /upload', text)
  if (/memory allocation failed/i.test(text)) {
    throw new FlashproofError('device.no-space', `the gateway has no memory for ${String(sizeBytes)} bytes: ${text}`, {
      imageBytes: sizeBytes,
      deviceError: text,
    })
  }
  if (answer.status >= 300 || hasFailureWord(text)) throw rejected('POST /upload', answer.status, text)
  if (/hex file uploaded/i.test(text)) {
    throw new FlashproofError(
      'image.not-transferable',
      `the gateway took the binary image for Intel HEX and converted it: ${text}`,
      { deviceAnswer: text },
    )
  }
  if (!/uploaded successfully/i.test(text)) throw badAnswer('POST /upload', answer.status, text)
}

/**
 * @returns the text of a success
 * @throws {FlashproofError} relay.*, device.unauthorised, device.not-speaking. Nothing else: what cannot be understood
 *   after the STM32 may have been written counts as broken off, and is not repeated
 */
export function readDownloadAnswer(answer: HttpAnswer): string {
  const text = textOf(answer)
  throwCause(text, answer.status)
  assertRoute(answer, 'POST /download', text)
  const isSuccess = answer.status >= 200 && answer.status < 300 && /downloaded to stm32 successfully/i.test(text)
  if (isSuccess && !hasFailureWord(text)) return text
  throw new FlashproofError(
    'relay.broke-off',
    `POST /download: the gateway answered ${String(answer.status)}: ${text}`,
    {
      status: answer.status,
      deviceAnswer: text,
    },
  )
}

/** The same causes, as a status tells them. */
export function causeOf(deviceError: string): FlashproofError {
  try {
    throwCause(deviceError, null)
  } catch (error) {
    if (error instanceof FlashproofError) return error
  }
  return new FlashproofError('relay.broke-off', `the gateway reports: ${deviceError}`, { deviceError })
}

function throwCause(text: string, status: number | null): void {
  const cause = downloadCauses.find(candidate => text.toLowerCase().includes(candidate.text.toLowerCase()))
  if (cause === undefined) return
  throw new FlashproofError(cause.code, `the gateway says: ${text}`, {
    deviceError: text,
    ...(status === null ? {} : { status }),
  })
}

function assertRoute(answer: HttpAnswer, what: string, text: string): void {
  const { status } = answer
  if (status === 401 || status === 403) {
    throw new FlashproofError('device.unauthorised', `${what}: the gateway wants credentials`, { status })
  }
  if (status === 404 || status === 405 || status === 501 || (status >= 300 && status < 400)) {
    throw new FlashproofError('device.not-speaking', `${what}: answered ${String(status)}: ${text}`, { status })
  }
}

/** Success texts hold none of these words; a failure may come with status 200. */
function hasFailureWord(text: string): boolean {
  return /\b(fail(ed|ure)?|error|invalid|rejected|timeout|not ready)\b/i.test(text)
}

function rejected(what: string, status: number, text: string): FlashproofError {
  return new FlashproofError('device.rejected', `${what}: the gateway answered ${String(status)}: ${text}`, {
    status,
    deviceError: text,
  })
}

function badAnswer(what: string, status: number, text: string): FlashproofError {
  return new FlashproofError('device.bad-answer', `${what}: the answer is none of this gateway's: ${text}`, {
    status,
    answer: text,
  })
}

function textOf(answer: HttpAnswer): string {
  return stripControl(Buffer.from(answer.body.subarray(0, 800)).toString('utf8'), 200).trim()
}
