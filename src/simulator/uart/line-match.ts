/** What arrives where the two ends of a serial line do not agree on its rate or parity. */
import type { Random } from '../random.ts'
import type { UartLine } from './uart.ts'

/** Receivers stand a rate that is off by so much. */
const RATE_TOLERANCE = 0.03

/** Gives what a receiver makes of the bytes of a sender: the bytes themselves where both have the same line. */
export function receivedBytes(bytes: Uint8Array, sender: UartLine, receiver: UartLine, random: Random): Uint8Array {
  const garble = (byte: number): number => byte ^ (1 + random.integer(255))
  if (Math.abs(sender.baudRate / receiver.baudRate - 1) > RATE_TOLERANCE) return bytes.map(garble)
  if (sender.parity === receiver.parity) return bytes
  return bytes.map(byte => (passesParity(byte, sender, receiver) ? byte : garble(byte)))
}

/** The time that one byte takes: start bit, eight bits, the parity bit where there is one, stop bit. */
export function msPerByte({ baudRate, parity }: UartLine): number {
  return ((parity === 'none' ? 10 : 11) * 1000) / baudRate
}

/** Without parity, the stop bit stands where the other side has its parity bit: it is good where that bit is 1. */
function passesParity(byte: number, sender: UartLine, receiver: UartLine): boolean {
  if (sender.parity === 'none') return parityBit(byte, receiver.parity) === 1
  if (receiver.parity === 'none') return parityBit(byte, sender.parity) === 1
  return false
}

function parityBit(byte: number, parity: UartLine['parity']): number {
  let ones = 0
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1
  return parity === 'even' ? ones & 1 : (ones & 1) ^ 1
}
