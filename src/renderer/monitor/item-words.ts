/** The rows of the serial monitor in words, in the language of the page. */
import type { DeviceEvent } from '../../shared/contract/index.ts'
import { visibleText } from '../components/log/visible-text.ts'
import { monitorTexts } from '../texts/monitor-texts.ts'
import { errorText, useText } from '../texts/text.ts'
import { placeText, type CrashEvent, type MonitorItem } from './monitor-items.ts'

/** How a row is to be read at a glance. */
export type ItemTone = 'plain' | 'dim' | 'warning' | 'error' | 'sent' | 'mark' | 'crash'

export interface ItemWords {
  /** One letter or sign in front: levels as ESP-IDF writes them, `›` for what was sent, `•` for what happened. */
  readonly sign: string
  readonly tone: ItemTone
  readonly text: string
}

const levels = {
  error: ['E', 'error'],
  warning: ['W', 'warning'],
  info: ['I', 'plain'],
  debug: ['D', 'dim'],
  verbose: ['V', 'dim'],
} as const

export function useItemWords(): (item: MonitorItem) => ItemWords {
  const text = useText(monitorTexts)

  function eventWords(event: DeviceEvent): Omit<ItemWords, 'sign'> {
    const mark = (words: string): Omit<ItemWords, 'sign'> => ({ tone: 'mark', text: words })
    const fault = (words: string): Omit<ItemWords, 'sign'> => ({ tone: 'warning', text: words })
    switch (event.kind) {
      case 'opened':
        return mark(text('opened'))
      case 'lost':
        return fault(text('lost', { why: errorText(event.error.code).title }))
      case 'lent':
        return mark(text('lent', { usedFor: visibleText(event.usedFor, 80) }))
      case 'not-restarted':
        return fault(text('notRestarted'))
      case 'reset':
        return mark(text('reset', { reason: visibleText(event.reason, 80), bootMode: visibleText(event.bootMode, 80) }))
      case 'app':
        return mark(text(`app-${event.field}`, { value: visibleText(event.value, 80) }))
      case 'panic':
        return { tone: 'crash', text: text('panic', { why: visibleText(event.text, 300) }) }
      case 'brownout':
        return { tone: 'crash', text: text('brownout') }
      case 'crash':
        return { tone: 'crash', text: text(`crash-${event.crash.kind}`, { why: visibleText(event.crash.text, 300) }) }
      case 'skipped':
        return fault(text('skipped', { count: event.lines }))
      case 'log-file-failed':
        return fault(text('logFileFailed', { why: visibleText(event.error.message, 300) }))
    }
  }

  function decodingWords({ decoding, decodingError }: CrashEvent): string {
    if (decoding !== null) return text(`build-${decoding.build}`)
    return decodingError === null ? text('noElf') : text('notDecoded', { why: visibleText(decodingError.message, 300) })
  }

  return item => {
    if (item.type === 'place') return { sign: '', tone: 'crash', text: `  ${placeText(item.place)}` }
    if (item.type === 'decoding') return { sign: '', tone: 'crash', text: `  ${decodingWords(item.event)}` }
    if (item.type === 'event') {
      const words = eventWords(item.event)
      return { sign: words.tone === 'crash' ? '!' : '•', ...words }
    }
    const { from, level } = item.line
    const words = visibleText(item.line.text)
    if (from === 'sent') return { sign: '›', tone: 'sent', text: words }
    if (level === null) return { sign: '', tone: 'plain', text: words }
    const [sign, tone] = levels[level]
    // Most programs print the letter themselves.
    return { sign: words.startsWith(sign) ? '' : sign, tone, text: words }
  }
}
