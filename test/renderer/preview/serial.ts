/** A bench of boards on serial lines: what keeps a port from opening, writes that go on, proofs, and what a board prints. */
import type {
  DeviceEntry,
  EvidenceFact,
  FirmwareSummary,
  JobSnapshot,
  MonitorEntry,
} from '../../../src/shared/contract/index.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import type { createFakeStation } from '../fake-station.ts'
import { fakeDevice, fakeFact, fakeFirmware, fakeInspection, fakeJob } from '../fake-models.ts'

const ENDED = '2026-11-21T10:15:00.000+07:00'
const SIZE = 1_069_536

interface Board {
  readonly device: Partial<DeviceEntry> & { readonly target: string }
  /** Null: nothing has run on it. */
  readonly job: Partial<JobSnapshot> | null
}

const flashMd5: EvidenceFact = fakeFact('stored', { basis: 'host-read', method: 'flash-md5', value: 'd41d'.repeat(8) })
const readBack: EvidenceFact = fakeFact('stored', { basis: 'host-read', method: 'read-back' })

const boards: readonly Board[] = [
  {
    device: {
      target: 'serial:/dev/ttyUSB0',
      name: 'CP2102N USB to UART',
      place: 'USB 1-1',
      adapterKey: 'usb:10C4:EA60:A1',
    },
    job: null,
  },
  {
    device: {
      target: 'serial:/dev/ttyUSB1',
      name: 'CP2102N USB to UART',
      label: 'Jig left',
      place: 'USB 1-2',
      adapterKey: 'usb:10C4:EA60:B8',
      socketKey: 'socket:1-2',
      socketLabel: 'Socket 2',
      protocols: ['esp-serial'],
      identity: { mac: '24:6F:28:AA:1F:7C', chip: 'ESP32', board: 'revision v3.0' },
    },
    job: null,
  },
  {
    device: {
      target: 'serial:/dev/ttyUSB2',
      name: 'CH340',
      place: 'USB 1-3',
      adapterKey: 'socket:1-3',
      socketKey: 'socket:1-3',
      notes: [
        {
          en: 'This user may not open it. Install the udev rule of Flashproof, or: sudo usermod -aG dialout $USER, then sign in again.',
          vi: 'Người dùng này không được mở cổng. Hãy cài quy tắc udev của Flashproof, hoặc: sudo usermod -aG dialout $USER, rồi đăng nhập lại.',
        },
      ],
    },
    job: null,
  },
  {
    device: {
      target: 'serial:/dev/ttyUSB3',
      name: 'FT232R USB UART',
      place: 'USB 1-4.1',
      adapterKey: 'usb:0403:6001:AB0C',
      notes: [
        {
          en: 'minicom (process 4711) has it open. Close it before writing.',
          vi: 'minicom (tiến trình 4711) đang mở cổng. Hãy đóng trước khi ghi.',
        },
        {
          en: 'ModemManager runs and may talk into this port. Install the udev rule of Flashproof, which keeps it away.',
          vi: 'ModemManager đang chạy và có thể xen vào cổng này. Hãy cài quy tắc udev của Flashproof để ngăn nó.',
        },
      ],
    },
    job: null,
  },
  {
    device: {
      target: 'serial:/dev/ttyUSB4',
      name: 'CH340',
      present: false,
      place: 'USB 1-4.2',
      adapterKey: 'socket:1-4.2',
      socketKey: 'socket:1-4.2',
      notes: [
        {
          en: 'Up and down again and again: a bad cable or hub, or a board that restarts all the time. Change the cable, plug it in without a hub.',
          vi: 'Kết nối chập chờn liên tục: cáp hoặc hub hỏng, hoặc bo mạch cứ khởi động lại. Hãy đổi cáp và cắm trực tiếp, không qua hub.',
        },
      ],
    },
    job: null,
  },
  {
    device: {
      target: 'serial:/dev/ttyACM0',
      name: 'USB JTAG/serial debug unit',
      place: 'USB 2-1',
      adapterKey: 'usb:303A:1001:64:E8:33:01:20:30',
      protocols: ['esp-serial'],
      identity: { mac: '64:E8:33:01:20:30', chip: 'ESP32-C3', board: 'revision v0.4' },
    },
    job: {
      protocol: 'esp-serial',
      state: 'transferring',
      doneBytes: 618_496,
      bytesPerSecond: 71_200,
      remainingMs: 6_300,
      boardNow: 'old-firmware',
      unplug: 'safe',
      evidence: [],
      required: 'stored',
      versionBefore: '2.1.3',
    },
  },
  {
    device: {
      target: 'serial:/dev/ttyACM1',
      name: 'USB JTAG/serial debug unit',
      place: 'USB 2-2',
      adapterKey: 'usb:303A:1001:64:E8:33:01:20:44',
      protocols: ['esp-serial'],
      identity: { mac: '64:E8:33:01:20:44', chip: 'ESP32-S3', board: 'revision v0.2' },
    },
    job: {
      protocol: 'esp-serial',
      state: 'finished',
      doneBytes: SIZE,
      boardNow: 'new-firmware',
      evidence: [fakeFact('sent'), fakeFact('acknowledged', { method: 'loader-status' }), flashMd5],
      required: 'stored',
      verdict: 'proven',
      provenLevel: 'stored',
      versionAfter: '2.1.4',
      endedAt: ENDED,
    },
  },
  {
    device: {
      target: 'rfc2217://192.168.1.10:3001',
      name: 'pump controller',
      place: null,
      protocols: ['stm32-serial'],
      identity: { id: '0x410', chip: 'STM32F10x medium-density' },
    },
    job: {
      protocol: 'stm32-serial',
      state: 'finished',
      doneBytes: 65_536,
      totalBytes: 65_536,
      boardNow: 'new-firmware',
      evidence: [fakeFact('sent'), fakeFact('acknowledged', { method: 'an3155-ack' }), readBack],
      required: 'stored',
      verdict: 'proven',
      provenLevel: 'stored',
      endedAt: ENDED,
    },
  },
  {
    device: { target: 'tcp://192.168.1.11:4000', name: 'valve 7', place: null, protocols: ['ymodem'] },
    job: {
      protocol: 'ymodem',
      state: 'finished',
      doneBytes: 131_072,
      totalBytes: 131_072,
      boardNow: 'unknown',
      evidence: [fakeFact('sent'), fakeFact('acknowledged', { method: 'ymodem-ack' })],
      required: 'acknowledged',
      verdict: 'acknowledged',
      warnings: [
        'Normal for this device: its bootloader only acknowledges. Its first line after the start would show more.',
      ],
      endedAt: ENDED,
    },
  },
]

