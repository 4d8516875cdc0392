/** Plain data that obeys the contract, with whatever a test of the page wants to be different. */
import type {
  DeviceEntry,
  EvidenceFact,
  EvidenceLevel,
  FirmwareSummary,
  HostInfo,
  Inspection,
  JobSnapshot,
  Preferences,
  ResponseOf,
  TelemetrySample,
} from '../../src/shared/contract/index.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'

const NOW = '2026-11-21T10:14:02.000+07:00'

export function fakePreferences(changes: Partial<Preferences> = {}): Preferences {
  return {
    language: 'en',
    theme: 'light',
    stationName: 'A3',
    operator: '',
    order: '4711',
    parallel: 16,
    retries: 8,
    require: 'default',
    tryFirst: 0,
    stopAfter: 0,
    isFirstRunDone: true,
    detailDays: 365,
    journalMiB: 2048,
    imageDays: 90,
    ...changes,
  }
}

export function fakeHostInfo(changes: Partial<HostInfo> = {}): HostInfo {
  return {
    kind: 'browser',
    version: '0.1.0',
    platform: 'linux',
    locale: 'en-GB',
    home: '/home/ana/.local/share/flashproof',
    engine: { state: 'ready' },
    control: 'control',
    hasFileDialog: false,
    nodeVersion: 'v24.11.0',
    hasSafeStorage: false,
    isPractising: false,
    ...changes,
  }
}

export function fakeDevice(changes: Partial<DeviceEntry> = {}): DeviceEntry {
  const target = changes.target ?? 'http://192.168.4.21'
  const mac = changes.identity?.mac
  return {
    key: mac === undefined ? target : `mac:${mac.toLowerCase()}`,
    target,
    name: 'kitchen',
    identity: null,
    source: 'mdns',
    protocols: ['esp-parts'],
    lastSeenAt: NOW,
    simulated: false,
    label: null,
    place: 'wlan0',
    present: true,
    appName: 'thermostat',
    appVersion: '2.1.3',
    ...changes,
  }
}

export function fakeFact(level: EvidenceLevel, changes: Partial<EvidenceFact> = {}): EvidenceFact {
  const methods: Readonly<Record<EvidenceLevel, string>> = {
    sent: 'bytes-counted',
    acknowledged: 'http-body',
    received: 'sha256-status',
    stored: 'sha256-nonce',
    running: 'elf-sha256',
    confirmed: 'uptime',
  }
  const isSaid = level === 'acknowledged' || level === 'running'
  return {
    level,
    basis: level === 'sent' ? 'host-sent' : isSaid ? 'device-said' : 'device-hash',
    method: methods[level],
    value: level === 'sent' ? '1069536' : 'ab12f09c5e1177d0ab12f09c5e1177d0ab12f09c5e1177d0ab12f09c5e11779f',
    at: NOW,
    matches: true,
    ...changes,
  }
}

const FIRMWARE_HASH = 'ab12f09c5e1177d0ab12f09c5e1177d0ab12f09c5e1177d0ab12f09c5e11779f'

/** A job on a device, with the firmware of `fakeFirmware`. */
export function fakeJob(changes: Partial<JobSnapshot> = {}): JobSnapshot {
  return fakeSnapshot({
    protocol: 'esp-parts',
    totalBytes: 1_069_536,
    required: 'stored',
    versionBefore: '2.1.3',
    startedAt: NOW,
    firmware: { fileName: 'thermostat.bin', imageSha256: FIRMWARE_HASH, sizeBytes: 1_069_536 },
    ...changes,
  })
}

export function fakeInspection(changes: Partial<Inspection> = {}): Inspection {
  return {
    fileName: 'thermostat.bin',
    sourceBytes: 1_069_538,
    sourceSha256: FIRMWARE_HASH,
    format: 'esp-image',
    formatLabel: 'ESP image',
    baseAddress: null,
    startAddress: null,
    dataBytes: 1_069_538,
    imageBytes: 1_069_538,
    imageSha256: FIRMWARE_HASH,
    segments: [{ address: 0, sizeBytes: 1_069_538 }],
    gapBytes: 0,
    esp: {
      kind: 'app',
      chip: 'ESP32',
      chipId: 0,
      minChipRevision: 0,
      maxChipRevision: null,
      segmentCount: 6,
      entryAddress: 0x4008_1228,
      flashMode: 'DIO',
      flashSize: '4MB',
      flashFrequency: '40m',
      checksumValid: true,
      sha256Valid: true,
      declaredBytes: 1_069_536,
      trailingBytes: 2,
      isSigned: false,
      app: {
        projectName: 'thermostat',
        version: '2.1.4',
        idfVersion: 'v5.5',
        buildDate: 'Nov 20 2026',
        buildTime: '17:20:11',
        elfSha256: '77'.repeat(32),
        secureVersion: 0,
      },
      partitions: null,
      parts: null,
    },
    stm32: null,
    findings: [
      {
        severity: 'warning',
        code: 'trailing-bytes',
        text: '2 bytes follow the end of the image; the device ignores them, they are sent as they are',
      },
    ],
    ...changes,
  }
}

