import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { findDiffering, SECTOR_BYTES } from '../../../../src/core/transfer/esp-serial/sectors.ts'
import { seededRandom } from '../../../../src/simulator/random.ts'

const OFFSET = 0x1_0000

/** Asks a flash that is `ours` with some sectors changed. */
async function search(
  sectors: number,
  changed: readonly number[],
  leadingBytes = 0,
): Promise<{ found: number[]; commands: number }> {
  const ours = new Uint8Array(sectors * SECTOR_BYTES - 100)
  for (let sector = 0; sector < sectors; sector++) ours[sector * SECTOR_BYTES] = sector & 0xff
  const theirs = ours.slice()
  for (const sector of changed) theirs[sector * SECTOR_BYTES + 7] = 1
  let commands = 0
  const ranges = await findDiffering(
    { offset: OFFSET, bytes: ours },
    (offset, sizeBytes) => {
      commands++
      const bytes = theirs.subarray(offset - OFFSET, offset - OFFSET + sizeBytes)
      return Promise.resolve(createHash('md5').update(bytes).digest('hex').toUpperCase())
    },
    leadingBytes,
  )
  const found = ranges.flatMap(({ offset, sizeBytes }) =>
    Array.from({ length: Math.ceil(sizeBytes / SECTOR_BYTES) }, (_, index) => (offset - OFFSET) / SECTOR_BYTES + index),
  )
  const last = ranges.at(-1)
  if (last !== undefined) expect(last.offset + last.sizeBytes).toBeLessThanOrEqual(OFFSET + ours.length)
  return { found, commands }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('the sectors that differ', () => {
  it('are none where all is equal, by one command', async () => {
    expect(await search(300, [])).toEqual({ found: [], commands: 1 })
  })

  it('are all where all differ, by a few commands', async () => {
    const { found, commands } = await search(300, upTo(300))
    expect(found).toEqual(upTo(300))
    expect(commands).toBeLessThanOrEqual(10)
  })

  it.each([[[0]], [[299]], [[17]], [[17, 18, 200]]])('are exactly %j', async changed => {
    const { found, commands } = await search(300, changed)
    expect(found).toEqual(changed)
    expect(commands).toBeLessThan(60)
  })

  it('are the rest after a write that broke off, by a few commands where the ledger is right', async () => {
    const rest = upTo(300).slice(181)
    const guessed = await search(300, rest, 181 * SECTOR_BYTES)
    expect(guessed.found).toEqual(rest)
    expect(guessed.commands).toBeLessThanOrEqual(11)
    for (const wrong of [0, 100, 200, 300]) {
      expect((await search(300, rest, wrong * SECTOR_BYTES)).found).toEqual(rest)
    }
  })

  it('are never fewer than there are, in never more commands than a bound', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed)
      const sectors = 1 + random.integer(400)
      const share = random.next()
      const changed = upTo(sectors).filter(() => random.next() < share)
      const { found, commands } = await search(sectors, changed, random.integer(sectors * SECTOR_BYTES))
      expect(changed.filter(sector => !found.includes(sector))).toEqual([])
      expect(commands).toBeLessThanOrEqual(64 + sectors / 2 + 20)
    }
  })
})
