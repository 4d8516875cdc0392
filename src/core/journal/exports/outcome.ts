/** A record's result in the words and the colour of the report: green means proven, and nothing else is green. */
import type { JobRecord } from '../../../shared/contract/record.ts'
import { messagesFor } from '../../../shared/messages/index.ts'

export interface Outcome {
  readonly tone: 'green' | 'amber' | 'red'
  readonly label: string
  /** Why it is not proven, or what the proof is; empty when nothing is to be added. */
  readonly why: string
}

const { words, errors } = messagesFor('en')

export function outcomeOf(record: JobRecord): Outcome {
  if (record.state !== 'finished') {
    return { tone: 'red', label: words[`state.${record.state}`], why: reasonOf(record) }
  }
  if (record.verdict === 'proven') {
    const level = record.provenLevel === null ? '' : `: ${words[`level.${record.provenLevel}`].toLowerCase()}`
    return { tone: 'green', label: `${words['verdict.proven']}${level}`, why: '' }
  }
  if (record.verdict === 'unproven' || record.verdict === null) {
    return { tone: 'red', label: words['verdict.unproven'], why: reasonOf(record) }
  }
  return {
    tone: 'amber',
    label: words[`verdict.${record.verdict}`],
    why: record.warnings[0] ?? 'not compared with flash',
  }
}

function reasonOf(record: JobRecord): string {
  if (record.reason !== null) return words[`reason.${record.reason}`]
  if (record.error === null) return ''
  const titles: Readonly<Record<string, { readonly title: string }>> = errors
  return Object.hasOwn(titles, record.error.code)
    ? (titles[record.error.code]?.title ?? record.error.code)
    : record.error.code
}

/** The name a person knows the board by. */
export function deviceNameOf(record: JobRecord): string {
  return record.device?.name ?? record.device?.id ?? record.device?.mac ?? record.target
}
