/** Files that the system hands over: on the command line, by a double click, by a second start, from the Finder. */
import { resolve } from 'node:path'

/**
 * The words that are files.
 * @param words without the program's own; Chromium's and our own switches begin with a dash
 * @param folder where the program was started
 */
export function filesIn(words: readonly string[], folder: string): readonly string[] {
  return words.filter(word => word !== '' && !word.startsWith('-')).map(word => resolve(folder, word))
}

/**
 * The words after the program: a packaged app is the program; in a checkout the program is Electron and the app's folder.
 * @param appPath absolute; the folder of the app
 */
export function wordsOf(
  argv: readonly string[],
  options: { readonly isPackaged: boolean; readonly appPath: string },
): readonly string[] {
  if (options.isPackaged) return argv.slice(1)
  const place = argv.findIndex((word, index) => index > 0 && !word.startsWith('-') && resolve(word) === options.appPath)
  return place < 0 ? argv.slice(1) : argv.slice(place + 1)
}

/** What a second start tells the first one; anything else is nobody's. */
export interface SecondStart {
  readonly files: readonly string[]
}

export function readSecondStart(data: unknown): SecondStart {
  if (typeof data !== 'object' || data === null || !('files' in data) || !Array.isArray(data.files))
    return { files: [] }
  return { files: data.files.filter(file => typeof file === 'string') }
}

/** Keeps files until somebody can open them, then passes each on at once. */
export class FileInbox {
  #waiting: string[] = []
  #open: ((path: string) => void) | null = null

  add(path: string): void {
    if (this.#open === null) this.#waiting.push(path)
    else this.#open(path)
  }

  /** From now on each file is opened as it comes, those that waited first. */
  deliverTo(open: (path: string) => void): void {
    this.#open = open
    for (const path of this.#waiting.splice(0)) open(path)
  }
}
