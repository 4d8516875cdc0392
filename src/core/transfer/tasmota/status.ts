/**
 * Tasmota's commands over HTTP and what its Status answers say (xdrv_01_9_webserver.ino, support_command.ino). Texts may
 * come from anybody who can name a device, so that each is cleaned.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import { stripControl } from '../../../shared/units.ts'
import { normaliseChipName } from '../../formats/esp-image/chips.ts'
import type { HttpAnswer } from '../../links/http-client.ts'
import type { Credentials } from '../update-page.ts'

const LONGEST_TEXT = 80
/** What telemetry calls the small program that only takes updates, in place of the slot that runs. */
export const SAFEBOOT = 'safeboot'

/** The parts of the Status answers that are used; what is missing or of another type is left out. */
export interface TasmotaStatus {
  /** Version and time of the build, as one text: the same version built again is another firmware. */
  readonly version: string | null
  /** Whether it runs the small program that only takes updates. */
  readonly isSafeboot: boolean
  readonly hardware: string | null
}

/**
 * Path of a command. Tasmota wants name and password in the query; no error and no log shows a query.
 * @param credentials null without a password
 */
export function commandPath(command: string, credentials: Credentials | null): string {
  const login =
    credentials === null
      ? ''
      : `user=${encodeURIComponent(credentials.username)}&password=${encodeURIComponent(credentials.password)}&`
  return `/cm?${login}cmnd=${encodeURIComponent(command)}`
}

/** Whether the answer is Tasmota's demand for credentials, which has a status of its own only in newer builds. */
export function wantsCredentials(answer: HttpAnswer): boolean {
  const warning = objectOf(answer)?.['WARNING']
  return typeof warning === 'string' && /user=.*password=/i.test(warning)
}

/**
 * Reads one Status answer.
 * @param group the key that the answer has, such as `StatusFWR`
 * @throws {FlashproofError} device.unauthorised, device.not-speaking for what is no Tasmota
 */
export function readGroup(answer: HttpAnswer, group: string): Readonly<Record<string, unknown>> {
  const body = objectOf(answer)
  if (answer.status === 401 || wantsCredentials(answer)) {
    throw new FlashproofError('device.unauthorised', 'the device wants its web password, or another one', {
      status: answer.status,
    })
  }
  const value = body?.[group]
  if (answer.status === 200 && isRecord(value)) return value
  throw new FlashproofError(
    'device.not-speaking',
    `the device gives no ${group}: it is no Tasmota, or a very old one`,
    {
      status: answer.status,
    },
  )
}

export function readFirmware(group: Readonly<Record<string, unknown>>): TasmotaStatus {
  const version = textOf(group['Version'])
  const build = textOf(group['BuildDateTime'])
  return {
    version: version === null ? null : build === null ? version : `${version} ${build}`,
    isSafeboot: version !== null && /safeboot/i.test(version),
    hardware: textOf(group['Hardware']),
  }
}

export interface StatusParts {
  readonly firmware: TasmotaStatus
  /** Of `StatusSTS`; null where it could not be read. */
  readonly state: Readonly<Record<string, unknown>> | null
  /** Of `StatusNET`. */
  readonly network: Readonly<Record<string, unknown>> | null
  readonly at: string
  readonly elapsedMs: number
}

/** Puts the Status answers together as telemetry. The safeboot program's version says nothing of the firmware. */
export function sampleOf({ firmware, state, network, at, elapsedMs }: StatusParts): TelemetrySample {
  const sample: TelemetrySample = { at, elapsedMs, source: 'tasmota-status' }
  if (firmware.isSafeboot) sample.otaRunning = SAFEBOOT
  else if (firmware.version !== null) sample.appVersion = firmware.version
  const chip = firmware.hardware === null ? null : normaliseChipName(firmware.hardware)
  const mac = textOf(network?.['Mac'])
  const name = textOf(network?.['Hostname'])
  const isMac = mac !== null && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)
  if (chip !== null || isMac || name !== null) {
    sample.device = {
      ...(isMac ? { mac: mac.toLowerCase() } : {}),
      ...(chip === null ? {} : { chip }),
      ...(name === null ? {} : { name }),
    }
  }
  const uptimeSeconds = state?.['UptimeSec']
  if (isCount(uptimeSeconds)) sample.uptimeMs = uptimeSeconds * 1000
  const heapKibibytes = state?.['Heap']
  if (isCount(heapKibibytes)) sample.heapFreeBytes = heapKibibytes * 1024
  const wifi = state?.['Wifi']
  const signal = isRecord(wifi) ? wifi['Signal'] : undefined
  if (typeof signal === 'number' && Number.isFinite(signal)) sample.rssiDbm = signal
  return sample
}

function objectOf({ body }: HttpAnswer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const clean = stripControl(value, LONGEST_TEXT).trim()
  return clean === '' ? null : clean
}
