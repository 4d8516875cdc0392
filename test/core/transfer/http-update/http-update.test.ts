import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { httpUpdate } from '../../../../src/core/transfer/http-update/protocol.ts'
import { fileOf, flashScript, serveScript, type PageAnswer, type ScriptedPage } from '../scripted-page.ts'

const pages: ScriptedPage[] = []
afterEach(async () => {
  for (const page of pages.splice(0)) await page.close()
})

const FORM = `<form method='POST' enctype='multipart/form-data'>Firmware:<br>
<input type='file' accept='.bin,.bin.gz' name='firmware'></form>`
const SUCCESS = '<META http-equiv="refresh" content="15;URL=/">Update Success! Rebooting...'

async function board(upload: (earlierUploads: number) => PageAnswer | null, form = FORM, at = '/update') {
  const page = await serveScript(({ path, method }, earlier) => {
    if (path !== at) return { status: 404 }
    if (method === 'GET') return { body: form }
    return upload(earlier.filter(request => request.method === 'POST').length)
  })
  pages.push(page)
  return page
}

describe('http-update', () => {
  it('sends one form in the field of the firmware, with the origin that the device compares with its host', async () => {
    const page = await board(() => ({ body: SUCCESS }))
    const { job, image } = await flashScript(httpUpdate, page)
    expect([job.verdict, job.boardNow]).toEqual(['acknowledged', 'unknown'])
    const [sent] = page.uploads()
    if (sent === undefined) throw new Error('nothing was sent')
    expect(sent.headers.origin).toBe(page.target)
    expect(sent.headers.origin).toBe(`http://${String(sent.headers.host)}`)
    expect(fileOf(sent).head).toContain('name="firmware"; filename="firmware.bin"')
    expect(Buffer.compare(fileOf(sent).bytes, image)).toBe(0)
  })

  it.each([
    ['Update error: Not Enough Space', 'device.no-space'],
    ['Update error: Wrong Magic Byte', 'device.refused-image'],
    ['Update error: Wrong origin received!', 'device.refused'],
  ])('reads a failure out of an answer with status 200: %s', async (body, code) => {
    const page = await board(() => ({ body }))
    const { job } = await flashScript(httpUpdate, page)
    expect([job.state, job.error?.code, job.boardNow, job.unplug]).toEqual(['failed', code, 'old-firmware', 'safe'])
  })

  it('goes to the path that the sketch set up', async () => {
    const page = await board(() => ({ body: SUCCESS }), FORM, '/admin/fw')
    const { job } = await flashScript(httpUpdate, page, { options: { path: '/admin/fw' } })
    expect(job.verdict).toBe('acknowledged')
  })

  it('writes a file system where the page has a form for it', async () => {
    const options = { target: 'filesystem' }
    const image = Uint8Array.from([1, 2, 3])
    const without = await board(() => ({ body: SUCCESS }))
    expect((await flashScript(httpUpdate, without, { options, image })).job.error?.code).toBe('device.not-speaking')
    const page = await board(() => ({ body: SUCCESS }), `${FORM}<input type='file' name='filesystem'>`)
    const { job } = await flashScript(httpUpdate, page, { options, image })
    expect(job.verdict).toBe('acknowledged')
    const [sent] = page.uploads()
    expect(sent === undefined ? '' : fileOf(sent).head).toContain('name="filesystem"; filename="filesystem.bin"')
  })

  it('refuses an application that is none, and compression for a chip that cannot unpack it', async () => {
    const page = await board(() => ({ body: SUCCESS }))
    const noApp = await flashScript(httpUpdate, page, { image: Uint8Array.from([1, 2, 3]) })
    const packed = await flashScript(httpUpdate, page, { options: { compress: true } })
    expect([noApp.job.error?.code, packed.job.error?.code]).toEqual(['image.wrong-kind', 'option.invalid'])
    expect(page.uploads()).toEqual([])
  })

  it('packs only where a person said so', async () => {
    const page = await board(() => ({ body: SUCCESS }), `${FORM}<input type='file' name='filesystem'>`)
    const image = new Uint8Array(5000).fill(7)
    const options = { compress: true, target: 'filesystem' }
    const { job } = await flashScript(httpUpdate, page, { options, image })
    expect(job.verdict).toBe('acknowledged')
    const [sent] = page.uploads()
    if (sent === undefined) throw new Error('nothing was sent')
    expect(Buffer.compare(gunzipSync(fileOf(sent).bytes), image)).toBe(0)
  })

  it('sends again from the start what broke off, once the device is seen to go on as before', async () => {
    const page = await board(earlier => (earlier === 0 ? null : { body: SUCCESS }))
    const { job, log } = await flashScript(httpUpdate, page)
    expect([job.verdict, page.uploads().length]).toEqual(['acknowledged', 2])
    expect(log.map(({ code }) => code)).toContain('upload.not-taken')
  })

  it('says that the outcome is not known where the answer was lost and the device restarted', async () => {
    let isAway = false
    const page = await serveScript(({ method }, earlier) => {
      if (method === 'POST') {
        isAway = true
        return null
      }
      const after = earlier.length - earlier.findIndex(request => request.method === 'POST')
      // Away for a few questions after the form, as a board that restarts.
      return isAway && after < 6 ? null : { body: FORM }
    })
    pages.push(page)
    const { job } = await flashScript(httpUpdate, page, { options: { telemetryPath: '' } })
    expect([job.state, job.verdict, job.reason]).toEqual(['finished', 'unproven', 'outcome-unknown'])
    expect([job.boardNow, job.unplug, page.uploads().length]).toEqual(['unknown', 'keep-powered', 1])
  })

  it('makes up for a lost answer by what the device says that it runs', async () => {
    let boots = 1
    let elf = '00'.repeat(32)
    const page = await serveScript(({ method, path, body }) => {
      if (path === '/telemetry') return { body: JSON.stringify({ boot_count: boots, app: { elf_sha256: elf } }) }
      if (method === 'GET') return { body: FORM }
      boots++
      // The descriptor lies behind two headers; its hash 144 bytes into it (esp_app_desc_t).
      const start = body.indexOf(Buffer.from([0x32, 0x54, 0xcd, 0xab]))
      elf = body.subarray(start + 144, start + 176).toString('hex')
      return null
    })
    pages.push(page)
    const { job } = await flashScript(httpUpdate, page)
    expect([job.verdict, job.provenLevel, job.boardNow]).toEqual(['proven', 'running', 'new-firmware'])
    expect(page.uploads()).toHaveLength(1)
  })
})
