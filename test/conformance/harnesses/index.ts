/** THE LIST of harnesses: every transfer protocol must have one here. */
import { boardAt, virtualBoards } from './esp-parts.ts'
import type { TransferHarness } from './transfer-harness.ts'

export const harnesses: readonly TransferHarness[] = [virtualBoards]

/** The same suite on real boards, as far as the environment names some. */
export function hardwareHarnesses(environment: NodeJS.ProcessEnv): readonly TransferHarness[] {
  const host = environment['FLASHPROOF_TEST_HOST']
  return host === undefined || host === '' ? [] : [boardAt(host)]
}
