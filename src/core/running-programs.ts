/** Which programs run on a Linux computer, by the short names that the kernel keeps. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Programs that open serial ports by themselves, and send into them. */
export const portGrabbers = ['ModemManager', 'brltty'] as const

/** Null where they cannot be listed. @param root in front of every absolute path */
export async function listPrograms(root = '/'): Promise<string[] | null> {
  const folder = join(root, 'proc')
  const ids = (await readdir(folder).catch(() => [])).filter(name => /^\d+$/.test(name))
  if (ids.length === 0) return null
  const names: string[] = []
  // One after the other: a computer may run thousands, and the transfers come first.
  for (const id of ids) {
    const name = await readFile(join(folder, id, 'comm'), 'utf8').catch(() => '')
    if (name !== '') names.push(name.trim())
  }
  return names
}
