/** Which of the open pages may act: one at a time, the first that comes, until another one takes it or the page is gone. */
import type { HostInfo } from '../shared/contract/index.ts'
import type { Timing } from '../shared/rpc/timing.ts'

export interface ControlledPage {
  /** Its session: a reloaded page comes back with the same one. */
  readonly session: string
  readonly onControlChanged: (control: HostInfo['control']) => void
}

/** A reload takes a moment; for so long nobody else gets what the page had. */
const RELOAD_GRACE_MS = 5_000

export class Control {
  readonly #timing: Pick<Timing, 'delay'>
  /** In the order in which they came. */
  readonly #pages = new Set<ControlledPage>()
  #holder: ControlledPage | null = null
  /** The session that is expected back. */
  #reserved: { readonly session: string; readonly wait: AbortController } | null = null

  constructor(timing: Pick<Timing, 'delay'>) {
    this.#timing = timing
  }

  join(page: ControlledPage): void {
    this.#pages.add(page)
    const isFree = this.#holder === null && (this.#reserved === null || this.#reserved.session === page.session)
    if (isFree) this.#give(page)
  }

  leave(page: ControlledPage): void {
    this.#pages.delete(page)
    if (this.#holder !== page) return
    this.#holder = null
    // The reloaded page may be there before the old one is gone.
    const successor = [...this.#pages].find(({ session }) => session === page.session)
    if (successor !== undefined) this.#give(successor)
    else void this.#reserve(page.session)
  }

  take(page: ControlledPage): void {
    if (this.#pages.has(page)) this.#give(page)
  }

  of(page: ControlledPage): HostInfo['control'] {
    return this.#holder === page ? 'control' : 'watch'
  }

  /** Whether a page of this session may act. */
  isHeldBy(session: string): boolean {
    return this.#holder?.session === session
  }

  close(): void {
    this.#reserved?.wait.abort()
  }

  #give(page: ControlledPage): void {
    this.#reserved?.wait.abort()
    this.#reserved = null
    const before = this.#holder
    if (before === page) return
    this.#holder = page
    if (before !== null) before.onControlChanged('watch')
    page.onControlChanged('control')
  }

  async #reserve(session: string): Promise<void> {
    const reserved = { session, wait: new AbortController() }
    this.#reserved = reserved
    try {
      await this.#timing.delay(RELOAD_GRACE_MS, reserved.wait.signal)
    } catch {
      return
    }
    this.#reserved = null
    const [first] = this.#pages
    if (first !== undefined) this.#give(first)
  }
}
