/** Progress as lines that stay: one for each change of state and each tenth. For pipes, files and dumb terminals. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import type { Language } from '../shared/messages/index.ts'
import { messagesFor } from '../shared/messages/index.ts'
import { formatBytes, formatRate, stripControl } from '../shared/units.ts'
import { boardWords, hasStopped, lowerFirst, nameOf, outcomeWords, reasonWords } from './job-words.ts'
import { relayStep, relayWords } from './relay-words.ts'
import { textsFor } from './texts.ts'

export interface PlainProgress {
  /** Gives the lines that this newer snapshot is worth, often none. */
  linesFor(job: JobSnapshot): readonly string[]
}

export function createPlainProgress(language: Language): PlainProgress {
  const messages = messagesFor(language)
  const texts = textsFor(language)
  const last = new Map<string, { state: string; tenth: number; attempts: number; relay: string }>()
  return {
    linesFor(job) {
      const ratio = job.totalBytes > 0 ? job.doneBytes / job.totalBytes : 0
      const now = {
        state: job.state,
        tenth: Math.min(10, Math.floor(ratio * 10)),
        attempts: job.attempts,
        relay: relayStep(job),
      }
      const before = last.get(job.jobId)
      const hasChangedState = before?.state !== now.state || before.attempts !== now.attempts
      const isNewTenth = job.state === 'transferring' && before !== undefined && now.tenth > before.tenth
      const isNewRelayStep = before !== undefined && now.relay !== before.relay && now.relay.startsWith('running')
      if (!hasChangedState && !isNewTenth && !isNewRelayStep) return []
      last.set(job.jobId, now)
      const name = nameOf(job)
      const target = stripControl(job.target, 200)
      const label = name === target ? name : `${name} (${target})`
      if (hasStopped(job)) return [stoppedLine(job, label)]
      const relay = isNewRelayStep && !hasChangedState && !isNewTenth ? relayWords(job, texts) : null
      if (relay !== null) return [`${label}: ${relay}`]
      const tries = job.attempts > 1 ? ` (${texts.tries(job.attempts)})` : ''
      if (job.state !== 'transferring') return [`${label}: ${messages.words[`state.${job.state}`]}${tries}`]
      const done = `${String(now.tenth * 10)}% (${formatBytes(job.doneBytes)} / ${formatBytes(job.totalBytes)})`
      const rate = job.bytesPerSecond === null ? '' : `, ${formatRate(job.bytesPerSecond)}`
      return [`${label}: ${messages.words['state.transferring']} ${done}${rate}${tries}`]
    },
  }

  /** What is on the board and whether it may be unplugged come first. */
  function stoppedLine(job: JobSnapshot, label: string): string {
    const reason = job.verdict === 'proven' && job.error === null ? null : reasonWords(job, messages)
    const outcome = outcomeWords(job, messages)
    const board = `${texts.boardNow}: ${lowerFirst(boardWords(job, messages))}`
    return `${label}: ${board}. ${outcome}${reason === null ? '' : ` (${reason})`}`
  }
}
