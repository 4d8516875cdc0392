/** The JSON that a Tasmota device answers to commands (`/cm?cmnd=…`). */
import type { VirtualBoard } from '../board/board.ts'
import type { JsonValue } from '../python-json.ts'
import type { TasmotaLayout } from './layout.ts'

type Json = Readonly<Record<string, JsonValue>>

export interface CommandHost {
  readonly board: VirtualBoard
  readonly layout: TasmotaLayout
  otaUrl: string
  readonly address: string
  restart(): void
  /** Fetches what `otaUrl` names and installs it. */
  upgrade(): void
}

const CLOCK_START_MS = Date.UTC(2026, 0, 1)
const BUILD_START_MS = Date.UTC(2024, 0, 1)
const BUILD_SPAN_SECONDS = 500 * 86_400

const modelNames: Readonly<Record<string, string>> = {
  ESP32: 'ESP32-D0WD-V3 v3.1',
  'ESP32-S3': 'ESP32-S3 (QFN56) v0.2',
  'ESP32-C3': 'ESP32-C3 (QFN32) v0.4',
}

export function runCommand(host: CommandHost, text: string): Json {
  const [, word = '', argument = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(text) ?? []
  switch (word.toLowerCase()) {
    case '':
      return { WARNING: 'Enter command cmnd=' }
    case 'status':
      return status(host, argument)
    case 'restart':
      if (argument !== '1') return { Restart: '1 to restart' }
      host.restart()
      return { Restart: 'Restarting' }
    case 'otaurl':
      if (argument !== '') host.otaUrl = argument
      return { OtaUrl: host.otaUrl }
    case 'upgrade':
      if (argument !== '1') return { Upgrade: '1 or >14.0.0 to upgrade' }
      host.upgrade()
      return { Upgrade: `Version ${versionOf(host)} from ${host.otaUrl}` }
    default:
      return { Command: 'Unknown' }
  }
}

function status(host: CommandHost, argument: string): Json {
  const parts: Readonly<Record<string, () => Json>> = {
    '1': () => ({ StatusPRM: parameters(host) }),
    '2': () => ({ StatusFWR: firmware(host) }),
    '4': () => ({ StatusMEM: memory(host) }),
    '5': () => ({ StatusNET: network(host) }),
    '11': () => ({ StatusSTS: state(host) }),
  }
  if (argument === '') return { Status: general(host) }
  if (argument === '0') {
    const all = Object.values(parts).map(part => part())
    return Object.assign({ Status: general(host) }, ...all) as Json
  }
  return parts[argument]?.() ?? { Command: 'Error' }
}

function general({ board }: CommandHost): Json {
  const { id, name } = board.identity
  return { Module: 1, DeviceName: name, FriendlyName: [name], Topic: id, Power: '0' }
}

function parameters({ board, otaUrl }: CommandHost): Json {
  const { bootCount, resetReason } = board.state
  const reason = { 'power-on': 'Vbat power on reset', software: 'Software reset CPU', panic: 'Panic reset' }[
    resetReason
  ]
  const startedMs = CLOCK_START_MS + board.options.clock.monotonicMs() - board.uptimeMs
  return {
    OtaUrl: otaUrl,
    RestartReason: reason,
    Uptime: uptimeText(board.uptimeMs),
    StartupUTC: dateText(startedMs),
    BootCount: bootCount,
  }
}

/** The version is that of the running program, from its descriptor; the build date follows from its ELF hash. */
function firmware(host: CommandHost): Json {
  const { chip } = host.board.identity
  const elfSha256 = host.layout.runsSafeboot ? '00'.repeat(32) : (host.board.runningApp?.elfSha256 ?? '00'.repeat(32))
  const buildSeconds = Number.parseInt(elfSha256.slice(0, 8), 16) % BUILD_SPAN_SECONDS
  return {
    Version: versionOf(host),
    BuildDateTime: dateText(BUILD_START_MS + buildSeconds * 1000),
    Core: '3_1_0',
    SDK: '5.3.1',
    CpuFrequency: 240,
    Hardware: modelNames[chip] ?? chip,
  }
}

function versionOf({ board, layout }: CommandHost): string {
  if (layout.runsSafeboot) return `${board.options.firmware.version}(safeboot)`
  return board.faults.disguise(`${board.runningApp?.version ?? '0.0.0'}(tasmota32)`)
}

function memory({ board }: CommandHost): Json {
  const KIB = 1024
  const used = board.state.slots[board.state.activeSlot]?.sizeBytes ?? 0
  return {
    ProgramSize: Math.ceil(used / KIB),
    Free: Math.floor(board.options.slotBytes / KIB),
    Heap: Math.floor(board.heap.freeBytes / KIB),
    ProgramFlashSize: 4096,
    FlashSize: 4096,
  }
}

function network({ board, address }: CommandHost): Json {
  const { id, mac } = board.identity
  return { Hostname: id, IPAddress: address, Mac: mac.toUpperCase() }
}

function state({ board }: CommandHost): Json {
  return {
    Time: dateText(CLOCK_START_MS + board.options.clock.monotonicMs()),
    Uptime: uptimeText(board.uptimeMs),
    UptimeSec: Math.floor(board.uptimeMs / 1000),
    Heap: Math.floor(board.heap.freeBytes / 1024),
    Wifi: { AP: 1, RSSI: 74, Signal: -63 },
  }
}

function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19)
}

/** Days, `T`, and a clock. */
function uptimeText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const clock = new Date(seconds * 1000).toISOString().slice(11, 19)
  return `${String(Math.floor(seconds / 86_400))}T${clock}`
}
