import { createHash } from 'node:crypto'
import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openImageStore } from '../../../src/core/journal/image-store.ts'
import { makeHome } from './journal-fixture.ts'

const bytes = Buffer.alloc(3_000_000, 'firmware')
const sha256 = createHash('sha256').update(bytes).digest('hex')

it('keeps an image under its hash and gives the same bytes back', async () => {
  const home = makeHome()
  const store = openImageStore({ home })
  expect(await store.put(bytes)).toBe(sha256)
  expect(await store.put(bytes)).toBe(sha256)
  expect(Buffer.compare(await store.read(sha256), bytes)).toBe(0)
  expect(readdirSync(join(home, 'images'))).toEqual([sha256])
  expect(await store.has(sha256)).toBe(true)
  await store.release(sha256)
  expect(await store.has(sha256)).toBe(false)
})

it('tells a missing image, a changed one, and a name that is no hash', async () => {
  const store = openImageStore({ home: makeHome() })
  await expect(store.read(sha256)).rejects.toMatchObject({ code: 'journal.image-missing', details: { sha256 } })
  await expect(store.read('../journal.sqlite')).rejects.toMatchObject({ code: 'journal.image-missing' })
  await store.put(bytes)
  writeFileSync(store.pathOf(sha256), bytes.subarray(1))
  await expect(store.read(sha256)).rejects.toMatchObject({
    code: 'image.hash-mismatch',
    details: { expectedSha256: sha256 },
  })
  await store.put(bytes)
  expect((await store.read(sha256)).length, 'mended by putting it again').toBe(bytes.length)
})

it('collects what no job refers to after the retention time', async () => {
  const store = openImageStore({ home: makeHome() })
  const [old, used, young] = await Promise.all([
    store.put(Buffer.from('old')),
    store.put(Buffer.from('used')),
    store.put(Buffer.from('young')),
  ])
  const longAgo = new Date('2026-01-01T00:00:00Z')
  for (const name of [old, used]) utimesSync(store.pathOf(name), longAgo, longAgo)
  const removed = await store.collect({ referenced: new Set([used]), retentionMs: 60_000, nowMs: Date.now() })
  expect(removed).toEqual([old])
  expect(await Promise.all([old, used, young].map(name => store.has(name)))).toEqual([false, true, true])
})
