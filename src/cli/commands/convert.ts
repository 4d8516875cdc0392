/** `flashproof convert`: one firmware format into another. */
import { resolve } from 'node:path'
import type { ConversionResult, EventOf } from '../../shared/contract/index.ts'
import { formatAddress, formatBytes, formatRatio, stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { openLocal } from '../local.ts'
import type { ConvertCommand } from '../parsed-command.ts'
import { canRedraw } from '../terminal-style.ts'
import { renderFacts } from '../text-columns.ts'

const PROGRESS_FROM_BYTES = 8 * 1024 * 1024

export async function runConvert(context: CommandContext, command: ConvertCommand): Promise<number> {
  const { report, interruption } = context
  const progress = createConversionProgress(context)
  const local = await openLocal({ onProgress: progress.show })
  let result: ConversionResult
  try {
    result = await local.call(
      'firmware.convert',
      {
        inputPath: resolve(command.input),
        outputPath: resolve(command.output),
        operationId: 'convert',
        ...(command.to === undefined ? {} : { to: command.to }),
        ...(command.base === undefined ? {} : { base: command.base }),
        ...(command.fillByte === undefined ? {} : { fillByte: command.fillByte }),
        ...(command.variant === undefined ? {} : { variant: command.variant }),
        ...(command.accept.length === 0 ? {} : { accept: [...command.accept] }),
      },
      { signal: interruption.signal },
    )
  } finally {
    progress.clear()
  }
  for (const warning of result.warnings) report.notice(stripControl(warning))
  report.json({ type: 'conversion', ...result })
  report.result(describeConversion(result).join('\n'))
  return 0
}

export function describeConversion(result: ConversionResult): string[] {
  const filler = `0x${result.fillByte.toString(16).toUpperCase().padStart(2, '0')}`
  return renderFacts([
    ['written', `${stripControl(result.outputPath)} (${result.fromFormat} → ${result.toFormat})`],
    ['base', formatAddress(result.baseAddress)],
    ['size', `${String(result.outputBytes)} B (${formatBytes(result.outputBytes)})`],
    ['gaps', `${String(result.filledBytes)} B filled with ${filler}`],
    ['SHA-256', result.outputSha256],
  ])
}

/** One line that is drawn over itself, for inputs that take long enough to be seen. */
function createConversionProgress(context: CommandContext): {
  readonly show: (event: EventOf<'conversion.progressed'>) => void
  readonly clear: () => void
} {
  const output = context.host.stderr
  const isShown = canRedraw(context.host.env, output.isTerminal)
  let isDrawn = false
  return {
    show(event) {
      if (!isShown || event.totalBytes < PROGRESS_FROM_BYTES) return
      isDrawn = true
      const ratio = event.doneBytes / event.totalBytes
      output.write(`\r\u001b[2K${formatRatio(ratio)} of ${formatBytes(event.totalBytes)}`)
    },
    clear() {
      if (isDrawn) output.write('\r\u001b[2K')
    },
  }
}