export function serialDevices(): DeviceEntry[] {
  return boards.map(({ device }) =>
    fakeDevice({ source: 'serial', protocols: [], appName: null, appVersion: null, ...device }),
  )
}

export function serialJobs(): JobSnapshot[] {
  return boards.flatMap(({ device, job }, index) =>
    job === null ? [] : [fakeJob({ jobId: `s-${String(index)}`, target: device.target, ...job })],
  )
}

/** What `idf.py build` leaves: bootloader, table, data of the slots, application, each at its address. */
export function flashSet(): FirmwareSummary {
  const part = (
    kind: string,
    offset: number,
    file: string,
  ): NonNullable<FirmwareSummary['inspection']['esp']>['parts'] => [{ kind, offset, file, sha256: 'ab12'.repeat(16) }]
  const base = fakeInspection()
  return fakeFirmware(
    fakeInspection({
      fileName: 'flasher_args.json',
      format: 'flash-set',
      formatLabel: 'Flash set (ESP-IDF)',
      baseAddress: 0x1000,
      dataBytes: 1_110_576,
      segments: [
        { address: 0x1000, sizeBytes: 24_576 },
        { address: 0x8000, sizeBytes: 3_072 },
        { address: 0xe000, sizeBytes: 8_192 },
        { address: 0x10000, sizeBytes: SIZE },
      ],
      gapBytes: 36_864,
      esp:
        base.esp === null
          ? null
          : {
              ...base.esp,
              kind: 'set',
              trailingBytes: 0,
              parts: [
                ...(part('bootloader', 0x1000, 'bootloader/bootloader.bin') ?? []),
                ...(part('partition-table', 0x8000, 'partition_table/partition-table.bin') ?? []),
                ...(part('otadata', 0xe000, 'ota_data_initial.bin') ?? []),
                ...(part('app', 0x10000, 'thermostat.bin') ?? []),
              ],
            },
      findings: [],
    }),
  )
}

/** What the host says of a manifest for several chips. */
export function severalChips(): never {
  throw new FlashproofError('format.variant-needed', 'manifest.json holds firmware for several chips', {
    file: 'manifest.json',
    choiceId: 'c-1',
    variants: ['ESP32', 'ESP32-C3', 'ESP32-S3', 'ESP8266'],
  })
}

const at = (milliseconds: number): string => new Date(Date.UTC(2026, 10, 21, 3, 14, 2, milliseconds)).toISOString()

function printed(milliseconds: number, text: string): MonitorEntry {
  const levels = { E: 'error', W: 'warning', I: 'info', D: 'debug', V: 'verbose' } as const
  const [, letter] = /^([EWIDV]) \(\d+\)/.exec(text) ?? []
  const level = levels[(letter ?? '') as keyof typeof levels] as (typeof levels)[keyof typeof levels] | undefined
  return { type: 'line', line: { at: at(milliseconds), from: 'board', text, level: level ?? null } }
}

