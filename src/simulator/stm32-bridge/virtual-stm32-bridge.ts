/** A virtual ESP32 with an STM32 behind it: a real web server on 127.0.0.1, a UART in between, and both flashes kept. */
import { boardOptionsOf, type BoardSettings } from '../board/board-options.ts'
import { VirtualBoard } from '../board/board.ts'
import { openFlashStorage } from '../board/flash-storage.ts'
import { BoardHttpFront, otherPoint } from '../board/http-front.ts'
import { HttpNetwork } from '../board/http-network.ts'
import { listenAddress } from '../board/listen-address.ts'
import { describeTelemetry } from '../board/telemetry.ts'
import type { VirtualDevice } from '../device-kind.ts'
import { seededRandom } from '../random.ts'
import { stm32BridgeFaults } from './bridge-faults.ts'
import { GatewayService, type GatewaySettings } from './gateway-service.ts'
import { VirtualStm32 } from './virtual-stm32.ts'

export interface Stm32BridgeOptions extends BoardSettings, Partial<GatewaySettings> {
  /** Room for an application in the STM32. */
  readonly stm32FlashBytes?: number
  readonly telemetry?: boolean
  /** How long the fault `wifi-loss` lasts. */
  readonly wifiLossMs?: number
  readonly port?: number
}

export interface VirtualStm32Bridge extends VirtualDevice {
  readonly port: number
  /** What the gateway keeps to program the STM32 with; null when nothing was uploaded. */
  uploaded(): Uint8Array | null
  /** Resolves when it has come back from its next reboot. Call it before what causes the reboot. */
  nextBoot(): Promise<void>
}

const KIB = 1024
const FIRMWARE_FILE = 'fs/firmware.bin'
const FILE_SYSTEM_BYTES = 1024 * KIB

/**
 * Switches one on and resolves when it listens.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startVirtualStm32Bridge(options: Stm32BridgeOptions = {}): Promise<VirtualStm32Bridge> {
  const flash = openFlashStorage(options.flashDir ?? null)
  const firmware = { name: 'stm32-gateway', ...options.firmware }
  const board = new VirtualBoard(flash, boardOptionsOf({ ...options, firmware }, stm32BridgeFaults))
  // Another chip with a supply of its own: it is not made anew when the gateway restarts.
  const stm32 = new VirtualStm32(flash, options.stm32FlashBytes ?? 256 * KIB)
  const settings: GatewaySettings = {
    timeScale: options.timeScale ?? 0.01,
    status: options.status ?? false,
    hasPsram: options.hasPsram ?? false,
  }
  const random = seededRandom(board.options.seed, `${board.options.identity.id} signal`)
  const loseWifi = async (): Promise<void> => {
    await network.goDown(false)
    await board.pause(options.wifiLossMs ?? 200)
    await network.comeUp()
  }
  const newService = (): GatewayService => new GatewayService(board, stm32, settings, () => void loseWifi())
  let service = newService()
  const front = new BoardHttpFront(board, {
    route: request => {
      if (options.telemetry !== true || request.method !== 'GET' || request.path !== '/telemetry') {
        return service.route(request)
      }
      const space = { totalBytes: FILE_SYSTEM_BYTES, usedBytes: flash.sizeOf(FIRMWARE_FILE) ?? 0 }
      return {
        point: { ...otherPoint, kind: 'telemetry' },
        answer: () => ({ reply: { kind: 'json', status: 200, value: describeTelemetry(board, space, random) } }),
      }
    },
  })
  const network = new HttpNetwork(front, options.port ?? 0, board.options.clock)
  await board.powerOn({
    goDown: isOrderly => network.goDown(isOrderly),
    comeUp: () => {
      service = newService()
      return network.comeUp()
    },
  })
  return {
    target: `http://${listenAddress()}:${String(network.port)}`,
    port: network.port,
    get identity() {
      return board.identity
    },
    get faults() {
      return board.faults.specs
    },
    // What the STM32 was programmed with is what it runs.
    stored: () => stm32.application(),
    activeImage: () => stm32.application(),
    // One file that each upload replaces: nothing gathers there.
    leftovers: () => 0,
    dataRequests: () => front.stats.dataRequests,
    setFaults: faults => {
      board.setFaults(faults)
    },
    reboot: () => board.reboot(),
    panic: () => board.panic(),
    uploaded: () => flash.read(FIRMWARE_FILE),
    nextBoot: () => board.nextBoot(),
    close: () => board.powerOff(),
  }
}
