import { describe, expect, it } from 'vitest'
import { evidenceLevels, type EvidenceFact, type EvidenceLevel } from '../../../src/shared/contract/models.ts'
import { ELF_HASH_METHOD, provesRunning, provesStored, satisfies } from '../../../src/core/transfer/evidence.ts'
import { isContradicted, judge, type VerdictInput } from '../../../src/core/transfer/verdict.ts'

type Kind = Omit<EvidenceFact, 'at'>

/** Every kind of fact that a protocol can give, by the short name that the printed table uses. */
const kinds = {
  sent: { level: 'sent', basis: 'host-sent', method: 'byte-count', value: '9', matches: null },
  ok: { level: 'acknowledged', basis: 'device-said', method: 'http-body', value: 'app', matches: null },
  arrived: { level: 'received', basis: 'device-hash', method: 'sha256', value: 'aa', matches: true, fresh: false },
  'arrived≠': { level: 'received', basis: 'device-hash', method: 'sha256', value: 'bb', matches: false, fresh: false },
  said: { level: 'stored', basis: 'device-said', method: 'text', value: 'done', matches: true },
  hash: { level: 'stored', basis: 'device-hash', method: 'nonce', value: 'aa', matches: true, fresh: true },
  'old hash': { level: 'stored', basis: 'device-hash', method: 'plain', value: 'aa', matches: true, fresh: false },
  'hash≠': { level: 'stored', basis: 'device-hash', method: 'nonce', value: 'bb', matches: false, fresh: true },
  read: { level: 'stored', basis: 'host-read', method: 'read-back', value: 'aa', matches: true },
  'read≠': { level: 'stored', basis: 'host-read', method: 'read-back', value: 'bb', matches: false },
  runs: { level: 'running', basis: 'device-said', method: ELF_HASH_METHOD, value: 'ee', matches: true, fresh: true },
  'runs as before': {
    level: 'running',
    basis: 'device-said',
    method: ELF_HASH_METHOD,
    value: 'ee',
    matches: true,
    fresh: false,
  },
  'runs≠': {
    level: 'running',
    basis: 'device-said',
    method: ELF_HASH_METHOD,
    value: 'ff',
    matches: false,
    fresh: false,
  },
  version: { level: 'running', basis: 'device-said', method: 'version-text', value: '2', matches: true, fresh: true },
  'new version': {
    level: 'running',
    basis: 'device-said',
    method: 'version-text',
    value: '3',
    matches: null,
    fresh: true,
  },
  'old version': {
    level: 'running',
    basis: 'device-said',
    method: 'version-text',
    value: '1',
    matches: null,
    fresh: false,
  },
  healthy: { level: 'confirmed', basis: 'device-said', method: 'health', value: '10 s', matches: true },
  'fell over': { level: 'confirmed', basis: 'device-said', method: 'health', value: 'again', matches: false },
} as const satisfies Record<string, Kind>

type Name = keyof typeof kinds
// The keys of a literal object.
const names = Object.keys(kinds) as Name[]
const outcomes = ['answered', 'outcome-unknown', 'not-answered'] as const
const requirements: readonly (EvidenceLevel | null)[] = [null, ...evidenceLevels]

function factsOf(...chosen: readonly Name[]): EvidenceFact[] {
  return chosen.map(name => ({ ...kinds[name], at: '2026-11-21T02:00:00.000+00:00' }))
}

/** All sets of up to three kinds of fact: 988 of them. */
function* everySet(): Generator<readonly Name[]> {
  yield []
  for (const [first, one] of names.entries()) {
    yield [one]
    for (const [offset, two] of names.slice(first + 1).entries()) {
      yield [one, two]
      for (const three of names.slice(first + offset + 2)) yield [one, two, three]
    }
  }
}

