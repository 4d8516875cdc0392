import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { hasErrorCode } from '../../../src/shared/errors.ts'
import type { TelemetrySample } from '../../../src/shared/contract/models.ts'
import { parseTarget } from '../../../src/core/discovery/target.ts'
import { HttpClient } from '../../../src/core/links/http-client.ts'
import {
  defaultTelemetryMap,
  httpJsonSource,
  parseTelemetryMap,
  readTelemetry,
} from '../../../src/core/telemetry/http-json.ts'

const stamp = { at: '2026-11-21T02:00:00.000+00:00', elapsedMs: 5 }

describe('telemetry out of JSON', () => {
  it('takes every field of the protocol’s own document', () => {
    const document = {
      device: { id: 'd', mac: '02:00:00:00:00:01', chip: 'ESP32', board: 'b', name: 'n' },
      uptime_ms: 1,
      boot_count: 2,
      reset_reason: 'power-on',
      heap: { total: 3, free: 4, min_free: 5, largest_block: 6 },
      flash: { total: 7, used: 8 },
      app: { name: 'a', version: 'v', elf_sha256: 'e' },
      ota: { running: 'ota_0', next: 'ota_1', state: 'valid' },
      rssi: -60,
    }
    expect(readTelemetry(document, defaultTelemetryMap, stamp)).toEqual({
      ...stamp,
      source: 'http-json',
      device: document.device,
      uptimeMs: 1,
      bootCount: 2,
      resetReason: 'power-on',
      heapTotalBytes: 3,
      heapFreeBytes: 4,
      heapMinFreeBytes: 5,
      heapLargestBlockBytes: 6,
      flashTotalBytes: 7,
      flashUsedBytes: 8,
      appName: 'a',
      appVersion: 'v',
      appElfSha256: 'e',
      otaRunning: 'ota_0',
      otaNext: 'ota_1',
      otaState: 'valid',
      rssiDbm: -60,
    })
  })

  it('leaves out what is missing or of another type, and guesses nothing', () => {
    const document = {
      device: { mac: 7, id: '' },
      uptime_ms: '5',
      heap: { free: null, total: Number.NaN },
      app: ['v1'],
      rssi: true,
    }
    expect(readTelemetry(document, defaultTelemetryMap, stamp)).toEqual({ ...stamp, source: 'http-json' })
  })

  it('reads another firmware’s JSON by a map', () => {
    const map = parseTelemetryMap('heapFreeBytes:/sys/ram~1free, appVersion:/fw/0, device.mac:/net/mac')
    const document = { sys: { 'ram/free': 1234 }, fw: ['7.1'], net: { mac: 'AA:BB:CC:DD:EE:FF' }, uptime_ms: 9 }
    expect(readTelemetry(document, map, stamp)).toMatchObject({
      heapFreeBytes: 1234,
      appVersion: '7.1',
      device: { mac: 'AA:BB:CC:DD:EE:FF' },
      uptimeMs: 9,
    })
  })

  it('bounds texts', () => {
    const { appName } = readTelemetry({ app: { name: 'x'.repeat(10_000) } }, defaultTelemetryMap, stamp)
    expect(appName).toHaveLength(200)
  })

  it.each(['heap:/x', 'heapFreeBytes', 'heapFreeBytes:x', 'heapFreeBytes:/x~3', ':/x', 'at:/x', '__proto__:/x'])(
    'refuses the map “%s” by name',
    text => {
      try {
        parseTelemetryMap(text)
        expect.unreachable()
      } catch (error) {
        expect(hasErrorCode(error, 'option.invalid') && error.details['given']).toBe(text)
      }
    },
  )

  it('takes an empty map as the default', () => {
    expect(parseTelemetryMap(' , ')).toEqual(defaultTelemetryMap)
  })
})

describe('telemetry over HTTP', () => {
  let server: Server | null = null
  afterEach(() => server?.close())

  async function sampleOf(status: number, body: string): Promise<TelemetrySample | null> {
    server = createServer((_request, response) => {
      response.writeHead(status).end(body)
    })
    const { promise, resolve } = Promise.withResolvers<undefined>()
    server.listen(0, '127.0.0.1', () => {
      resolve(undefined)
    })
    await promise
    const address = server.address()
    const endpoint = parseTarget(`http://127.0.0.1:${typeof address === 'object' ? String(address?.port) : ''}`)
    if (endpoint.kind !== 'http') throw new Error('no http endpoint')
    const client = new HttpClient(endpoint)
    try {
      return await httpJsonSource().sample({
        client,
        timeoutMs: 2000,
        signal: new AbortController().signal,
        stamp: () => stamp,
      })
    } finally {
      await client.close()
    }
  }

  it.each([
    ['a document', 200, '{"rssi":-5}', { ...stamp, source: 'http-json', rssiDbm: -5 }],
    ['no such path', 404, '{"rssi":-5}', null],
    ['a web page', 200, '<html></html>', null],
    ['a number', 200, '7', null],
    ['nothing', 200, '', null],
    ['far too much', 200, `{"x":"${'y'.repeat(400_000)}"}`, null],
  ])('gives a sample or none: %s', async (_name, status, body, expected) => {
    expect(await sampleOf(status, body)).toEqual(expected)
  })
})
