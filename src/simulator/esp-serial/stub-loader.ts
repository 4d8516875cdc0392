/**
 * The stub that esptool puts into RAM: large blocks that are acknowledged when they have come, while the flash is still busy
 * with them; whatever comes next waits. Source: protocol sheet 3.2; espressif/esptool-legacy-flasher-stub.
 */
import { createHash } from 'node:crypto'
import { FlashTransfer, type WriteOutcome } from './flash-transfer.ts'
import { describeSecurity, readRegister, writeRegisters } from './loader-commands.ts'
import { checkBlock, DATA_HEADER_BYTES, Loader, ops, wordAt, type LoaderRequest } from './loader.ts'
import { SECTOR_BYTES } from './nor-flash.ts'
import { RamUpload } from './ram-upload.ts'

const errors = {
  dataLength: 0xc0,
  checksum: 0xc1,
  blockSize: 0xc2,
  flashFailed: 0xc4,
  notInFlashMode: 0xc6,
  inflate: 0xc7,
  notEnoughData: 0xc8,
  tooMuchData: 0xc9,
  unknownCommand: 0xff,
} as const

const MAXIMUM_BLOCK_BYTES = 0x4000
const SYNC_ANSWERS = 8

export class StubLoader extends Loader {
  protected readonly statusBytes = 2
  protected readonly idleValue = 0
  protected readonly lengthError = errors.dataLength
  readonly #ram = new RamUpload()
  #transfer: FlashTransfer | null = null
  /** Of the block before, which was acknowledged before it was written. */
  #lateError = 0

  /** Says that it runs. */
  greet(): void {
    this.sendFrame(new TextEncoder().encode('OHAI'))
  }

  protected execute(request: LoaderRequest): Promise<void> | null {
    const { op, data } = request
    const { registers, chip, flash, work } = this.host
    switch (op) {
      case ops.sync:
        for (let time = 0; time < SYNC_ANSWERS; time++) this.answer(op)
        return null
      case ops.readReg:
        this.answer(op, readRegister(registers, data))
        return null
      case ops.writeReg:
        return this.#say(op, writeRegisters(registers, data) ? 0 : errors.dataLength)
      case ops.securityInfo:
        if (chip.securityInfoBytes === 0) return this.#say(op, errors.unknownCommand)
        this.answer(op, { data: describeSecurity(this.host) })
        return null
      case ops.spiAttach:
        return this.#say(op, data.length === 4 ? 0 : errors.dataLength)
      case ops.spiSetParams:
        return this.#say(op, data.length === 24 ? 0 : errors.dataLength)
      case ops.changeBaudRate:
        this.answer(op, { error: data.length === 8 ? 0 : errors.dataLength })
        if (data.length === 8) this.host.setBaudRate(wordAt(data, 0))
        return null
      case ops.memBegin:
        return this.#say(op, this.#ram.begin(data) ? 0 : errors.dataLength)
      case ops.memData:
        return this.#say(op, this.#ram.take(data.subarray(DATA_HEADER_BYTES)) ? 0 : errors.dataLength)
      case ops.memEnd:
        this.answer(op)
        if (wordAt(data, 0) === 0 && this.#ram.holds(wordAt(data, 1))) this.host.runRam()
        return null
      case ops.flashBegin:
      case ops.deflBegin:
        return this.#say(op, this.#begin(op, data))
      case ops.flashData:
      case ops.deflData:
        return this.#takeBlock(request)
      case ops.flashEnd:
      case ops.deflEnd:
        return this.#end(op, data)
      case ops.flashMd5:
        return this.#hash(op, data)
      case ops.eraseFlash:
        return this.#sayAfter(op, work.erase(0, flash.sizeBytes))
      case ops.eraseRegion:
        return this.#eraseRegion(op, data)
      case ops.readFlash:
        return this.#readFlash(op, data)
      case ops.runUserCode:
        this.host.leave('reset')
        return null
      default:
        return this.#say(op, errors.unknownCommand)
    }
  }

  #say(op: number, error: number): null {
    this.answer(op, { error })
    return null
  }

