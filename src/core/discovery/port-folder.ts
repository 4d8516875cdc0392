/** Tells at once when a serial port appears or goes, where the system shows that in a folder; polling finds it too. */
import { watch } from 'node:fs'

const PORT_NAME = /^(tty(USB|ACM|AMA|WCH|XRUSB)\d|rfcomm\d)/

/**
 * Watches `/dev` on Linux; elsewhere, and where it cannot be watched, nothing is ever told.
 * @returns ends the watching
 */
export function watchPortFolder(onChanged: () => void, platform = process.platform, folder = '/dev'): () => void {
  if (platform !== 'linux') return () => undefined
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => {
      if (name !== null && PORT_NAME.test(name)) onChanged()
    })
    watcher.on('error', () => {
      watcher.close()
    })
    return () => {
      watcher.close()
    }
  } catch {
    // No more watches to be had: the poll still sees it within a second.
    return () => undefined
  }
}
