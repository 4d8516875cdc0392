import { describe, expect, it } from 'vitest'
import { call, post, someBytes } from '../wire.ts'
import { chunkCountOf, fileOf, FORM_TYPE, formOf, test, upload, uploadAll, uploadRaw } from './requests.ts'
import { serversOfThisFile } from './servers.ts'

const start = serversOfThisFile()
const path = '/upload'
const file = fileOf(someBytes(3700), { path })

describe('the Node sample of Resumable.js', () => {
  it('says how far it is, keeps the chunks and never puts them together', async () => {
    const { device, target } = await start({ profile: 'node' })
    expect(await uploadAll(target, file, 1, 2)).toEqual(['partly_done', 'partly_done'])
    expect([device.stored(), device.leftovers()]).toEqual([null, 1])
    expect((await upload(target, file, 3)).text).toBe('done')
    expect([device.stored(), device.leftovers()]).toEqual([file.content, 0])
    expect(device.files.paths().toSorted()).toEqual([1, 2, 3].map(n => `resumable-${file.identifier}.${String(n)}`))
    // Said once more when a chunk comes once more.
    expect((await upload(target, file, 1)).text).toBe('done')
  })

  it('answers a test with found, or 404 with not_found, whatever is wrong with it', async () => {
    const { target } = await start({ profile: 'node' })
    await upload(target, file, 2)
    const answers = [await test(target, file, 2), await test(target, file, 1), await call(target, path)]
    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [200, 'found'],
      [404, 'not_found'],
      [404, 'not_found'],
    ])
  })

  it('loses the last chunk of a client with forceChunkSize and answers 200 all the same', async () => {
    const { device, target } = await start({ profile: 'node' })
    const forced = fileOf(file.content, { path, forceChunkSize: true })
    expect(chunkCountOf(forced)).toBe(4)
    expect(await uploadAll(target, forced)).toEqual([
      'partly_done',
      'partly_done',
      'done',
      'invalid_resumable_request1',
    ])
    const refused = await upload(target, forced, 4)
    expect(refused.status).toBe(200)
    expect(device.stored()).toEqual(forced.content.subarray(0, 3000))
  })

  it('answers 200 to every request that it refuses', async () => {
    const { device, target } = await start({ profile: 'node', maximumFileBytes: 3000 })
    const send = async (changed: typeof file, chunkNumber = 1, without: readonly string[] = []): Promise<unknown> => {
      const answer = await post(target, path, formOf(changed, chunkNumber, without), { headers: FORM_TYPE })
      return [answer.status, answer.text]
    }
    const small = fileOf(someBytes(2500), { path })
    expect(await send(small, 3)).toEqual([200, 'invalid_resumable_request1'])
    expect(await send(file)).toEqual([200, 'invalid_resumable_request2'])
    expect(await send(small, 1, ['file'])).toEqual([200, 'invalid_resumable_request'])
    expect(await send(fileOf(new Uint8Array(), { path }))).toEqual([200, 'invalid_resumable_request'])
    const zero = Buffer.from(
      formOf(small, 1).toString('latin1').replace('Number"\r\n\r\n1', 'Number"\r\n\r\n0'),
      'latin1',
    )
    expect((await post(target, path, zero, { headers: FORM_TYPE })).text).toBe('non_resumable_request')
    expect(await send(fileOf(small.content, { path, identifier: '' }))).toEqual([200, 'non_resumable_request'])
    expect(device.files.paths()).toEqual([])
  })

  it('takes chunks with figures missing, because nothing compares with undefined, and never looks at sizes', async () => {
    const { device, target } = await start({ profile: 'node' })
    const small = fileOf(someBytes(2500), { path })
    const send = async (changed: typeof file, chunkNumber: number, without: readonly string[]): Promise<string> =>
      (await post(target, path, formOf(changed, chunkNumber, without), { headers: FORM_TYPE })).text
    const names = ['resumableChunkNumber', 'resumableChunkSize', 'resumableTotalSize', 'resumableFilename']
    for (const name of names) expect(await send(small, 1, [name])).toBe('partly_done')
    expect(device.files.paths()).toContain(`resumable-${small.identifier}.undefined`)
    expect(await send({ ...small, content: small.content.subarray(0, 2100) }, 2, [])).toBe('done')
  })

  it('answers 500 where a parameter is read of nothing, and 400 to a form that cannot be read', async () => {
    const { device, target } = await start({ profile: 'node' })
    const noIdentifier = formOf(file, 1, ['resumableIdentifier'])
    expect((await post(target, path, noIdentifier, { headers: FORM_TYPE })).status).toBe(500)
    expect((await uploadRaw(target, file, 1)).status).toBe(500)
    const noBoundary = { 'Content-Type': 'multipart/form-data' }
    expect((await post(target, path, formOf(file, 1), { headers: noBoundary })).status).toBe(400)
    expect((await post(target, path, formOf(file, 1).subarray(0, 200), { headers: FORM_TYPE })).status).toBe(400)
    expect(device.files.paths()).toEqual([])
  })

  it('looks at sizes in a repaired copy', async () => {
    const { device, target } = await start({ profile: 'node', checksSizes: true })
    const short = { ...file, content: file.content.subarray(0, 3600) }
    const send = async (form: Buffer): Promise<string> => {
      const answer = await post(target, path, form, { headers: FORM_TYPE })
      return `${String(answer.status)} ${answer.text}`
    }
    const declared = (form: Buffer, from: string, to: string): Buffer =>
      Buffer.from(form.toString('latin1').replace(from, to), 'latin1')
    expect(await send(declared(formOf({ ...file, chunkBytes: 900 }, 1), '\r\n\r\n900\r\n', '\r\n\r\n1000\r\n'))).toBe(
      '200 invalid_resumable_request3',
    )
    expect(await send(declared(formOf(short, 3), '\r\n\r\n3600\r\n', '\r\n\r\n3700\r\n'))).toBe(
      '200 invalid_resumable_request4',
    )
    const single = fileOf(someBytes(700), { path })
    expect(await send(declared(formOf(single, 1), 'TotalSize"\r\n\r\n700', 'TotalSize"\r\n\r\n701'))).toBe(
      '200 invalid_resumable_request5',
    )
    expect(await uploadAll(target, file)).toEqual(['partly_done', 'partly_done', 'done'])
    expect(device.stored()).toEqual(file.content)
  })

  it('keeps chunks over a restart', async () => {
    const { device, target } = await start({ profile: 'node' })
    await upload(target, file, 1)
    await device.panic()
    expect((await test(target, file, 1)).text).toBe('found')
    await uploadAll(target, file, 2)
    await device.reboot()
    expect(device.stored()).toEqual(file.content)
  })

  it('cleans no identifier: its files stay inside its flash', async () => {
    const { device, target } = await start({ profile: 'node' })
    await uploadAll(target, fileOf(someBytes(10), { path, identifier: '/../../x' }))
    expect(device.files.paths()).toEqual(['resumable-/../../x.1'])
  })

  it('has a page, and answers 404 to all else', async () => {
    const { target } = await start({ profile: 'node' })
    expect((await call(target, '/')).text).toContain('Resumable.js')
    expect((await call(target, '/resumable_upload')).status).toBe(404)
    expect((await call(target, path, { method: 'DELETE' })).status).toBe(404)
  })

  it('answers 500 to an identifier that its disk does not take', async () => {
    const { target } = await start({ profile: 'node' })
    expect((await upload(target, fileOf(someBytes(10), { path, identifier: 'x'.repeat(300) }), 1)).status).toBe(500)
  })
})
