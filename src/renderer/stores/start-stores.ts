/** Starts every mirror: they listen first and load then; after a restart of the engine or a lost link they load again. */
import { useCatalog } from './catalog.ts'
import { useDevices } from './devices.ts'
import { useFirmware } from './firmware.ts'
import { useHost } from './host.ts'
import { useJobs } from './jobs.ts'
import { useLogs } from './logs.ts'
import { useMonitors } from './monitors.ts'
import { useNotices } from './notices.ts'
import { useScan } from './scan.ts'
import { useSettings } from './settings.ts'
import { useTelemetry } from './telemetry.ts'

/** @returns stops listening */
export function startStores(): () => void {
  const host = useHost()
  const [settings, catalog, devices, firmware, jobs] = [
    useSettings(),
    useCatalog(),
    useDevices(),
    useFirmware(),
    useJobs(),
  ]
  const [logs, telemetry, monitors] = [useLogs(), useTelemetry(), useMonitors()]
  const notices = useNotices()

  const loadAll = async (): Promise<void> => {
    const loads = [settings, catalog, jobs, devices, firmware, logs, telemetry, monitors].map(store => store.load())
    for (const result of await Promise.allSettled(loads)) {
      if (result.status === 'rejected') notices.tellError(result.reason)
    }
  }
  const loadHost = async (): Promise<void> => {
    try {
      await host.load()
      if (host.engine.state === 'ready') await loadAll()
    } catch (thrown) {
      if (host.linkState === 'open') notices.tellError(thrown)
    }
  }
  const mirrors = [settings, devices, firmware, jobs, logs, telemetry, monitors, useScan()]
  const stops = [host.start(() => void loadHost()), ...mirrors.map(store => store.start())]
  void loadHost()
  return () => {
    for (const stop of stops) stop()
  }
}
