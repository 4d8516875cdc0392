/**
 * Life of a virtual board: power-on, boot with self-check and rollback, reboot, panic, power-off. Everything in RAM is
 * made anew at each boot; what is in flash stays.
 */
import { FaultSet, type FaultTable, type NamedFault } from '../faults/fault-table.ts'
import {
  loadBoardState,
  newBoardState,
  otherSlot,
  saveBoardState,
  slotFile,
  type BoardState,
  type ResetReason,
} from './board-state.ts'
import type { DeviceClock } from './device-clock.ts'
import { checkEspImage, type AppDescription } from './esp-image.ts'
import type { FlashStorage } from './flash-storage.ts'
import { FlashTime, type FlashSpeed } from './flash-time.ts'
import { VirtualHeap } from './heap.ts'
import type { VirtualIdentity } from './identity.ts'

export interface BoardOptions {
  readonly identity: VirtualIdentity
  /** What runs before the first upload, and its image where it is known. */
  readonly firmware: AppDescription & { readonly image?: Uint8Array }
  readonly flashSpeed: FlashSpeed
  readonly slotBytes: number
  /** From going down until it answers again. */
  readonly bootMs: number
  /** From the boot of new firmware until it is marked valid. */
  readonly confirmMs: number
  readonly seed: number
  readonly clock: DeviceClock
  readonly faults: readonly NamedFault[]
  /** The faults that a device of this kind can have; those of `esp-parts` by default. */
  readonly faultTable?: FaultTable
}

/** What the board's network does as the board goes down and comes up. */
export interface BoardNetwork {
  /** @param isOrderly whether connections are closed (a restart) or die (a panic) */
  goDown(isOrderly: boolean): Promise<void>
  comeUp(): Promise<void>
}

export class VirtualBoard {
  readonly flash: FlashStorage
  readonly options: BoardOptions
  faults: FaultSet
  state: BoardState
  heap = new VirtualHeap()
  flashTime: FlashTime
  /** How often it has booted since this process switched it on; the first boot is 0. */
  reboots = 0
  isUp = false
  /** Switched off for good. */
  #upSinceMs = 0
  #network: BoardNetwork | null = null
  isOff = false
  /** What takes back each timer that is set. */
  readonly #timers = new Set<() => void>()
  readonly #bootWaiters: { readonly resolve: () => void; readonly reject: (reason: unknown) => void }[] = []
  #endAbsence: () => void = () => undefined

  constructor(flash: FlashStorage, options: BoardOptions) {
    this.flash = flash
    this.options = options
    this.faults = new FaultSet(options.faults, options.seed, options.faultTable)
    this.flashTime = this.#newFlashTime()
    const earlier = loadBoardState(flash)
    this.state = earlier ?? newBoardState()
    if (earlier === null) this.#writeFactoryImage()
  }

  get isRestarting(): boolean {
    return this.state.pendingSlot !== null
  }

