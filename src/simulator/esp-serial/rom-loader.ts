/** The loader in ROM: small blocks, erases before it answers, answers when a block is in flash. Source: protocol sheet 3.2. */
import { FlashTransfer, type WriteOutcome } from './flash-transfer.ts'
import { checkBlock, DATA_HEADER_BYTES, Loader, ops, wordAt, type LoaderHost, type LoaderRequest } from './loader.ts'
import { describeSecurity, readRegister, writeRegisters } from './loader-commands.ts'
import { SECTOR_BYTES } from './nor-flash.ts'
import { RamUpload } from './ram-upload.ts'

const errors = {
  badParameter: 0x01,
  badMessage: 0x05,
  wrongResult: 0x06,
  checksum: 0x07,
  flashWrite: 0x08,
  deflate: 0x0b,
  deflateParameter: 0x0d,
  ramSize: 0x0e,
} as const

/** Echo of the SYNC command, which stays in the value field of what follows. */
const SYNC_VALUE = 0x2012_0707
const SYNC_ANSWERS = 8
const UNSUPPORTED_ANSWERS = 8
const MAXIMUM_BLOCK_BYTES = 0x400
/** What the ROM takes the flash for until it is told. */
const ASSUMED_FLASH_BYTES = 4 * 1024 * 1024
/** The ESP8266's ROM erases in blocks of so many sectors, and more than it was asked. */
const SECTORS_PER_BLOCK = 16

const secureDownloadOps: ReadonlySet<number> = new Set([
  ops.sync,
  ops.spiAttach,
  ops.spiSetParams,
  ops.changeBaudRate,
  ops.flashBegin,
  ops.flashData,
  ops.flashEnd,
  ops.securityInfo,
])
/** Known to the ESP32 and all that came after it. */
const notOnEsp8266: ReadonlySet<number> = new Set([
  ops.spiSetParams,
  ops.spiAttach,
  ops.changeBaudRate,
  ops.deflBegin,
  ops.deflData,
  ops.deflEnd,
  ops.flashMd5,
])
const stubOnly: ReadonlySet<number> = new Set([ops.eraseFlash, ops.eraseRegion, ops.readFlash, ops.runUserCode])

export class RomLoader extends Loader {
  protected readonly statusBytes: 2 | 4
  protected readonly idleValue = SYNC_VALUE
  protected readonly lengthError = errors.badMessage
  readonly #ram = new RamUpload()
  #isFlashAttached = false
  #flashBytes: number
  #transfer: FlashTransfer | null = null
  #blocksLeft = 0

  constructor(host: LoaderHost) {
    super(host)
    this.statusBytes = host.chip.statusBytes
    this.#flashBytes = Math.min(host.flash.sizeBytes, ASSUMED_FLASH_BYTES)
  }

  protected execute(request: LoaderRequest): Promise<void> | null {
    const { op, data } = request
    if (!this.#knows(op)) {
      this.#refuseUnknown()
      return null
    }
    switch (op) {
      case ops.sync:
        this.#sync()
        return null
      case ops.readReg:
        this.answer(op, readRegister(this.host.registers, data))
        return null
      case ops.writeReg:
        return this.#say(op, writeRegisters(this.host.registers, data) ? 0 : errors.badMessage)
      case ops.securityInfo:
        this.answer(op, { data: describeSecurity(this.host) })
        return null
      case ops.spiAttach:
        if (data.length === 8) this.#isFlashAttached = true
        return this.#say(op, data.length === 8 ? 0 : errors.badMessage)
      case ops.spiSetParams:
        return this.#say(op, this.#setParameters(data))
      case ops.changeBaudRate:
        return this.#changeBaudRate(op, data)
      case ops.memBegin:
        return this.#say(op, this.#ram.begin(data) ? 0 : errors.ramSize)
      case ops.memData:
        return this.#say(op, this.#takeRam(request))
      case ops.memEnd:
        return this.#endRam(op, data)
      case ops.flashBegin:
      case ops.deflBegin:
        return this.#begin(op, data)
      case ops.flashData:
      case ops.deflData:
        return this.#takeBlock(request)
      case ops.flashEnd:
      case ops.deflEnd:
        return this.#end(op, data)
      default:
        return this.#hash(op, data)
    }
  }

  /** Whether the flash answers to single commands of its controller. */
  get isFlashAttached(): boolean {
    return this.#isFlashAttached
  }

