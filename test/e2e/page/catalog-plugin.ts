/** Gives the page on its fake station the protocols and formats that the engine really has, as `virtual:catalog`. */
import type { Plugin } from 'vite'
import { createLocalHandlers } from '../../../src/worker/local-handlers.ts'

const ID = 'virtual:catalog'

export function catalogPlugin(): Plugin {
  return {
    name: 'flashproof-catalog',
    resolveId: id => (id === ID ? `\0${ID}` : null),
    async load(id) {
      if (id !== `\0${ID}`) return null
      const handlers = createLocalHandlers({ onConversionProgress: () => undefined })
      const { signal } = new AbortController()
      return `export const catalog = ${JSON.stringify(await handlers['catalog.get']({}, { signal, caller: 'page' }))}`
    },
  }
}
