import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FirmwareLibrary } from '../../../src/core/jobs/firmware-library.ts'
import { createThreadReader } from '../../../src/core/jobs/firmware-thread-reader.ts'
import { firmwareThreadEntry } from '../../../src/worker/entries.ts'
import { demoImage } from '../../fakes/bench.ts'

function fileWith(content: Uint8Array | string, name = 'app.bin'): string {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-library-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('opening firmware in a thread', () => {
  it('keeps the bytes that were inspected, by an id', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const image = demoImage()
    const path = fileWith(image)
    const summary = await library.open({ path })
    writeFileSync(path, 'something else')
    const opened = library.get(summary.firmwareId)
    expect(opened.image.flatten().bytes).toEqual(image)
    expect(opened).toMatchObject({ fileName: 'app.bin', isAddressed: false, inspection: { sourceBytes: image.length } })
  })

  it('brings code and details of what is wrong with a file over the border', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const hex = fileWith(':10000000000102030405060708090A0B0C0D0E0F79\n:00000001FF\n', 'bad.hex')
    await expect(library.open({ path: hex })).rejects.toMatchObject({
      name: 'FlashproofError',
      code: 'format.bad-checksum',
      details: { line: 1 },
    })
    await expect(library.open({ path: join(tmpdir(), 'flashproof-none.bin') })).rejects.toMatchObject({
      code: 'file.not-found',
    })
    await expect(library.open({ path: tmpdir() })).rejects.toMatchObject({ code: 'file.is-directory' })
    await expect(library.open({ path: fileWith('') })).rejects.toMatchObject({ code: 'file.empty' })
  })

  it('stops when it is cancelled', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const cancel = new AbortController()
    const opening = library.open({ path: fileWith(demoImage()) }, cancel.signal)
    cancel.abort()
    await expect(opening).rejects.toMatchObject({ code: 'call.aborted' })
    await expect(library.open({ path: fileWith(demoImage()) }, cancel.signal)).rejects.toMatchObject({
      code: 'call.aborted',
    })
  })

  it('fails the call when the thread breaks', async () => {
    const path = fileWith('throw new Error("broken thread")', 'thread.mjs')
    await expect(
      new FirmwareLibrary(createThreadReader(new URL(`file://${path}`))).open({ path }),
    ).rejects.toMatchObject({
      code: 'internal.unexpected',
    })
    const silent = fileWith('process.exit(3)', 'thread.mjs')
    await expect(
      new FirmwareLibrary(createThreadReader(new URL(`file://${silent}`))).open({ path }),
    ).rejects.toMatchObject({
      code: 'internal.unexpected',
    })
  })

  it('keeps the files that were used last, and lets go of the others', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const path = fileWith(demoImage(4096))
    const first = (await library.open({ path })).firmwareId
    const second = (await library.open({ path })).firmwareId
    for (let more = 0; more < 15; more++) {
      library.get(first)
      await library.open({ path })
    }
    expect(library.get(first).firmwareId).toBe(first)
    expect(() => library.get(second)).toThrow(expect.objectContaining({ code: 'file.not-found' }))
  })

  it('knows no id that it never gave', () => {
    expect(() => new FirmwareLibrary(createThreadReader(firmwareThreadEntry)).get('fw-none')).toThrow(
      expect.objectContaining({ code: 'file.not-found', details: { firmwareId: 'fw-none' } }),
    )
  })
})
