import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { assertKnownDecisions } from '../../src/core/accepted-decisions.ts'
import { formatDecisions } from '../../src/core/formats/index.ts'
import { transferProtocols } from '../../src/core/transfer/index.ts'
import { OTHER_PROJECT } from '../../src/core/transfer/judgement.ts'

const transferFolder = fileURLToPath(new URL('../../src/core/transfer', import.meta.url))

interface Source {
  readonly path: string
  readonly text: string
}

const sources = readdirSync(transferFolder, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .map((path): Source => ({ path, text: readFileSync(join(transferFolder, path), 'utf8') }))
const constants = new Map(
  sources.flatMap(({ text }) =>
    [...text.matchAll(/const ([A-Z_]+) = '([^']+)'/g)].map(([, name = '', code = '']) => [name, code] as const),
  ),
)

/** The codes that these sources ask for, spelled out or by the name of a constant. */
function decisionsAskedIn(files: readonly Source[]): Set<string> {
  const text = files.map(file => file.text).join('\n')
  const direct = text.matchAll(/\.(?:decide|isAccepted)\(\s*(?:'([^']+)'|([A-Z_]+))/g)
  const judged = text.matchAll(/kind: 'question',\s*code: (?:'([^']+)'|([A-Z_]+))/g)
  // Shared by the protocols: who judges the project asks about it.
  const project = text.includes('judgeProject(') ? [OTHER_PROJECT] : []
  const named = [...direct, ...judged].flatMap(([, code, name]) => code ?? constants.get(name ?? '') ?? [])
  return new Set([...named, ...project])
}

describe('the decisions that can be accepted in advance', () => {
  it.each(transferProtocols.map(protocol => protocol.descriptor))('of $id are all that it asks', descriptor => {
    const own = decisionsAskedIn(sources.filter(({ path }) => dirname(path) === descriptor.id))
    const shared = decisionsAskedIn(sources.filter(({ path }) => dirname(path) === '.'))
    expect(descriptor.decisions).toEqual(expect.arrayContaining([...own]))
    // What it shares with others it may ask, and says itself whether it does.
    const unasked = descriptor.decisions.filter(code => !own.has(code) && !shared.has(code))
    expect(unasked).toEqual([])
  })

  it('of the formats are named once each', () => {
    expect([...formatDecisions].sort()).toEqual(['missing-end', 'not-firmware'])
  })

  it('are told when another one is given', () => {
    expect(() => {
      assertKnownDecisions(['missing-end', 'missing-ned'], ['missing-end'], ['tight-space'])
    }).toThrow(
      expect.objectContaining({
        code: 'usage.invalid-value',
        message: expect.stringContaining('missing-ned') as unknown,
        details: expect.objectContaining({ known: ['missing-end', 'tight-space'] }) as unknown,
      }),
    )
  })
})
