/**
 * The firmware files that are open, by the ids that pages know: where each lies, so that it can be opened again when the
 * background process was restarted or the file is newer. Paths stay here; pages never see them.
 */
import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'
import type { EventOf, FirmwareSummary } from '../shared/contract/index.ts'
import { FlashproofError, hasErrorCode, toWireError } from '../shared/errors.ts'
import type { Client } from '../shared/rpc/client.ts'

/** The worker keeps as many; older ones are forgotten. */
const MOST_KEPT = 16

/** Files for several chips that wait for a choice. */
const MOST_CHOICES = 16

/** A file with what people chose for it. */
interface FileChoice {
  readonly path: string
  readonly accept: readonly string[]
  /** For which chip, where the file holds firmware for several. */
  readonly variant?: string
}

interface OpenFile extends FileChoice {
  /** The id in the worker of the moment. */
  firmwareId: string
  /** Every id that it had: a page may still hold an older one. */
  readonly knownIds: Set<string>
}

export interface OpenRequest {
  readonly path: string
  /** Codes of warnings that a person accepted. */
  readonly accept?: readonly string[]
  /** For which chip, where the file holds firmware for several. */
  readonly variant?: string
  readonly signal?: AbortSignal
}

interface Listeners {
  readonly onOpened: (event: EventOf<'firmware.opened'>) => void
  readonly onRefused: (event: EventOf<'firmware.refused'>) => void
}

export class OpenFirmware {
  readonly #client: Pick<Client, 'call'>
  /** In the order in which they were opened. */
  #files: readonly OpenFile[] = []
  readonly #listeners = new Set<Listeners>()
  /** By the id that pages know; the newest one comes last. */
  readonly #choices = new Map<string, FileChoice>()

  constructor(client: Pick<Client, 'call'>) {
    this.#client = client
  }

  get hasAny(): boolean {
    return this.#files.length > 0
  }

  /**
   * Opens a file and remembers where it lies. Tells nobody: whoever asked gets the answer.
   * @throws {FlashproofError} file.*, format.*, image.*, worker.*; `format.variant-needed` has a `choiceId` for `openVariant`
   */
  async open({ path, accept = [], variant, signal }: OpenRequest): Promise<FirmwareSummary> {
    const choice = { path, accept, ...(variant === undefined ? {} : { variant }) }
    const firmware = await this.#ask(choice, signal)
    const { firmwareId } = firmware
    this.#files = [
      ...this.#files.filter(file => file.path !== path),
      { ...choice, firmwareId, knownIds: this.#idsOf(path, firmwareId) },
    ].slice(-MOST_KEPT)
    return firmware
  }

  /**
   * Opens a file that waits for a choice of the chip. Tells nobody: whoever asked gets the answer.
   * @throws {FlashproofError} file.not-found for an unknown choice; file.*, format.*, image.*, worker.*
   */
  async openVariant(choiceId: string, variant: string, signal?: AbortSignal): Promise<FirmwareSummary> {
    const choice = this.#choices.get(choiceId)
    if (choice === undefined) {
      throw new FlashproofError('file.not-found', 'that file does not wait for a choice any more; open it again', {
        choiceId,
      })
    }
    return await this.open({ ...choice, variant, ...(signal === undefined ? {} : { signal }) })
  }

  /**
   * Opens a file that the system or the menu handed over, and announces it or why it was refused. Never rejects.
   * @returns null when it was refused
   */
  async openAndAnnounce(path: string): Promise<FirmwareSummary | null> {
    try {
      const firmware = await this.open({ path })
      this.#announce({ firmware, replaces: null })
      return firmware
    } catch (thrown) {
      this.#refuse(path, thrown)
      return null
    }
  }

  /**
   * Opens the file of an id again and announces it to every page.
   * @throws {FlashproofError} file.not-found for an unknown id; file.*, format.*, image.*, worker.*
   */
  async reopen(firmwareId: string, signal?: AbortSignal): Promise<FirmwareSummary> {
    const file = this.#files.find(candidate => candidate.knownIds.has(firmwareId))
    if (file === undefined) {
      throw new FlashproofError('file.not-found', `no firmware ${firmwareId} is open; open the file first`, {
        firmwareId,
      })
    }
    return await this.#renew(file, signal)
  }

  /** Opens in a fresh worker what was open in the one before, oldest first; what cannot be opened any more is announced. */
  async openAgain(): Promise<void> {
    for (const file of this.#files) {
      try {
        await this.#renew(file)
      } catch (thrown) {
        // That worker ended as well; the next one gets them all.
        if (hasErrorCode(thrown, 'worker.exited', 'worker.not-ready', 'worker.gave-up')) return
        this.#refuse(file.path, thrown)
      }
    }
  }

  /** @returns stops listening */
  listen(listeners: Listeners): () => void {
    const entry = { ...listeners }
    this.#listeners.add(entry)
    return () => {
      this.#listeners.delete(entry)
    }
  }

  async #renew(file: OpenFile, signal?: AbortSignal): Promise<FirmwareSummary> {
    const replaces = file.firmwareId
    const firmware = await this.#ask(file, signal)
    file.firmwareId = firmware.firmwareId
    file.knownIds.add(firmware.firmwareId)
    this.#announce({ firmware, replaces })
    return firmware
  }

  async #ask({ path, accept, variant }: FileChoice, signal?: AbortSignal): Promise<FirmwareSummary> {
    const accepted = accept.length === 0 ? {} : { accept: [...accept] }
    const chosen = variant === undefined ? {} : { variant }
    try {
      const options = signal === undefined ? {} : { signal }
      return await this.#client.call('firmware.open', { path, ...accepted, ...chosen }, options)
    } catch (thrown) {
      if (!(thrown instanceof FlashproofError) || thrown.code !== 'format.variant-needed') throw thrown
      const choiceId = this.#keepChoice({ path, accept })
      throw new FlashproofError(thrown.code, thrown.message, { ...thrown.details, choiceId }, { cause: thrown })
    }
  }

  #keepChoice(choice: FileChoice): string {
    const choiceId = randomUUID()
    this.#choices.set(choiceId, choice)
    const [oldest] = this.#choices.keys()
    if (this.#choices.size > MOST_CHOICES && oldest !== undefined) this.#choices.delete(oldest)
    return choiceId
  }

  #idsOf(path: string, firmwareId: string): Set<string> {
    const before = this.#files.find(file => file.path === path)
    return new Set([...(before?.knownIds ?? []), firmwareId])
  }

  #announce(event: EventOf<'firmware.opened'>): void {
    for (const { onOpened } of [...this.#listeners]) onOpened(event)
  }

  #refuse(path: string, thrown: unknown): void {
    const error = toWireError(thrown)
    const event = { fileName: basename(path), error: { ...error, details: { ...error.details } } }
    for (const { onRefused } of [...this.#listeners]) onRefused(event)
  }
}
