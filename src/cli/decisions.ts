/** Answers the questions that jobs ask: by asking the person at the terminal, or by refusing where there is none. */
import type { Decision } from '../shared/contract/index.ts'
import { stripControl } from '../shared/units.ts'
import type { CommandContext } from './command-context.ts'
import type { WorkerSession } from './worker-session.ts'

export interface AskedDecision {
  readonly jobId: string
  /** How the person knows the device. */
  readonly name: string
  readonly decision: Decision
}

export interface DecisionDesk {
  /** Takes a question; questions are put one after the other. */
  ask(asked: AskedDecision): void
}

interface DeskOptions {
  readonly isBatch: () => boolean
  /** Runs before a question is printed and after it was answered: the table steps aside. */
  readonly onAsking: () => void
  readonly onAnswered: () => void
}

/** Whether somebody sits at the terminal; with `--json` a script does. */
export function canAskPerson({ host, report }: CommandContext): boolean {
  return host.stdin.isTerminal && host.stderr.isTerminal && !report.isJson
}

export function createDecisionDesk(
  context: CommandContext,
  session: WorkerSession,
  options: DeskOptions,
): DecisionDesk {
  const { host, report, interruption } = context
  const acceptedForAll = new Set<string>()
  const seen = new Set<string>()
  const canAsk = canAskPerson(context)
  const isInterrupted = (): boolean => interruption.signal.aborted
  let queue: Promise<void> = Promise.resolve()

  const answer = async (asked: AskedDecision, isAccepted: boolean): Promise<void> => {
    await session.client.call('decision.answer', {
      jobId: asked.jobId,
      code: asked.decision.code,
      answer: isAccepted ? 'accept' : 'refuse',
      answeredBy: host.userName,
    })
  }

  const put = async (asked: AskedDecision): Promise<boolean> => {
    const { decision } = asked
    if (acceptedForAll.has(decision.code)) return true
    host.stderr.write(`${report.texts.decision(asked.name)}: ${decision.code}\n  ${stripControl(decision.question)}\n`)
    for (const [key, value] of Object.entries(decision.details)) {
      host.stderr.write(
        `  ${stripControl(key, 60)}: ${stripControl(typeof value === 'string' ? value : JSON.stringify(value))}\n`,
      )
    }
    for (;;) {
      host.stderr.write(`  ${report.texts.decisionChoices(options.isBatch())} `)
      const line = await host.stdin.readLine({ isHidden: false, signal: interruption.signal })
      const reply = line?.trim().toLowerCase() ?? ''
      if (['y', 'yes', 'c', 'có'].includes(reply)) return true
      if (['', 'n', 'no', 'k', 'không'].includes(reply)) return false
      if (reply === 'a' && options.isBatch()) {
        acceptedForAll.add(decision.code)
        return true
      }
      host.stderr.write(`  ${report.texts.decisionPlease}\n`)
    }
  }

  const handle = async (asked: AskedDecision): Promise<void> => {
    if (isInterrupted()) return
    if (!canAsk) {
      report.notice(`${asked.name}: ${asked.decision.code}: ${stripControl(asked.decision.question)}`)
      report.notice(`  ${report.texts.acceptWith(asked.decision.code)}`)
      await answer(asked, false)
      return
    }
    options.onAsking()
    try {
      const isAccepted = await put(asked)
      if (!isInterrupted()) await answer(asked, isAccepted)
    } finally {
      options.onAnswered()
    }
  }

  return {
    ask(asked) {
      const key = `${asked.jobId} ${asked.decision.code} ${asked.decision.askedAt}`
      if (seen.has(key) || asked.decision.answer !== null) return
      seen.add(key)
      // A job that ended meanwhile takes no answer; that is no fault of the batch.
      queue = queue
        .then(() => handle(asked))
        .catch((thrown: unknown) => {
          if (!interruption.signal.aborted) report.error(thrown)
        })
    },
  }
}
