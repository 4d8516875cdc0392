import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { findForeignRoute } from '../../../src/core/discovery/local-route.ts'
import { interfaceOf, listInterfaces } from '../../../src/core/discovery/network-interfaces.ts'

function ipv4(address: string, netmask = '255.255.255.0', internal = false): NetworkInterfaceInfo {
  return { address, netmask, internal, family: 'IPv4', mac: '', cidr: null }
}

function ipv6(address: string): NetworkInterfaceInfo {
  return { address, netmask: 'ffff:ffff:ffff:ffff::', internal: false, family: 'IPv6', mac: '', cidr: null, scopeid: 4 }
}

const zone = process.platform === 'win32' ? '4' : 'eth0'

describe('an interface', () => {
  it('is listened on over IPv4, and over IPv6 where it has a link-local address', () => {
    expect(interfaceOf('eth0', [ipv4('192.0.2.2'), ipv6('fe80::2'), ipv6('2001:db8::2')])).toEqual({
      name: 'eth0',
      address: '192.0.2.2',
      netmask: '255.255.255.0',
      zone,
      isUnconfigured: false,
    })
    expect(interfaceOf('eth0', [ipv4('192.0.2.2')])).toMatchObject({ zone: null })
  })

  it('that nobody set up is told apart from one that has IPv6 alone', () => {
    expect(interfaceOf('eth0', [ipv6('fe80::2')])).toMatchObject({ address: null, zone, isUnconfigured: true })
    expect(interfaceOf('eth0', [ipv6('fe80::2'), ipv6('2001:db8::2')])).toMatchObject({ isUnconfigured: false })
  })

  it('on which no board can be is left out: the loop, and links to a single other end', () => {
    expect(interfaceOf('lo', [ipv4('127.0.0.1', '255.0.0.0', true)])).toBeNull()
    expect(interfaceOf('tun0', [ipv4('10.8.0.2', '255.255.255.255'), ipv6('fe80::2')])).toBeNull()
    expect(interfaceOf('eth0', [])).toBeNull()
  })

  it('of this computer is not the loop', () => {
    expect(listInterfaces().map(({ address }) => address)).not.toContain('127.0.0.1')
  })
})

it('the route to the loop is nobody else’s', async () => {
  expect(await findForeignRoute({ address: '127.0.0.1', netmask: '255.0.0.0' })).toBeNull()
})
