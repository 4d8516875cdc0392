/** curl speaks seed 5 and the form of Resumable.js to the virtual servers, with requests written out by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guidServersOfThisFile } from '../simulator/guid-chunks/servers.ts'
import { serversOfThisFile } from '../simulator/resumable/servers.ts'
import { someBytes } from '../simulator/wire.ts'
import { runCurl, type CurlAnswer } from './curl.ts'
import { requireTool } from './tools.ts'

const found = requireTool('curl')
const curl = found ?? 'curl'

const startGuidServer = guidServersOfThisFile()
const startResumableServer = serversOfThisFile()
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-curl-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

describe.skipIf(found === null)('curl, as the client of seed 5', () => {
  const jsonType = ['-H', 'Content-Type: application/json']
  const endpoint = '/api/v1/files/upload-chunk'
  const content = someBytes(14_000)
  // Chunks of 4000 bytes: random value, chunk number and what is left, in hexadecimal as they go over the wire.
  const headers = [
    '341200000000' + '10270000',
    '785601000000' + '70170000',
    'bc9a02000000' + 'd0070000',
    'f0de03000000' + '00000000',
  ]

  function post(target: string, body: object): Promise<CurlAnswer> {
    return runCurl(curl, ['-X', 'POST', ...jsonType, '-d', JSON.stringify(body), target + endpoint])
  }

  function put(url: string, chunk: number): Promise<CurlAnswer> {
    const body = Buffer.concat([
      Buffer.from(headers[chunk] ?? '', 'hex'),
      content.subarray(chunk * 4000, (chunk + 1) * 4000),
    ])
    const type = ['-H', 'Content-Type: application/octet-stream']
    return runCurl(curl, ['-X', 'PUT', ...type, '--data-binary', '@-', url], body)
  }

  const init = {
    action: 'init',
    fileName: 'fw.bin',
    fileSize: 14_000,
    chunkSize: 4000,
    totalChunks: 4,
    targetPath: 'User:me/Documents',
  }

  it('uploads a file with init and four PUTs, also where every field of the header is looked at', async () => {
    for (const isStrict of [false, true]) {
      const device = await startGuidServer({ isStrict })
      const { data } = (await post(device.target, init)).json as { data: { guid: string; uploadUrl: string } }
      const answers: unknown[] = []
      for (const chunk of [0, 1, 2, 3]) {
        const { status, json } = await put(device.target + data.uploadUrl, chunk)
        answers.push([status, json?.['data']])
      }
      expect(answers).toEqual([
        [200, { chunkNumber: 0, receivedChunks: 1, totalChunks: 4, complete: false, bytesRemaining: 10_000 }],
        [200, { chunkNumber: 1, receivedChunks: 2, totalChunks: 4, complete: false, bytesRemaining: 6000 }],
        [200, { chunkNumber: 2, receivedChunks: 3, totalChunks: 4, complete: false, bytesRemaining: 2000 }],
        [200, { fileName: 'fw.bin', size: 14_000, complete: true, receivedChunks: 4, totalChunks: 4 }],
      ])
      expect(device.stored()).toEqual(content)
      // The documented path, and an upload that is over.
      const late = await put(`${device.target}${endpoint}?guid=${data.guid}`, 3)
      expect([late.status, late.json]).toEqual([404, { status: 'fail', message: `Upload not found: ${data.guid}` }])
    }
  })

  it('cancels an upload and leaves nothing', async () => {
    const device = await startGuidServer()
    const { data } = (await post(device.target, init)).json as { data: { guid: string; uploadUrl: string } }
    expect((await put(device.target + data.uploadUrl, 1)).status).toBe(200)
    const cancelled = await post(device.target, { action: 'cancel', guid: data.guid })
    expect(cancelled.json).toEqual({ status: 'success', message: 'Upload cancelled' })
    expect([device.stored(), device.leftovers()]).toEqual([null, 0])
    expect((await runCurl(curl, [device.target + endpoint])).status).toBe(405)
  })
})

describe.skipIf(found === null)('curl, as a client of Resumable.js’s servers', () => {
  const content = someBytes(2500)
  const fields = (chunk: number): string[] =>
    Object.entries({
      ChunkNumber: String(chunk),
      ChunkSize: '1000',
      CurrentChunkSize: chunk === 1 ? '1000' : '1500',
      TotalSize: '2500',
      Type: 'application/octet-stream',
      Identifier: '2500-fwbin',
      Filename: 'fw.bin',
      RelativePath: 'fw.bin',
      TotalChunks: '2',
    }).flatMap(([name, value]) => ['-F', `resumable${name}=${value}`])

  for (const [profile, path, answers] of [
    ['flask', '/resumable_upload', ['OK', 'OK']],
    ['node', '/upload', ['partly_done', 'done']],
  ] as const) {
    it(`uploads two chunks as forms to the profile ${profile}`, async () => {
      const { device, target } = await startResumableServer({ profile })
      const texts: string[] = []
      for (const [index, part] of [content.subarray(0, 1000), content.subarray(1000)].entries()) {
        const file = `file=@${fileOf('part', part)};filename=fw.bin;type=application/octet-stream`
        const answer = await runCurl(curl, [...fields(index + 1), '-F', file, target + path])
        expect(answer.status).toBe(200)
        texts.push(answer.text)
      }
      expect(texts).toEqual(answers)
      expect(device.stored()).toEqual(content)
    })
  }
})
