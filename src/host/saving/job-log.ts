/** A job's log as plain text, safe to print. */
import type { JobLogLine, JobSnapshot } from '../../shared/contract/index.ts'
import { formatDuration, stripControl } from '../../shared/units.ts'

const MAXIMUM_LINE_CHARACTERS = 4_000

export function writeJobLog(job: JobSnapshot, lines: readonly JobLogLine[]): string {
  const device = job.device?.name ?? job.device?.id ?? job.device?.mac ?? job.target
  const head = [
    `Flashproof log of ${job.jobId}${job.simulated ? ' (PRACTICE: a virtual device)' : ''}`,
    `device    ${stripControl(device)}`,
    `target    ${stripControl(job.target)}`,
    `firmware  ${stripControl(job.firmware.fileName)}, sha256 ${job.firmware.imageSha256}`,
    `state     ${job.state}, verdict ${job.verdict ?? 'none'}${job.reason === null ? '' : ` (${job.reason})`}`,
    '',
  ]
  const body = lines.map(
    line =>
      `${line.at}  ${formatDuration(line.elapsedMs).padStart(8)}  ${line.level.padEnd(7)}  ${stripControl(line.code)}  ${stripControl(line.text, MAXIMUM_LINE_CHARACTERS)}`,
  )
  return `${[...head, ...body].join('\n')}\n`
}
