/** What one check of this computer says. */
import type { PcCheckItem } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'

export type Judged = Omit<PcCheckItem, 'id' | 'title'>

/** @param copyForIt plain words with the facts, for whoever looks after this computer; null when all is well */
export function judged(state: PcCheckItem['state'], text: LocalText, copyForIt: string | null = null): Judged {
  return { state, text, copyForIt }
}
