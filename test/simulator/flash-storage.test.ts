import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFlashStorage, type FlashStorage } from '../../src/simulator/board/flash-storage.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-storage-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function text(flash: FlashStorage, name: string): string | null {
  const bytes = flash.read(name)
  return bytes === null ? null : new TextDecoder().decode(bytes)
}

const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content)

describe.each(['memory', 'disk'] as const)('flash in %s', place => {
  const open = (): FlashStorage => openFlashStorage(place === 'memory' ? null : folder)

  it('replaces a file by a shorter, an equal and a longer one', () => {
    const flash = open()
    for (const content of ['a long content', 'short', 'other', 'a longer content again', '']) {
      flash.write('fs/a', bytesOf(content))
      expect([text(flash, 'fs/a'), flash.sizeOf('fs/a')]).toEqual([content, content.length])
    }
    flash.close()
  })

  it('writes at offsets, fills a hole with zeros and goes on after it was settled', () => {
    const flash = open()
    flash.writeAt('ota_0.bin', 4, bytesOf('tail'))
    flash.writeAt('ota_0.bin', 0, bytesOf('he'))
    flash.settle('ota_0.bin')
    flash.writeAt('ota_0.bin', 8, bytesOf('!'))
    expect([text(flash, 'ota_0.bin'), flash.sizeOf('ota_0.bin')]).toEqual(['he\0\0tail!', 9])
    flash.close()
  })

  it('knows nothing of a file that was removed or never there', () => {
    const flash = open()
    flash.write('fs/a', bytesOf('x'))
    flash.writeAt('fs/a', 1, bytesOf('y'))
    flash.remove('fs/a')
    flash.remove('fs/never')
    expect([text(flash, 'fs/a'), flash.sizeOf('fs/a'), [...flash.names()]]).toEqual([null, null, []])
    flash.close()
  })

  it('does not keep the bytes that it was given', () => {
    const flash = open()
    const bytes = bytesOf('abc')
    flash.write('fs/a', bytes)
    bytes.fill(0)
    expect(text(flash, 'fs/a')).toBe('abc')
  })
})

describe('flash on disk', () => {
  it('finds every name again, whatever is in it, and stays inside its folder', () => {
    const names = [
      'fs/a.tmp',
      'fs/a/b.bin',
      'fs/..%2f..',
      "fs/it's*?:|<>",
      'fs/\u001b[2J\n',
      'fs/ệ\u202e',
      'ota_1.bin',
      'state.json',
    ]
    const first = openFlashStorage(folder)
    for (const name of names) first.write(name, bytesOf(name))
    first.close()
    const second = openFlashStorage(folder)
    expect([...second.names()].sort()).toEqual([...names].sort())
    for (const name of names) expect(text(second, name)).toBe(name)
    expect(readdirSync(folder).sort()).toEqual(['fs', 'ota_1.bin', 'state.json'])
    for (const file of readdirSync(join(folder, 'fs'))) expect(file).toMatch(/^[\w.%!~()-]+$/)
  })
})
