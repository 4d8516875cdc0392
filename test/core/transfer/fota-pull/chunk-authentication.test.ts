import { describe, expect, it } from 'vitest'
import { chunkMac, parseKey } from '../../../../src/core/transfer/fota-pull/chunk-authentication.ts'
import { createRelease } from '../../../../src/core/transfer/fota-pull/release.ts'
import { PSK } from './scripted-device.ts'

const key = parseKey(PSK)
const hello = new TextEncoder().encode('hello')

describe('the signature of a chunk', () => {
  it('is that of the vector over the bytes alone', () => {
    expect(chunkMac(key, 'chunk', { version: '1.0.7', index: 3, bytes: hello })).toBe(
      '53c40272a70c15ca4ee0af4df1f155fd6c41e00ce2307d8987ecd4bb36a7e990',
    )
  })

  it('is that of the vector bound to version, number and length', () => {
    expect(chunkMac(key, 'bound', { version: '1.0.7', index: 3, bytes: hello })).toBe(
      '30adfb57dd9606f8655cd5818cacd710556f2123720436ca10f6a75cffec561d',
    )
  })

  it('is that of the vector over 1024 counted bytes', () => {
    const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256)
    expect(chunkMac(key, 'chunk', { version: '', index: 0, bytes })).toBe(
      'b7461b582e6d4e287bcc2f9f853344bc3fcbf7dd4e5c87e4fab2b4fcd50c7c05',
    )
  })

  it('takes 64 hex digits as 32 bytes, and everything else as text', () => {
    const asHex = parseKey(PSK.toUpperCase())
    expect([asHex.form, asHex.secret.export()]).toEqual(['hex', Buffer.from(PSK, 'hex')])
    const asText = parseKey('khóa')
    expect([asText.form, asText.secret.export()]).toEqual(['text', Buffer.from('khóa', 'utf8')])
    expect(parseKey(PSK.slice(2)).form).toBe('text')
  })
})

describe('what is served', () => {
  const bytes = Uint8Array.from({ length: 2500 }, (_, index) => index & 0xff)
  const image = { bytes, sha256: 'ab'.repeat(32), inspection: { esp: null } as never }
  const options = { chunkBytes: 1024, version: '1.0.7', macMode: 'chunk', key } as const

  it('has the keys of the seed’s manifest in order, twice, without a blank', () => {
    const text = createRelease(image, options, '2026-01-02T03:04:05.000Z').manifest()
    const flat = `"version":"1.0.7","size":2500,"hash":"${'ab'.repeat(32)}","sha256":"${'ab'.repeat(32)}","chunk_size":1024,"total_chunks":3,"uploaded_at":"2026-01-02T03:04:05.000Z","mac_mode":"chunk"`
    expect(text).toBe(`{"fota":{"manifest":{${flat}}},${flat}}`)
  })

  it('writes a chunk on one line, with both names of its signature', () => {
    const release = createRelease(image, options, '')
    const first = release.chunk(0)
    const data = Buffer.from(bytes.subarray(0, 1024)).toString('base64')
    const mac = chunkMac(key, 'chunk', { version: '', index: 0, bytes: bytes.subarray(0, 1024) })
    expect(data.length).toBe(1368)
    expect(first).toBe(
      `{"chunk_number":0,"size":1024,"data":"${data}","hmac":"${mac}","mac":"${mac}","total_chunks":3}`,
    )
    expect(JSON.parse(release.chunk(2))).toMatchObject({ chunk_number: 2, size: 452 })
  })

  it('keeps the seed’s count: 1,068,032 bytes are 1043 chunks', () => {
    const seed = createRelease({ ...image, bytes: new Uint8Array(1_068_032) }, options, '')
    expect(seed.totalChunks).toBe(1043)
  })

  it('leaves the signatures empty where none is wanted', () => {
    const release = createRelease(image, { ...options, macMode: 'none', key: null }, '')
    expect(JSON.parse(release.chunk(0))).toMatchObject({ hmac: '', mac: '' })
  })

  it('takes the image’s version, else the beginning of its hash', () => {
    const app = (version: string, projectName = 'pump'): never => ({ esp: { app: { version, projectName } } }) as never
    const versionOf = (inspection: never): unknown => {
      const { version, isVersionMade } = createRelease({ ...image, inspection }, { ...options, version: '' }, '')
      return [version, isVersionMade]
    }
    expect(versionOf(app('3.1.4'))).toEqual(['3.1.4', false])
    expect(versionOf(app('esp-idf: v4.4.6 3572900934'))).toEqual(['sha-abababababab', true])
    expect(versionOf(app('1', 'arduino-lib-builder'))).toEqual(['sha-abababababab', true])
    expect(versionOf({ esp: null } as never)).toEqual(['sha-abababababab', true])
  })
})
