/** Worlds to look at: nothing there, a bench at work, many devices, a first run, a crashed engine. */
import type { DeviceEntry, JobSnapshot, Preferences, TelemetrySample } from '../../../src/shared/contract/index.ts'
import { catalog } from 'virtual:catalog'
import { createFakeStation as createStation, type FakeStation, type FakeWorld } from '../fake-station.ts'
import { dialectDevices, dialectJobs, dialectReviews, pullTrace } from './dialects.ts'
import { flashSet, lineOpened, monitoring, serialDevices, serialJobs, severalChips } from './serial.ts'
import {
  fakeDevice,
  fakeFact,
  fakeFirmware,
  fakeHexInspection,
  fakeHostInfo,
  fakeJob,
  fakePreferences,
  fakeSample,
} from '../fake-models.ts'

type Look = Pick<Preferences, 'theme' | 'language'>

/** With the protocols that there really are. */
function createFakeStation(world: FakeWorld, given: Parameters<typeof createStation>[1] = {}): FakeStation {
  return createStation({ catalog, ...world }, given)
}

const lines = [
  ['info', 'job.started', 'write thermostat.bin to kitchen'],
  ['info', 'device.identified', 'ESP32, 24:6F:28:AA:1F:B8, thermostat 2.1.3'],
  ['debug', 'chunk.sent', 'chunk 12 of 262 acknowledged in 14 ms'],
  ['warning', 'chunk.retry', 'chunk 41 sent again: the device answered {"success":false,"error":"busy"}'],
  ['info', 'completion.sent', 'device said success'],
  ['error', 'verify.contradicted', 'flash hash 77c1… is not ab12…: contradicted <b>not bold</b>'],
] as const

/** The course of a job over the seconds of `samples`. */
const course = [
  [48, 'connecting'],
  [52, 'preparing'],
  [60, 'transferring'],
  [130, 'verifying'],
  [142, 'rebooting'],
  [165, 'finished'],
] as const

function samples(count: number): TelemetrySample[] {
  // The board says nothing while it restarts.
  const seconds = Array.from({ length: count }, (_, index) => index).filter(index => index < 143 || index > 158)
  return seconds.map(index =>
    fakeSample({
      uptimeMs: (index < 150 ? 400 + index : index - 155) * 1000,
      at: new Date(Date.UTC(2026, 10, 21, 3, 0, index)).toISOString(),
      elapsedMs: index * 1000,
      heapFreeBytes: 182_000 - 9_000 * Math.sin(index / 7) - (index > 60 && index < 130 ? 38_000 : 0),
      heapMinFreeBytes: 150_000 - (index > 60 ? 12_000 : 0),
      heapLargestBlockBytes: 110_000 - 4_000 * Math.cos(index / 5),
      flashUsedBytes: 1_200_000 + Math.min(Math.max(index - 60, 0), 70) * 15_000,
    }),
  )
}

/** As the engine says of a port that comes and goes. */
const unstableNote = {
  en: 'Up and down again and again: a bad cable or hub, or a board that restarts all the time. Change the cable, plug it in without a hub.',
  vi: 'Kết nối chập chờn liên tục: cáp hoặc hub hỏng, hoặc bo mạch cứ khởi động lại. Hãy đổi cáp và cắm trực tiếp, không qua hub.',
}

