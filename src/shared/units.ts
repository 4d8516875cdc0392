/** Numbers as people read them. Pure; used by the command line, the page and the reports. */

/** Writes a byte count with binary steps: 812 B, 4.0 KiB, 1.19 MiB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${String(Math.round(bytes))} B`
  const units = ['KiB', 'MiB', 'GiB']
  let value = bytes / 1024
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value.toFixed(value < 10 && unit > 0 ? 2 : 1)} ${units[unit] ?? 'GiB'}`
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** Writes a duration: 0.4 s, 12 s, 3:05, 1:02:09. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 10_000) return `${(durationMs / 1000).toFixed(1)} s`
  const totalSeconds = Math.round(durationMs / 1000)
  if (totalSeconds < 60) return `${String(totalSeconds)} s`
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = Math.floor(totalSeconds / 60)
  if (minutes < 60) return `${String(minutes)}:${two(totalSeconds % 60)}`
  return `${String(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(totalSeconds % 60)}`
}

/** Writes a flash address in eight hexadecimal digits: 0x08002000. */
export function formatAddress(address: number): string {
  return `0x${address.toString(16).toUpperCase().padStart(8, '0')}`
}

export function formatRatio(ratio: number): string {
  return `${String(Math.floor(Math.min(1, Math.max(0, ratio)) * 100))}%`
}

const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** Makes a device's text safe to print: control, bidirectional and invisible characters become a visible mark. */
export function stripControl(text: string, maximumLength = 500): string {
  const clean = text.replace(CONTROL_CHARACTERS, '\u00b7')
  return clean.length > maximumLength ? `${clean.slice(0, maximumLength - 1)}…` : clean
}
