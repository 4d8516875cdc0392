/** One request of a device as the server hands it to the job that expects this device, and what the job answers. */
import type { IncomingMessage } from 'node:http'
import { stripControl } from '../../../shared/units.ts'
import { plainAddress } from './local-address.ts'

export interface PullRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly remoteAddress: string
  /** Who it says it is; null where it says nothing. */
  readonly deviceId: string | null
  /** The version that it says it runs; null where it says nothing. */
  readonly version: string | null
  readonly body: string
}

export interface PullAnswer {
  readonly status: number
  /** Without the content's type and length, which are always told. */
  readonly headers?: Readonly<Record<string, string>>
  readonly contentType?: string
  readonly body: string | Uint8Array
  /** Bytes of the body that the network took so far. */
  readonly onSent?: (sentBytes: number) => void
  /** Called once: whether the whole answer left. Served is not written. */
  readonly onEnd?: (isWhole: boolean) => void
}

const LONGEST_ID = 80

/** Where firmware names itself: the seed's own header, and what Arduino's HTTPUpdate sends. */
const ID_HEADERS = ['device-id', 'x-device-id', 'x-esp32-sta-mac', 'x-esp8266-sta-mac'] as const
const ID_KEYS = ['device_id', 'device'] as const
const VERSION_HEADERS = ['firmware-version', 'x-firmware-version', 'x-esp32-version', 'x-esp8266-version'] as const
const VERSION_KEYS = ['version', 'current_version', 'fw_version'] as const

/** @returns null where the request line is no path of this server */
export function readPullRequest(message: IncomingMessage, body: string): PullRequest | null {
  let url: URL
  try {
    url = new URL(message.url ?? '/', 'http://device.invalid')
  } catch {
    return null
  }
  const { headers } = message
  const query = url.searchParams
  const header = (name: string): string | undefined => {
    const value = headers[name]
    return typeof value === 'string' ? value : undefined
  }
  const first = (names: readonly string[], keys: readonly string[]): string | null => {
    const found = [...names.map(header), ...keys.map(key => query.get(key) ?? undefined)].find(text => text?.trim())
    return found === undefined ? null : stripControl(found, LONGEST_ID).trim()
  }
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query,
    headers,
    remoteAddress: plainAddress(message.socket.remoteAddress ?? ''),
    deviceId: first(ID_HEADERS, ID_KEYS),
    version: first(VERSION_HEADERS, VERSION_KEYS),
    body,
  }
}

/** JSON as the seed's device reads it: no spaces, its length told, nothing compressed. */
export function jsonAnswer(status: number, value: object | string): PullAnswer {
  return { status, body: typeof value === 'string' ? value : JSON.stringify(value) }
}
