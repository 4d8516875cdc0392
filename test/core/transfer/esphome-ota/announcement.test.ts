import { expect, it } from 'vitest'
import { readEsphomeAnnouncement } from '../../../../src/core/transfer/esphome-ota/announcement.ts'

function announced(type: string, txt: Readonly<Record<string, string>>) {
  return readEsphomeAnnouncement({ type, instance: 'kitchen', port: 6053, txt: new Map(Object.entries(txt)) })
}

it('ESPHome takes updates at the port of its platform, not at the announced one of its API', () => {
  expect(announced('_esphomelib._tcp', { platform: 'ESP32' })).toEqual({ scheme: 'tcp', port: 3232 })
  expect(announced('_esphomelib._tcp', { platform: 'ESP8266' })).toEqual({ scheme: 'tcp', port: 8266 })
  expect(announced('_esphomelib._tcp', { platform: 'RP2040' })).toEqual({ scheme: 'tcp', port: 2040 })
  expect(announced('_esphomelib._tcp', { platform: 'BK72XX' })).toEqual({ scheme: 'tcp', port: 8892 })
  expect(announced('_esphomelib._tcp', {})).toEqual({ scheme: 'tcp', port: 3232 })
})

it('a web server that tells a version may be anything', () => {
  expect(announced('_http._tcp', { version: '2025.10.0' })).toBeNull()
})
