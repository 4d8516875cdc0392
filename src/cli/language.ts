/** Chooses the language of messages for people; JSON and help stay English. */
import type { Language } from '../shared/messages/index.ts'

/** Vietnamese when FLASHPROOF_LANG says so or, without it, when LC_ALL (else LC_MESSAGES, else LANG) begins with `vi`. */
export function chooseLanguage(env: Readonly<Record<string, string | undefined>>): Language {
  const chosen = env['FLASHPROOF_LANG']
  if (chosen !== undefined && chosen !== '') return isVietnamese(chosen) ? 'vi' : 'en'
  const locale = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']].find(value => value !== undefined && value !== '')
  return locale !== undefined && isVietnamese(locale) ? 'vi' : 'en'
}

function isVietnamese(locale: string): boolean {
  return /^vi([_.@-]|$)/i.test(locale)
}

/** Whether the locale's character set is UTF-8; without any locale set, a modern terminal is assumed. */
export function isUnicodeLocale(env: Readonly<Record<string, string | undefined>>, platform: string): boolean {
  if (platform === 'win32') return env['WT_SESSION'] !== undefined || env['TERM_PROGRAM'] !== undefined
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find(value => value !== undefined && value !== '')
  if (locale === undefined) return true
  return /utf-?8/i.test(locale)
}