function benchDevices(): DeviceEntry[] {
  const mac = (tail: string): string => `24:6F:28:AA:${tail}`
  return [
    fakeDevice({
      target: 'serial:/dev/ttyUSB0',
      name: 'CP2102N USB to UART',
      label: 'Socket 1',
      source: 'serial',
      place: 'USB 1-2',
      protocols: [],
      identity: { mac: mac('1F:7C'), chip: 'ESP32' },
    }),
    fakeDevice({
      target: 'serial:/dev/ttyUSB1',
      name: 'CP2102N USB to UART',
      label: 'Socket 2',
      source: 'serial',
      place: 'USB 1-3',
      adapterKey: 'usb:10C4:EA60:B8',
      socketKey: 'socket:1-3',
      socketLabel: 'Socket 2',
      protocols: [],
      identity: { mac: mac('1F:90'), chip: 'ESP32' },
    }),
    fakeDevice({
      target: 'serial:/dev/ttyUSB2',
      name: 'CH340',
      source: 'serial',
      present: false,
      place: 'USB 1-4',
      protocols: [],
      adapterKey: 'socket:1-4',
      socketKey: 'socket:1-4',
      notes: [unstableNote],
    }),
    fakeDevice({ target: 'http://192.168.4.21', identity: { mac: mac('1F:A2'), chip: 'ESP32', board: 'thermo-r3' } }),
    fakeDevice({ target: 'http://192.168.4.22', identity: { mac: mac('1F:B8'), chip: 'ESP32', board: 'thermo-r3' } }),
    fakeDevice({
      target: 'http://192.168.4.30',
      name: 'plug-22',
      appName: 'plug',
      appVersion: '1.0.9',
      identity: { mac: mac('20:11'), chip: 'ESP8266' },
    }),
    fakeDevice({ target: 'http://192.168.4.31', name: 'hallway', identity: { mac: mac('20:30'), chip: 'ESP32-S3' } }),
    fakeDevice({
      target: 'http://192.168.4.32',
      name: 'boiler-room-north-with-a-rather-long-name',
      identity: { mac: mac('20:44'), chip: 'ESP32' },
    }),
    fakeDevice({
      target: 'http://192.168.4.33',
      name: 'attic',
      source: 'remembered',
      present: null,
      lastSeenAt: '2026-11-18T16:02:00.000+07:00',
      identity: { mac: mac('20:58'), chip: 'ESP32' },
    }),
    fakeDevice({ target: 'http://192.168.4.34', name: 'cellar', identity: { mac: mac('20:6A'), chip: 'ESP32' } }),
  ]
}

function benchJobs(): JobSnapshot[] {
  const upToStored = [fakeFact('sent'), fakeFact('acknowledged'), fakeFact('received')]
  const jobs: Partial<JobSnapshot>[] = [
    {
      target: 'serial:/dev/ttyUSB0',
      state: 'transferring',
      doneBytes: 620_000,
      bytesPerSecond: 11_200,
      remainingMs: 41_000,
      boardNow: 'not-bootable',
      unplug: 'keep-powered',
      evidence: [],
    },
    {
      target: 'serial:/dev/ttyUSB1',
      state: 'verifying',
      doneBytes: 1_069_536,
      boardNow: 'unknown',
      unplug: 'keep-powered',
      evidence: upToStored,
    },
    {
      target: 'http://192.168.4.21',
      state: 'finished',
      doneBytes: 1_069_536,
      boardNow: 'new-firmware',
      evidence: [...upToStored, fakeFact('stored')],
      verdict: 'proven',
      provenLevel: 'stored',
      versionAfter: '2.1.4',
      endedAt: '2026-11-21T10:15:00.000+07:00',
    },
    {
      target: 'http://192.168.4.22',
      state: 'finished',
      doneBytes: 1_069_536,
      boardNow: 'unknown',
      evidence: [
        fakeFact('sent'),
        fakeFact('acknowledged'),
        fakeFact('stored', { value: '77c1'.repeat(16), matches: false }),
      ],
      verdict: 'unproven',
      reason: 'contradicted',
      endedAt: '2026-11-21T10:15:00.000+07:00',
    },
    {
      target: 'http://192.168.4.31',
      state: 'waiting',
      doneBytes: 0,
      decision: {
        code: 'tight-space',
        question: 'The device reports 12 KiB of free memory; a chunk of 4096 bytes may not fit. Send all the same?',
        details: { heapFreeBytes: 12_288, chunkBytes: 4096 },
        askedAt: '2026-11-21T10:14:00.000+07:00',
        answer: null,
        answeredAt: null,
        answeredBy: null,
      },
    },
    {
      target: 'http://192.168.4.32',
      state: 'failed',
      doneBytes: 262_144,
      boardNow: 'old-firmware',
      evidence: [],
      error: { code: 'device.unreachable', message: 'connect ECONNREFUSED 192.168.4.32:80', details: {} },
      endedAt: '2026-11-21T10:15:00.000+07:00',
    },
    {
      target: 'http://192.168.4.33',
      state: 'finished',
      doneBytes: 1_069_536,
      boardNow: 'new-firmware',
      evidence: [fakeFact('sent'), fakeFact('acknowledged')],
      required: 'acknowledged',
      verdict: 'acknowledged',
      warnings: ['Normal for this device: it cannot hash its flash. Telemetry would show the running version.'],
      endedAt: '2026-11-21T10:15:00.000+07:00',
    },
    { target: 'http://192.168.4.34', state: 'queued', doneBytes: 0 },
  ]
  return jobs.map((job, index) => fakeJob({ jobId: `job-${String(index + 1)}`, ...job }))
}

