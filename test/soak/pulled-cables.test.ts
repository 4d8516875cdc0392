/**
 * Boards on serial lines whose cables are pulled at seeded moments: never a false green, and only what is missing is sent
 * again, where the board keeps what it got.
 */
import { expect, it } from 'vitest'
import { espCableBoard } from '../core/transfer/esp-serial/cable-board.ts'
import { pullCables, type CableBoard } from '../conformance/cable-pulling.ts'
import { stm32Chips } from '../conformance/harnesses/stm32-serial.ts'
import { ymodemBootloaders } from '../conformance/harnesses/ymodem.ts'
import type { TransferHarness } from '../conformance/harnesses/transfer-harness.ts'
import { suitePolicy } from '../conformance/suite-policy.ts'
import { openBench } from '../fakes/bench.ts'

const first = Number(process.env['FLASHPROOF_SEED'] ?? 1)

function required(harness: TransferHarness | undefined): TransferHarness {
  if (harness === undefined) throw new Error('there is no harness')
  return harness
}

const boards: readonly { readonly name: string; readonly moments: number; readonly board: CableBoard }[] = [
  { name: 'an ESP32', moments: 200, board: espCableBoard },
  {
    name: 'an STM32',
    moments: 200,
    board: {
      harness: required(stm32Chips[0]),
      imageBytes: 10_000,
      firstByte: 0,
      hostBytes: 11_000,
      // One page of 1 KiB.
      repeatedAPull: 4,
      mayEndUnknown: false,
    },
  },
  {
    name: 'a YMODEM bootloader',
    moments: 60,
    board: {
      harness: required(ymodemBootloaders[0]),
      imageBytes: 10_000,
      firstByte: 0,
      hostBytes: 11_000,
      // It keeps nothing of a file that broke off.
      repeatedAPull: 10,
      mayEndUnknown: true,
    },
  },
]

it.each(boards)(
  'the cable of $name is pulled at $moments moments',
  { timeout: 600_000 },
  async ({ name, moments, board }) => {
    const bench = await openBench({ retryPolicy: suitePolicy })
    try {
      const results = await pullCables(
        board,
        bench,
        Array.from({ length: moments }, (_, index) => first + index),
      )
      const sum = (of: 'attempts' | 'blocksAgain' | 'pulls'): string =>
        String(results.reduce((total, result) => total + result[of], 0))
      const verdicts = [...Map.groupBy(results, ({ verdict }) => verdict)].map(
        ([verdict, jobs]) => `${String(jobs.length)} ${String(verdict)}`,
      )
      console.info(
        `${name}: ${String(results.length)} jobs, ${sum('pulls')} pulls, ${sum('attempts')} tries, ${sum('blocksAgain')} blocks sent again; ${verdicts.join(', ')}`,
      )
      expect(results.filter(({ problems }) => problems.length > 0)).toEqual([])
    } finally {
      await bench.close()
    }
  },
)