function* everyInput(): Generator<VerdictInput & { readonly chosen: readonly Name[] }> {
  for (const chosen of everySet()) {
    for (const required of requirements) {
      for (const outcome of outcomes) yield { chosen, facts: factsOf(...chosen), required, outcome }
    }
  }
}

describe('the verdict', () => {
  it('is this table', () => {
    const typical: readonly (readonly Name[])[] = [
      [],
      ['sent'],
      ['sent', 'ok'],
      ['sent', 'ok', 'arrived'],
      ['sent', 'ok', 'said'],
      ['sent', 'ok', 'old hash'],
      ['sent', 'ok', 'hash'],
      ['sent', 'ok', 'read'],
      ['sent', 'ok', 'hash', 'runs'],
      ['sent', 'ok', 'runs'],
      ['sent', 'ok', 'runs as before'],
      ['sent', 'ok', 'hash', 'runs', 'healthy'],
      ['sent', 'ok', 'version'],
      ['sent', 'ok', 'new version'],
      ['sent', 'ok', 'old version'],
      ['sent', 'ok', 'old version', 'healthy'],
      ['sent', 'ok', 'hash', 'version', 'healthy'],
      ['sent', 'ok', 'hash≠'],
      ['sent', 'ok', 'arrived≠'],
      ['sent', 'ok', 'hash', 'runs≠'],
      ['sent', 'ok', 'hash', 'runs', 'fell over'],
      ['sent', 'ok', 'hash', 'hash≠'],
    ]
    const table = typical.map(chosen => {
      const row: Record<string, string> = { facts: chosen.join(' + ') || 'none' }
      for (const required of requirements) {
        const { verdict, provenLevel, reason } = judge({ facts: factsOf(...chosen), required, outcome: 'answered' })
        row[required ?? 'nothing asked'] = provenLevel ?? reason ?? verdict
        if (verdict === 'proven') row[required ?? 'nothing asked'] = `PROVEN ${String(provenLevel)}`
      }
      return row
    })
    const width = Math.max(...table.map(row => (row['facts'] ?? '').length))
    const columns = ['nothing asked', ...evidenceLevels]
    const lines = [['facts'.padEnd(width), ...columns.map(column => column.padEnd(16))].join(' │ ')]
    for (const row of table) {
      lines.push([(row['facts'] ?? '').padEnd(width), ...columns.map(c => (row[c] ?? '').padEnd(16))].join(' │ '))
    }
    console.info(lines.join('\n'))
    const shown = (facts: string, column: string): string | undefined =>
      table.find(row => row['facts'] === facts)?.[column]
    expect(shown('none', 'nothing asked')).toBe('not-answered')
    expect(shown('sent + ok', 'nothing asked')).toBe('acknowledged')
    expect(shown('sent + ok', 'stored')).toBe('below-required')
    expect(shown('sent + ok + said', 'nothing asked')).toBe('acknowledged')
    expect(shown('sent + ok + old hash', 'nothing asked')).toBe('received')
    expect(shown('sent + ok + old hash', 'received')).toBe('received')
    expect(shown('sent + ok + old hash', 'stored')).toBe('below-required')
    expect(shown('sent + ok + hash', 'stored')).toBe('PROVEN stored')
    expect(shown('sent + ok + hash', 'running')).toBe('below-required')
    expect(shown('sent + ok + runs', 'stored')).toBe('PROVEN running')
    expect(shown('sent + ok + runs as before', 'nothing asked')).toBe('running')
    expect(shown('sent + ok + old version', 'nothing asked')).toBe('acknowledged')
    expect(shown('sent + ok + old version + healthy', 'confirmed')).toBe('below-required')
    expect(shown('sent + ok + hash + runs + healthy', 'confirmed')).toBe('PROVEN confirmed')
    expect(shown('sent + ok + hash + runs≠', 'stored')).toBe('contradicted')
  })

  it('is given for every set of facts, every required level and every outcome', () => {
    let count = 0
    for (const input of everyInput()) {
      const result = judge(input)
      count++
      expect([result.verdict === 'proven', result.provenLevel !== null]).toEqual(
        result.verdict === 'proven' ? [true, true] : [false, false],
      )
      expect(result.reason !== null).toBe(result.verdict === 'unproven')
    }
    expect(count).toBe(988 * 7 * 3)
  })

  it('is proven only by a fresh hash of flash, a read-back, or a fresh hash of what runs', () => {
    for (const input of everyInput()) {
      if (judge(input).verdict !== 'proven') continue
      expect(input.chosen.some(name => ['hash', 'read', 'runs'].includes(name))).toBe(true)
    }
  })

  it('is unproven as soon as one fact differs, whatever else was proven', () => {
    for (const input of everyInput()) {
      const differs = input.facts.some(fact => fact.matches === false)
      if (!differs) continue
      expect(judge(input)).toEqual({ verdict: 'unproven', provenLevel: null, reason: 'contradicted' })
    }
  })

  it('never gets better when a higher level is required', () => {
    for (const input of everyInput()) {
      const free = judge({ ...input, required: null })
      const bound = judge(input)
      if (bound.verdict !== 'unproven') expect(bound).toEqual(free)
    }
  })

  it('says why a required level is missing: lost answer, no answer, or simply not reached', () => {
    for (const outcome of outcomes) {
      const { reason } = judge({ facts: factsOf('sent', 'ok'), required: 'stored', outcome })
      expect(reason).toBe(outcome === 'answered' ? 'below-required' : outcome)
    }
  })

  it('does not depend on the order of the facts', () => {
    for (const input of everyInput()) {
      expect(judge({ ...input, facts: input.facts.toReversed() })).toEqual(judge(input))
    }
  })

  it('sees two answers of one kind that differ, but not two kinds of hash', () => {
    const twice = factsOf('read', 'read').map((fact, index) => ({ ...fact, value: String(index) }))
    expect(isContradicted(twice)).toBe(true)
    expect(isContradicted(factsOf('hash', 'old hash'))).toBe(false)
    expect(isContradicted(factsOf('sent', 'ok', 'hash', 'hash'))).toBe(false)
  })
})

