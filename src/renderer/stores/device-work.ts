/** What can be done with the one device that is looked at: ask what it is, and go on with its job. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { JobSnapshot, ProbeReport } from '../../shared/contract/index.ts'
import { asFlashproofError, type FlashproofError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'
import { useOrder } from './order.ts'
import { useSettings } from './settings.ts'

export interface ProbeResult {
  readonly report: ProbeReport | null
  readonly error: FlashproofError | null
  /** Milliseconds since the epoch. */
  readonly askedAtMs: number
}

const RESULTS_KEPT = 64

export const useDeviceWork = defineStore('device-work', () => {
  const { client } = useStation()
  const settings = useSettings()
  const order = useOrder()
  /** What devices answered last, by target. */
  const probes = shallowRef<ReadonlyMap<string, ProbeResult>>(new Map())
  const asking = shallowRef<ReadonlySet<string>>(new Set())

  /**
   * Asks a device what it is, by reading only; what came of it is kept in `probes`. A board on a serial port restarts for
   * it, so its answer is kept for the row too.
   */
  async function probe(target: string): Promise<void> {
    if (asking.value.has(target)) return
    asking.value = new Set(asking.value).add(target)
    let result: ProbeResult
    try {
      const report = isSerialPort(target)
        ? (await client.call('device.identify', { target })).probe
        : await client.call('device.probe', { target })
      result = { report, error: null, askedAtMs: Date.now() }
    } catch (thrown) {
      result = { report: null, error: asFlashproofError(thrown), askedAtMs: Date.now() }
    }
    const others = [...probes.value].filter(([known]) => known !== target).slice(1 - RESULTS_KEPT)
    probes.value = new Map([...others, [target, result]])
    asking.value = new Set([...asking.value].filter(other => other !== target))
  }

  /** Goes on with a job where it stopped; the engine finds out what the device has. @throws {FlashproofError} */
  async function resume(job: Pick<JobSnapshot, 'jobId' | 'target' | 'protocol'>): Promise<void> {
    const operator = settings.preferences?.operator ?? ''
    await client.call('job.resume', {
      jobIds: [job.jobId],
      interactive: true,
      ...order.secretsToResume([job]),
      ...(operator === '' ? {} : { acceptedBy: operator }),
    })
  }

  return { probes, asking, probe, resume }
})

function isSerialPort(target: string): boolean {
  return target.startsWith('serial:')
}
