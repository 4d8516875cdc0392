/** A virtual ESP32 that pulls its firmware: it listens nowhere and asks a port of this computer until somebody serves there. */
import { boardOptionsOf, type BoardSettings } from '../board/board-options.ts'
import { VirtualBoard, type BoardNetwork } from '../board/board.ts'
import { openFlashStorage } from '../board/flash-storage.ts'
import { listenAddress } from '../board/listen-address.ts'
import type { VirtualDevice } from '../device-kind.ts'
import { PRACTICE_PSK } from './chunk-authentication.ts'
import { findFreePort, releasePort } from './free-port.ts'
import { fotaPullFaults, type PullFaultHooks } from './pull-faults.ts'
import { PullFirmware, type Firmware, type PullSettings } from './pull-firmware.ts'
import { PullLink } from './pull-link.ts'
import { RangeFirmware } from './range-firmware.ts'

export interface FotaPullOptions extends BoardSettings, Partial<PullSettings> {
  /** `manifest`: chunks as in the seed. `range`: one plain image in ranges. `plain`: one plain image at once. */
  readonly style?: 'manifest' | 'range' | 'plain'
  /** Where a plain image is asked for. */
  readonly imagePath?: string
  readonly rangeBytes?: number
  readonly lengthBy?: 'head' | 'first-byte'
  /** Whether it names itself in each request; else it is known by its address alone. */
  readonly sendsDeviceId?: boolean
  readonly timeoutMs?: number
  /** The port that it asks; one of its own by default. */
  readonly port?: number
}

export interface VirtualFotaPull extends VirtualDevice {
  readonly port: number
  /** Why the bootloader refused the last new image; null when it did not. */
  refusedImage(): string | null
  /** Resolves when it has come back from its next reboot. Call it before what causes the reboot. */
  nextBoot(): Promise<void>
}

const KIB = 1024

const defaults: PullSettings = {
  prefix: '/api/inverter/fota',
  psk: PRACTICE_PSK,
  acceptsAnything: false,
  wording: 'device',
  checksHash: false,
  knowsBoundMac: true,
  chunkPauseMs: 0,
  tries: 3,
  retryMs: 100,
  pollMs: 200,
  reportEveryChunks: 10,
  rebootDelayMs: 200,
  stopsAfterFailure: false,
}

/**
 * Switches one on; it asks from then on.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startVirtualFotaPull(options: FotaPullOptions = {}): Promise<VirtualFotaPull> {
  const board = new VirtualBoard(openFlashStorage(options.flashDir ?? null), boardOptionsOf(options, fotaPullFaults))
  const ownPort = options.port === undefined ? await findFreePort() : null
  const port = options.port ?? ownPort ?? 0
  const network = new PullNetwork(board, options, port)
  await board.powerOn(network)
  return {
    // Who it is; a fault may make it say something else.
    target: `pull://${listenAddress()}:${String(port)}/${encodeURIComponent(board.options.identity.id)}`,
    port,
    get identity() {
      return board.identity
    },
    get faults() {
      return board.faults.specs
    },
    stored: () => network.firmware.update.stored(),
    activeImage: () => board.activeImage(),
    leftovers: () => (network.firmware.update.isRunning ? 1 : 0),
    dataRequests: () => network.link.dataRequests,
    setFaults: faults => {
      board.setFaults(faults)
    },
    reboot: () => board.reboot(),
    panic: () => board.panic(),
    refusedImage: () => board.state.refusedImage,
    nextBoot: () => board.nextBoot(),
    close: async () => {
      await board.powerOff()
      if (ownPort !== null) releasePort(ownPort)
    },
  }
}

class PullNetwork implements BoardNetwork {
  readonly link: PullLink
  firmware: Firmware
  readonly #board: VirtualBoard
  readonly #options: FotaPullOptions

  constructor(board: VirtualBoard, options: FotaPullOptions, port: number) {
    this.#board = board
    this.#options = options
    this.link = new PullLink(board, {
      port,
      timeoutMs: options.timeoutMs ?? 5000,
      deviceId: () => (options.sendsDeviceId === false ? null : this.deviceId()),
    })
    this.firmware = this.#newFirmware()
  }

  /** As far as a header can carry it. */
  deviceId(): string {
    const { options, faults, reboots } = this.#board
    const own = faults.identify(options.identity, reboots).id.replaceAll(/[^\x21-\x7e]/g, '')
    const hooks = faults.all.flatMap(({ fotaPull }): PullFaultHooks[] => (fotaPull === undefined ? [] : [fotaPull]))
    return hooks.reduce((id, fault) => fault.deviceId?.(id) ?? id, own)
  }

  comeUp(): Promise<void> {
    this.firmware = this.#newFirmware()
    const { firmware } = this
    // After the board counts as up: what it does first may restart it.
    this.#board.later(0, () => {
      void firmware.run()
    })
    return Promise.resolve()
  }

  goDown(): Promise<void> {
    this.link.stop()
    return Promise.resolve()
  }

  #newFirmware(): Firmware {
    const {
      style = 'manifest',
      imagePath = '/firmware.bin',
      rangeBytes = 16 * KIB,
      lengthBy = 'head',
      ...rest
    } = this.#options
    const settings: PullSettings = { ...defaults, ...rest }
    if (style === 'manifest') return new PullFirmware(this.#board, this.link, settings)
    const plain = { ...settings, lengthBy, path: imagePath, rangeBytes: style === 'range' ? rangeBytes : 0 }
    return new RangeFirmware(this.#board, this.link, plain)
  }
}
