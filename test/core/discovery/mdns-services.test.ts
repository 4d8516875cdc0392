import { describe, expect, it } from 'vitest'
import type { Announcement, AnnouncementReader } from '../../../src/core/discovery/announcement.ts'
import { readAnnouncements } from '../../../src/core/discovery/mdns-services.ts'

/** Two protocols of firmware that exists, and one of our own. */
const readers: AnnouncementReader[] = [
  {
    protocol: 'weak',
    rank: 1,
    read: ({ type, port }) => (type === '_arduino._tcp' ? { scheme: 'udp', port, notes: [note] } : null),
  },
  {
    protocol: 'strong',
    rank: 9,
    read: ({ type }) => (type === '_esphomelib._tcp' ? { scheme: 'tcp', port: 3232 } : null),
  },
  { protocol: 'own', rank: 5, read: () => null },
]
const note = { en: 'it wants a password', vi: 'cần mật khẩu' }

function service(type: string, port: number, txt: Readonly<Record<string, string>> = {}): Announcement {
  return { type, instance: 'kitchen', port, txt: new Map(Object.entries(txt)) }
}

describe('what a board announces', () => {
  it('names the protocols that are certain, the surest one first, the others beside it', () => {
    const services = [service('_http._tcp', 80), service('_arduino._tcp', 3232), service('_esphomelib._tcp', 6053)]
    expect(readAnnouncements(services, '192.0.2.9', readers)).toMatchObject({
      target: 'tcp://192.0.2.9:3232',
      protocols: ['strong'],
      otherTargets: [
        { target: 'udp://192.0.2.9:3232', protocols: ['weak'] },
        { target: 'http://192.0.2.9', protocols: [] },
      ],
      services: ['_http._tcp', '_esphomelib._tcp', '_arduino._tcp'],
      notes: [note],
    })
  })

  it('is never given a target that no protocol accepts', () => {
    const read = readAnnouncements([service('_esphomelib._tcp', 6053)], '192.0.2.9', [])
    expect(read).toMatchObject({ target: 'http://192.0.2.9', protocols: [] })
    expect(read.notes?.[0]?.en).toMatch(/announces only _esphomelib\._tcp/)
  })

  it.each([
    ['own', 'http://192.0.2.9:8080', ['own']],
    ['own;path=/api/v1', 'http://192.0.2.9:8080/api/v1', ['own']],
    ['OWN ; path=/../../etc', 'http://192.0.2.9:8080', ['own']],
    ['own;path=//evil.example', 'http://192.0.2.9:8080', ['own']],
    ['unheard-of', 'http://192.0.2.9:8080', []],
  ])('of firmware that was made for Flashproof says fwproto=%s', (fwproto, target, protocols) => {
    expect(readAnnouncements([service('_http._tcp', 8080, { fwproto })], '192.0.2.9', readers)).toMatchObject({
      target,
      protocols,
    })
  })

  it('shows a Shelly as what it is', () => {
    const services = [
      service('_shelly._tcp', 80, { gen: '2', app: 'Plus1PM', ver: '1.4.4' }),
      service('_http._tcp', 80),
    ]
    expect(readAnnouncements(services, '192.0.2.9', readers)).toMatchObject({
      protocols: [],
      notes: [{ en: 'Shelly Plus1PM 1.4.4: it fetches its firmware itself and takes none that is sent to it.' }],
    })
  })

  it('writes IPv6 addresses as URLs want them, zones included', () => {
    const web = [service('_http._tcp', 80)]
    expect(readAnnouncements(web, '2001:db8::9', readers).target).toBe('http://[2001:db8::9]')
    expect(readAnnouncements(web, 'fe80::9%eth0', readers).target).toBe('http://[fe80::9%25eth0]')
  })
})
