/** What a chip writes on its serial line as it starts: ROM, bootloader, application. Line shapes: protocol sheet 10.2. */
import { describeApp, type AppText } from './app-text.ts'
import type { BootedApp, BootPartition, BootResult } from './bootloader.ts'
import type { ChipModel } from './chip-table.ts'
import type { NorFlash } from './nor-flash.ts'

export type ResetReason = 'power-on' | 'software' | 'panic' | 'watchdog'

const CRLF = '\r\n'

/** Numbers and names of reset reasons, on the ESP32 and on what came after it. */
const reasons: Readonly<Record<ResetReason, readonly [code: string, esp32: string, later: string]>> = {
  'power-on': ['0x1', 'POWERON_RESET', 'POWERON'],
  software: ['0x3', 'SW_RESET', 'RTC_SW_SYS_RST'],
  panic: ['0xc', 'SW_CPU_RESET', 'RTC_SW_CPU_RST'],
  watchdog: ['0x10', 'RTCWDT_RTC_RESET', 'RTCWDT_RTC_RST'],
}

export function romBanner({ rom, name }: ChipModel, reason: ResetReason, isDownload: boolean): string {
  const [code, esp32Name, laterName] = reasons[reason]
  const waiting = isDownload ? `waiting for download${CRLF}` : ''
  switch (rom) {
    case 'esp8266':
      return `${CRLF} ets Jan  8 2013,rst cause:2, boot mode:(${isDownload ? '1,6' : '3,6'})${CRLF}${CRLF}`
    case 'esp32': {
      const mode = isDownload ? '0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))' : '0x13 (SPI_FAST_FLASH_BOOT)'
      return `ets Jul 29 2019 12:21:46${CRLF}${CRLF}rst:${code} (${esp32Name}),boot:${mode}${CRLF}${waiting}`
    }
    case 'esp-rom': {
      const mode = isDownload ? '0x0 (DOWNLOAD(USB/UART0))' : '0x8 (SPI_FAST_FLASH_BOOT)'
      const id = name.toLowerCase().replace('-', '')
      return (
        `ESP-ROM:${id}-20210327${CRLF}Build:Mar 27 2021${CRLF}` +
        `rst:${code} (${laterName}),boot:${mode}${CRLF}${waiting}`
      )
    }
  }
}

/** Of the ROM that finds no bootloader: once a try. */
export function invalidHeader(notes: readonly string[]): string {
  const [note = 'invalid header: 0xffffffff'] = notes
  return `${note}${CRLF}`.repeat(3)
}

/** Of the second stage, whether it found an application or not. */
export function bootloaderLog(result: BootResult): string {
  const lines = ['mode:DIO, clock div:2', 'entry 0x400805f0', log('I', 31, 'boot', 'ESP-IDF v5.4 2nd stage bootloader')]
  if (result.partitions.length > 0) {
    lines.push(log('I', 58, 'boot', 'Partition Table:'))
    lines.push(log('I', 61, 'boot', '## Label            Usage          Type ST Offset   Length'))
    for (const [index, partition] of result.partitions.entries()) lines.push(tableLine(index, partition))
    lines.push(log('I', 118, 'boot', 'End of partition table'))
  }
  for (const note of result.notes) {
    const [, level = 'E', tag = 'boot', text = note] = /^([IWE]) (\w+): (.*)$/s.exec(note) ?? []
    lines.push(log(level, 130, tag, text))
  }
  if (result.kind === 'app') {
    for (const [index, { offset, address, sizeBytes }] of result.image.segments.entries()) {
      const place = `paddr=${hex(result.partition.offset + offset, 8)} vaddr=${hex(address, 8)} size=${hex(sizeBytes, 5)}h`
      lines.push(
        log('I', 140 + index, 'esp_image', `segment ${String(index)}: ${place} (${String(sizeBytes).padStart(6)})`),
      )
    }
    const at = hex(result.partition.offset, 0)
    lines.push(log('I', 300, 'boot', `Loaded app from partition at offset 0x${at}`))
  }
  return ended(lines)
}

/** Of an ESP-IDF application that begins; of one without a descriptor only that it runs. */
export function appLog(flash: NorFlash, booted: BootedApp): string {
  const app = readApp(flash, booted)
  if (app === null) return ended([log('I', 400, 'main_task', 'Calling app_main()')])
  return ended([
    log('I', 400, 'app_init', 'Application information:'),
    log('I', 400, 'app_init', `Project name:     ${app.projectName}`),
    log('I', 401, 'app_init', `App version:      ${app.version}`),
    log('I', 401, 'app_init', `Compile time:     ${app.buildDate} ${app.buildTime}`),
    log('I', 402, 'app_init', `ELF file SHA256:  ${app.elfSha256.slice(0, 9)}...`),
    log('I', 402, 'app_init', `ESP-IDF:          ${app.idfVersion}`),
    log('I', 410, 'main_task', 'Calling app_main()'),
  ])
}

export function readApp(flash: NorFlash, { partition, image }: BootedApp): AppText | null {
  const [first] = image.segments
  return first === undefined ? null : describeApp(flash.view(partition.offset + first.offset, first.sizeBytes))
}

export function panicLog(): string {
  return ended([
    "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.",
    '',
    'Core  0 register dump:',
    'PC      : 0x400d4314  PS      : 0x00060a30  A0      : 0x800d5c2e  A1      : 0x3ffb4f60',
    '',
    'Backtrace: 0x400d4311:0x3ffb4f60 0x400d5c2b:0x3ffb4f80',
    '',
    'Rebooting...',
  ])
}

export function heapLine(freeBytes: number): string {
  return `Free heap: ${String(freeBytes)}${CRLF}`
}

function tableLine(index: number, { label, type, subtype, offset, sizeBytes }: BootPartition): string {
  const numbers = `${hex(type, 2)} ${hex(subtype, 2)} ${hex(offset, 8)} ${hex(sizeBytes, 8)}`
  return log(
    'I',
    66 + 7 * index,
    'boot',
    `${String(index).padStart(2)} ${label.padEnd(16)} ${''.padEnd(14)} ${numbers}`,
  )
}

function log(level: string, atMs: number, tag: string, text: string): string {
  const colour = { E: '31', W: '33' }[level] ?? '32'
  return `\x1b[0;${colour}m${level} (${String(atMs)}) ${tag}: ${text}\x1b[0m`
}

function ended(lines: readonly string[]): string {
  return lines.map(line => line + CRLF).join('')
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
