/** A bench with devices of every dialect, each at an end that is usual for it: what was acknowledged, proven, lost, refused. */
import type { DeviceEntry, EvidenceFact, JobSnapshot, TargetReview } from '../../../src/shared/contract/index.ts'
import type { createFakeStation } from '../fake-station.ts'
import { fakeDevice, fakeFact, fakeJob } from '../fake-models.ts'

const ENDED = '2026-11-21T10:15:00.000+07:00'
const SIZE = 1_069_536
/** What the firmware of the bench has. */
const ELF_HASH = '77'.repeat(32)

interface Board {
  readonly device: Partial<DeviceEntry> & { readonly target: string }
  /** Null: nothing has run on it. */
  readonly job: Partial<JobSnapshot> | null
}

const sent = fakeFact('sent')
const acknowledged = fakeFact('acknowledged', { method: 'http-body' })
const runningByHash: EvidenceFact = fakeFact('running', { method: 'elf-sha256', value: ELF_HASH, fresh: true })
const runningByVersion: EvidenceFact = fakeFact('running', { method: 'version-text', value: '2.1.4', matches: null })

/** An end of a job. */
function ended(changes: Partial<JobSnapshot>): Partial<JobSnapshot> {
  return { state: 'finished', doneBytes: SIZE, boardNow: 'new-firmware', endedAt: ENDED, ...changes }
}

function failed(code: string, message: string, changes: Partial<JobSnapshot> = {}): Partial<JobSnapshot> {
  return {
    state: 'failed',
    doneBytes: 0,
    boardNow: 'old-firmware',
    endedAt: ENDED,
    evidence: [],
    error: { code, message, details: {} },
    ...changes,
  }
}

