/**
 * What a line that a board printed says. The one place of patterns: the monitor, the boot watch of transfers and the
 * crash reports read lines with it. Shapes: ESP-IDF, the Arduino core, ESPHome, MicroPython and the ROM of ESP32 chips.
 */
import { readHeapFigures, type HeapFigures } from './heap-figures.ts'
import { splitMessage, type LogPrefix } from './log-prefix.ts'

export interface StackFrame {
  /** Already corrected by the chip's panic handler: looked up as it is. */
  readonly pc: number
  readonly sp: number
}

export type DeviceFact =
  | ({ readonly kind: 'heap' } & HeapFigures)
  /** The heading of ESP-IDF's heap table; `capabilities` says of which memory (`MALLOC_CAP_*`). */
  | { readonly kind: 'heap-summary'; readonly capabilities: number }
  /** The ROM says why the chip started and how: `rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)`. */
  | {
      readonly kind: 'reset'
      readonly code: number
      readonly reason: string
      readonly bootCode: number
      readonly bootMode: string
    }
  /** The ROM waits for a host: the chip is in download mode. */
  | { readonly kind: 'download-wait' }
  /** The ROM or the bootloader found nothing that it can start. */
  | { readonly kind: 'boot-failure'; readonly text: string }
  /** What the application says of itself at its start (or, the hash, after a panic). */
  | { readonly kind: 'app'; readonly field: 'version' | 'project' | 'elf-sha256'; readonly value: string }
  | { readonly kind: 'panic'; readonly core: number | null; readonly cause: string }
  | { readonly kind: 'register-dump'; readonly core: number }
  | { readonly kind: 'registers'; readonly registers: Readonly<Record<string, number>> }
  | { readonly kind: 'stack-memory' }
  | { readonly kind: 'stack-words'; readonly address: number; readonly words: readonly number[] }
  | {
      readonly kind: 'backtrace'
      readonly frames: readonly StackFrame[]
      /** How it ends when it does not end as it should. */
      readonly ending: 'corrupted' | 'continues' | null
    }
  | { readonly kind: 'abort'; readonly pc: number; readonly core: number | null }
  | { readonly kind: 'assert'; readonly text: string }
  | { readonly kind: 'stack-overflow'; readonly task: string }
  | { readonly kind: 'heap-corruption'; readonly text: string }
  | { readonly kind: 'task-watchdog'; readonly text: string }
  /** A task that did not feed the watchdog. */
  | { readonly kind: 'watchdog-task'; readonly task: string; readonly core: number }
  | { readonly kind: 'brownout' }
  | { readonly kind: 'rebooting' }

export type DeviceFactOf<Kind extends DeviceFact['kind']> = Extract<DeviceFact, { readonly kind: Kind }>

export interface DeviceLine {
  /** The framework's prefix; null for a line that has none. */
  readonly log: LogPrefix | null
  /** The line without its prefix. */
  readonly message: string
  /** What the line tells beyond its words; null for most. */
  readonly fact: DeviceFact | null
}

/** Names of registers in the dumps of Xtensa and RISC-V chips. */
const REGISTER_NAMES =
  /^(?:PC|PS|A\d|A1[0-5]|SAR|EXCCAUSE|EXCVADDR|LBEG|LEND|LCOUNT|EPC[1-7]|EPS[2-7]|MEPC|RA|SP|GP|TP|T[0-6]|S\d|S1[01]|S0\/FP|MSTATUS|MTVEC|MCAUSE|MTVAL|MHARTID)$/

/** A program counter above is no address: how an unwinder says that it does not know (ESP-IDF, RISC-V). */
const LOWEST_FALSE_PC = 0xffff_fff0

/**
 * Reads one line. Never throws, whatever a board prints: takes at most a few microseconds a line of 4 KiB.
 * @param text a line as `LineSplitter` gives it, without colours
 */
export function parseDeviceLine(text: string): DeviceLine {
  const { log, message } = splitMessage(text)
  return { log, message, fact: readFact(message, log) }
}

function readFact(message: string, log: LogPrefix | null): DeviceFact | null {
  return (
    readStart(message) ?? readCrash(message) ?? readDump(message) ?? readWatchdog(message, log) ?? readHeap(message)
  )
}

// Anywhere in the line: noise of the reset often stands before it, and bytes of the beginning may be lost.
const RESET = /st:(0x[0-9a-f]{1,8}) \((\w{1,40})\),boot:(0x[0-9a-f]{1,8}) \((.{1,80})\)/i
const APP_FIELD = /(App version|Project name):\s{0,16}(.{1,200})/
const ELF_HASH = /ELF file SHA256:\s{0,16}([0-9a-f]{4,64})/i
const BOOT_FAILURE =
  /invalid header: 0x[0-9a-f]{1,8}|flash read err, \d{1,6}|No bootable app partitions|load partition table error|csum err:0x[0-9a-f]{1,2}/i

function readStart(message: string): DeviceFact | null {
  const reset = message.includes('st:0x') ? RESET.exec(message) : null
  if (reset !== null) {
    const [, code = '', reason = '', bootCode = '', bootMode = ''] = reset
    return { kind: 'reset', code: Number(code), reason, bootCode: Number(bootCode), bootMode }
  }
  if (/waiting for download/i.test(message)) return { kind: 'download-wait' }
  if (/\brebooting\.\.\./i.test(message)) return { kind: 'rebooting' }
  const failure = BOOT_FAILURE.exec(message)
  if (failure !== null) return { kind: 'boot-failure', text: failure[0] }
  const hash = ELF_HASH.exec(message)
  if (hash !== null) return { kind: 'app', field: 'elf-sha256', value: (hash[1] ?? '').toLowerCase() }
  const app = APP_FIELD.exec(message)
  if (app === null) return null
  const [, name = '', value = ''] = app
  return { kind: 'app', field: name === 'App version' ? 'version' : 'project', value: value.trim() }
}

