/** The system's dialogs, over the window where there is one. */
import type { BrowserWindow, Dialog, FileFilter, MessageBoxOptions } from 'electron'
import type { ResponseOf } from '../shared/contract/index.ts'
import { closeAnswers, type CloseAnswer, type CloseQuestion } from './close-question.ts'
import type { SaveDialogOptions } from './file-delivery.ts'
import type { Texts } from './texts.ts'

type AskingDialog = Pick<Dialog, 'showOpenDialog' | 'showSaveDialog' | 'showMessageBox'>

export interface Dialogs {
  /** @returns null when it was closed without a choice */
  chooseFirmware(formats: ResponseOf<'catalog.get'>['formats']): Promise<string | null>
  /** @returns null when it was closed without a choice */
  chooseElf(): Promise<string | null>
  /** @returns null when it was closed without a choice */
  askWhere(options: SaveDialogOptions): Promise<string | null>
  askBeforeEnd(question: CloseQuestion): Promise<CloseAnswer>
  tell(options: MessageBoxOptions): Promise<void>
}

/** @param window the window that the dialogs belong to; null while there is none */
export function createDialogs(dialog: AskingDialog, window: () => BrowserWindow | null, texts: () => Texts): Dialogs {
  const showMessage = async (options: MessageBoxOptions): Promise<number> => {
    const owner = window()
    const { response } = await (owner === null ? dialog.showMessageBox(options) : dialog.showMessageBox(owner, options))
    return response
  }
  const chooseFile = async (title: string, filters: FileFilter[]): Promise<string | null> => {
    const owner = window()
    const options = { title, properties: ['openFile' as const], filters }
    const chosen = await (owner === null ? dialog.showOpenDialog(options) : dialog.showOpenDialog(owner, options))
    return chosen.canceled ? null : (chosen.filePaths[0] ?? null)
  }
  return {
    async chooseFirmware(formats) {
      const text = texts()
      return await chooseFile(text('chooseFirmware'), firmwareFilters(formats, text))
    },
    async chooseElf() {
      const text = texts()
      const everything = { name: text('allFiles'), extensions: ['*'] }
      return await chooseFile(text('chooseElf'), [{ name: 'ELF', extensions: ['elf', 'axf', 'out'] }, everything])
    },
    async askWhere(options) {
      const owner = window()
      const chosen = await (owner === null ? dialog.showSaveDialog(options) : dialog.showSaveDialog(owner, options))
      return chosen.canceled || chosen.filePath === '' ? null : chosen.filePath
    },
    askBeforeEnd: async question => closeAnswers[await showMessage(question)] ?? 'stay',
    tell: async options => {
      await showMessage(options)
    },
  }
}

/** The file-name extensions of all formats in one filter, and one for all files, because firmware has any name. */
export function firmwareFilters(
  formats: ResponseOf<'catalog.get'>['formats'],
  texts: Texts,
): { name: string; extensions: string[] }[] {
  const extensions = [...new Set(formats.flatMap(format => format.extensions.map(name => name.replace(/^\./, ''))))]
  const everything = { name: texts('allFiles'), extensions: ['*'] }
  return extensions.length === 0 ? [everything] : [{ name: texts('firmwareFiles'), extensions }, everything]
}
