/** Texts for people, in every language the product speaks. */
import type { ErrorCode } from '../errors.ts'
import { en } from './en.ts'
import { vi } from './vi.ts'

export type Language = 'en' | 'vi'
export type LocalText = Readonly<Record<Language, string>>

export interface ErrorText {
  /** What happened, in one line without a full stop. */
  readonly title: string
  /** The next step, in one sentence. */
  readonly hint: string
}

export interface Messages {
  readonly errors: Readonly<Record<ErrorCode, ErrorText>>
  /** Evidence levels, verdicts, reasons, states, boardNow and unplug in words: the ids stay in JSON. */
  readonly words: Readonly<Record<WordId, string>>
}

export type WordId =
  | `level.${'sent' | 'acknowledged' | 'received' | 'stored' | 'running' | 'confirmed'}`
  | `verdict.${'proven' | 'running' | 'received' | 'acknowledged' | 'sent' | 'unproven' | 'none'}`
  | `reason.${'contradicted' | 'below-required' | 'outcome-unknown' | 'not-answered'}`
  | `state.${'queued' | 'connecting' | 'preparing' | 'transferring' | 'verifying' | 'rebooting' | 'confirming' | 'paused' | 'waiting' | 'finished' | 'failed' | 'cancelled' | 'interrupted'}`
  | `board.${'old-firmware' | 'new-firmware' | 'not-bootable' | 'unknown'}`
  | `unplug.${'safe' | 'keep-powered'}`

const languages: Readonly<Record<Language, Messages>> = { en, vi }

export function messagesFor(language: Language): Messages {
  return languages[language]
}
