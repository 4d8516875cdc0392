import { describe, expect, it } from 'vitest'
import {
  BoardNow,
  endStates,
  evidenceLevels,
  liveStates,
  Unplug,
  Verdict,
  VerdictReason,
} from '../../../src/shared/contract/index.ts'
import { errorTable } from '../../../src/shared/errors.ts'
import { messagesFor } from '../../../src/shared/messages/index.ts'

const english = messagesFor('en')
const vietnamese = messagesFor('vi')
const codes = Object.keys(errorTable).sort()

const contractWords = [
  ...evidenceLevels.map(level => `level.${level}`),
  ...Verdict.options.map(verdict => `verdict.${verdict}`),
  'verdict.none',
  ...VerdictReason.options.map(reason => `reason.${reason}`),
  ...[...liveStates, ...endStates].map(state => `state.${state}`),
  ...BoardNow.options.map(board => `board.${board}`),
  ...Unplug.options.map(unplug => `unplug.${unplug}`),
].sort()

describe.each([
  ['English', english],
  ['Vietnamese', vietnamese],
])('%s texts', (_language, messages) => {
  it('have a title and a hint for every error code and for nothing else', () => {
    expect(Object.keys(messages.errors).sort()).toEqual(codes)
  })

  it('have a word for every id of the contract and for nothing else', () => {
    expect(Object.keys(messages.words).sort()).toEqual(contractWords)
  })

  it('write titles without and hints with one full stop at the end', () => {
    for (const [code, text] of Object.entries(messages.errors)) {
      expect(text.title, code).toMatch(/^\p{Lu}.*[^.\s]$/u)
      expect(text.hint, code).toMatch(/^\p{Lu}.*[^.\s]\.$/u)
    }
  })

  it('use typographic quotes and composed characters', () => {
    const all = [...Object.values(messages.words), ...Object.values(messages.errors).flatMap(e => [e.title, e.hint])]
    for (const text of all) {
      expect(text).not.toMatch(/["']/)
      expect(text).toBe(text.normalize('NFC'))
      expect(text).toBe(text.trim())
    }
  })
})

describe('the two languages together', () => {
  it('never give the same text in both', () => {
    for (const [code, text] of Object.entries(english.errors)) {
      const other = new Map(Object.entries(vietnamese.errors)).get(code)
      expect(other?.title, code).not.toBe(text.title)
      expect(other?.hint, code).not.toBe(text.hint)
    }
    for (const [id, word] of Object.entries(english.words)) {
      expect(new Map(Object.entries(vietnamese.words)).get(id), id).not.toBe(word)
    }
  })

  it('write Vietnamese with its diacritics', () => {
    for (const [code, text] of Object.entries(vietnamese.errors)) {
      expect(text.title, code).toMatch(/[àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ]/iu)
      expect(text.hint, code).toMatch(/^Hãy /u)
    }
  })

  it('speak in neutral statements', () => {
    for (const text of Object.values(english.errors)) {
      expect(`${text.title} ${text.hint}`).not.toMatch(/\b(we|us|sorry|please|oops)\b/i)
    }
  })
})
