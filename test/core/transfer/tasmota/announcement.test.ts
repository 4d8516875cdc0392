import { expect, it } from 'vitest'
import { readTasmotaAnnouncement } from '../../../../src/core/transfer/tasmota/announcement.ts'

function announced(type: string, txt: Readonly<Record<string, string>>) {
  return readTasmotaAnnouncement({ type, instance: 'kitchen', port: 80, txt: new Map(Object.entries(txt)) })
}

it('Tasmota says what it is on its web server, and no other web server is taken for one', () => {
  expect(announced('_http._tcp', { devicetype: 'tasmota' })).toEqual({ scheme: 'http', port: 80 })
  expect(announced('_http._tcp', {})).toBeNull()
  expect(announced('_arduino._tcp', { devicetype: 'tasmota' })).toBeNull()
})