  #knows(op: number): boolean {
    const { chip, security } = this.host
    if (security.isSecureDownload) return secureDownloadOps.has(op)
    if (op === ops.securityInfo) return chip.securityInfoBytes > 0
    if (chip.rom === 'esp8266' && notOnEsp8266.has(op)) return false
    return Object.values(ops).some(known => known === op) && !stubOnly.has(op)
  }

  /**
   * The message was not decoded, so the answer names no command: esptool knows it by that (loader.py, `command`), and by its
   * coming eight times.
   */
  #refuseUnknown(): void {
    for (let time = 0; time < UNSUPPORTED_ANSWERS; time++) this.answer(0, { error: errors.badMessage })
  }

  #say(op: number, error: number): null {
    this.answer(op, { error })
    return null
  }

  #sync(): void {
    this.host.keepRate()
    for (let time = 0; time < SYNC_ANSWERS; time++) this.answer(ops.sync)
  }

  #setParameters(data: Uint8Array): number {
    if (data.length !== 24) return errors.badMessage
    const sizeBytes = wordAt(data, 1)
    if (sizeBytes === 0 || wordAt(data, 3) !== SECTOR_BYTES) return errors.badParameter
    this.#flashBytes = Math.min(sizeBytes, this.host.flash.sizeBytes)
    return 0
  }

  #changeBaudRate(op: number, data: Uint8Array): null {
    const baudRate = wordAt(data, 0)
    // The second word is the stub's: to the ROM it is 0.
    const isRight = data.length === 8 && baudRate > 0 && wordAt(data, 1) === 0
    this.answer(op, { error: isRight ? 0 : errors.badParameter })
    if (isRight) this.host.setBaudRate(baudRate)
    return null
  }

  #takeRam(request: LoaderRequest): number {
    const check = checkBlock(request)
    if (check !== 'right') return check === 'checksum' ? errors.checksum : errors.badMessage
    return this.#ram.take(request.data.subarray(DATA_HEADER_BYTES)) ? 0 : errors.ramSize
  }

  #endRam(op: number, data: Uint8Array): null {
    this.answer(op)
    if (wordAt(data, 0) === 0 && this.#ram.holds(wordAt(data, 1))) this.host.runRam()
    return null
  }

  #begin(op: number, data: Uint8Array): Promise<void> | null {
    const { chip, work } = this.host
    this.#transfer?.end()
    this.#transfer = null
    const hasFifthWord = chip.name !== 'ESP32' && chip.name !== 'ESP8266'
    if (data.length !== (hasFifthWord ? 20 : 16)) return this.#say(op, errors.badMessage)
    // The ESP8266 attaches its flash here, the others by a command of its own.
    if (chip.rom === 'esp8266') this.#isFlashAttached = true
    const [eraseBytes, blocks, blockBytes, offset] = [
      wordAt(data, 0),
      wordAt(data, 1),
      wordAt(data, 2),
      wordAt(data, 3),
    ]
    const erasedBytes = chip.rom === 'esp8266' ? esp8266EraseBytes(offset, eraseBytes) : eraseBytes
    const limitBytes = op === ops.deflBegin ? eraseBytes : blocks * blockBytes
    const isInside = offset + Math.max(eraseBytes, limitBytes) <= this.#flashBytes
    if (!this.#isFlashAttached || !isInside || blockBytes > MAXIMUM_BLOCK_BYTES) {
      return this.#say(op, errors.badParameter)
    }
    const plan = { offset, limitBytes, isCompressed: op === ops.deflBegin, erasesAsItGoes: false }
    const erased = work.erase(offset, Math.min(erasedBytes, this.host.flash.sizeBytes - offset))
    const begin = (): void => {
      this.#transfer = new FlashTransfer(plan, this.host)
      this.#blocksLeft = blocks
      this.answer(op)
    }
    if (erased !== null) return erased.then(begin)
    begin()
    return null
  }

  #takeBlock(request: LoaderRequest): Promise<void> | null {
    const { op, data } = request
    const check = checkBlock(request)
    if (check !== 'right') return this.#say(op, check === 'checksum' ? errors.checksum : errors.badMessage)
    const transfer = this.#transfer
    if (transfer?.plan.isCompressed !== (op === ops.deflData)) return this.#say(op, errors.wrongResult)
    const block = data.subarray(DATA_HEADER_BYTES)
    if (this.#blocksLeft === 0 || block.length > MAXIMUM_BLOCK_BYTES) return this.#say(op, errors.badParameter)
    this.#blocksLeft--
    const outcome = transfer.write(block)
    if (typeof outcome === 'string') return this.#say(op, errorOf(outcome))
    return outcome.then(late => {
      this.#say(op, errorOf(late))
    })
  }

  /** To the ROM both ends leave the loader: 0 by a reset, 1 by running what is in flash. */
  #end(op: number, data: Uint8Array): null {
    this.#transfer?.end()
    this.#transfer = null
    this.answer(op)
    this.host.leave(wordAt(data, 0) === 0 ? 'reset' : 'run')
    return null
  }

  #hash(op: number, data: Uint8Array): Promise<void> | null {
    const [offset, sizeBytes] = [wordAt(data, 0), wordAt(data, 1)]
    if (!this.#isFlashAttached || offset + sizeBytes > this.#flashBytes) return this.#say(op, errors.badParameter)
    const hash = (): void => {
      this.answer(op, { data: new TextEncoder().encode(this.host.flash.md5(offset, sizeBytes).toString('hex')) })
    }
    const done = this.host.work.read(sizeBytes)
    if (done !== null) return done.then(hash)
    hash()
    return null
  }
}

function errorOf(outcome: WriteOutcome): number {
  switch (outcome) {
    case 'written':
      return 0
    case 'differs':
      return errors.flashWrite
    case 'too-much':
      return errors.deflateParameter
    case 'broken-stream':
      return errors.deflate
  }
}

/** The bug that esptool's `get_erase_size` makes up for: up to a block's edge twice as much is erased. */
function esp8266EraseBytes(offset: number, eraseBytes: number): number {
  const sectors = Math.ceil(eraseBytes / SECTOR_BYTES)
  const toEdge = SECTORS_PER_BLOCK - (Math.floor(offset / SECTOR_BYTES) % SECTORS_PER_BLOCK)
  return (sectors <= toEdge ? 2 * sectors : sectors + toEdge) * SECTOR_BYTES
}
