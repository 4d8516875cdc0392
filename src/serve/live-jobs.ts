/** Keeps in mind which jobs of this server's worker have not ended, so that the end of the server can name them. */
import { liveStates, type JobSnapshot } from '../shared/contract/index.ts'
import type { Client } from '../shared/rpc/client.ts'

export class LiveJobs {
  readonly #jobs = new Map<string, JobSnapshot>()
  readonly #unsubscribe: () => void

  constructor(client: Pick<Client, 'subscribe'>) {
    this.#unsubscribe = client.subscribe('jobs.changed', ({ jobs }) => {
      for (const job of jobs) this.#note(job)
    })
  }

  list(): readonly JobSnapshot[] {
    return [...this.#jobs.values()]
  }

  close(): void {
    this.#unsubscribe()
  }

  #note(job: JobSnapshot): void {
    const states: readonly string[] = liveStates
    if (states.includes(job.state)) this.#jobs.set(job.jobId, job)
    else this.#jobs.delete(job.jobId)
  }
}
