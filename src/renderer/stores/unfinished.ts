/** Boards that a crash left half done: shown once, decided one by one, never gone on with silently. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { JobSnapshot } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'
import { useJobs } from './jobs.ts'
import { useOrder } from './order.ts'
import { useSettings } from './settings.ts'

export const useUnfinished = defineStore('unfinished', () => {
  const { client } = useStation()
  const allJobs = useJobs()
  const settings = useSettings()
  const order = useOrder()
  /** Left for later by the person. */
  const postponed = shallowRef<ReadonlySet<string>>(new Set())
  // The tally changes with every update but seldom in this number, so the list is only made anew when it does.
  const count = computed(() => allJobs.tally.interrupted)
  const jobs = computed<readonly JobSnapshot[]>(() =>
    count.value === 0 ? [] : allJobs.newest().filter(job => job.state === 'interrupted'),
  )
  const isAsking = computed(() => jobs.value.some(job => !postponed.value.has(job.jobId)))

  function postpone(): void {
    postponed.value = new Set(jobs.value.map(job => job.jobId))
  }

  function askAgain(): void {
    postponed.value = new Set()
  }

  async function resume(chosen: readonly JobSnapshot[]): Promise<void> {
    const operator = settings.preferences?.operator ?? ''
    await client.call('job.resume', {
      jobIds: chosen.map(job => job.jobId),
      interactive: true,
      ...order.secretsToResume(chosen),
      ...(operator === '' ? {} : { acceptedBy: operator }),
    })
  }

  async function abandon(jobId: string): Promise<void> {
    await client.call('job.cancel', { jobIds: [jobId] })
  }

  return { jobs, isAsking, postpone, askAgain, resume, abandon }
})
