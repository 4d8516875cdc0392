/** Puts text on the clipboard and says that it did. */
import { useNotices } from '../../stores/notices.ts'
import { drawerTexts } from '../../texts/drawer-texts.ts'
import { useText } from '../../texts/text.ts'

/** @returns copies a text; a refusal of the browser is told, not thrown */
export function useCopy(): (words: string) => Promise<void> {
  const text = useText(drawerTexts)
  const notices = useNotices()
  return async words => {
    try {
      await navigator.clipboard.writeText(words)
      notices.tell(text('copied'))
    } catch {
      notices.tell(text('copyRefused'))
    }
  }
}
