/** `flashproof monitor`: a device's telemetry and log lines until stopped; of a serial line, text to send too. */
import { resolve } from 'node:path'
import type { RequestOf, TelemetrySample } from '../../shared/contract/index.ts'
import { asFlashproofError } from '../../shared/errors.ts'
import { formatBytes, formatDuration, stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { whenAborted } from '../interruption.ts'
import { MonitorReport } from '../monitor-report.ts'
import { monitorWordsFor } from '../monitor-words.ts'
import type { MonitorCommand } from '../parsed-command.ts'
import type { WorkerSession } from '../worker-session.ts'

/** Nothing heard for so long after the start is worth a word. */
const SILENCE_MS = 2_000
const MIB = 1024 * 1024

/** Ends with 0 on Ctrl-C: stopping is how a monitor ends. */
export async function runMonitor(context: CommandContext, command: MonitorCommand): Promise<number> {
  const { report, host, interruption } = context
  const session = await context.openSession()
  const presence = watchPresence(context, command.target)
  const serial = new MonitorReport(report)
  const opened = Promise.withResolvers<undefined>()
  const subscriptions = [
    session.client.subscribe('telemetry.sampled', event => {
      if (event.monitorId === null) return
      presence.came()
      report.json({ type: 'telemetry', target: event.target, ...event.sample })
      // Of a serial line the figures stand in its lines already.
      if (event.sample.source !== 'serial-log') report.result(describeSample(event.sample))
    }),
    session.client.subscribe('monitor.logged', event => {
      report.json({ type: 'device-log', target: event.target, at: event.at, text: event.text })
      report.result(`${event.at}  ${stripControl(event.text, 2_000)}`)
      presence.went()
    }),
    session.client.subscribe('monitor.heard', event => {
      presence.isSerial()
      serial.heard(event)
      if (event.entries.some(entry => entry.type === 'event' && entry.event.kind === 'opened'))
        opened.resolve(undefined)
    }),
  ]
  const start = { target: command.target, ...(command.baudRate === undefined ? {} : { baudRate: command.baudRate }) }
  const { monitorId } = await session.client.call('monitor.start', start, { signal: interruption.signal })
  const cancelSilence = host.timers.after(SILENCE_MS, presence.silent)
  const readerGone = new Promise<void>(resolveGone => {
    host.stdout.onClosed(resolveGone)
  })
  try {
    await attachFiles(context, session, monitorId, command)
    if (command.isRestarting) await session.client.call('monitor.restart', { monitorId })
    void opened.promise.then(() => sendLines(context, session, monitorId, command))
    await Promise.race([whenAborted(interruption.signal), readerGone, session.died])
  } finally {
    cancelSilence()
    await session.client.call('monitor.stop', { monitorId }).catch(() => undefined)
    for (const unsubscribe of subscriptions) unsubscribe()
  }
  return 0
}

async function attachFiles(
  { report, interruption }: CommandContext,
  session: WorkerSession,
  monitorId: string,
  { logFile, logSizeMiB, logKept, elf }: MonitorCommand,
): Promise<void> {
  if (logFile === undefined && elf === undefined) return
  const file =
    logFile === undefined
      ? null
      : {
          path: resolve(logFile),
          ...(logSizeMiB === undefined ? {} : { sizeBytes: logSizeMiB * MIB }),
          ...(logKept === undefined ? {} : { kept: logKept }),
        }
  const request: RequestOf<'monitor.attach'> = {
    monitorId,
    ...(file === null ? {} : { logFile: file }),
    ...(elf === undefined ? {} : { elfPath: resolve(elf) }),
  }
  await session.client.call('monitor.attach', request, { signal: interruption.signal })
  if (file !== null) report.notice(monitorWordsFor(report.language).writesTo(stripControl(file.path, 400)))
}

/** Sends what was given first, then what is typed or piped. A line that could not be sent is said, and not repeated. */
async function sendLines(
  { host, report, interruption }: CommandContext,
  session: WorkerSession,
  monitorId: string,
  { send, lineEnd }: MonitorCommand,
): Promise<void> {
  const sendLine = async (text: string): Promise<void> => {
    try {
      await session.client.call('monitor.send', { monitorId, text, ...(lineEnd === undefined ? {} : { lineEnd }) })
    } catch (thrown) {
      if (interruption.signal.aborted) return
      const why = stripControl(asFlashproofError(thrown).message, 400)
      report.notice(monitorWordsFor(report.language).notSent(why))
    }
  }
  for (const text of send) await sendLine(text)
  for await (const text of host.stdin.lines(interruption.signal)) await sendLine(text)
}

/** Says each time that telemetry stays away, and each time that it comes back; a serial line speaks for itself. */
function watchPresence(
  { report }: CommandContext,
  target: string,
): {
  readonly came: () => void
  readonly went: () => void
  readonly silent: () => void
  readonly isSerial: () => void
} {
  let state: 'unknown' | 'here' | 'away' | 'serial' = 'unknown'
  const went = (): void => {
    if (state === 'serial') return
    if (state !== 'away') report.notice(report.texts.monitorWaits(stripControl(target, 200)))
    state = 'away'
  }
  return {
    came() {
      if (state === 'serial') return
      if (state === 'away') report.notice(report.texts.monitorHears(stripControl(target, 200)))
      state = 'here'
    },
    went,
    silent() {
      if (state === 'unknown') went()
    },
    isSerial() {
      state = 'serial'
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
