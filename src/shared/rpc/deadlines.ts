/** How long a caller waits for each command: the contract's deadlines without its schemas, so that a page can use them. */
import type { CommandName } from '../contract/index.ts'

const DEFAULT_MS = 10_000
const LONG_MS = 30 * 60_000

/** Only what differs from the default. A test keeps this equal to the table of commands. */
const longerMs: Partial<Record<CommandName, number>> = {
  'firmware.open': LONG_MS,
  'firmware.inspect': LONG_MS,
  'firmware.convert': LONG_MS,
  'device.list': 10 * 60_000,
  'device.probe': 60_000,
  'job.start': 60_000,
  'job.resume': 60_000,
  'log.list': 60_000,
  'log.show': 60_000,
  'log.export': LONG_MS,
  'log.verify': LONG_MS,
  'order.review': 120_000,
  'device.add': 60_000,
  'device.identify': 60_000,
  'pc.check': 30_000,
  'job.trace': 60_000,
  'log.check': LONG_MS,
  'firmware.choose': LONG_MS,
  'firmware.open-variant': LONG_MS,
  'firmware.reopen': LONG_MS,
  'monitor.choose-elf': LONG_MS,
  'file.save': LONG_MS,
  'practice.start': 60_000,
}

export function deadlineMsOf(name: CommandName): number {
  // Own names only: an inherited one such as `__proto__` has no number.
  return Object.hasOwn(longerMs, name) ? (longerMs[name] ?? DEFAULT_MS) : DEFAULT_MS
}
