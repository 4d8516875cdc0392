/** Brings files that were made for a person to where the save dialog says, as they are or printed as a PDF. */
import { copyFile, writeFile } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { ProducedFile } from '../host/saving/file-producer.ts'
import type { ResponseOf } from '../shared/contract/index.ts'
import { FlashproofError } from '../shared/errors.ts'
import type { Texts } from './texts.ts'

export interface SaveDialogOptions {
  readonly title: string
  readonly defaultPath: string
  readonly filters: { name: string; extensions: string[] }[]
}

export interface FileDeliveryOptions {
  /** Electron's save dialog over the window; null when it was closed without a choice. */
  readonly askWhere: (options: SaveDialogOptions) => Promise<string | null>
  /** Prints an HTML file without running anything in it. */
  readonly printToPdf: (htmlPath: string) => Promise<Uint8Array>
  readonly texts: () => Texts
  /** Where the first file of a session is offered to go. */
  readonly firstFolder: string
}

/** For `createStationHost`: takes over the file, and removes it when it was delivered or not wanted. */
export function createFileDelivery(
  options: FileDeliveryOptions,
): (file: ProducedFile) => Promise<ResponseOf<'file.save'>> {
  let folder = options.firstFolder
  return async file => {
    try {
      const extension = extname(file.fileName).slice(1)
      const path = await options.askWhere({
        title: options.texts()('saveFile'),
        defaultPath: join(folder, file.fileName),
        filters: extension === '' ? [] : [{ name: extension.toUpperCase(), extensions: [extension] }],
      })
      if (path === null) return { outcome: 'cancelled' }
      if (file.use === 'print') await writeTo(path, async () => writeFile(path, await options.printToPdf(file.path)))
      else await writeTo(path, () => copyFile(file.path, path))
      folder = dirname(path)
      return { outcome: 'saved', fileName: basename(path), folder }
    } finally {
      await file.discard()
    }
  }
}

async function writeTo(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (cause) {
    const systemCode = cause instanceof Error && 'code' in cause ? String(cause.code) : null
    const isFull = systemCode === 'ENOSPC' || systemCode === 'EDQUOT'
    throw new FlashproofError(
      isFull ? 'file.disk-full' : 'file.not-writable',
      `${basename(path)} could not be written`,
      { systemCode },
      { cause },
    )
  }
}
