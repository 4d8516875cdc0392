/** The built page, read whole into memory at the start: a request can only name what was found then, never a path. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { mediaTypeOf } from '../host/page-answers.ts'
import { FlashproofError } from '../shared/errors.ts'

export interface StaticFile {
  readonly content: Buffer
  /** Compressed with Brotli; null where that gains nothing. */
  readonly compressed: Buffer | null
  readonly mediaType: string
  readonly entityTag: string
  /** Its name holds a hash of its content, so it never changes under that name. */
  readonly isImmutable: boolean
}

/** Only what is known to shrink, and not files so small that it does not pay. */
const compressible = /^(?:text\/|image\/svg|application\/json)/
const SMALLEST_COMPRESSED_BYTES = 1024
const hashedName = /-[\w-]{8,}\.\w+$/

/**
 * @returns the files by the path of their address; `/` is `index.html`
 * @throws {FlashproofError} file.not-found when the folder holds no page
 */
export function loadStaticFiles(folder: string): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>()
  for (const entry of listFiles(folder)) {
    const mediaType = mediaTypeOf(entry)
    // Source maps and whatever else a build leaves are not served.
    if (mediaType !== null) files.set(`/${entry}`, loadFile(join(folder, entry), entry, mediaType))
  }
  const index = files.get('/index.html')
  if (index === undefined) {
    throw new FlashproofError('file.not-found', `${folder} holds no page: build it first`, { path: folder })
  }
  files.set('/', index)
  return files
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry =>
        join(entry.parentPath, entry.name)
          .slice(folder.length + 1)
          .replaceAll('\\', '/'),
      )
  } catch (cause) {
    throw new FlashproofError('file.not-found', `there is no built page in ${folder}`, { path: folder }, { cause })
  }
}

function loadFile(path: string, name: string, mediaType: string): StaticFile {
  const content = readFileSync(path)
  const isWorth = compressible.test(mediaType) && content.length >= SMALLEST_COMPRESSED_BYTES
  return {
    content,
    compressed: isWorth
      ? brotliCompressSync(content, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
        })
      : null,
    mediaType,
    entityTag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
    isImmutable: name.startsWith('assets/') && hashedName.test(name),
  }
}