/** An Intel HEX file with gaps, for an STM32. */
export function fakeHexInspection(changes: Partial<Inspection> = {}): Inspection {
  return fakeInspection({
    fileName: 'pump-controller.hex',
    sourceBytes: 183_402,
    format: 'intel-hex',
    formatLabel: 'Intel HEX',
    baseAddress: 0x0800_0000,
    startAddress: 0x0800_0131,
    dataBytes: 64_212,
    imageBytes: 98_304,
    segments: [
      { address: 0x0800_0000, sizeBytes: 12_288 },
      { address: 0x0800_4000, sizeBytes: 49_876 },
      { address: 0x0801_7800, sizeBytes: 2_048 },
    ],
    gapBytes: 34_092,
    esp: null,
    stm32: { stackPointer: 0x2000_5000, resetVector: 0x0800_0131, isPlausible: true },
    findings: [],
    ...changes,
  })
}

export function fakeFirmware(inspection: Inspection = fakeInspection()): FirmwareSummary {
  return { firmwareId: 'firmware-1', fileName: inspection.fileName, inspection, openedAt: NOW }
}

export function fakeSample(changes: Partial<TelemetrySample> = {}): TelemetrySample {
  return {
    at: NOW,
    elapsedMs: 0,
    source: 'http-json',
    heapTotalBytes: 320_000,
    heapFreeBytes: 182_000,
    heapMinFreeBytes: 150_000,
    heapLargestBlockBytes: 110_000,
    flashTotalBytes: 4_194_304,
    flashUsedBytes: 1_200_000,
    ...changes,
  }
}

export const fakeCatalog: ResponseOf<'catalog.get'> = {
  version: '0.1.0',
  protocols: [
    {
      id: 'esp-parts',
      label: { en: 'ESP32 chunk upload', vi: 'Tải lên ESP32 theo khối' },
      endpoints: ['http'],
      options: [
        {
          key: 'chunkBytes',
          kind: 'integer',
          minimum: 512,
          maximum: 16_384,
          isAutoAllowed: true,
          defaultValue: 'auto',
          label: { en: 'Chunk size (bytes)', vi: 'Kích thước khối (byte)' },
          help: {
            en: 'Bytes in one request; auto asks the device.',
            vi: 'Số byte trong một yêu cầu; auto hỏi thiết bị.',
          },
        },
        {
          key: 'targetPath',
          kind: 'text',
          maximumLength: 200,
          defaultValue: '',
          label: { en: 'Name on the device', vi: 'Tên trên thiết bị' },
          help: { en: 'Empty: the file name.', vi: 'Để trống: tên tệp.' },
        },
        {
          key: 'mode',
          kind: 'choice',
          choices: [
            { value: 'plain', label: { en: 'Plain', vi: 'Thường' } },
            { value: 'careful', label: { en: 'Careful', vi: 'Cẩn thận' } },
          ],
          defaultValue: 'plain',
          label: { en: 'Manner', vi: 'Cách làm' },
          help: { en: 'How it is sent.', vi: 'Cách gửi.' },
        },
        {
          key: 'isRestarted',
          kind: 'flag',
          defaultValue: true,
          label: { en: 'Restart afterwards', vi: 'Khởi động lại sau đó' },
          help: { en: 'Asks the device to restart.', vi: 'Yêu cầu thiết bị khởi động lại.' },
        },
        {
          key: 'password',
          kind: 'secret',
          label: { en: 'Password', vi: 'Mật khẩu' },
          help: { en: 'Never stored in the record.', vi: 'Không bao giờ ghi vào hồ sơ.' },
        },
      ],
      profiles: [
        {
          id: 'seed',
          label: { en: 'As the original script: 4096 B', vi: 'Như kịch bản gốc: 4096 B' },
          values: { chunkBytes: 4096 },
        },
      ],
      decisions: ['tight-space', 'resume-unidentified'],
      reach: {
        sent: 'yes',
        acknowledged: 'yes',
        received: 'probe',
        stored: 'probe',
        running: 'probe',
        confirmed: 'no',
      },
    },
  ],
  formats: [
    {
      id: 'intel-hex',
      label: { en: 'Intel HEX', vi: 'Intel HEX' },
      extensions: ['hex', 'ihex'],
      canWrite: true,
    },
    { id: 'esp-image', label: { en: 'ESP image', vi: 'Ảnh ESP' }, extensions: ['bin'], canWrite: false },
  ],
}