const boards: readonly Board[] = [
  {
    device: {
      target: 'http://192.168.4.21',
      name: 'pump-house',
      protocols: ['elegant-ota'],
      identity: { mac: '24:6F:28:AA:1F:A2', chip: 'ESP32' },
    },
    job: ended({
      protocol: 'elegant-ota',
      required: 'acknowledged',
      evidence: [sent, acknowledged, runningByHash],
      verdict: 'proven',
      provenLevel: 'running',
      versionAfter: '2.1.4',
    }),
  },
  {
    device: {
      target: 'http://192.168.4.22:8080',
      name: 'gate-west',
      protocols: ['http-update'],
      identity: { mac: '24:6F:28:AA:1F:B8', chip: 'ESP32' },
    },
    job: ended({
      protocol: 'http-update',
      required: 'acknowledged',
      evidence: [sent, acknowledged],
      verdict: 'acknowledged',
      warnings: ['Normal for this device: it hashes nothing. Telemetry would show the running version.'],
    }),
  },
  {
    device: {
      target: 'http://192.168.4.23',
      name: 'plug-22',
      protocols: ['tasmota'],
      appName: 'Tasmota',
      appVersion: '14.2.0',
      identity: { mac: '24:6F:28:AA:20:11', chip: 'ESP32-C3' },
    },
    job: ended({
      protocol: 'tasmota',
      required: 'acknowledged',
      versionBefore: '14.2.0',
      versionAfter: '14.3.0',
      evidence: [sent, acknowledged, runningByVersion],
      verdict: 'running',
      warnings: ['The restart and another version show that it took an image; what lies in flash cannot be shown.'],
    }),
  },
  {
    device: {
      target: 'udp://192.168.4.24:3232',
      name: 'esp-greenhouse',
      protocols: ['arduino-ota'],
      services: ['_arduino._tcp'],
      notes: [
        {
          en: 'It asks for a password before an update.',
          vi: 'Thiết bị hỏi mật khẩu trước khi cập nhật.',
        },
      ],
      identity: { mac: '24:6F:28:AA:20:30', chip: 'ESP32' },
    },
    job: ended({
      protocol: 'arduino-ota',
      required: 'received',
      evidence: [sent, acknowledged, fakeFact('received', { method: 'md5-by-device' })],
      verdict: 'received',
      warnings: ['The restart cannot be seen without telemetry; the option telemetryUrl names where it is told.'],
    }),
  },
  {
    device: { target: 'udp://192.168.4.25:3232', name: 'esp-shed', protocols: ['arduino-ota'] },
    job: failed(
      'device.no-connect-back',
      'the device accepted the invitation, and did not connect to 192.168.4.2:40123 within 10 s',
      { protocol: 'arduino-ota', required: 'received' },
    ),
  },
  {
    device: {
      target: 'tcp://192.168.4.26:3232',
      name: 'bedroom-light',
      protocols: ['esphome-ota'],
      appName: 'ESPHome',
      appVersion: '2026.8.1',
      otherTargets: [{ target: 'http://192.168.4.26', protocols: ['esphome-ota'] }],
      identity: { mac: '24:6F:28:AA:20:44', chip: 'ESP32' },
    },
    job: failed('device.unauthorised', 'the device did not accept the password', {
      protocol: 'esphome-ota',
      required: 'received',
    }),
  },
  {
    device: {
      target: 'pull://wlan0:8070/inverter-07',
      name: null,
      source: 'remembered',
      protocols: [],
      present: null,
      lastSeenAt: null,
      appName: null,
      appVersion: null,
    },
    job: {
      jobId: 'pull-waiting',
      protocol: 'fota-pull',
      state: 'connecting',
      doneBytes: 0,
      evidence: [],
      required: 'acknowledged',
      boardNow: 'old-firmware',
    },
  },
  {
    device: {
      target: 'pull://wlan0:8070/inverter-08',
      name: null,
      source: 'remembered',
      protocols: [],
      present: null,
      lastSeenAt: null,
      appName: null,
      appVersion: null,
    },
    job: failed('device.no-request', 'no request from “inverter-08” in 30 s', {
      jobId: 'pull-silent',
      protocol: 'fota-pull',
      required: 'acknowledged',
    }),
  },
  {
    device: {
      target: 'http://192.168.4.30',
      name: 'gateway-line-3',
      protocols: ['stm32-bridge'],
      identity: { chip: 'ESP32' },
    },
    job: ended({
      protocol: 'stm32-bridge',
      required: 'acknowledged',
      boardNow: 'unknown',
      unplug: 'keep-powered',
      evidence: [sent],
      verdict: 'unproven',
      reason: 'outcome-unknown',
      relay: { state: 'unknown', doneBytes: null, totalBytes: 65_536, elapsedMs: 31_000, usualMs: 90_000 },
      warnings: ['The link to the gateway was lost. Keep both powered until 14:32.'],
    }),
  },
  {
    device: { target: 'http://192.168.4.31:5000', name: 'file server', protocols: ['resumable'] },
    job: {
      protocol: 'resumable',
      state: 'transferring',
      doneBytes: 524_288,
      bytesPerSecond: 512_000,
      remainingMs: 62_000,
      required: 'acknowledged',
      evidence: [],
    },
  },
  {
    device: { target: 'http://192.168.4.32:8090', name: 'storage-2', protocols: ['guid-chunks'] },
    job: ended({
      protocol: 'guid-chunks',
      required: 'acknowledged',
      evidence: [sent],
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
      error: { code: 'job.outcome-unknown', message: 'the answer to the last chunk was lost', details: {} },
    }),
  },
  {
    device: {
      target: 'http://192.168.4.33',
      name: 'hallway',
      protocols: ['esp-parts'],
      identity: { mac: '24:6F:28:AA:21:02', chip: 'ESP32-S3' },
    },
    job: failed('device.wrong-chip', 'the image is for ESP32, the device is an ESP32-S3', { protocol: 'esp-parts' }),
  },
  {
    device: {
      target: 'http://192.168.4.40',
      name: 'shellyplus1-a8032ab1',
      protocols: [],
      appName: null,
      appVersion: null,
      notes: [
        {
          en: 'A Shelly of the second generation: it takes only its maker’s firmware, from its own page.',
          vi: 'Shelly thế hệ hai: chỉ nhận phần mềm của hãng, qua trang riêng của nó.',
        },
      ],
    },
    job: null,
  },
]

export function dialectDevices(): DeviceEntry[] {
  return boards.map(({ device }) => fakeDevice(device))
}

export function dialectJobs(): JobSnapshot[] {
  return boards.flatMap(({ device: { target }, job }, index) =>
    job === null ? [] : [fakeJob({ jobId: `dialect-${String(index)}`, target, ...job })],
  )
}

/** Each fits, as the protocol of its device. */
export function dialectReviews(targets: readonly string[]): TargetReview[] {
  return targets.map(target => ({
    target,
    fits: true,
    heardAt: ENDED,
    protocol: boards.find(({ device }) => device.target === target)?.device.protocols?.[0] ?? null,
    identity: null,
    appName: null,
    versionNow: null,
    versionNew: '2.1.4',
    required: 'acknowledged',
    reach: null,
    findings: [],
  }))
}

type Given = NonNullable<Parameters<typeof createFakeStation>[1]>

/** A job that waits for its device has said where it must come. */
export const pullTrace: Given = {
  'job.trace': () => ({
    lines: [
      {
        at: '2026-11-21T10:14:02.000+07:00',
        elapsedMs: 3,
        level: 'info',
        code: 'pull.address',
        text: 'devices ask http://192.168.4.2:8070/api/inverter/fota/manifest, or download http://192.168.4.2:8070/firmware.bin; waiting for “inverter-07”',
      },
      {
        at: '2026-11-21T10:14:02.000+07:00',
        elapsedMs: 4,
        level: 'info',
        code: 'pull.release',
        text: 'version 2.1.4, 1045 chunks',
      },
    ],
    samples: [],
    next: null,
  }),
}
