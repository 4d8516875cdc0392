/** Jobs as the desktop shell sees them, changed by a test. */
import type { JobSnapshot } from '../../src/shared/contract/index.ts'
import { hasEnded, type JobWatch } from '../../src/main/job-watch.ts'
import { fakeSnapshot } from './fake-snapshot.ts'

export class FakeJobWatch implements JobWatch {
  #jobs: readonly JobSnapshot[] = []
  readonly #listeners = new Set<() => void>()

  /** Gives every job anew and tells it. */
  become(...jobs: readonly Partial<JobSnapshot>[]): void {
    this.#jobs = jobs.map(job => fakeSnapshot(job))
    for (const listener of [...this.#listeners]) listener()
  }

  live = (): readonly JobSnapshot[] => this.#jobs.filter(job => !hasEnded(job))
  current = (): readonly JobSnapshot[] => this.#jobs
  batch = (): Promise<readonly JobSnapshot[]> => Promise.resolve(this.#jobs)

  onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  waitUntilNone = (isStill: (job: JobSnapshot) => boolean, signal: AbortSignal): Promise<void> =>
    new Promise(resolve => {
      const check = (): void => {
        if (signal.aborted || !this.live().some(isStill)) resolve()
      }
      this.onChange(check)
      signal.addEventListener('abort', check)
      check()
    })
}

/** Notes what was asked; every call is answered with nothing, or as `answer` says. */
export class FakeClient {
  readonly calls: { readonly name: string; readonly request: unknown }[] = []
  answer: (name: string, request: unknown) => unknown = () => ({})

  call = (name: string, request: unknown): Promise<never> => {
    this.calls.push({ name, request })
    // A fake answers every command; the tests know which one they asked.
    return Promise.resolve().then(() => this.answer(name, request) as never)
  }
}