function many(): { devices: DeviceEntry[]; jobs: JobSnapshot[] } {
  const numbers = Array.from({ length: 256 }, (_, index) => index)
  return {
    devices: numbers.map(index =>
      fakeDevice({
        target: `http://10.0.${String(index >> 7)}.${String(index + 1)}`,
        name: `board-${String(index).padStart(3, '0')}`,
        identity: { mac: `24:6F:28:AB:00:${index.toString(16).padStart(2, '0').toUpperCase()}`, chip: 'ESP32' },
      }),
    ),
    jobs: numbers.map(index =>
      fakeJob({
        jobId: `job-${String(index).padStart(3, '0')}`,
        target: `http://10.0.${String(index >> 7)}.${String(index + 1)}`,
        state: 'transferring',
        doneBytes: index * 4096,
        bytesPerSecond: 200_000,
        remainingMs: 30_000,
        boardNow: 'not-bootable',
        unplug: 'keep-powered',
      }),
    ),
  }
}

const tracing = {
  'job.trace': () => ({
    lines: [
      ...course.map(([second, state]) => ({
        at: new Date(Date.UTC(2026, 10, 21, 3, 0, second)).toISOString(),
        elapsedMs: second * 1000,
        level: 'debug' as const,
        code: 'job.state',
        text: state,
      })),
      ...Array.from({ length: 60 }, (_, index) => {
        const [level, code, text] = lines[index % lines.length] ?? lines[0]
        return {
          at: new Date(Date.UTC(2026, 10, 21, 3, 14, index)).toISOString(),
          elapsedMs: index * 1000,
          level,
          code,
          text,
        }
      }),
    ],
    samples: samples(200),
    next: null,
  }),
  'telemetry.history': () => ({ samples: samples(200), next: null }),
  'log.check': () => ({
    valid: true,
    records: 6,
    headHash: 'c0ffee'.repeat(10) + 'c0ff',
    headSequence: 6,
    signature: 'none' as const,
    problems: [],
    notes: [],
  }),
}

/** STM32s behind gateways: one whose gateway tells how far it is, one with only the clock, one not begun, one whose link was lost. */
function gatewayJobs(): JobSnapshot[] {
  const leg = { state: 'running', doneBytes: null, totalBytes: 65_536, elapsedMs: 31_000, usualMs: 90_000 } as const
  const cannotUndo = {
    en: 'The gateway is writing the STM32 now: it goes on whatever happens here. Keep both powered until 14:32.',
    vi: 'Gateway đang ghi STM32: việc này vẫn tiếp diễn dù dừng ở đây. Giữ nguồn cả hai đến 14:32.',
  }
  const passing: Partial<JobSnapshot> = {
    state: 'transferring',
    doneBytes: 65_536,
    totalBytes: 65_536,
    boardNow: 'unknown',
    unplug: 'keep-powered',
    evidence: [fakeFact('sent')],
    cannotUndo,
  }
  const jobs: Partial<JobSnapshot>[] = [
    { ...passing, target: 'http://192.168.4.21', relay: leg },
    { ...passing, target: 'http://192.168.4.22', relay: { ...leg, doneBytes: 41_216, elapsedMs: 58_000 } },
    {
      target: 'http://192.168.4.30',
      state: 'transferring',
      doneBytes: 20_000,
      totalBytes: 65_536,
      bytesPerSecond: 40_000,
      evidence: [],
      relay: { ...leg, state: 'waiting', elapsedMs: 0 },
    },
    {
      ...passing,
      target: 'http://192.168.4.31',
      state: 'finished',
      verdict: 'unproven',
      reason: 'outcome-unknown',
      relay: { ...leg, state: 'unknown' },
      cannotUndo: null,
      warnings: ['The link to the gateway was lost. Keep both powered until 14:32.'],
    },
  ]
  return jobs.map((job, index) =>
    fakeJob({ jobId: `g-${String(index)}`, protocol: 'stm32-bridge', required: 'acknowledged', ...job }),
  )
}

