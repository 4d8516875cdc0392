/**
 * How DTR and RTS bring an Espressif chip into its bootloader and out of it, as data. DTR pulls IO0 and RTS pulls EN low
 * through two transistors that cancel each other when both are asserted. Source: esptool (`reset.py`, esp-pylib) and
 * espflash (`reset.rs`).
 */
import { parseLineSequence, withDtrRepeated, type LineSequence } from '../../links/line-sequence.ts'

/** Identity of the USB device behind a port; the bridge's, unless the chip itself is the device. */
export interface UsbId {
  readonly vendorId: number
  readonly productId: number
}

export interface ResetSequence {
  /** For the log. */
  readonly name: string
  readonly steps: LineSequence
}

const ESPRESSIF = 0x303a
const USB_SERIAL_JTAG = 0x1001

/** Both lines in one call: EN never sees a moment in which IO0 is not held yet. The second one suits a large capacitor at EN. */
const tight50 = named('tight, 50 ms', 'D0 R0 | D1 R1 | D0 R1 | 100 | D1 R0 | 50 | D0 R0')
const tight550 = named('tight, 550 ms', 'D0 R0 | D1 R1 | D0 R1 | 100 | D1 R0 | 550 | D0 R0')
/** One line after the other, as systems do that cannot set both in one call. */
const classic50 = named('classic, 50 ms', 'D0 | R1 | 100 | D1 | R0 | 50 | D0')
const classic550 = named('classic, 550 ms', 'D0 | R1 | 100 | D1 | R0 | 550 | D0')
/** The chip's own USB port has no transistors: it reads the order in which the lines change. */
const usbJtag = named('USB-Serial/JTAG', 'D0 R0 | 100 | D1 R0 | 100 | R1 | D0 | R1 | 100 | D0 R0')

const runApp = named('run', 'D0 R1 | 100 | D0 R0')
const runAppNativeUsb = named('run, native USB', 'D0 R1 | 200 | D0 R0 | 200')
/** esptool's own sequence fails on Windows for USB-Serial/JTAG (espflash issue 592). */
const runAppUsbJtagWindows = named('run, USB-Serial/JTAG', 'D0 | 100 | R1 | D0 | R1 | 100 | R0')

/** Whether the port is the chip itself, and not a bridge in front of it. */
export function isNativeUsb(usb: UsbId | null): boolean {
  // 303A:4000 and above are programs, not the chip's ROM.
  return usb?.vendorId === ESPRESSIF && (usb.productId === USB_SERIAL_JTAG || usb.productId < 0x100)
}

export function isUsbSerialJtag(usb: UsbId | null): boolean {
  return usb?.vendorId === ESPRESSIF && usb.productId === USB_SERIAL_JTAG
}

/** USB-OTG of the ROM: takes blocks of 2 KiB at most. */
export function isUsbOtg(usb: UsbId | null): boolean {
  return isNativeUsb(usb) && !isUsbSerialJtag(usb)
}

/** Sequences into the bootloader, in the order in which esptool tries them. */
export function bootloaderSequences(usb: UsbId | null, platform: NodeJS.Platform): readonly ResetSequence[] {
  if (isUsbSerialJtag(usb)) return [forPlatform(usbJtag, platform)]
  if (platform === 'win32') return [classic50, classic550].map(sequence => forPlatform(sequence, platform))
  return [tight50, tight550, classic50, classic550]
}

/** The sequence that starts the program. DTR must be released all along: IO0 decides at the end of the reset. */
export function programSequence(usb: UsbId | null, platform: NodeJS.Platform): ResetSequence {
  if (isUsbSerialJtag(usb) && platform === 'win32') return runAppUsbJtagWindows
  return forPlatform(isNativeUsb(usb) ? runAppNativeUsb : runApp, platform)
}

function forPlatform(sequence: ResetSequence, platform: NodeJS.Platform): ResetSequence {
  return platform === 'win32' ? { name: sequence.name, steps: withDtrRepeated(sequence.steps) } : sequence
}

function named(name: string, text: string): ResetSequence {
  return { name, steps: parseLineSequence(text) }
}
