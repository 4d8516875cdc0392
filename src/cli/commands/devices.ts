/** `flashproof devices`: what can be found or is remembered. */
import type { DeviceEntry } from '../../shared/contract/index.ts'
import { stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { renderColumns } from '../text-columns.ts'

const DEFAULT_WAIT_MS = 3_000

export async function runDevices(context: CommandContext, waitMs: number | undefined): Promise<number> {
  const { report, interruption } = context
  const session = await context.openSession()
  const request = { waitMs: waitMs ?? DEFAULT_WAIT_MS }
  const { devices } = await session.client.call('device.list', request, { signal: interruption.signal })
  for (const device of devices) report.json({ type: 'device', ...device })
  if (devices.length === 0) report.notice(report.texts.noDevices)
  else report.result(renderColumns(devices.map(describeDevice)).join('\n'))
  return 0
}

function describeDevice(device: DeviceEntry): string[] {
  const identity = device.identity
  return [
    stripControl(device.name ?? identity?.name ?? identity?.id ?? '-', 40),
    stripControl(device.target, 120),
    stripControl(identity?.mac ?? '-', 40),
    stripControl(identity?.chip ?? '-', 40),
    device.protocols.length === 0 ? '-' : device.protocols.join(','),
    device.simulated ? `${device.source} (virtual)` : device.source,
  ]
}
