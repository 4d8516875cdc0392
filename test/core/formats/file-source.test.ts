import { createHash } from 'node:crypto'
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HEAD_BYTES, hashSource, openFirmwareFile, sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import { randomBytes, seededRandom } from './hex-samples.ts'

const content = Buffer.from(randomBytes(seededRandom(1), 3 * 1024 * 1024 + 17))
let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-source-'))
  path = join(folder, 'board.bin')
  writeFileSync(path, content)
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const codeOf = (code: string): unknown => expect.objectContaining({ code })

describe.each([
  ['a file', () => openFirmwareFile(path)],
  ['bytes in memory', () => ({ ...sourceFromBytes('board.bin', content), close: () => undefined })],
])('%s', (_, open) => {
  it('gives name, size, head and any piece, and nothing past the end', () => {
    const source = open()
    expect(source.fileName).toBe('board.bin')
    expect(source.sizeBytes).toBe(content.length)
    expect(Buffer.compare(source.head, content.subarray(0, HEAD_BYTES))).toBe(0)
    const target = new Uint8Array(1000)
    expect(source.read(target, 123_456)).toBe(1000)
    expect(Buffer.compare(target, content.subarray(123_456, 124_456))).toBe(0)
    expect(source.read(target, content.length - 5)).toBe(5)
    expect(source.read(target, content.length)).toBe(0)
    expect(source.read(target, content.length + 5)).toBe(0)
    source.close()
  })

  it('hashes with progress at most once a MiB', () => {
    const source = open()
    const reports: number[] = []
    const hash = hashSource(source, { onProgress: doneBytes => reports.push(doneBytes) })
    expect(hash).toBe(createHash('sha256').update(content).digest('hex'))
    expect(reports).toEqual([1 << 20, 2 << 20, 3 << 20, content.length])
    expect(() => hashSource(source, { signal: AbortSignal.abort() })).toThrow(codeOf('call.aborted'))
    source.close()
  })
})

describe('a file that changes while it is open', () => {
  it('is read up to the size that it had', () => {
    const source = openFirmwareFile(path)
    appendFileSync(path, 'more')
    expect(source.read(new Uint8Array(10), content.length - 3)).toBe(3)
    source.close()
  })

  it('is refused when it became shorter', () => {
    const source = openFirmwareFile(path)
    truncateSync(path, 1000)
    expect(() => source.read(new Uint8Array(10), 2000)).toThrow(codeOf('file.not-readable'))
    source.close()
  })

  it('cannot be read once it is closed, and closing twice is harmless', () => {
    const source = openFirmwareFile(path)
    source.close()
    source.close()
    expect(() => source.read(new Uint8Array(1), 0)).toThrow(codeOf('file.not-readable'))
  })
})
