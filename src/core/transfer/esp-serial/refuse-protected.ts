/** A protected chip is refused by its own error unless somebody is there to decide, or decided in advance. */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { Judgement } from '../judgement.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import { PROTECTED_CHIP } from './decisions.ts'

/** @throws {FlashproofError} loader.protected, naming what `--accept` would override */
export async function refuseProtected(
  judgements: readonly Judgement[],
  context: Pick<TransferContext, 'decide'>,
): Promise<void> {
  const question = judgements.find(judgement => judgement.kind === 'question' && judgement.code === PROTECTED_CHIP)
  if (question?.kind !== 'question') return
  try {
    await context.decide(question.code, question.text.en, question.details)
  } catch (thrown) {
    if (!hasErrorCode(thrown, 'job.decision-needed')) throw thrown
    const details = { ...question.details, accept: question.code }
    throw new FlashproofError('loader.protected', question.text.en, details, { cause: thrown })
  }
}
