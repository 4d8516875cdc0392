/** Prints an HTML file as a PDF in a hidden window of its own, in which nothing runs and nothing else is loaded. */
import type { BrowserWindowConstructorOptions } from 'electron'
import { pathToFileURL } from 'node:url'

/** What is needed of Electron's `BrowserWindow`. */
export interface PrintingWindow {
  loadFile(path: string): Promise<void>
  destroy(): void
  readonly webContents: {
    printToPDF(options: { pageSize: 'A4'; printBackground: boolean; preferCSSPageSize: boolean }): Promise<Uint8Array>
    readonly session: PrintingSession
  }
}

interface PrintingSession {
  readonly webRequest: {
    onBeforeRequest(
      listener: (details: { readonly url: string }, callback: (response: { cancel: boolean }) => void) => void,
    ): void
  }
}

/** A session that is kept nowhere and shares nothing with the page's. */
const PARTITION = 'flashproof-print'

export const printingWindowOptions: BrowserWindowConstructorOptions = {
  show: false,
  webPreferences: {
    partition: PARTITION,
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webSecurity: true,
    webviewTag: false,
    spellcheck: false,
    javascript: false,
    devTools: false,
  },
}

/** Loads one file at a time: the session lets that one through and nothing else. */
export function createPdfPrinter(
  openWindow: (options: BrowserWindowConstructorOptions) => PrintingWindow,
): (htmlPath: string) => Promise<Uint8Array> {
  let last: Promise<unknown> = Promise.resolve()
  const print = async (htmlPath: string): Promise<Uint8Array> => {
    const window = openWindow(printingWindowOptions)
    const onlyAddress = pathToFileURL(htmlPath).href
    try {
      window.webContents.session.webRequest.onBeforeRequest(({ url }, callback) => {
        // Pictures inside the report are data addresses.
        callback({ cancel: url !== onlyAddress && !url.startsWith('data:image/') })
      })
      await window.loadFile(htmlPath)
      return await window.webContents.printToPDF({ pageSize: 'A4', printBackground: true, preferCSSPageSize: true })
    } finally {
      window.destroy()
    }
  }
  return htmlPath => {
    const printed = last.then(() => print(htmlPath))
    last = printed.catch(() => undefined)
    return printed
  }
}
