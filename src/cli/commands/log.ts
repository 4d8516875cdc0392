/** `flashproof log list|show|export|verify`: the record of what was done. */
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join, resolve } from 'node:path'
import type { ExportFormat, LogFilter, ResponseOf } from '../../shared/contract/index.ts'
import { stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { exportFormatNames } from '../grammar.ts'
import { boardWords, nameOf, outcomeWords, reasonWords, toneOf } from '../job-words.ts'
import type { LogExportCommand } from '../parsed-command.ts'
import { painterFor, wantsColor } from '../terminal-style.ts'
import { renderColumns, renderFacts } from '../text-columns.ts'

export async function runLogList(context: CommandContext, filter: LogFilter): Promise<number> {
  const { report, interruption, host } = context
  const session = await context.openSession()
  const { entries, headHash } = await session.client.call('log.list', filter, { signal: interruption.signal })
  for (const entry of entries) report.json({ type: 'log-entry', ...entry })
  report.json({ type: 'log-summary', records: entries.length, headHash })
  const paint = painterFor(wantsColor(host.env, host.stdout.isTerminal))
  const rows = entries.map(({ sequence, snapshot }) => [
    sequence === null ? '-' : `#${String(sequence)}`,
    stripControl(snapshot.jobId, 40),
    snapshot.endedAt ?? snapshot.createdAt,
    nameOf(snapshot),
    stripControl(snapshot.firmware.fileName, 40),
    paint(toneOf(snapshot), outcomeWords(snapshot, report.messages)),
  ])
  if (rows.length > 0) report.result(renderColumns(rows).join('\n'))
  else report.notice(report.texts.noJobs(filter.practice === true))
  if (headHash !== null) report.result(report.texts.headHash(headHash))
  return 0
}

export async function runLogShow(context: CommandContext, jobId: string): Promise<number> {
  const { report, interruption } = context
  const session = await context.openSession()
  const shown = await session.client.call('log.show', { jobId }, { signal: interruption.signal })
  report.json({ type: 'log-record', entry: shown.entry, record: shown.record, lines: shown.lines })
  report.result(describeRecord(shown, context).join('\n'))
  return 0
}

function describeRecord(shown: ResponseOf<'log.show'>, context: CommandContext): string[] {
  const { messages } = context.report
  const job = shown.entry.snapshot
  return [
    ...renderFacts([
      ['job', job.jobId],
      [
        'record',
        shown.entry.sequence === null ? null : `#${String(shown.entry.sequence)} ${shown.entry.recordHash ?? ''}`,
      ],
      ['device', nameOf(job)],
      ['target', stripControl(job.target)],
      ['protocol', job.protocol],
      ['firmware', `${stripControl(job.firmware.fileName)} (${String(job.firmware.sizeBytes)} B)`],
      ['image SHA-256', job.firmware.imageSha256],
      ['board now', boardWords(job, messages)],
      ['outcome', outcomeWords(job, messages)],
      ['why', reasonWords(job, messages)],
      ['attempts', `${String(job.attempts)}, sent again: ${String(job.retries)}`],
      ['started', job.startedAt],
      ['ended', job.endedAt],
      ['virtual device', job.simulated ? 'yes (PRACTICE)' : null],
    ]),
    ...(job.evidence.length === 0 ? [] : ['', 'evidence:']),
    ...renderColumns(
      job.evidence.map(fact => [
        `  ${fact.level}`,
        fact.basis,
        stripControl(fact.method, 60),
        fact.matches === null ? '' : fact.matches ? 'equal' : 'NOT EQUAL',
        stripControl(fact.value, 100),
      ]),
    ),
    ...(shown.lines.length === 0 ? [] : ['', 'log:']),
    ...shown.lines.map(line => `  ${line.at}  ${line.level}  ${stripControl(line.text, 2_000)}`),
  ]
}

export async function runLogExport(context: CommandContext, command: LogExportCommand): Promise<number> {
  const { report, interruption, host } = context
  const session = await context.openSession()
  const format = command.format ?? formatByExtension(command.out) ?? 'csv'
  const { filter } = command
  if (command.out !== undefined) {
    const request = { format, outputPath: resolve(command.out), filter }
    const result = await session.client.call('log.export', request, { signal: interruption.signal })
    report.json({ type: 'export', format, ...result })
    report.result(report.texts.exported(`${result.outputPath} (${String(result.records)})`))
    if (result.headHash !== null) report.result(report.texts.headHash(result.headHash))
    return 0
  }
  const folder = await mkdtemp(join(tmpdir(), 'flashproof-export-'))
  try {
    const outputPath = join(folder, `log.${format}`)
    await session.client.call('log.export', { format, outputPath, filter }, { signal: interruption.signal })
    for await (const chunk of createReadStream(outputPath)) {
      host.stdout.write(asBytes(chunk))
      await host.stdout.flushed()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return 0
}

function asBytes(chunk: unknown): Uint8Array {
  return chunk instanceof Uint8Array ? chunk : new Uint8Array()
}

function formatByExtension(path: string | undefined): ExportFormat | undefined {
  const extension = path === undefined ? '' : extname(path).slice(1).toLowerCase()
  return exportFormatNames.find(format => format === extension || (format === 'html' && extension === 'htm'))
}

/** @returns 0 when the chain holds, 1 when it does not */
export async function runLogVerify(
  context: CommandContext,
  exportPath: string | undefined,
  isPractice: boolean,
): Promise<number> {
  const { report, interruption } = context
  const session = await context.openSession()
  const request = {
    ...(exportPath === undefined ? {} : { exportPath: resolve(exportPath) }),
    ...(isPractice ? { practice: true } : {}),
  }
  const chain = await session.client.call('log.verify', request, { signal: interruption.signal })
  report.json({ type: 'verification', ...chain })
  report.result(describeChain(chain).join('\n'))
  return chain.valid ? 0 : 1
}

export function describeChain(chain: ResponseOf<'log.verify'>): string[] {
  const where = (problem: (typeof chain.problems)[number]): string =>
    [
      problem.sequence === null ? null : `record #${String(problem.sequence)}`,
      problem.jobId === null ? null : `job ${stripControl(problem.jobId, 60)}`,
    ]
      .filter(part => part !== null)
      .join(', ')
  return [
    chain.valid ? `The chain holds: ${String(chain.records)} records.` : 'THE CHAIN IS BROKEN.',
    ...chain.problems.map(problem => `  ${where(problem)}: ${stripControl(problem.text)}`),
    ...renderFacts([
      ['head', chain.headHash === null ? null : `#${String(chain.headSequence)} ${chain.headHash}`],
      ['signature', chain.signature],
    ]),
    ...chain.notes.map(note => stripControl(note)),
  ]
}
