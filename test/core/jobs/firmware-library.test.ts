import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
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

describe('what is open', () => {
  it('is listed with the last one first, however often an older one is used', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const first = await library.open({ path: fileWith(demoImage()) })
    const second = await library.open({ path: fileWith(demoImage(4096)) })
    library.get(first.firmwareId)
    expect(library.list()).toEqual([second, first])
    expect(first.openedAt).toMatch(/^\d{4}-.*[+-]\d\d:\d\d$/)
  })

  it('is the same as the file on disk while its bytes are, also when it was only touched', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const path = fileWith(demoImage())
    const { firmwareId } = await library.open({ path })
    expect(await library.recheck(firmwareId)).toEqual({ state: 'same', changedAt: null })
    utimesSync(path, new Date(), new Date(Date.now() + 60_000))
    expect(await library.recheck(firmwareId)).toEqual({ state: 'same', changedAt: null })
  })

  it.each([
    ['of another size', demoImage(4096)],
    ['of the same size', demoImage(64 * 1024, 2)],
    ['that is no firmware any more', 'x'.repeat(64 * 1024)],
  ])('is told from a newer file on disk %s', async (_what, content) => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const path = fileWith(demoImage(64 * 1024))
    const { firmwareId } = await library.open({ path })
    writeFileSync(path, content)
    const written = new Date(Date.now() + 60_000)
    utimesSync(path, written, written)
    const found = await library.recheck(firmwareId)
    expect(found.state).toBe('changed')
    expect(Date.parse(found.changedAt ?? '')).toBe(written.getTime())
  })

  it('of a set is told from a newer part, though the list stays', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const path = fileWith(JSON.stringify({ flash_files: { '0x10000': 'app.bin' } }), 'flasher_args.json')
    writeFileSync(join(dirname(path), 'app.bin'), demoImage())
    const { firmwareId } = await library.open({ path })
    expect(await library.recheck(firmwareId)).toMatchObject({ state: 'same' })
    writeFileSync(join(dirname(path), 'app.bin'), demoImage(64 * 1024, 2))
    expect(await library.recheck(firmwareId)).toMatchObject({ state: 'changed' })
  })

  it('outlives its file, which is then missing', async () => {
    const library = new FirmwareLibrary(createThreadReader(firmwareThreadEntry))
    const path = fileWith(demoImage())
    const { firmwareId } = await library.open({ path })
    rmSync(path)
    expect(await library.recheck(firmwareId)).toEqual({ state: 'missing', changedAt: null })
    await expect(library.recheck('fw-none')).rejects.toMatchObject({ code: 'file.not-found' })
  })
})
