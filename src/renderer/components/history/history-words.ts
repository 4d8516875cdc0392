/** Past jobs in words that fit into a table. Pure. */
import type { JobSnapshot } from '../../../shared/contract/index.ts'
import type { JobState } from '../../../shared/contract/models.ts'
import { stripControl } from '../../../shared/units.ts'

/** `2026-11-21 10:14` in the time of this computer. */
export function dayAndTime(at: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '–'
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = [String(date.getFullYear()), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** A name for the board, and what tells it apart from others of the name. */
export function deviceWords(job: Pick<JobSnapshot, 'device' | 'target'>): {
  readonly name: string
  readonly tail: string
} {
  const { device, target } = job
  const name = device?.name ?? device?.id ?? device?.board ?? device?.chip ?? target
  const tail = device?.mac ?? device?.usbSerial ?? device?.id ?? (name === target ? '' : target)
  return { name: stripControl(name, 80), tail: stripControl(tail, 80) }
}

const states = {
  queued: true,
  connecting: true,
  preparing: true,
  transferring: true,
  verifying: true,
  rebooting: true,
  confirming: true,
  paused: true,
  waiting: true,
  finished: true,
  failed: true,
  cancelled: true,
  interrupted: true,
} satisfies Readonly<Record<JobState, true>>

/** The state that a line of the log names; null for any other text. */
export function stateOf(text: string): JobState | null {
  return isState(text) ? text : null
}

function isState(text: string): text is JobState {
  return Object.hasOwn(states, text)
}