// Two cores print at once and bytes get lost at a crash: neither the first letter nor the place in the line is sure.
const PANIC = /uru Meditation Error:\s{0,4}Core\s{1,4}(\d{1,2})\s{1,4}panic'?ed\s{0,4}\(([^)]{0,120})\)/
const ABORT = /bort\(\) was called at PC (0x[0-9a-f]{8})(?: on core (\d))?/i
const ASSERT = /assert failed: .{1,300}|assertion ".{1,200}" failed: .{1,200}/
const STACK_OVERFLOW = /tack overflow in task (.{1,32}?) has been detected/
const HEAP_CORRUPTION = /ORRUPT HEAP: (.{1,200})/

function readCrash(message: string): DeviceFact | null {
  const panic = PANIC.exec(message)
  if (panic !== null) return { kind: 'panic', core: Number(panic[1]), cause: panic[2] ?? '' }
  if (message.includes('uru Meditation Error')) return { kind: 'panic', core: null, cause: '' }
  const abort = ABORT.exec(message)
  if (abort !== null) {
    return { kind: 'abort', pc: Number(abort[1]), core: abort[2] === undefined ? null : Number(abort[2]) }
  }
  const assert = ASSERT.exec(message)
  if (assert !== null) return { kind: 'assert', text: assert[0] }
  const overflow = STACK_OVERFLOW.exec(message)
  if (overflow !== null) return { kind: 'stack-overflow', task: (overflow[1] ?? '').trim() }
  const corruption = HEAP_CORRUPTION.exec(message)
  if (corruption !== null) return { kind: 'heap-corruption', text: corruption[1] ?? '' }
  return message.includes('rownout detector was triggered') ? { kind: 'brownout' } : null
}

const BACKTRACE = /acktrace:\s{0,4}/
const FRAME = /(0x[0-9a-f]{8}):(0x[0-9a-f]{8})\s{0,4}/iy
const REGISTER_DUMP = /ore\s{1,4}(\d{1,2}) register dump:/
const REGISTER = /([A-Z][A-Z0-9/]{0,8})\s{0,8}:\s?(0x[0-9a-f]{8})\b/gi
const STACK_WORDS = /^([0-9a-f]{8}): ((?:0x[0-9a-f]{8}\s?){1,8})$/i

function readDump(message: string): DeviceFact | null {
  if (!message.includes('0x')) {
    const dump = REGISTER_DUMP.exec(message)
    if (dump !== null) return { kind: 'register-dump', core: Number(dump[1]) }
    return /^.?tack memory:/.test(message) ? { kind: 'stack-memory' } : null
  }
  const backtrace = BACKTRACE.exec(message)
  if (backtrace !== null) return readBacktrace(message, backtrace.index + backtrace[0].length)
  const stack = STACK_WORDS.exec(message)
  if (stack !== null) {
    const words = (stack[2] ?? '').trim().split(/\s+/).map(Number)
    return { kind: 'stack-words', address: Number.parseInt(stack[1] ?? '', 16), words }
  }
  return readRegisters(message)
}

function readBacktrace(message: string, start: number): DeviceFact | null {
  const frames: StackFrame[] = []
  FRAME.lastIndex = start
  let end = start
  for (let match = FRAME.exec(message); match !== null; match = FRAME.exec(message)) {
    end = FRAME.lastIndex
    const pc = Number(match[1])
    if (pc !== 0 && pc < LOWEST_FALSE_PC) frames.push({ pc, sp: Number(match[2]) })
  }
  if (end === start) return null
  const rest = message.slice(end)
  const ending = rest.startsWith('|<-CORRUPTED') ? 'corrupted' : rest.startsWith('|<-CONTINUES') ? 'continues' : null
  return { kind: 'backtrace', frames, ending }
}

/** A register's line has two known names at least, or is one alone; other texts have a word and an address too. */
function readRegisters(message: string): DeviceFact | null {
  const registers: Record<string, number> = {}
  let count = 0
  for (const [, name = '', value = ''] of message.matchAll(REGISTER)) {
    if (!REGISTER_NAMES.test(name)) continue
    registers[name] = Number(value)
    count++
  }
  const isAlone = count === 1 && /^\S{1,9}\s{0,8}:\s?0x[0-9a-f]{8}\s*$/i.test(message)
  return count > 1 || isAlone ? { kind: 'registers', registers } : null
}

function readWatchdog(message: string, log: LogPrefix | null): DeviceFact | null {
  const triggered = /ask watchdog got triggered.{0,120}/.exec(message)
  if (triggered !== null) return { kind: 'task-watchdog', text: `T${triggered[0]}` }
  if (log?.tag !== 'task_wdt') return null
  const task = /^\s{0,2}- (.{1,32}?) \(CPU (\d)\)/.exec(message)
  return task === null ? null : { kind: 'watchdog-task', task: task[1] ?? '', core: Number(task[2]) }
}

function readHeap(message: string): DeviceFact | null {
  const summary = /^Heap summary for capabilities 0x([0-9a-f]{8}):/i.exec(message)
  if (summary !== null) return { kind: 'heap-summary', capabilities: Number.parseInt(summary[1] ?? '', 16) }
  const figures = readHeapFigures(message)
  return figures === null ? null : { kind: 'heap', ...figures }
}
