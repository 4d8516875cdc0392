/** `flashproof monitor`: a device's telemetry and log lines until stopped. */
import type { TelemetrySample } from '../../shared/contract/index.ts'
import { formatBytes, formatDuration, stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { whenAborted } from '../interruption.ts'

/** Ends with 0 on Ctrl-C: stopping is how a monitor ends. */
export async function runMonitor(context: CommandContext, target: string): Promise<number> {
  const { report, host, interruption } = context
  const session = await context.openSession()
  const subscriptions = [
    session.client.subscribe('telemetry.sampled', event => {
      if (event.monitorId === null) return
      report.json({ type: 'telemetry', target: event.target, ...event.sample })
      report.result(describeSample(event.sample))
    }),
    session.client.subscribe('monitor.logged', event => {
      report.json({ type: 'device-log', target: event.target, at: event.at, text: event.text })
      report.result(`${event.at}  ${stripControl(event.text, 2_000)}`)
    }),
  ]
  const { monitorId } = await session.client.call('monitor.start', { target }, { signal: interruption.signal })
  const readerGone = new Promise<void>(resolve => {
    host.stdout.onClosed(resolve)
  })
  try {
    await Promise.race([whenAborted(interruption.signal), readerGone, session.died])
  } finally {
    for (const unsubscribe of subscriptions) unsubscribe()
  }
  await session.client.call('monitor.stop', { monitorId })
  return 0
}

export function describeSample(sample: TelemetrySample): string {
  const bytes = (label: string, value: number | undefined): string | null =>
    value === undefined ? null : `${label} ${formatBytes(value)}`
  const text = (label: string, value: string | undefined): string | null =>
    value === undefined ? null : `${label} ${stripControl(value, 80)}`
  const facts = [
    bytes('heap free', sample.heapFreeBytes),
    bytes('lowest', sample.heapMinFreeBytes),
    bytes('largest block', sample.heapLargestBlockBytes),
    sample.flashUsedBytes === undefined || sample.flashTotalBytes === undefined
      ? null
      : `flash ${formatBytes(sample.flashUsedBytes)} of ${formatBytes(sample.flashTotalBytes)}`,
    sample.uptimeMs === undefined ? null : `up ${formatDuration(sample.uptimeMs)}`,
    sample.bootCount === undefined ? null : `boots ${String(sample.bootCount)}`,
    text('reset', sample.resetReason),
    text('app', [sample.appName, sample.appVersion].filter(part => part !== undefined).join(' ') || undefined),
    text('ota', [sample.otaRunning, sample.otaState].filter(part => part !== undefined).join(' ') || undefined),
    sample.rssiDbm === undefined ? null : `rssi ${String(sample.rssiDbm)} dBm`,
  ]
  return `${sample.at}  ${facts.filter(fact => fact !== null).join(', ')}`
}
