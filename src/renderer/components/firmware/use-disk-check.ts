/** Looks again at the file on disk: when the window comes to the front, and now and then while nothing is being written. */
import { useEventListener, useIntervalFn } from '@vueuse/core'
import { useFirmware } from '../../stores/firmware.ts'
import { useHost } from '../../stores/host.ts'
import { useJobs } from '../../stores/jobs.ts'

const INTERVAL_MS = 5_000

export function useDiskCheck(): void {
  const [firmware, host, jobs] = [useFirmware(), useHost(), useJobs()]
  const isReady = (): boolean => host.linkState === 'open' && host.engine.state === 'ready'
  useEventListener(window, 'focus', () => {
    if (isReady()) void firmware.recheck()
  })
  useIntervalFn(() => {
    const isIdle = jobs.tally.running === 0 && jobs.tally.queued === 0
    if (document.visibilityState === 'visible' && isIdle && isReady()) void firmware.recheck()
  }, INTERVAL_MS)
}
