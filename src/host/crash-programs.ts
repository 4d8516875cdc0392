/**
 * The ELF files that crashes of serial lines are decoded with: chosen by people, kept here by the line they are for, and given
 * to every monitor of it. Paths stay here; pages never see them.
 */
import { hasErrorCode } from '../shared/errors.ts'
import type { Client } from '../shared/rpc/client.ts'

/** Lines whose file is remembered. */
const MOST_KEPT = 64

export class CrashPrograms {
  readonly #client: Pick<Client, 'call'>
  /** By target; the one that was chosen last comes last. */
  readonly #paths = new Map<string, string>()
  /** The monitor of each target that was started last. */
  readonly #monitors = new Map<string, string>()

  constructor(client: Pick<Client, 'call'>) {
    this.#client = client
  }

  /**
   * Has crashes on this line decoded with an ELF file, by the monitor that runs and by those that come.
   * @throws {FlashproofError} file.*, format.* for a file that is no ELF file of a microcontroller; what was chosen before stays
   */
  async choose(target: string, path: string): Promise<void> {
    const monitorId = this.#monitors.get(target)
    if (monitorId !== undefined) await this.#attach(monitorId, path)
    this.#paths.delete(target)
    this.#paths.set(target, path)
    const [oldest] = this.#paths.keys()
    if (this.#paths.size > MOST_KEPT && oldest !== undefined) this.#paths.delete(oldest)
  }

  /** Gives the file of this line, if there is one, to a monitor that was just started. Never rejects. */
  async started(target: string, monitorId: string): Promise<void> {
    this.#monitors.set(target, monitorId)
    const path = this.#paths.get(target)
    if (path === undefined) return
    try {
      await this.#attach(monitorId, path)
    } catch {
      // A file that went away since: listening matters more, and its crashes say that nobody decoded them.
      this.#paths.delete(target)
    }
  }

  async #attach(monitorId: string, elfPath: string): Promise<void> {
    try {
      await this.#client.call('monitor.attach', { monitorId, elfPath })
    } catch (thrown) {
      // That monitor ended meanwhile; the next one gets the file.
      if (!hasErrorCode(thrown, 'target.unknown')) throw thrown
    }
  }
}