const place = (name: string, address: number, functionName: string, offset: number, file: string, line: number) => ({
  name,
  address,
  role: 'frame' as const,
  function: functionName,
  offset,
  file,
  line,
})

/** A start, some work, a crash with its places, the next start. */
export const printedEntries: readonly MonitorEntry[] = [
  { type: 'event', event: { kind: 'opened', at: at(0) } },
  printed(40, 'ets Jul 29 2019 12:21:46'),
  printed(41, ''),
  printed(42, 'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)'),
  { type: 'event', event: { kind: 'reset', at: at(42), reason: 'POWERON_RESET', bootMode: 'SPI_FAST_FLASH_BOOT' } },
  printed(61, 'I (29) boot: ESP-IDF v5.5 2nd stage bootloader'),
  printed(62, 'I (29) boot: compile time Nov 20 2026 17:20:11'),
  printed(90, 'I (58) boot: Loaded app from partition at offset 0x10000'),
  printed(240, 'I (210) app_init: Project name:     thermostat'),
  { type: 'event', event: { kind: 'app', at: at(240), field: 'project', value: 'thermostat' } },
  printed(241, 'I (214) app_init: App version:      2.1.4'),
  { type: 'event', event: { kind: 'app', at: at(241), field: 'version', value: '2.1.4' } },
  printed(300, 'D (270) wifi: <b>not bold</b> scan 11 channels'),
  printed(420, 'W (391) sensor: no answer from 0x76, tried again'),
  printed(610, 'I (580) heap: free 182344 min 150020 largest 110592'),
  { type: 'line', line: { at: at(700), from: 'sent', text: 'calibrate 21.5', level: null } },
  printed(712, 'calibrating…'),
  printed(790, 'E (761) control: valve 3 does not move'),
  printed(800, "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled."),
  {
    type: 'event',
    event: { kind: 'panic', at: at(800), text: "Core 0 panic'ed (LoadProhibited). Exception was unhandled." },
  },
  printed(803, 'PC      : 0x400d1f2c  PS      : 0x00060730  A0      : 0x800d2011  A1      : 0x3ffb5e20'),
  printed(806, 'Backtrace: 0x400d1f29:0x3ffb5e20 0x400d200e:0x3ffb5e50 0x400d31aa:0x3ffb5e80 0x4008a3b5:0x3ffb5eb0'),
  {
    type: 'event',
    event: {
      kind: 'crash',
      at: at(830),
      crash: {
        at: at(800),
        kind: 'panic',
        text: "Core 0 panic'ed (LoadProhibited). Exception was unhandled.",
        core: 0,
        details: [],
        abortPc: null,
        registers: { PC: 0x400d_1f2c },
        backtraces: [
          {
            frames: [
              { pc: 0x400d_1f29, sp: 0x3ffb_5e20 },
              { pc: 0x400d_200e, sp: 0x3ffb_5e50 },
              { pc: 0x400d_31aa, sp: 0x3ffb_5e80 },
              { pc: 0x4008_a3b5, sp: 0x3ffb_5eb0 },
            ],
            ending: null,
          },
        ],
        stackWords: [],
        elfSha256: '77'.repeat(8),
      },
      decoding: {
        build: 'same',
        elfSha256: '77'.repeat(32),
        places: [
          place('#0', 0x400d_1f29, 'valve_read_position', 0x1d, 'main/valve.c', 88),
          place('#1', 0x400d_200e, 'control_step', 0x46, 'main/control.c', 141),
          place('#2', 0x400d_31aa, 'app_main', 0x92, 'main/main.c', 57),
          place('#3', 0x4008_a3b5, 'vPortTaskWrapper', 0x5, 'freertos/port.c', 139),
        ],
      },
      decodingError: null,
    },
  },
  printed(1100, 'Rebooting...'),
  printed(1140, 'rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)'),
  { type: 'event', event: { kind: 'reset', at: at(1140), reason: 'SW_CPU_RESET', bootMode: 'SPI_FAST_FLASH_BOOT' } },
  printed(1340, 'I (210) app_init: App version:      2.1.4'),
]

/** What the engine says as soon as a port is open. */
export const lineOpened = (): MonitorEntry => ({
  type: 'event',
  event: { kind: 'opened', at: new Date().toISOString() },
})

/** Board `Jig left` is listened to and printed this. */
export const monitoring: Parameters<typeof createFakeStation>[1] = {
  'monitor.stop': () => ({}),
  'monitor.send': () => ({}),
  'monitor.restart': () => ({}),
  'monitor.history': () => ({ entries: [...printedEntries] }),
}