describe('evidence', () => {
  it('satisfies a level with proof of a higher kind, but runs only by its own', () => {
    const levelsOf = (...chosen: readonly Name[]): EvidenceLevel[] =>
      evidenceLevels.filter(level => satisfies(factsOf(...chosen), level))
    expect(levelsOf()).toEqual([])
    expect(levelsOf('sent')).toEqual(['sent'])
    expect(levelsOf('ok')).toEqual(['sent', 'acknowledged'])
    expect(levelsOf('arrived')).toEqual(['sent', 'acknowledged', 'received'])
    expect(levelsOf('said')).toEqual(['sent', 'acknowledged'])
    expect(levelsOf('hash')).toEqual(['sent', 'acknowledged', 'received', 'stored'])
    expect(levelsOf('runs')).toEqual(['sent', 'acknowledged', 'received', 'stored', 'running'])
    expect(levelsOf('version')).toEqual(['sent', 'acknowledged', 'running'])
    expect(levelsOf('old version')).toEqual(['sent'])
    expect(levelsOf('healthy')).toEqual(['sent'])
    expect(levelsOf('runs', 'healthy')).toEqual([...evidenceLevels])
  })

  it('from the device counts as stored only when it is fresh', () => {
    const [hash, old, read, said] = factsOf('hash', 'old hash', 'read', 'said')
    expect([hash, old, read, said].map(fact => fact !== undefined && provesStored(fact))).toEqual([
      true,
      false,
      true,
      false,
    ])
    const { fresh: _, ...unmarked } = kinds.hash
    expect(provesStored({ ...unmarked, at: '' })).toBe(false)
    expect(factsOf('runs', 'runs as before', 'version').map(provesRunning)).toEqual([true, false, false])
  })
})