  #sayAfter(op: number, done: Promise<void> | null): Promise<void> | null {
    if (done === null) return this.#say(op, 0)
    return done.then(() => {
      this.answer(op)
    })
  }

  #begin(op: number, data: Uint8Array): number {
    this.#transfer?.end()
    this.#transfer = null
    this.#lateError = 0
    if (data.length !== 16 && data.length !== 20) return errors.dataLength
    const [limitBytes, blockBytes, offset] = [wordAt(data, 0), wordAt(data, 2), wordAt(data, 3)]
    if (blockBytes > MAXIMUM_BLOCK_BYTES) return errors.blockSize
    if (!this.host.flash.holds(offset, limitBytes)) return errors.flashFailed
    const plan = { offset, limitBytes, isCompressed: op === ops.deflBegin, erasesAsItGoes: true }
    this.#transfer = new FlashTransfer(plan, this.host)
    return 0
  }

  #takeBlock(request: LoaderRequest): Promise<void> | null {
    const { op, data } = request
    const check = checkBlock(request)
    if (check !== 'right') return this.#say(op, check === 'checksum' ? errors.checksum : errors.dataLength)
    const transfer = this.#transfer
    if (transfer?.plan.isCompressed !== (op === ops.deflData)) return this.#say(op, errors.notInFlashMode)
    const error = this.#lateError
    this.answer(op, { error })
    if (error !== 0) return null
    const outcome = transfer.write(data.subarray(DATA_HEADER_BYTES))
    if (typeof outcome === 'string') {
      this.#lateError = errorOf(outcome)
      return null
    }
    return outcome.then(late => {
      this.#lateError = errorOf(late)
    })
  }

  #end(op: number, data: Uint8Array): null {
    const transfer = this.#transfer
    if (transfer === null) return this.#say(op, errors.notInFlashMode)
    const error = this.#lateError !== 0 ? this.#lateError : transfer.isComplete ? 0 : errors.notEnoughData
    transfer.end()
    this.#transfer = null
    this.#lateError = 0
    this.answer(op, { error })
    if (error === 0 && wordAt(data, 0) === 0) this.host.leave('reset')
    return null
  }

  #hash(op: number, data: Uint8Array): Promise<void> | null {
    const [offset, sizeBytes] = [wordAt(data, 0), wordAt(data, 1)]
    if (data.length !== 16) return this.#say(op, errors.dataLength)
    if (!this.host.flash.holds(offset, sizeBytes)) return this.#say(op, errors.flashFailed)
    const hash = (): void => {
      this.answer(op, { data: this.host.flash.md5(offset, sizeBytes) })
    }
    const done = this.host.work.read(sizeBytes)
    if (done !== null) return done.then(hash)
    hash()
    return null
  }

  #eraseRegion(op: number, data: Uint8Array): Promise<void> | null {
    const [offset, sizeBytes] = [wordAt(data, 0), wordAt(data, 1)]
    if (data.length !== 8 || offset % SECTOR_BYTES !== 0 || sizeBytes % SECTOR_BYTES !== 0) {
      return this.#say(op, errors.dataLength)
    }
    if (!this.host.flash.holds(offset, sizeBytes)) return this.#say(op, errors.flashFailed)
    return this.#sayAfter(op, this.host.work.erase(offset, sizeBytes))
  }

  /** Frames of bare data; no more than the window ahead of what was confirmed, though always one; then the MD5 of all. */
  #readFlash(op: number, data: Uint8Array): Promise<void> | null {
    const [offset, sizeBytes, blockBytes, windowBytes] = [
      wordAt(data, 0),
      wordAt(data, 1),
      wordAt(data, 2),
      wordAt(data, 3),
    ]
    const { flash } = this.host
    if (data.length !== 16) return this.#say(op, errors.dataLength)
    if (blockBytes === 0 || blockBytes > SECTOR_BYTES) return this.#say(op, errors.blockSize)
    if (!flash.holds(offset, sizeBytes)) return this.#say(op, errors.flashFailed)
    this.answer(op)
    return new Promise(resolve => {
      const digest = createHash('md5')
      let sent = 0
      let confirmed = 0
      let isSending = false
      const finish = (): void => {
        this.onBareFrame = null
        this.sendFrame(digest.digest())
        resolve()
      }
      const sendMore = async (): Promise<void> => {
        if (isSending) return
        isSending = true
        while (sent < sizeBytes && sent - confirmed < windowBytes) {
          const block = flash.view(offset + sent, Math.min(blockBytes, sizeBytes - sent)).slice()
          sent += block.length
          const done = this.host.work.read(block.length)
          if (done !== null) await done
          digest.update(block)
          this.sendFrame(block)
        }
        isSending = false
      }
      this.onBareFrame = frame => {
        confirmed = frame.length === 4 ? wordAt(frame, 0) : sizeBytes
        if (confirmed >= sizeBytes || confirmed > sent) finish()
        else void sendMore()
      }
      if (sizeBytes === 0) finish()
      else void sendMore()
    })
  }
}

function errorOf(outcome: WriteOutcome): number {
  switch (outcome) {
    // It does not read back: that is what the MD5 is for.
    case 'written':
    case 'differs':
      return 0
    case 'too-much':
      return errors.tooMuchData
    case 'broken-stream':
      return errors.inflate
  }
}
