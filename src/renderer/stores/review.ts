/** Whether the firmware may go to the ticked devices, asked of the devices themselves before anything is sent. */
import { defineStore } from 'pinia'
import { computed, shallowRef, watch } from 'vue'
import type { TargetReview } from '../../shared/contract/index.ts'
import { asFlashproofError, hasErrorCode, type FlashproofError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'
import { useDevices } from './devices.ts'
import { useFirmware } from './firmware.ts'
import { useHost } from './host.ts'
import { isLive } from './job-tally.ts'
import { useJobs } from './jobs.ts'
import { useOrder } from './order.ts'

/** So that a row of ticks is one question. */
const SETTLE_MS = 300
/** A password that is being typed is not tried letter by letter. */
const TYPING_MS = 1500
/** A device that is slow to answer holds up only those that were asked with it. */
const ASKED_AT_ONCE = 8

export const useReview = defineStore('review', () => {
  const { client } = useStation()
  const [devices, firmware, order, jobs, host] = [useDevices(), useFirmware(), useOrder(), useJobs(), useHost()]
  /** By target; holds only what was answered for the firmware and the order of now. */
  const byTarget = shallowRef<ReadonlyMap<string, TargetReview>>(new Map())
  /** Targets that are being asked. */
  const asking = shallowRef<ReadonlySet<string>>(new Set())
  const error = shallowRef<FlashproofError | null>(null)
  let running = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined

  const isAsking = computed(() => asking.value.size > 0)
  /** Everything that a review depends on except the targets; null without firmware. */
  const question = computed(() => {
    const { current } = firmware
    return current === null ? null : JSON.stringify({ ...order.toReview(current.firmwareId, []), targets: [] })
  })

  /** Targets of the ticked devices that are not at work: a busy one is left in peace. */
  function tickedTargets(): string[] {
    return devices.tickedDevices.map(device => device.target).filter(target => !isBusy(target))
  }

  function isBusy(target: string): boolean {
    const job = jobs.ofTarget(target)
    return job !== null && isLive(job)
  }

  function ofTarget(target: string): TargetReview | null {
    return byTarget.value.get(target) ?? null
  }

  /** Drops every answer, as if nobody had been asked. */
  function forget(): void {
    clearTimeout(timer)
    running.abort()
    running = new AbortController()
    byTarget.value = new Map()
    asking.value = new Set()
    error.value = null
  }

  /** Drops the answers of boards that are written now: they will not be what they were. */
  function drop(targets: readonly string[]): void {
    byTarget.value = new Map([...byTarget.value].filter(([target]) => !targets.includes(target)))
  }

  /** Asks these targets now, known or not; resolves when all have answered or the question is another one. */
  async function ask(targets: readonly string[]): Promise<void> {
    const { current } = firmware
    if (current === null || targets.length === 0) return
    const { signal } = running
    asking.value = new Set([...asking.value, ...targets])
    error.value = null
    const groups = Array.from({ length: Math.ceil(targets.length / ASKED_AT_ONCE) }, (_, index) =>
      targets.slice(index * ASKED_AT_ONCE, (index + 1) * ASKED_AT_ONCE),
    )
    await Promise.all(groups.map(group => askGroup(current.firmwareId, group, signal)))
  }

  async function askGroup(firmwareId: string, group: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      const answer = await client.call('order.review', order.toReview(firmwareId, group), { signal })
      if (signal.aborted) return
      const known = new Map(byTarget.value)
      for (const review of answer.targets) known.set(review.target, review)
      byTarget.value = known
    } catch (thrown) {
      if (!signal.aborted && !hasErrorCode(thrown, 'call.aborted')) error.value = asFlashproofError(thrown)
    } finally {
      if (!signal.aborted) asking.value = new Set([...asking.value].filter(target => !group.includes(target)))
    }
  }

  function askMissing(): void {
    if (!host.mayChange || !order.isValid) return
    const missing = tickedTargets().filter(target => !byTarget.value.has(target) && !asking.value.has(target))
    void ask(missing)
  }

  /** Follows ticks, firmware and order. Belongs to the view that shows the answers: it stops with its scope. */
  function follow(): void {
    watch(question, forget)
    watch(
      [question, () => devices.ticked, () => host.mayChange, () => order.isValid],
      () => {
        clearTimeout(timer)
        if (question.value !== null && devices.ticked.size > 0)
          timer = setTimeout(askMissing, order.hasSecrets ? TYPING_MS : SETTLE_MS)
      },
      { immediate: true },
    )
  }

  return { question, byTarget, asking, isAsking, error, ofTarget, tickedTargets, isBusy, ask, drop, forget, follow }
})
