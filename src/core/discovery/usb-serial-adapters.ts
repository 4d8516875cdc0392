/**
 * THE table of USB ids that serial ports of boards and adapters have. An id names the bridge, never the board behind it;
 * only Espressif's own loader ids name a chip. Sources: usb.ids, espflash `serial.rs`, esptool, espressif/usb-pids, and
 * the `85-brltty.rules` of brltty for the ids that it takes.
 */

/**
 * How a board behind the adapter can be restarted into its loader. `dtr-rts`: by the modem lines, where the board wires
 * them; `usb-jtag`: by the chip's own USB; `usb-otg`: likewise, and the port goes away for a moment; `by-hand`: the
 * adapter has no such lines.
 */
export type AutoReset = 'dtr-rts' | 'usb-jtag' | 'usb-otg' | 'by-hand' | 'unknown'

export interface UsbSerialAdapter {
  readonly vendorId: number
  /** First and last product id; none: every product of this maker. */
  readonly productIds?: readonly [first: number, last: number]
  readonly name: string
  readonly autoReset: AutoReset
  /** Only where the id is the chip's own, not a bridge's. */
  readonly chip?: string
  /** Whether brltty takes it for a braille display. */
  readonly isTakenByBrltty?: true
  /** Whether it has no serial port but hangs where one is expected. */
  readonly isWithoutPort?: true
}

function only(productId: number): readonly [number, number] {
  return [productId, productId]
}

export const usbSerialAdapters: readonly UsbSerialAdapter[] = [
  { vendorId: 0x10c4, productIds: only(0xea60), name: 'CP210x', autoReset: 'dtr-rts', isTakenByBrltty: true },
  { vendorId: 0x10c4, productIds: only(0xea70), name: 'CP2105', autoReset: 'dtr-rts' },
  { vendorId: 0x10c4, productIds: only(0xea71), name: 'CP2108', autoReset: 'dtr-rts' },
  { vendorId: 0x1a86, productIds: only(0x7523), name: 'CH340', autoReset: 'dtr-rts', isTakenByBrltty: true },
  { vendorId: 0x1a86, productIds: only(0x7522), name: 'CH340K', autoReset: 'dtr-rts' },
  { vendorId: 0x1a86, productIds: only(0x5523), name: 'CH341', autoReset: 'unknown' },
  { vendorId: 0x1a86, productIds: only(0x55d4), name: 'CH9102', autoReset: 'dtr-rts' },
  { vendorId: 0x1a86, productIds: only(0x55d3), name: 'CH343', autoReset: 'unknown' },
  { vendorId: 0x0403, productIds: only(0x6001), name: 'FT232R', autoReset: 'dtr-rts', isTakenByBrltty: true },
  { vendorId: 0x0403, productIds: only(0x6010), name: 'FT2232', autoReset: 'dtr-rts' },
  { vendorId: 0x0403, productIds: only(0x6011), name: 'FT4232', autoReset: 'dtr-rts' },
  { vendorId: 0x0403, productIds: only(0x6014), name: 'FT232H', autoReset: 'dtr-rts' },
  { vendorId: 0x0403, productIds: only(0x6015), name: 'FT-X', autoReset: 'dtr-rts' },
  { vendorId: 0x067b, productIds: only(0x2303), name: 'PL2303', autoReset: 'unknown' },
  { vendorId: 0x067b, productIds: only(0x23a3), name: 'PL2303GC', autoReset: 'unknown' },
  { vendorId: 0x303a, productIds: only(0x1001), name: 'Espressif USB-Serial/JTAG', autoReset: 'usb-jtag' },
  {
    vendorId: 0x303a,
    productIds: only(0x0002),
    name: 'Espressif USB (loader)',
    autoReset: 'usb-otg',
    chip: 'ESP32-S2',
  },
  {
    vendorId: 0x303a,
    productIds: only(0x0009),
    name: 'Espressif USB (loader)',
    autoReset: 'usb-otg',
    chip: 'ESP32-S3',
  },
  {
    vendorId: 0x303a,
    productIds: only(0x0012),
    name: 'Espressif USB (loader)',
    autoReset: 'usb-otg',
    chip: 'ESP32-P4',
  },
  { vendorId: 0x303a, productIds: [0x4000, 0x40ff], name: 'Espressif TinyUSB', autoReset: 'unknown' },
  { vendorId: 0x303a, productIds: [0x7000, 0x7005], name: 'Espressif board (UF2)', autoReset: 'unknown' },
  { vendorId: 0x303a, name: 'Espressif USB', autoReset: 'unknown' },
  { vendorId: 0x0483, productIds: only(0x374b), name: 'ST-Link/V2-1', autoReset: 'by-hand' },
  { vendorId: 0x0483, productIds: only(0x3752), name: 'ST-Link/V2-1', autoReset: 'by-hand' },
  { vendorId: 0x0483, productIds: only(0x374e), name: 'STLINK-V3', autoReset: 'by-hand' },
  { vendorId: 0x0483, productIds: only(0x374f), name: 'STLINK-V3', autoReset: 'by-hand' },
  { vendorId: 0x0483, productIds: only(0x3753), name: 'STLINK-V3', autoReset: 'by-hand' },
  { vendorId: 0x0483, productIds: only(0x5740), name: 'STM32 virtual COM port', autoReset: 'by-hand' },
  { vendorId: 0x0483, productIds: only(0xdf11), name: 'STM32 DFU', autoReset: 'by-hand', isWithoutPort: true },
  { vendorId: 0x1366, name: 'SEGGER J-Link', autoReset: 'by-hand' },
  { vendorId: 0x1915, name: 'Nordic USB', autoReset: 'unknown' },
  { vendorId: 0x239a, name: 'Adafruit USB', autoReset: 'unknown' },
]

/** The first line that fits; null for ids of nobody here. */
export function findAdapter(vendorId: number | null, productId: number | null): UsbSerialAdapter | null {
  const fits = ({ vendorId: vendor, productIds }: UsbSerialAdapter): boolean =>
    vendor === vendorId &&
    (productIds === undefined || (productId !== null && productId >= productIds[0] && productId <= productIds[1]))
  return usbSerialAdapters.find(fits) ?? null
}
