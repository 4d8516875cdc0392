/** Puts three functions on the page's window: everything that the page can ask of the desktop goes through them. */
import { contextBridge, ipcRenderer, webUtils } from 'electron'

contextBridge.exposeInMainWorld('station', {
  call(envelope: unknown): void {
    ipcRenderer.send('station:call', envelope)
  },
  subscribe(listener: (envelope: unknown) => void): () => void {
    const onEvent = (_event: unknown, envelope: unknown): void => {
      listener(envelope)
    }
    ipcRenderer.on('station:event', onEvent)
    return () => {
      ipcRenderer.removeListener('station:event', onEvent)
    }
  },
  // The path goes to the main process and never to the page.
  adoptFile: (file: File): Promise<unknown> => ipcRenderer.invoke('station:adopt', webUtils.getPathForFile(file)),
})
