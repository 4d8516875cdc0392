import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { assertKnownDecisions } from '../../src/core/accepted-decisions.ts'
import { formatDecisions } from '../../src/core/formats/index.ts'
import { transferProtocols } from '../../src/core/transfer/index.ts'
import { OTHER_PROJECT } from '../../src/core/transfer/judgement.ts'

const transferFolder = fileURLToPath(new URL('../../src/core/transfer', import.meta.url))

function decisionsAskedIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  const text = files.map(name => readFileSync(join(folder, name), 'utf8')).join('\n')
  const direct = text.matchAll(/\.(?:decide|isAccepted)\(\s*'([^']+)'/g)
  const judged = text.matchAll(/kind: 'question',\s*code: '([^']+)'/g)
  // Shared by the protocols: who judges the project asks about it.
  const shared = text.includes('judgeProject(') ? [OTHER_PROJECT] : []
  return [...[...direct, ...judged].flatMap(match => match[1] ?? []), ...shared]
}

describe('the decisions that can be accepted in advance', () => {
  it.each(transferProtocols.map(protocol => protocol.descriptor))('of $id are all that it asks', descriptor => {
    const asked = decisionsAskedIn(join(transferFolder, descriptor.id))
    expect([...new Set(asked)].sort()).toEqual([...descriptor.decisions].sort())
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
