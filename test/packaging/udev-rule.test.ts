import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hex4 } from '../../src/core/discovery/device-key.ts'
import { usbSerialAdapters } from '../../src/core/discovery/usb-serial-adapters.ts'

interface RuleLine {
  readonly vendors: readonly string[]
  /** Empty: all of the vendors. */
  readonly products: readonly string[]
  readonly action: 'uaccess' | 'ignored-by-modem-manager'
}

const path = new URL('../../resources/linux/60-flashproof-serial.rules', import.meta.url)

function readRule(): RuleLine[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => {
      const vendors = /ATTRS\{idVendor\}=="([^"]+)"/.exec(line)?.[1]?.split('|')
      if (vendors === undefined || line.startsWith('#')) return []
      const products = /ATTRS\{idProduct\}=="([^"]+)"/.exec(line)?.[1]?.split('|') ?? []
      const isAccess = line.includes('TAG+="uaccess"')
      expect(isAccess || line.includes('ENV{ID_MM_DEVICE_IGNORE}="1"'), line).toBe(true)
      return [{ vendors, products, action: isAccess ? 'uaccess' : 'ignored-by-modem-manager' }]
    })
}

describe('the udev rule', () => {
  const lines = readRule()
  const adapters = usbSerialAdapters.filter(({ isWithoutPort }) => isWithoutPort !== true)

  it.each(adapters.map(adapter => [adapter.name, adapter] as const))('covers %s', (_, { vendorId, productIds }) => {
    const vendor = hex4(vendorId).toLowerCase()
    const product = productIds === undefined ? null : hex4(productIds[0]).toLowerCase()
    for (const action of ['uaccess', 'ignored-by-modem-manager'] as const) {
      const covers = lines.some(
        line =>
          line.action === action &&
          line.vendors.includes(vendor) &&
          (line.products.length === 0 || (product !== null && line.products.includes(product))),
      )
      expect(covers, `${vendor}:${String(product)} ${action}`).toBe(true)
    }
  })
})
