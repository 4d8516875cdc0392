/** Mirrors what people set once for this station, and applies language and theme to the page. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { Preferences } from '../../shared/contract/index.ts'
import type { Language } from '../../shared/messages/index.ts'
import { useStation } from '../bridge/bridge.ts'
import { setLanguage } from '../texts/text.ts'

export const useSettings = defineStore('settings', () => {
  const { client } = useStation()
  /** Null until loaded. */
  const preferences = shallowRef<Preferences | null>(null)

  function take(changed: Preferences): void {
    preferences.value = changed
    setLanguage(languageOf(changed.language, navigator.language))
    const root = document.documentElement
    root.lang = languageOf(changed.language, navigator.language)
    if (changed.theme === 'system') delete root.dataset['theme']
    else root.dataset['theme'] = changed.theme
  }

  async function load(): Promise<void> {
    take(await client.call('settings.get', {}))
  }

  async function set(changes: Partial<Preferences>): Promise<void> {
    take(await client.call('settings.set', changes))
  }

  function start(): () => void {
    return client.subscribe('settings.changed', ({ settings }) => {
      take(settings)
    })
  }

  return { preferences, load, set, start }
})

export function languageOf(chosen: Preferences['language'], systemLanguage: string): Language {
  if (chosen !== 'system') return chosen
  return systemLanguage.toLowerCase().startsWith('vi') ? 'vi' : 'en'
}