export const scenarios: Readonly<Record<string, (look: Look) => FakeStation>> = {
  empty: look => createFakeStation({ preferences: fakePreferences(look) }),
  busy: look =>
    createFakeStation(
      {
        preferences: fakePreferences({ ...look, operator: 'Ana' }),
        devices: benchDevices(),
        jobs: benchJobs(),
        firmware: [fakeFirmware()],
      },
      tracing,
    ),
  gateway: look =>
    createFakeStation(
      {
        preferences: fakePreferences(look),
        devices: benchDevices(),
        jobs: gatewayJobs(),
        firmware: [fakeFirmware(fakeHexInspection())],
      },
      tracing,
    ),
  dialects: look =>
    createFakeStation(
      {
        preferences: fakePreferences({ ...look, operator: 'Ana' }),
        devices: dialectDevices(),
        jobs: dialectJobs(),
        firmware: [fakeFirmware()],
        host: fakeHostInfo({ hasSafeStorage: true }),
      },
      { ...tracing, ...pullTrace, 'order.review': ({ targets }) => ({ targets: dialectReviews(targets) }) },
    ),
  serial: look =>
    createFakeStation(
      {
        preferences: fakePreferences(look),
        devices: serialDevices(),
        jobs: serialJobs(),
        firmware: [flashSet()],
        host: fakeHostInfo({ hasFileDialog: true }),
      },
      { ...tracing, ...monitoring, 'firmware.choose': severalChips },
    ),
  monitor: look => {
    const fake = createFakeStation(
      { preferences: fakePreferences(look), devices: serialDevices(), firmware: [fakeFirmware()] },
      {
        ...tracing,
        ...monitoring,
        'monitor.start': ({ target }) => {
          setTimeout(() => {
            fake.emit('monitor.heard', { monitorId: 'm-1', target, entries: [lineOpened()] })
          }, 50)
          return { monitorId: 'm-1' }
        },
      },
    )
    return fake
  },
  hex: look =>
    createFakeStation(
      {
        preferences: fakePreferences(look),
        devices: benchDevices(),
        firmware: [fakeFirmware(fakeHexInspection())],
      },
      tracing,
    ),
  many: look =>
    createFakeStation({ preferences: fakePreferences(look), ...many(), firmware: [fakeFirmware()] }, tracing),
  'first-run': look => createFakeStation({ preferences: fakePreferences({ ...look, isFirstRunDone: false }) }),
  crashed: look =>
    createFakeStation(
      {
        preferences: fakePreferences(look),
        devices: benchDevices(),
        jobs: benchJobs().map(job =>
          job.state === 'finished' || job.state === 'failed' ? job : { ...job, state: 'interrupted', decision: null },
        ),
        host: fakeHostInfo({ engine: { state: 'ready' } }),
        firmware: [fakeFirmware()],
      },
      tracing,
    ),
  'given-up': look =>
    createFakeStation({
      preferences: fakePreferences(look),
      host: fakeHostInfo({ engine: { state: 'gave-up', text: 'the background process crashed 5 times in a minute' } }),
    }),
  watching: look =>
    createFakeStation({
      preferences: fakePreferences(look),
      devices: benchDevices(),
      jobs: benchJobs(),
      firmware: [fakeFirmware()],
      host: fakeHostInfo({ control: 'watch', isPractising: true }),
    }),
}
