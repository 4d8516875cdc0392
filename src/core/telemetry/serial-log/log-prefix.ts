/** What frameworks print before a message: ESP-IDF, the Arduino core, ESPHome, and plain words in brackets. */

export type LogLevel = 'error' | 'warning' | 'info' | 'debug' | 'verbose'

export interface LogPrefix {
  readonly style: 'esp-idf' | 'arduino' | 'esphome' | 'plain'
  readonly level: LogLevel
  /** Component or source file; empty where the style has none. */
  readonly tag: string
  /** Since the board started, where the prefix counts from there. */
  readonly uptimeMs: number | null
}

export interface SplitMessage {
  readonly log: LogPrefix | null
  /** The line without its prefix. */
  readonly message: string
}

const levels: Readonly<Record<string, LogLevel>> = {
  E: 'error',
  ERROR: 'error',
  W: 'warning',
  WARN: 'warning',
  WARNING: 'warning',
  I: 'info',
  INFO: 'info',
  C: 'info',
  D: 'debug',
  DEBUG: 'debug',
  V: 'verbose',
  VV: 'verbose',
  VERBOSE: 'verbose',
  TRACE: 'verbose',
}

/** `I (1234) wifi: text`; the time may be a clock's, with or without a date. */
const ESP_IDF = /^([EWIDV]) \((\d+|[\d-]{0,10} ?\d\d:\d\d:\d\d\.\d{3})\) ([^:]+): ?(.*)$/s
/** `E tag: text`, as the early log and the logs of interrupts have no time. */
const ESP_IDF_EARLY = /^([EWIDV]) ([\w.-]+): (.*)$/s
/** `[  1234][I][WiFi.cpp:45] begin(): text`; version 1 of the core has no time. */
const ARDUINO = /^(?:\[\s*(\d+)\])?\[([EWIDV])\]\[([^\]:]+):\d+\] [^:]+\(\): ?(.*)$/s
/** `[16:47:57][D][sensor:093]: text`; on the wire itself the time is mostly missing. */
const ESPHOME = /^(?:\[\d\d:\d\d:\d\d(?:\.\d+)?\])?\[([CDEIW]|VV?)\]\[([^\]]+)\]: ?(.*)$/s
const PLAIN = /^\[(ERROR|WARN(?:ING)?|INFO|DEBUG|VERBOSE|TRACE)\]\s?(.*)$/is

/** Takes the prefix off; a line that has none is a message whole. */
export function splitMessage(text: string): SplitMessage {
  return readEspIdf(text) ?? readBracketed(text) ?? { log: null, message: text }
}

function readEspIdf(text: string): SplitMessage | null {
  const timed = ESP_IDF.exec(text)
  if (timed !== null) {
    const [, level = '', time = '', tag = '', message = ''] = timed
    const uptimeMs = /^\d+$/.test(time) ? Number(time) : null
    return { log: { style: 'esp-idf', level: levelOf(level), tag: tag.trim(), uptimeMs }, message }
  }
  const early = ESP_IDF_EARLY.exec(text)
  if (early === null) return null
  const [, level = '', tag = '', message = ''] = early
  return { log: { style: 'esp-idf', level: levelOf(level), tag, uptimeMs: null }, message }
}

function readBracketed(text: string): SplitMessage | null {
  if (!text.startsWith('[')) return null
  const arduino = ARDUINO.exec(text)
  if (arduino !== null) {
    const [, time, level = '', tag = '', message = ''] = arduino
    const uptimeMs = time === undefined ? null : Number(time)
    return { log: { style: 'arduino', level: levelOf(level), tag, uptimeMs }, message }
  }
  const esphome = ESPHOME.exec(text)
  if (esphome !== null) {
    const [, level = '', tag = '', message = ''] = esphome
    return { log: { style: 'esphome', level: levelOf(level), tag, uptimeMs: null }, message }
  }
  const plain = PLAIN.exec(text)
  if (plain === null) return null
  const [, level = '', message = ''] = plain
  return { log: { style: 'plain', level: levelOf(level), tag: '', uptimeMs: null }, message }
}

function levelOf(word: string): LogLevel {
  return levels[word.toUpperCase()] ?? 'info'
}
