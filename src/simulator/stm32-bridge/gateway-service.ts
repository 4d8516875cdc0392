/**
 * The web server of an ESP32 that programs an STM32: a page, an upload into its file system, and the programming, which is
 * answered only when it is over. One task serves all requests, one after another. Lives in RAM: every boot makes a new one.
 */
import { createHash } from 'node:crypto'
import type { VirtualBoard } from '../board/board.ts'
import { otherPoint, textReply, type FrontRequest, type FrontRoute, type Outcome } from '../board/http-front.ts'
import type { Reply, RequestPoint } from '../faults/fault-hooks.ts'
import { convertHex } from './hex-conversion.ts'
import { cutBoundary, findPartHead, FIRST_READ_BYTES, type PartHead } from './upload-form.ts'
import { UartTransfer, type UartSettings } from './uart-transfer.ts'
import type { VirtualStm32 } from './virtual-stm32.ts'

export interface GatewaySettings extends UartSettings {
  /** Whether `GET /status` is answered, which the seed's firmware does not have. */
  readonly status: boolean
  /** Memory beside the heap, so that a file is never too large. */
  readonly hasPsram: boolean
}

export interface GatewayStatus {
  state: 'idle' | 'uploading' | 'converting' | 'requesting' | 'sending' | 'verifying' | 'done' | 'error'
  bytes: number
  total: number
  error: string | null
}

const FIRMWARE_FILE = 'fs/firmware.bin'
const TEMPORARY_HEX_FILE = 'fs/temp.hex'
const COLON = 0x3a

const uploadPoint: RequestPoint = { kind: 'chunk', chunk: 0, target: null }
const downloadPoint: RequestPoint = { kind: 'complete', chunk: null, target: null }
const statusPoint: RequestPoint = { ...otherPoint, kind: 'status' }

const PAGE = `<!DOCTYPE html><html><head><title>STM32 firmware update</title></head><body>
<form action="/upload" method="post" enctype="multipart/form-data"><input type="file" name="file"><button>Upload</button></form>
<form action="/download" method="post"><button>Download to STM32</button></form></body></html>
`

