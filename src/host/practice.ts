/** Virtual boards for practice, started by a page and ended with the host. */
import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FlashproofError } from '../shared/errors.ts'
import type { OpenFirmware } from './open-firmware.ts'
import type { SimulatorOptions, SimulatorProcess } from './simulator-process.ts'

/** Three sound boards, and one that says it stored the image and did not. */
const PRACTICE_DEVICES = 'esp-parts:3,esp-parts+liar'
const FIRMWARE_BYTES = 786_432
const FIRMWARE_VERSION = '2.1.4'

export interface PracticeOptions {
  /** Where the boards keep their flash. */
  readonly folder: string
  readonly firmware: OpenFirmware
  readonly startSimulator: (options: SimulatorOptions) => Promise<SimulatorProcess>
  /** Writes a valid ESP32 application image. */
  readonly makeDemoFirmware: (options: {
    readonly path: string
    readonly sizeBytes: number
    readonly version: string
  }) => Promise<void>
}

export class Practice {
  readonly #options: PracticeOptions
  #running: Promise<SimulatorProcess> | null = null
  #isClosed = false

  constructor(options: PracticeOptions) {
    this.#options = options
  }

  get isRunning(): boolean {
    return this.#running !== null
  }

  /**
   * Starts the boards, and lays out a firmware to practise with where none is open. With boards running it changes nothing.
   * @returns how many boards there are
   * @throws {FlashproofError} usage.invalid-value when they do not start, file.not-writable
   */
  async start(): Promise<number> {
    if (this.#isClosed) throw new FlashproofError('worker.exited', 'the host is ending')
    const simulator = await (this.#running ?? this.#startBoards())
    if (!this.#options.firmware.hasAny) await this.#openFirmware()
    return simulator.devices.length
  }

  /** Ends the boards; what they keep in flash stays for the next time. Without effect when none run. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = null
    // Boards that never came up have nothing to end.
    await running?.then(
      simulator => simulator.stop(),
      () => undefined,
    )
  }

  /** Ends the boards for good. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.stop()
  }

  #startBoards(): Promise<SimulatorProcess> {
    const forget = (): void => {
      if (this.#running === starting) this.#running = null
    }
    const starting = this.#startSimulator()
    // Boards that end by themselves, or never came up, can be started again.
    starting.then(simulator => simulator.exited.then(forget), forget)
    this.#running = starting
    return starting
  }

  async #startSimulator(): Promise<SimulatorProcess> {
    const flashFolder = join(this.#options.folder, 'flash')
    await makeFolder(flashFolder)
    return await this.#options.startSimulator({ devices: PRACTICE_DEVICES, flashFolder })
  }

  async #openFirmware(): Promise<void> {
    const path = join(this.#options.folder, `practice-thermostat-${FIRMWARE_VERSION}.bin`)
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (!isThere) {
      await this.#options.makeDemoFirmware({ path, sizeBytes: FIRMWARE_BYTES, version: FIRMWARE_VERSION })
    }
    await this.#options.firmware.openAndAnnounce(path)
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new FlashproofError('file.not-writable', `the folder ${path} cannot be created`, { path }, { cause })
  }
}
