/** What is done to many boards at once: start, pause, resume, cancel, try again, answer a question. */
import { defineStore } from 'pinia'
import { computed } from 'vue'
import type { Decision, JobSnapshot } from '../../shared/contract/index.ts'
import { hasErrorCode } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'
import { useBench } from './bench.ts'
import { useDevices } from './devices.ts'
import { useFirmware } from './firmware.ts'
import { isLive, standingOf } from './job-tally.ts'
import { useJobs } from './jobs.ts'
import { useOrder } from './order.ts'
import { useSettings } from './settings.ts'

export interface OpenQuestion {
  readonly job: JobSnapshot
  readonly decision: Decision
}

export const useBatch = defineStore('batch', () => {
  const { client } = useStation()
  const [jobs, devices, firmware, order, settings, bench] = [
    useJobs(),
    useDevices(),
    useFirmware(),
    useOrder(),
    useSettings(),
    useBench(),
  ]

  // The tally is made anew with every update; its numbers seldom are another one.
  const waitingCount = computed(() => jobs.tally.waiting)
  /** Questions of jobs that wait for a person, the oldest first. */
  const questions = computed<readonly OpenQuestion[]>(() => {
    if (waitingCount.value === 0) return []
    const open = jobs
      .newest()
      .flatMap(job =>
        job.state === 'waiting' && job.decision !== null && job.decision.answer === null
          ? [{ job, decision: job.decision }]
          : [],
      )
    return open.sort((left, right) => left.decision.askedAt.localeCompare(right.decision.askedAt))
  })
  /** Of all newest jobs, so it is at least as many as the rows have: while it is 0, no row is looked at. */
  const unprovenCount = computed(() => {
    const { unproven, failed, cancelled, interrupted } = jobs.tally
    return unproven + failed + cancelled + interrupted
  })
  const liveJobs = (): JobSnapshot[] => jobs.newest().filter(isLive)
  const counts = computed(() => {
    const { running, queued, paused, waiting } = jobs.tally
    // Boards in the line were paused with the others: as long as nothing runs, they do not move either.
    const moving = paused > 0 ? running : running + queued
    return { live: running + queued + paused + waiting, moving, paused }
  })

  function operatorName(): string {
    return settings.preferences?.operator ?? ''
  }

  /** @throws {FlashproofError} what the order is refused for */
  async function start(targets: readonly string[], accept: readonly string[]): Promise<readonly string[]> {
    const { current } = firmware
    if (current === null || targets.length === 0) return []
    const operator = operatorName()
    order.rememberSecrets(targets)
    const { warnings } = await client.call(
      'job.start',
      order.toRequest(current.firmwareId, targets, {
        interactive: true,
        ...(accept.length === 0 ? {} : { accept: [...accept] }),
        ...(accept.length === 0 || operator === '' ? {} : { acceptedBy: operator }),
      }),
    )
    return warnings
  }

  async function cancel(chosen: readonly JobSnapshot[]): Promise<void> {
    await ofEach('job.cancel', chosen.filter(isLive))
  }

  async function pauseAll(): Promise<void> {
    await ofEach(
      'job.pause',
      liveJobs().filter(job => standingOf(job) === 'running' || job.state === 'queued'),
    )
  }

  /**
   * One call for all of them. The engine takes all or none, and a job may have ended a moment ago without this page
   * knowing: then each is asked for by itself, so that no other one goes on because of it.
   */
  async function ofEach(command: 'job.cancel' | 'job.pause', chosen: readonly JobSnapshot[]): Promise<void> {
    const jobIds = chosen.map(job => job.jobId)
    if (jobIds.length === 0) return
    try {
      await client.call(command, { jobIds })
      return
    } catch (thrown) {
      if (!hasErrorCode(thrown, 'job.wrong-state', 'device.busy')) throw thrown
    }
    const answers = await Promise.allSettled(jobIds.map(jobId => client.call(command, { jobIds: [jobId] })))
    const failed = answers.find(
      answer => answer.status === 'rejected' && !hasErrorCode(answer.reason, 'job.wrong-state'),
    )
    if (failed?.status === 'rejected') throw failed.reason
  }

  async function resumePaused(): Promise<void> {
    await resume(liveJobs().filter(job => job.state === 'paused' || job.state === 'queued'))
  }

  async function resume(chosen: readonly JobSnapshot[]): Promise<void> {
    if (chosen.length === 0) return
    const operator = operatorName()
    await client.call('job.resume', {
      jobIds: chosen.map(job => job.jobId),
      interactive: true,
      ...order.secretsToResume(chosen),
      ...(operator === '' ? {} : { acceptedBy: operator }),
    })
  }

  /**
   * What “try again” is about: ended jobs that are not proven, of the ticked rows; where none of those is, of the last
   * batch. What ended long ago is never taken up unasked.
   */
  function retryable(): JobSnapshot[] {
    if (unprovenCount.value === 0) return []
    const all = bench.rowJobs().filter(isRetryable)
    const ticked = new Set(devices.tickedDevices.map(device => device.target))
    const chosen = all.filter(job => ticked.has(job.target))
    if (chosen.length > 0) return chosen
    const lastId = jobs.ids.at(-1)
    const last = lastId === undefined ? null : jobs.get(lastId)
    return all.filter(job => job.batchId === last?.batchId)
  }

  /**
   * Goes on with what can go on. @returns the jobs that cannot: they need a new order, which a person reviews
   * @throws {FlashproofError} what every one of them is refused for
   */
  async function retry(): Promise<readonly JobSnapshot[]> {
    const chosen = retryable()
    try {
      await resume(chosen)
      return []
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown
    }
    // One of them was refused and so all were: each for itself then.
    const refused: JobSnapshot[] = []
    for (const job of chosen) {
      try {
        await resume([job])
      } catch (thrown) {
        if (!isRefusal(thrown)) throw thrown
        refused.push(job)
      }
    }
    return refused
  }

  /** Live jobs of the ticked rows. */
  function tickedLive(): JobSnapshot[] {
    return devices.tickedDevices.flatMap(device => jobs.ofTarget(device.target) ?? []).filter(isLive)
  }

  async function answer(question: OpenQuestion, given: 'accept' | 'refuse', answeredBy: string): Promise<void> {
    await client.call('decision.answer', {
      jobId: question.job.jobId,
      code: question.decision.code,
      answer: given,
      answeredBy,
    })
  }

  return {
    questions,
    counts,
    liveJobs,
    tickedLive,
    retryable,
    start,
    cancel,
    pauseAll,
    resumePaused,
    retry,
    answer,
  }
})

function isRetryable(job: JobSnapshot): boolean {
  return ['unproven', 'failed', 'cancelled', 'interrupted'].includes(standingOf(job))
}

function isRefusal(thrown: unknown): boolean {
  return hasErrorCode(thrown, 'job.resume-refused', 'job.wrong-state', 'journal.image-missing')
}
