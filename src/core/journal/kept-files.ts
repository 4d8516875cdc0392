/** What boards held before they were written, kept in a folder a job: each file is whole and durable, or not there. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'
import type { KeptFile } from '../transfer/transfer-protocol.ts'
import { asJournalError } from './sqlite.ts'

const FOLDER = 'backups'

/**
 * Writes `<home>/backups/<jobId>/<name>`; resolves when it is on the disk. An earlier file of that name is replaced.
 * @throws {FlashproofError} journal.disk-full, file.not-writable, and whatever `pieces` throws
 */
export async function keepFile(
  home: string,
  jobId: string,
  name: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<KeptFile> {
  if (!/^[\w][\w.-]{0,79}$/.test(name))
    throw new FlashproofError('file.not-writable', `“${name}” is no file name`, { name })
  const folder = join(home, FOLDER, jobId)
  const path = join(folder, name)
  const temporary = join(folder, `.${randomUUID()}.part`)
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = await open(temporary, 'wx', 0o600)
    try {
      for await (const piece of pieces) {
        await file.writeFile(piece)
        hash.update(piece)
        sizeBytes += piece.length
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw asKeepingError(error, path)
  }
  return { path, sizeBytes, sha256: hash.digest('hex') }
}

/** What `keepFile` wrote under that name for this job; null where it wrote nothing that can be read. */
export async function readKept(home: string, jobId: string, name: string): Promise<Uint8Array | null> {
  try {
    return await readFile(join(home, FOLDER, jobId, name))
  } catch {
    return null
  }
}

const NOT_WRITABLE = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENOENT']

/** What reading the board threw stays as it is. */
function asKeepingError(thrown: unknown, path: string): unknown {
  const systemCode = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (thrown instanceof FlashproofError || typeof systemCode !== 'string') return thrown
  if (!NOT_WRITABLE.includes(systemCode)) return asJournalError(thrown, path)
  return new FlashproofError('file.not-writable', `${path} cannot be written`, { path, systemCode }, { cause: thrown })
}
