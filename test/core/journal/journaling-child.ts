/** A process that journals chunks in a loop and says on stdout which are committed; the kill test ends it at any moment. */
import { systemClock } from '../../../src/core/clock.ts'
import { openJournal } from '../../../src/core/journal/journal.ts'
import { currentOwner } from '../../../src/core/journal/owner.ts'
import { writeSync } from 'node:fs'
import { fakeSnapshot } from '../../fakes/fake-snapshot.ts'

const home = process.argv[2] ?? ''
const jobId = process.argv[3] ?? ''
const journal = openJournal({ home, kind: 'station', clock: systemClock })
journal.insertJob({ snapshot: fakeSnapshot({ jobId, state: 'queued' }), order: null, owner: currentOwner() })
journal.startSession(jobId, {
  session: 1,
  chunkBytes: 4096,
  totalChunks: 100_000,
  imageSha256: 'aa',
  deviceKey: null,
  targetPath: '/upload',
})
await journal.commit()
writeSync(1, 'ready\n')
for (let index = 0; ; index++) {
  // Said before the write: a chunk that was never announced must never be in the ledger.
  writeSync(1, `try ${String(index)}\n`)
  journal.addChunk(jobId, { session: 1, index, sizeBytes: 4096, attempt: 1, elapsedMs: index, durationMs: 1 })
  journal.saveSnapshot({
    ...fakeSnapshot({ jobId, state: 'queued' }),
    revision: index + 2,
    state: 'transferring',
  })
  await journal.commit()
  writeSync(1, `done ${String(index)}\n`)
}
