/** Reads flash through a loader; what is given was compared with the loader's own MD5 of it. */
import { createHash } from 'node:crypto'
import { FlashproofError } from '../../../shared/errors.ts'
import { isLost, type EspChannel } from './channel.ts'
import { TIMEOUT_MS, md5TimeoutMs, words } from './commands.ts'
import { encodeSlip } from './slip.ts'

export const PIECE_BYTES = 4096
/** Read and compared at once: small enough to be read again after a fault, and to be kept meanwhile. */
const RUN_BYTES = 64 * 1024
/** What a ROM gives a command. */
const SLOW_PIECE_BYTES = 64
const ATTEMPTS = 3
/** Frames that may be on the way; the stub of today takes every number for 1. */
const IN_FLIGHT = 8
const MD5_BYTES = 16
const MD5_DIGITS = 32

/** MD5 of flash in lower-case hex: the stub gives bytes, a ROM gives text. */
export async function askMd5(channel: EspChannel, isStub: boolean, offset: number, sizeBytes: number): Promise<string> {
  const { data } = await channel.ask('flashMd5', words(offset, sizeBytes, 0, 0), {
    dataBytes: isStub ? MD5_BYTES : MD5_DIGITS,
    timeoutMs: md5TimeoutMs(sizeBytes),
    attempts: ATTEMPTS,
  })
  const text = Buffer.from(data)
    .toString(isStub ? 'hex' : 'latin1')
    .toLowerCase()
  if (/^[0-9a-f]{32}$/.test(text)) return text
  throw new FlashproofError('loader.broken-frame', 'the MD5 of flash arrived damaged', { text })
}

/** @throws {FlashproofError} loader.refused, loader.broken-frame, loader.silent */
export async function* readFlash(
  channel: EspChannel,
  isStub: boolean,
  offset: number,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < sizeBytes; done += RUN_BYTES) {
    const run = { offset: offset + done, sizeBytes: Math.min(RUN_BYTES, sizeBytes - done) }
    yield* await readRunAgain(channel, isStub, run)
  }
}

interface Run {
  readonly offset: number
  readonly sizeBytes: number
}

async function readRunAgain(channel: EspChannel, isStub: boolean, run: Run): Promise<Uint8Array[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await (isStub ? readRun(channel, run) : readRunSlowly(channel, run))
    } catch (error) {
      if (attempt >= ATTEMPTS || !isLost(error)) throw error
    }
  }
}

async function readRun(channel: EspChannel, { offset, sizeBytes }: Run): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  const hash = createHash('md5')
  await channel.ask('readFlash', words(offset, sizeBytes, PIECE_BYTES, IN_FLIGHT), { attempts: 1 })
  try {
    for (let got = 0; got < sizeBytes;) {
      const piece = await channel.nextFrame(TIMEOUT_MS, 'a piece of flash')
      if (piece.length !== Math.min(PIECE_BYTES, sizeBytes - got)) throw differs(offset + got)
      got += piece.length
      hash.update(piece)
      pieces.push(piece)
      await channel.sendWord(got)
    }
    const digest = await channel.nextFrame(TIMEOUT_MS, 'the MD5 of what was read')
    if (!hash.digest().equals(digest)) throw differs(offset)
    return pieces
  } catch (error) {
    // Anything but a word ends the loader's sending; it may have begun to wait for a word that we never send.
    if (isLost(error)) await channel.abandon(encodeSlip(new Uint8Array(1)))
    throw error
  }
}

async function readRunSlowly(channel: EspChannel, { offset, sizeBytes }: Run): Promise<Uint8Array[]> {
  const bytes = new Uint8Array(sizeBytes)
  for (let got = 0; got < sizeBytes; got += SLOW_PIECE_BYTES) {
    const length = Math.min(SLOW_PIECE_BYTES, sizeBytes - got)
    const request = words(offset + got, length)
    const { data } = await channel.ask('readFlashSlow', request, { dataBytes: SLOW_PIECE_BYTES, attempts: ATTEMPTS })
    bytes.set(data.subarray(0, length), got)
  }
  const theirs = await askMd5(channel, false, offset, sizeBytes)
  if (createHash('md5').update(bytes).digest('hex') !== theirs) throw differs(offset)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) pieces.push(bytes.subarray(at, at + PIECE_BYTES))
  return pieces
}

function differs(offset: number): FlashproofError {
  const message = `what was read at 0x${offset.toString(16)} differs from what the loader sent`
  return new FlashproofError('loader.broken-frame', message, { offset })
}
