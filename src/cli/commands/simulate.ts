/** `flashproof simulate`: virtual devices until stopped. */
import { stripControl } from '../../shared/units.ts'
import { FlashproofError } from '../../shared/errors.ts'
import type { CommandContext } from '../command-context.ts'
import { whenAborted } from '../interruption.ts'
import { renderColumns } from '../text-columns.ts'

/** Ends with 0 on Ctrl-C: stopping is how it ends. */
export async function runSimulate(context: CommandContext, devices: string | undefined): Promise<number> {
  const { host, report, interruption } = context
  const simulator = await host.startSimulator({ devices, flashFolder: undefined })
  context.defer({
    close: () => simulator.stop(),
    kill: () => {
      simulator.kill()
    },
  })
  for (const device of simulator.devices) report.json({ type: 'simulated-device', ...device })
  const rows = simulator.devices.map(device => [
    stripControl(device.name),
    stripControl(device.target),
    stripControl(device.mac),
    stripControl(device.chip),
    stripControl(device.protocol ?? ''),
    [
      ...(device.faults.length === 0 ? [] : [`faults: ${device.faults.join(', ')}`]),
      ...(device.telemetryUrl === undefined ? [] : [`telemetry: ${stripControl(device.telemetryUrl)}`]),
    ].join('; '),
  ])
  report.result(renderColumns(rows).join('\n'))
  report.json({ type: 'ready', devices: simulator.devices.length })
  const ended = await Promise.race([simulator.exited, whenAborted(interruption.signal).then(() => null)])
  if (ended === null) return 0
  throw new FlashproofError('internal.unexpected', 'the virtual devices ended by themselves', ended)
}