export class GatewayService {
  readonly #board: VirtualBoard
  readonly #stm32: VirtualStm32
  readonly #settings: GatewaySettings
  readonly #onWifiLoss: () => void
  readonly #status: GatewayStatus = { state: 'idle', bytes: 0, total: 0, error: null }
  /** The request that the one task works on, and those behind it. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(board: VirtualBoard, stm32: VirtualStm32, settings: GatewaySettings, onWifiLoss: () => void) {
    this.#board = board
    this.#stm32 = stm32
    this.#settings = settings
    this.#onWifiLoss = onWifiLoss
  }

  route({ method, path, headers }: FrontRequest): FrontRoute {
    const known = `${method} ${path}`
    if (known === 'GET /') return this.#inTurn(otherPoint, () => ({ reply: textReply(200, PAGE, 'text/html') }))
    if (known === 'POST /upload') return this.#upload(Number(headers['content-length'] ?? 0))
    if (known === 'POST /download') return this.#inTurn(downloadPoint, () => this.#download())
    // Beside the task, or it would be silent exactly while it is wanted.
    if (known === 'GET /status' && this.#settings.status) {
      return { point: statusPoint, answer: () => ({ reply: this.#describe() }) }
    }
    const isOther = path === '/' || path === '/upload' || path === '/download'
    return this.#inTurn(otherPoint, () => ({
      reply: isOther
        ? failure(405, 'Specified method is invalid for this resource')
        : failure(404, 'Nothing matches the given URI'),
    }))
  }

  #inTurn(point: RequestPoint, work: () => Outcome | Promise<Outcome>): FrontRoute {
    return { point, answer: () => this.#queue(work) }
  }

  #queue<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  #upload(contentBytes: number): FrontRoute {
    const pieces: Buffer[] = []
    let head: PartHead | null = null
    return {
      point: uploadPoint,
      onPiece: piece => {
        // The head must lie in what the first read brings, however much comes after it.
        if (pieces.length === 0) {
          head = findPartHead(piece.subarray(0, FIRST_READ_BYTES))
          if (head === null) return { reply: failure(400, 'Invalid multipart format') }
          this.#enter('uploading', 0, contentBytes)
        }
        pieces.push(piece)
        this.#status.bytes += piece.length
        return undefined
      },
      onLost: () => {
        if (head === null) return
        // It was written as it came, over what was there: the next programming would take it for whole.
        this.#board.flash.write(FIRMWARE_FILE, Buffer.concat(pieces).subarray(head.contentOffset))
        this.#fail('Error receiving data')
      },
      answer: () =>
        this.#queue(() => {
          if (head === null) return { reply: failure(400, 'No content received') }
          return this.#keep(Buffer.concat(pieces).subarray(head.contentOffset), head)
        }),
    }
  }

  #keep(raw: Buffer, head: PartHead): Outcome {
    const { flash, flashTime, heap, faults } = this.#board
    flash.write(FIRMWARE_FILE, raw)
    const busyMs = flashTime.write(raw.length)
    // The whole file is read into memory once more, to find the boundary.
    const block = this.#settings.hasPsram ? null : heap.take(raw.length + 1)
    if (block === null && !this.#settings.hasPsram) return { reply: this.#fail('Memory allocation failed'), busyMs }
    const hooks = faults.all.flatMap(({ stm32Bridge }) => (stm32Bridge === undefined ? [] : [stm32Bridge]))
    const cut = hooks.reduce<Uint8Array>((kept, fault) => fault.keepInstead?.(kept) ?? kept, cutBoundary(raw))
    flash.write(FIRMWARE_FILE, cut)
    if (block !== null) heap.release(block)
    if (!head.isHexByName && cut[0] !== COLON) {
      this.#enter('idle', 0, 0)
      return { reply: textReply(200, 'BIN file uploaded successfully'), busyMs }
    }
    this.#enter('converting', 0, cut.length)
    if (!this.#convert(cut)) return { reply: this.#fail('HEX to BIN conversion failed'), busyMs }
    this.#enter('idle', 0, 0)
    return { reply: textReply(200, 'HEX file uploaded and converted to BIN successfully'), busyMs }
  }

  /** When it fails the text of the HEX file stays as the firmware. */
  #convert(text: Uint8Array): boolean {
    const { flash, heap } = this.#board
    flash.write(TEMPORARY_HEX_FILE, text)
    const image = convertHex(Buffer.from(text).toString('latin1'), sizeBytes => {
      if (this.#settings.hasPsram) return true
      const block = heap.take(sizeBytes)
      if (block !== null) heap.release(block)
      return block !== null
    })
    flash.remove(TEMPORARY_HEX_FILE)
    if (image !== null) flash.write(FIRMWARE_FILE, image)
    return image !== null
  }

  async #download(): Promise<Outcome> {
    const { flash, heap } = this.#board
    const image = flash.read(FIRMWARE_FILE)
    if (image === null) {
      const text = 'Firmware file not found. Please upload firmware first.'
      this.#fail(text)
      return { reply: failure(404, text) }
    }
    if (image.length === 0) return { reply: this.#fail('Invalid firmware file') }
    const block = this.#settings.hasPsram ? null : heap.take(image.length)
    if (block === null && !this.#settings.hasPsram) return { reply: this.#fail('Memory allocation failed') }
    const transfer = new UartTransfer(this.#board, this.#stm32, this.#settings, this.#onWifiLoss)
    const problem = await transfer.run(image, ({ state, sentBytes }) => {
      this.#enter(state, sentBytes, image.length)
    })
    if (block !== null) heap.release(block)
    if (problem !== null) return { reply: this.#fail(problem) }
    this.#enter('done', image.length, image.length)
    return { reply: textReply(200, 'Firmware downloaded to STM32 successfully with checksum verification') }
  }

  #enter(state: GatewayStatus['state'], bytes: number, total: number): void {
    Object.assign(this.#status, { state, bytes, total, error: null })
  }

  #fail(text: string): Reply {
    Object.assign(this.#status, { state: 'error', error: text })
    return failure(500, text)
  }

  #describe(): Reply {
    const { state, bytes, total, error } = this.#status
    const file = this.#board.flash.read(FIRMWARE_FILE)
    const sha256 = file === null ? null : createHash('sha256').update(file).digest('hex')
    const shown = error === null ? null : this.#board.faults.disguise(error)
    return { kind: 'json', status: 200, value: { state, bytes, total, error: shown, sha256 } }
  }
}

/** As ESP-IDF's `httpd_resp_send_err`: HTML by its name, and the connection is closed. */
function failure(status: number, text: string): Reply {
  return { kind: 'text', status, contentType: 'text/html', text, headers: { Connection: 'close' } }
}
