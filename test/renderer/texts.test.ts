/** Every catalogue of the page: both languages there, and the same places to fill in. */
import { describe, expect, it } from 'vitest'

const modules = import.meta.glob<Readonly<Record<string, unknown>>>('../../src/renderer/texts/*-texts.ts', {
  eager: true,
})

const catalogues = Object.entries(modules).flatMap(([path, exported]) =>
  Object.entries(exported).map(([name, catalogue]) => ({ path, name, catalogue: entriesOf(catalogue) })),
)

function entriesOf(catalogue: unknown): [string, unknown][] {
  return typeof catalogue === 'object' && catalogue !== null ? Object.entries(catalogue) : []
}

function textOf(entry: unknown, language: string): string {
  if (typeof entry !== 'object' || entry === null) return ''
  const value: unknown = Reflect.get(entry, language)
  return typeof value === 'string' ? value : ''
}

const placesOf = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].toSorted()

describe('the texts of the page', () => {
  it('are found', () => {
    expect(catalogues.length).toBeGreaterThan(3)
  })

  it.each(catalogues)('$name has every text in both languages with the same places to fill in', ({ catalogue }) => {
    expect(catalogue.length).toBeGreaterThan(0)
    for (const [key, entry] of catalogue) {
      const [en, vi] = [textOf(entry, 'en'), textOf(entry, 'vi')]
      expect(en.trim(), `${key} in English`).not.toBe('')
      expect(vi.trim(), `${key} in Vietnamese`).not.toBe('')
      expect(placesOf(vi), key).toEqual(placesOf(en))
    }
  })
})
