import { expect, it } from 'vitest'
import { readArduinoAnnouncement } from '../../../../src/core/transfer/arduino-ota/announcement.ts'

function announced(type: string, txt: Readonly<Record<string, string>>) {
  return readArduinoAnnouncement({ type, instance: 'kitchen', port: 8266, txt: new Map(Object.entries(txt)) })
}

it('ArduinoOTA is reached at the announced port over UDP, and says whether it wants a password', () => {
  const txt = { board: 'esp8266', tcp_check: 'no', ssh_upload: 'no' }
  expect(announced('_arduino._tcp', { ...txt, auth_upload: 'no' })).toEqual({ scheme: 'udp', port: 8266 })
  expect(announced('_arduino._tcp', { ...txt, auth_upload: 'yes' })).toMatchObject({
    scheme: 'udp',
    port: 8266,
    notes: [{ en: 'Updates want a password.' }],
  })
  expect(announced('_http._tcp', txt)).toBeNull()
})
