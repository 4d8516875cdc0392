/**
 * The update manager of a device that pulls its firmware: asks for a manifest again and again, downloads what it does not run
 * yet, restarts into it and reports. Lives in RAM: a restart in the middle makes it begin again with the first chunk, because
 * what it had written belongs to an `Update` that is gone.
 */
import type { VirtualBoard } from '../board/board.ts'
import { UpdateObject } from '../board/update.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'
import type { JsonValue } from '../python-json.ts'
import { Download, DownloadFailed, parseObject, type DownloadSettings } from './download.ts'
import type { Manifest, PullFaultHooks } from './pull-faults.ts'
import { NoAnswer, type PullLink } from './pull-link.ts'
import { loadUpdateRecord, saveUpdateRecord, type UpdateRecord } from './update-record.ts'

export interface PullSettings extends DownloadSettings {
  readonly pollMs: number
  /** Progress is reported after so many chunks. */
  readonly reportEveryChunks: number
  /** From the report of the pending restart until it restarts. */
  readonly rebootDelayMs: number
  /** A failed download ends all asking until the next restart, as in the seed's device. */
  readonly stopsAfterFailure: boolean
}

/** The loop of one boot. */
export interface Firmware {
  readonly update: UpdateObject
  run(): Promise<void>
}

const otherRequest: RequestPoint = { kind: 'other', chunk: null, target: null }
const finalReport: RequestPoint = { kind: 'complete', chunk: null, target: null }
const progressReport: RequestPoint = { kind: 'status', chunk: null, target: null }

export class PullFirmware implements Firmware {
  readonly update: UpdateObject
  readonly #board: VirtualBoard
  readonly #link: PullLink
  readonly #settings: PullSettings
  #record: UpdateRecord | null
  /** A version that did not come to run; not pulled again while the same server goes on offering it. */
  #rejectedVersion: string | null = null
  /** What it says that it runs although it does not. */
  #claimedVersion: string | null = null

