/** Shows a running batch to people: a live table on a terminal, lines elsewhere; and its snapshots as JSON to scripts. */
import type { EventOf, JobSnapshot } from '../shared/contract/index.ts'
import { stripControl } from '../shared/units.ts'
import type { CommandContext } from './command-context.ts'
import { renderTable } from './live-table.ts'
import { createPlainProgress } from './plain-progress.ts'
import { createTablePainter } from './table-painter.ts'
import { canRedraw, wantsColor } from './terminal-style.ts'

export interface JobView {
  readonly changed: (job: JobSnapshot) => void
  readonly logged: (event: EventOf<'job.logged'>) => void
  /** Prints a line that stays. */
  readonly say: (text: string) => void
  readonly hide: () => void
  readonly show: () => void
  readonly finish: () => void
}

/** Log lines whose code begins so are for people at once, whether or not they asked for the log. */
const NOTE = 'note.'

export function createJobView(
  context: CommandContext,
  options: { readonly isVerbose: boolean; readonly snapshots: () => readonly JobSnapshot[] },
): JobView {
  const { host, report } = context
  const output = report.people
  const isLive = output !== null && canRedraw(host.env, output.isTerminal)
  const plain = createPlainProgress(report.language)
  let isHidden = false

  const painter = isLive
    ? createTablePainter(output, host.timers, ({ columns, rows }) =>
        renderTable(options.snapshots(), {
          columns,
          color: wantsColor(host.env, true),
          unicode: host.isUnicode,
          nowMs: host.timers.nowMs(),
          language: report.language,
          maximumLines: rows - 1,
        }),
      )
    : null

  const say = (text: string): void => {
    if (painter !== null) painter.printAbove([text])
    else output?.write(`${text}\n`)
  }

  return {
    changed(job) {
      report.json(job)
      if (painter !== null) {
        if (!isHidden) painter.refresh()
        return
      }
      for (const text of plain.linesFor(job)) output?.write(`${text}\n`)
    },
    logged({ jobId, line }) {
      // A person must act on it now, such as point a device to the address that it names.
      if (!options.isVerbose && line.code.startsWith(NOTE)) say(stripControl(line.text))
      if (!options.isVerbose) return
      report.json({ type: 'log', jobId, ...line })
      if (!report.isJson)
        say(`${line.at} ${stripControl(jobId, 40)} ${line.level} ${line.code}: ${stripControl(line.text)}`)
    },
    say,
    hide() {
      isHidden = true
      painter?.hide()
    },
    show() {
      isHidden = false
      painter?.refresh()
    },
    finish() {
      painter?.finish()
    },
  }
}
