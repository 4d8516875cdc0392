/** THE table of USB ids that serial ports of boards and adapters have: the bridge is named, never the board behind it. */
export interface UsbSerialAdapter {
  readonly vendorId: number
  /** None: every product of this maker. */
  readonly productId?: number
  readonly name: string
  /** Only where the id is the chip's own, not a bridge's. */
  readonly chip?: string
}

export const usbSerialAdapters: readonly UsbSerialAdapter[] = [
  { vendorId: 0x10c4, productId: 0xea60, name: 'CP210x' },
  { vendorId: 0x10c4, productId: 0xea70, name: 'CP2105' },
  { vendorId: 0x10c4, productId: 0xea71, name: 'CP2108' },
  { vendorId: 0x1a86, productId: 0x7523, name: 'CH340' },
  { vendorId: 0x1a86, productId: 0x7522, name: 'CH340K' },
  { vendorId: 0x1a86, productId: 0x5523, name: 'CH341' },
  { vendorId: 0x1a86, productId: 0x55d4, name: 'CH9102' },
  { vendorId: 0x1a86, productId: 0x55d3, name: 'CH343' },
  { vendorId: 0x0403, productId: 0x6001, name: 'FT232R' },
  { vendorId: 0x0403, productId: 0x6010, name: 'FT2232' },
  { vendorId: 0x0403, productId: 0x6011, name: 'FT4232' },
  { vendorId: 0x0403, productId: 0x6014, name: 'FT232H' },
  { vendorId: 0x0403, productId: 0x6015, name: 'FT-X' },
  { vendorId: 0x067b, productId: 0x2303, name: 'PL2303' },
  { vendorId: 0x067b, productId: 0x23a3, name: 'PL2303GC' },
  { vendorId: 0x303a, productId: 0x1001, name: 'Espressif USB-Serial/JTAG' },
  { vendorId: 0x303a, productId: 0x0002, name: 'Espressif USB (loader)', chip: 'ESP32-S2' },
  { vendorId: 0x303a, productId: 0x0009, name: 'Espressif USB (loader)', chip: 'ESP32-S3' },
  { vendorId: 0x303a, productId: 0x0012, name: 'Espressif USB (loader)', chip: 'ESP32-P4' },
  { vendorId: 0x303a, name: 'Espressif USB' },
  { vendorId: 0x0483, productId: 0x374b, name: 'ST-Link/V2-1' },
  { vendorId: 0x0483, productId: 0x3752, name: 'ST-Link/V2-1' },
  { vendorId: 0x0483, productId: 0x374e, name: 'STLINK-V3' },
  { vendorId: 0x0483, productId: 0x374f, name: 'STLINK-V3' },
  { vendorId: 0x0483, productId: 0x3753, name: 'STLINK-V3' },
  { vendorId: 0x0483, productId: 0x5740, name: 'STM32 virtual COM port' },
  { vendorId: 0x1366, name: 'SEGGER J-Link' },
  { vendorId: 0x1915, name: 'Nordic USB' },
  { vendorId: 0x239a, name: 'Adafruit USB' },
]

/** The first line that fits; null for ids of nobody here. */
export function findAdapter(vendorId: number | null, productId: number | null): UsbSerialAdapter | null {
  const fits = (adapter: UsbSerialAdapter): boolean =>
    adapter.vendorId === vendorId && (adapter.productId === undefined || adapter.productId === productId)
  return usbSerialAdapters.find(fits) ?? null
}