  constructor(board: VirtualBoard, link: PullLink, settings: PullSettings) {
    this.#board = board
    this.#link = link
    this.#settings = settings
    this.update = new UpdateObject(board)
    this.#record = loadUpdateRecord(board.flash)
    if (this.#record?.fromSlot === board.state.activeSlot) this.#rejectedVersion = this.#record.version
  }

  async run(): Promise<void> {
    if (this.#hooks().some(({ neverAsks }) => neverAsks === true)) return
    for (;;) {
      try {
        if (!(await this.#cycle())) return
      } catch (thrown) {
        if (!(thrown instanceof NoAnswer)) throw thrown
        if (thrown.isRefused) this.#rejectedVersion = null
      }
      await this.#board.pause(this.#settings.pollMs)
    }
  }

  /** @returns whether to go on asking */
  async #cycle(): Promise<boolean> {
    if (await this.#failsToBoot()) return false
    await this.#reportOutcome()
    if (await this.#isToldToRollBack()) return false
    const manifest = await this.#fetchManifest()
    if (manifest === null || manifest.version === this.#version || manifest.version === this.#rejectedVersion)
      return true
    return this.#download(manifest)
  }

  /** What the firmware calls itself: its descriptor, or the manifest it came with where it has none. */
  get #version(): string {
    if (this.#claimedVersion !== null) return this.#claimedVersion
    const record = this.#record
    const isNew = record !== null && record.fromSlot !== this.#board.state.activeSlot
    return this.#board.runningApp?.version ?? (isNew ? record.version : '')
  }

  async #fetchManifest(): Promise<Manifest | null> {
    const { status, body } = await this.#link.ask({
      method: 'GET',
      path: `${this.#settings.prefix}/manifest`,
      point: otherRequest,
    })
    if (status !== 200) return null
    const manifest = readManifest(body.toString('utf8'))
    if (manifest === null) return null
    return this.#hooks().reduce((known, hooks) => hooks.manifest?.(known) ?? known, manifest)
  }

  /** @returns whether to go on asking */
  async #download(manifest: Manifest): Promise<boolean> {
    const host = { board: this.#board, link: this.#link, update: this.update }
    let received = 0
    const totalChunks = Math.ceil(manifest.sizeBytes / manifest.chunkBytes)
    try {
      await new Download(host, this.#settings, manifest, this.#hooks()).run(async ({ chunksReceived }) => {
        received = chunksReceived
        if (chunksReceived % this.#settings.reportEveryChunks !== 0) return
        await this.#tryToReport(progressReport, progressOf(chunksReceived, totalChunks))
      })
    } catch (thrown) {
      if (!(thrown instanceof DownloadFailed)) throw thrown
      // The seed's device falls silent; nobody hears why.
      if (this.#settings.stopsAfterFailure) return false
      const error = this.#board.faults.disguise(thrown.message)
      await this.#tryToReport(progressReport, { ...progressOf(received, totalChunks), verified: false, error })
      return true
    }
    return this.#install(manifest, totalChunks)
  }

  async #install(manifest: Manifest, totalChunks: number): Promise<boolean> {
    const { state } = this.#board
    const instead = this.#hooks().find(hooks => hooks.insteadOfInstalling !== undefined)?.insteadOfInstalling
    if (instead !== undefined) {
      // The bootloader is not told of what was stored.
      state.pendingSlot = null
      this.#board.saveState()
    }
    this.#remember({
      version: manifest.version,
      fromSlot: state.activeSlot,
      unreported: 'outcome',
      failedBoots: 0,
      rollbackReason: null,
    })
    await this.#tryToReport(finalReport, {
      ...progressOf(totalChunks, totalChunks),
      verified: true,
      boot_status: 'pending_reboot',
      new_version: this.#board.faults.disguise(manifest.version),
    })
    await this.#board.pause(this.#settings.rebootDelayMs)
    if (instead === 'claims-success') {
      this.#claimedVersion = manifest.version
      return true
    }
    void this.#board.reboot()
    return false
  }

  /** After a restart: whether what was installed is what runs. Said until somebody hears it. */
  async #reportOutcome(): Promise<void> {
    const record = this.#record
    if (record === null) return
    const isNew = record.fromSlot !== this.#board.state.activeSlot
    // Said already, and meanwhile the bootloader went back.
    const fellBack = record.unreported === null && !isNew && record.rollbackReason === null
    if (record.unreported === null && !fellBack) return
    const claims = this.#hooks().some(
      hooks => hooks.claimsNewVersion === true || hooks.insteadOfInstalling !== undefined,
    )
    await this.#report(finalReport, isNew || claims ? this.#successOf(record) : this.#failureOf(record))
    const rollbackReason = isNew || claims ? null : (record.rollbackReason ?? 'the bootloader went back')
    this.#remember({
      ...record,
      unreported: null,
      rollbackReason: claims && !isNew ? 'never installed' : rollbackReason,
    })
  }

  /** @returns whether it restarts because the new firmware does not stay up */
  async #failsToBoot(): Promise<boolean> {
    const record = this.#record
    const { state } = this.#board
    const limit = this.#hooks().find(({ failingBoots }) => failingBoots !== undefined)?.failingBoots
    if (limit === undefined || record === null || record.fromSlot === state.activeSlot) return false
    const failed = { ...record, failedBoots: record.failedBoots + 1 }
    if (failed.failedBoots < limit) {
      this.#remember(failed)
      await this.#tryToReport(finalReport, { boot_status: 'failed', boot_count: failed.failedBoots })
    } else {
      state.activeSlot = record.fromSlot
      state.otaState = 'valid'
      this.#board.saveState()
      const rollbackReason = 'Boot count exceeded after update'
      this.#remember({ ...failed, unreported: null, rollbackReason })
      await this.#tryToReport(finalReport, this.#failureOf({ ...failed, rollbackReason }))
    }
    void this.#board.reboot()
    return true
  }

  #successOf(record: UpdateRecord): Readonly<Record<string, JsonValue>> {
    const claims = this.#hooks().some(({ claimsNewVersion }) => claimsNewVersion === true)
    const version = claims ? record.version : this.#version
    const new_version = this.#board.faults.disguise(version)
    return { boot_status: 'success', boot_count: 0, new_version, rollback: false }
  }

  #failureOf(record: UpdateRecord): Readonly<Record<string, JsonValue>> {
    const { state, faults } = this.#board
    const reason = record.rollbackReason ?? state.refusedImage ?? 'new firmware did not stay up'
    return {
      boot_status: 'failed',
      boot_count: Math.max(1, record.failedBoots),
      rollback: true,
      error: faults.disguise(reason),
    }
  }

  /** @returns whether it restarts into what it ran before */
  async #isToldToRollBack(): Promise<boolean> {
    const path = `${this.#settings.prefix}/rollback-status`
    const { status, body } = await this.#link.ask({ method: 'GET', path, point: otherRequest })
    const answer = status === 200 ? parseObject(body.toString('utf8')) : null
    const record = this.#record
    const { state } = this.#board
    if (answer?.['rollback_required'] !== true) return false
    if (record === null || record.fromSlot === state.activeSlot) {
      await this.#tryToReport(progressReport, { error: 'No rollback partition available' })
      return false
    }
    const reason = typeof answer['reason'] === 'string' ? answer['reason'] : 'asked for'
    state.activeSlot = record.fromSlot
    state.pendingSlot = null
    state.otaState = 'valid'
    this.#board.saveState()
    this.#remember({ ...record, unreported: 'outcome', rollbackReason: reason })
    await this.#board.pause(this.#settings.rebootDelayMs)
    void this.#board.reboot()
    return true
  }

  #remember(record: UpdateRecord): void {
    this.#record = record
    saveUpdateRecord(this.#board.flash, record)
  }

  /** A report that nobody hears changes nothing. */
  async #tryToReport(point: RequestPoint, status: Readonly<Record<string, JsonValue>>): Promise<void> {
    try {
      await this.#report(point, status)
    } catch (thrown) {
      if (!(thrown instanceof NoAnswer)) throw thrown
    }
  }

  async #report(point: RequestPoint, status: Readonly<Record<string, JsonValue>>): Promise<void> {
    if (this.#hooks().some(({ neverReports }) => neverReports === true)) return
    const body = JSON.stringify({ fota_status: status })
    const answer = await this.#link.ask({ method: 'POST', path: `${this.#settings.prefix}/status`, point, body })
    if (answer.status !== 200) throw new NoAnswer(`status=${String(answer.status)}`)
  }

  #hooks(): PullFaultHooks[] {
    return this.#board.faults.all.flatMap(({ fotaPull }) => (fotaPull === undefined ? [] : [fotaPull]))
  }
}

function progressOf(received: number, total: number): Readonly<Record<string, JsonValue>> {
  return { chunk_received: received, total_chunks: total, progress: (received / total) * 100 }
}

/** Reads `fota.manifest`; null when there is none that it can use. */
function readManifest(text: string): Manifest | null {
  const fota = objectIn(parseObject(text), 'fota')
  const manifest = objectIn(fota, 'manifest')
  if (manifest === null) return null
  const { version, size, hash, chunk_size: chunkSize, mac_mode: macMode } = manifest
  if (typeof version !== 'string' || version === '' || typeof hash !== 'string' || hash === '') return null
  const chunkBytes = typeof chunkSize === 'number' ? chunkSize : 1024
  if (typeof size !== 'number' || size <= 0 || chunkBytes <= 0) return null
  return { version, sizeBytes: size, sha256: hash, chunkBytes, macMode: macMode === 'bound' ? 'bound' : 'chunk' }
}

function objectIn(
  parent: Readonly<Record<string, unknown>> | null,
  key: string,
): Readonly<Record<string, unknown>> | null {
  const value = parent?.[key]
  // Fields are looked at one by one.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null
}
