/** Texts of the page in the language that is chosen: catalogues hold both languages side by side. */
import { computed, shallowRef } from 'vue'
import { errorTable, type ErrorCode } from '../../shared/errors.ts'
import { messagesFor, type ErrorText, type Language, type LocalText, type WordId } from '../../shared/messages/index.ts'

/** Texts by key. `{name}` in a text is filled in by whoever shows it. */
export type TextCatalogue = Readonly<Record<string, LocalText>>
export type TextValues = Readonly<Record<string, string | number>>

const language = shallowRef<Language>('en')
export const currentLanguage = computed(() => language.value)

export function setLanguage(chosen: Language): void {
  language.value = chosen
}

/** Gives a function from a key of `catalogue` to its text; whatever renders with it follows a change of the language. */
export function useText<Catalogue extends TextCatalogue>(
  catalogue: Catalogue,
): (key: keyof Catalogue & string, values?: TextValues) => string {
  return (key, values) => {
    const entry = catalogue[key]
    return entry === undefined ? key : fillIn(entry[language.value], values)
  }
}

/** The text of something that brings both languages itself, such as an option of a protocol. */
export function localText(text: LocalText): string {
  return text[language.value]
}

/** A level, verdict, reason, state or board state in words. */
export function word(id: WordId): string {
  return messagesFor(language.value).words[id]
}

/** Title and next step of an error code; an unknown one is told as an unexpected fault. */
export function errorText(code: string): ErrorText {
  const known: ErrorCode = isErrorCode(code) ? code : 'internal.unexpected'
  return messagesFor(language.value).errors[known]
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code)
}

function fillIn(text: string, values: TextValues | undefined): string {
  if (values === undefined) return text
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  )
}