  get uptimeMs(): number {
    return Math.round(this.options.clock.monotonicMs() - this.#upSinceMs)
  }

  /** The identity that it shows, faults included. */
  get identity(): VirtualIdentity {
    const shown = this.faults.identify(this.options.identity, this.reboots)
    const { faults } = this
    return {
      ...shown,
      id: faults.disguise(shown.id),
      board: faults.disguise(shown.board),
      name: faults.disguise(shown.name),
    }
  }

  /** What runs now; null for an image without a descriptor. */
  get runningApp(): AppDescription | null {
    const slot = this.state.slots[this.state.activeSlot]
    if (slot !== null) return slot.app
    const { name, version, elfSha256 } = this.options.firmware
    return { name, version, elfSha256 }
  }

  /** Switches it on. */
  async powerOn(network: BoardNetwork): Promise<void> {
    this.#network = network
    this.#boot('power-on')
    await network.comeUp()
    this.isUp = true
  }

  /** Restarts in good order: connections are closed, then it is away for the boot time. */
  reboot(): Promise<void> {
    const back = this.nextBoot()
    void this.#restart('software')
    return back
  }

  /** Dies at once: connections are reset, RAM is lost. */
  panic(): Promise<void> {
    const back = this.nextBoot()
    void this.#restart('panic')
    return back
  }

  /** Switches it off for good. */
  async powerOff(): Promise<void> {
    this.isOff = true
    this.isUp = false
    this.#clearTimers()
    this.#endAbsence()
    await this.#network?.goDown(true)
    this.flash.close()
    for (const waiter of this.#bootWaiters.splice(0)) waiter.resolve()
  }

  /** Resolves when it has come back from the next reboot, or was switched off; rejects when it cannot come back. */
  nextBoot(): Promise<void> {
    if (this.isOff) return Promise.resolve()
    const booted = new Promise<void>((resolve, reject) => {
      this.#bootWaiters.push({ resolve, reject })
    })
    // Whoever asks and then does not wait must not end the process.
    booted.catch(() => undefined)
    return booted
  }

  /** Runs `action` later, unless the board goes down first; returns what takes it back. */
  later(delayMs: number, action: () => void): () => void {
    const stop = this.options.clock.after(delayMs, () => {
      this.#timers.delete(stop)
      action()
    })
    this.#timers.add(stop)
    return () => {
      this.#timers.delete(stop)
      stop()
    }
  }

  /** Resolves after the time; never, when the board goes down first. */
  pause(durationMs: number): Promise<void> {
    return new Promise(resolve => {
      this.later(durationMs, resolve)
    })
  }

  /** Replaces all faults, their counters included. */
  setFaults(faults: readonly NamedFault[]): void {
    this.faults = new FaultSet(faults, this.options.seed, this.options.faultTable)
  }

  saveState(): void {
    saveBoardState(this.flash, this.state)
  }

  /** Copies an image into the inactive slot, where it is not there already, and has the bootloader try it next. */
  install(image: Uint8Array, isInSlot: boolean): boolean {
    if (image.length > this.options.slotBytes) return false
    const slot = otherSlot(this.state.activeSlot)
    if (!isInSlot) this.flash.write(slotFile(slot), image)
    this.state.slots[slot] = { sizeBytes: image.length, app: null }
    this.state.pendingSlot = slot
    return true
  }

  /** The image that runs now; null for factory firmware without a known image. */
  activeImage(): Uint8Array | null {
    const content = this.state.slots[this.state.activeSlot]
    if (content === null) return null
    return this.flash.read(slotFile(this.state.activeSlot))?.subarray(0, content.sizeBytes) ?? null
  }

  async #restart(reason: ResetReason): Promise<void> {
    if (!this.isUp) return
    this.isUp = false
    this.#clearTimers()
    try {
      await this.#network?.goDown(reason === 'software')
      await new Promise<void>(resolve => {
        this.#endAbsence = resolve
        this.later(this.options.bootMs + this.faults.bootsLaterByMs(), resolve)
      })
      if (this.isOff) return
      this.reboots++
      this.#boot(reason)
      await this.#network?.comeUp()
    } catch (thrown) {
      for (const waiter of this.#bootWaiters.splice(0)) waiter.reject(thrown)
      process.emitWarning(`the virtual device ${this.options.identity.id} stays off: ${String(thrown)}`)
      return
    }
    this.#announceBoot()
  }

  #announceBoot(): void {
    if (this.isOff) return
    this.isUp = true
    for (const waiter of this.#bootWaiters.splice(0)) waiter.resolve()
  }

  #boot(reason: ResetReason): void {
    this.state = loadBoardState(this.flash) ?? this.state
    this.heap = new VirtualHeap()
    this.flashTime = this.#newFlashTime()
    this.#upSinceMs = this.options.clock.monotonicMs()
    this.state.bootCount++
    this.state.resetReason = reason
    if (this.state.pendingSlot !== null) this.#tryPendingImage(this.state.pendingSlot)
    else if (this.state.otaState === 'pending_verify' && reason === 'panic') this.#rollBack()
    if (this.state.otaState === 'pending_verify') this.#watchNewFirmware()
    this.saveState()
  }

  #tryPendingImage(slot: 0 | 1): void {
    const content = this.state.slots[slot]
    const stored = this.flash.read(slotFile(slot))?.subarray(0, content?.sizeBytes ?? 0) ?? new Uint8Array()
    const image = this.faults.onFirstBoot(stored)
    if (image !== stored) this.flash.write(slotFile(slot), image)
    const check = checkEspImage(image, this.options.identity.chip)
    this.state.pendingSlot = null
    this.state.refusedImage = check.problem
    if (check.problem !== null) {
      this.state.slots[slot] = null
      return
    }
    this.state.slots[slot] = { sizeBytes: image.length, app: check.app }
    this.state.activeSlot = slot
    this.state.otaState = 'pending_verify'
  }

  #rollBack(): void {
    const failed = this.state.activeSlot
    this.state.activeSlot = otherSlot(failed)
    this.state.slots[failed] = null
    this.state.otaState = 'valid'
  }

  #watchNewFirmware(): void {
    const panicsAfterMs = this.faults.newFirmwarePanicsAfterMs
    if (panicsAfterMs !== null) this.later(panicsAfterMs, () => void this.panic())
    else this.later(this.options.confirmMs, () => this.#confirm())
  }

  #confirm(): void {
    this.state.otaState = 'valid'
    this.saveState()
  }

  #newFlashTime(): FlashTime {
    return new FlashTime(this.options.flashSpeed, () => this.options.clock.monotonicMs())
  }

  #writeFactoryImage(): void {
    const { image, name, version, elfSha256 } = this.options.firmware
    if (image === undefined) return
    this.flash.write(slotFile(0), image)
    this.state.slots[0] = { sizeBytes: image.length, app: { name, version, elfSha256 } }
  }

  #clearTimers(): void {
    for (const takeBack of this.#timers) takeBack()
    this.#timers.clear()
  }
}
