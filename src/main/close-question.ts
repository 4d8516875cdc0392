/** The question before the end while boards are worked on: three answers, and what the boards will be after each. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import { messagesFor, type Language } from '../shared/messages/index.ts'
import { textsIn } from './texts.ts'

export const closeAnswers = ['keep-running', 'pause-and-quit', 'cancel-safely', 'stay'] as const
export type CloseAnswer = (typeof closeAnswers)[number]

/** What is needed of the options of Electron's message box. */
export interface CloseQuestion {
  readonly type: 'question'
  readonly title: string
  readonly message: string
  readonly detail: string
  /** In the order of `closeAnswers`. */
  readonly buttons: string[]
  readonly defaultId: number
  readonly cancelId: number
  readonly noLink: true
}

/** @param jobs those that are not over; at least one */
export function closeQuestion(jobs: readonly JobSnapshot[], language: Language): CloseQuestion {
  const texts = textsIn(language)
  const boards = describeBoards(jobs, language)
  const completing = jobs.filter(isPastTheLastPart).length
  const detail = [
    texts('closeNow', { boards }),
    texts('keepRunningEffect'),
    texts('pauseEffect', { boards }),
    texts('cancelEffect', { boards }),
    ...(completing > 0 ? [texts('completionEffect', { count: completing })] : []),
    texts('restorable'),
  ]
  return {
    type: 'question',
    title: texts('closeTitle'),
    message: jobs.length === 1 ? texts('closeMessageOne') : texts('closeMessage', { count: jobs.length }),
    detail: detail.join('\n\n'),
    buttons: [texts('keepRunning'), texts('pauseAndQuit'), texts('cancelSafely'), texts('stay')],
    // The answer that changes nothing for the boards; closing the question changes nothing at all.
    defaultId: closeAnswers.indexOf('keep-running'),
    cancelId: closeAnswers.indexOf('stay'),
    noLink: true,
  }
}

/** “2 × Old firmware, safe to unplug; 1 × Unknown, keep powered”, the most frequent first. */
export function describeBoards(jobs: readonly JobSnapshot[], language: Language): string {
  const { words } = messagesFor(language)
  const counts = new Map<string, number>()
  for (const { boardNow, unplug } of jobs) {
    const board = `${words[`board.${boardNow}`]}, ${words[`unplug.${unplug}`].toLocaleLowerCase(language)}`
    counts.set(board, (counts.get(board) ?? 0) + 1)
  }
  return [...counts]
    .toSorted(([, left], [, right]) => right - left)
    .map(([board, count]) => textsIn(language)('boardsLikeThis', { count, board }))
    .join('; ')
}

function isPastTheLastPart({ completion, state }: JobSnapshot): boolean {
  return completion === 'sent' || completion === 'succeeded' || state === 'rebooting' || state === 'confirming'
}
