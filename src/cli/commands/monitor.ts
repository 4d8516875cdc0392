/** `flashproof monitor`: a device's telemetry and log lines until stopped. */
import type { TelemetrySample } from '../../shared/contract/index.ts'
import { formatBytes, formatDuration, stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { whenAborted } from '../interruption.ts'

/** Nothing heard for so long after the start is worth a word. */
const SILENCE_MS = 2_000

/** Ends with 0 on Ctrl-C: stopping is how a monitor ends. */
export async function runMonitor(context: CommandContext, target: string): Promise<number> {
  const { report, host, interruption } = context
  const session = await context.openSession()
  const presence = watchPresence(context, target)
  const subscriptions = [
    session.client.subscribe('telemetry.sampled', event => {
      if (event.monitorId === null) return
      presence.came()
      report.json({ type: 'telemetry', target: event.target, ...event.sample })
      report.result(describeSample(event.sample))
    }),
    session.client.subscribe('monitor.logged', event => {
      report.json({ type: 'device-log', target: event.target, at: event.at, text: event.text })
      report.result(`${event.at}  ${stripControl(event.text, 2_000)}`)
      presence.went()
    }),
  ]
  const { monitorId } = await session.client.call('monitor.start', { target }, { signal: interruption.signal })
  const cancelSilence = host.timers.after(SILENCE_MS, presence.silent)
  const readerGone = new Promise<void>(resolve => {
    host.stdout.onClosed(resolve)
  })
  try {
    await Promise.race([whenAborted(interruption.signal), readerGone, session.died])
  } finally {
    cancelSilence()
    for (const unsubscribe of subscriptions) unsubscribe()
  }
  await session.client.call('monitor.stop', { monitorId })
  return 0
}

/** Says each time that telemetry stays away, and each time that it comes back. */
function watchPresence(
  { report }: CommandContext,
  target: string,
): { readonly came: () => void; readonly went: () => void; readonly silent: () => void } {
  let state: 'unknown' | 'here' | 'away' = 'unknown'
  const went = (): void => {
    if (state !== 'away') report.notice(report.texts.monitorWaits(stripControl(target, 200)))
    state = 'away'
  }
  return {
    came() {
      if (state === 'away') report.notice(report.texts.monitorHears(stripControl(target, 200)))
      state = 'here'
    },
    went,
    silent() {
      if (state === 'unknown') went()
    },
  }
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
