/** Reads a TARGET as it stands on a command line into an endpoint. Knows no protocol. */
import { FlashproofError } from '../../shared/errors.ts'

export interface HttpEndpoint {
  readonly kind: 'http'
  /** As it was written, for people. */
  readonly text: string
  readonly origin: string
  /** An IPv6 address stands in brackets, with its zone behind a `%` where it has one. */
  readonly hostname: string
  readonly port: number
  /** Prefix of every request path: empty, or `/something` without a slash at its end. */
  readonly basePath: string
}

export interface SerialEndpoint {
  readonly kind: 'serial'
  readonly text: string
  readonly path: string
}

export interface SocketEndpoint {
  /** `rfc2217`: a serial port over TCP whose rate, parity and modem lines can be set; `tcp`: bytes alone. */
  readonly kind: 'tcp' | 'udp' | 'rfc2217'
  readonly text: string
  readonly hostname: string
  readonly port: number
}

export interface PullEndpoint {
  readonly kind: 'pull'
  readonly text: string
  readonly interfaceName: string
  readonly port: number | null
  readonly deviceId: string
}

export type Endpoint = HttpEndpoint | SerialEndpoint | SocketEndpoint | PullEndpoint

/** A target that must be looked up in the device list first. */
export interface NamedTarget {
  readonly kind: 'name' | 'mac'
  readonly text: string
  readonly value: string
}

export function isEndpoint(target: Endpoint | NamedTarget): target is Endpoint {
  return target.kind !== 'name' && target.kind !== 'mac'
}

/**
 * Parses a TARGET; a name is not looked up.
 * @throws {FlashproofError} target.invalid, target.unsafe-path
 */
export function parseTarget(text: string): Endpoint | NamedTarget {
  const trimmed = text.trim()
  if (trimmed === '') throw invalid(text, 'a target is empty')
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(trimmed)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'http':
      return parseHttp(trimmed)
    case 'https':
      throw invalid(text, 'https is not spoken by these boards; write http://')
    case 'serial': {
      const path = trimmed.replace(/^serial:(\/\/(?=\/))?/i, '')
      if (path === '') throw invalid(text, 'serial: wants a port, such as serial:/dev/ttyUSB0')
      return { kind: 'serial', text: trimmed, path }
    }
    case 'tcp':
    case 'rfc2217':
    case 'udp': {
      const match = /^[a-z]+\d*:\/\/(\[[0-9a-f:]+(?:%25[\w.-]+)?\]|[^:/\s]+):(\d{1,5})$/i.exec(trimmed)
      const port = Number(match?.[2])
      if (match?.[1] === undefined || port < 1 || port > 65_535) throw invalid(text, `${scheme}: wants host:port`)
      return { kind: scheme, text: trimmed, hostname: match[1].replace('%25', '%'), port }
    }
    case 'pull': {
      const match = /^pull:\/\/(\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[^:/\s[\]]+)(?::(\d{1,5}))?\/([^/\s]+)$/i.exec(trimmed)
      if (match?.[1] === undefined || match[3] === undefined) {
        throw invalid(text, 'pull: wants INTERFACE[:PORT]/DEVICE-ID')
      }
      const port = match[2] === undefined ? null : Number(match[2])
      if (port !== null && (port < 1 || port > 65_535)) throw invalid(text, 'pull: wants a port from 1 to 65535')
      return { kind: 'pull', text: trimmed, interfaceName: match[1], port, deviceId: match[3] }
    }
    case 'mac': {
      const value = trimmed.slice(4).toLowerCase().replaceAll('-', ':')
      if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(value))
        throw invalid(text, 'mac: wants six bytes, mac:AA:BB:CC:DD:EE:FF')
      return { kind: 'mac', text: trimmed, value }
    }
    default:
      if (trimmed.includes('/') || trimmed.includes('\\')) {
        if (/(^|[/\\])\.\.([/\\]|$)/.test(trimmed)) throw unsafe(text)
        throw invalid(text, 'a target is an address such as http://192.168.4.1, serial:/dev/ttyUSB0, or a known name')
      }
      return { kind: 'name', text: trimmed, value: trimmed }
  }
}

/** The zone of a link-local address, which URLs have no place for (RFC 6874): taken out, and put back into the result. */
const ZONE = /^(http:\/\/\[fe[89ab][0-9a-f:]*)%25([\w.-]+)(\])/i

function parseHttp(text: string): HttpEndpoint {
  let url: URL
  const zone = ZONE.exec(text)?.[2]
  try {
    url = new URL(text.replace(ZONE, '$1$3'))
  } catch (cause) {
    throw new FlashproofError('target.invalid', `“${text}” is not an address`, { target: text }, { cause })
  }
  if (url.username !== '' || url.password !== '') {
    // The error names the target, and must not repeat them.
    const bare = text.replace(/^http:\/\/[^/]*@/i, 'http://')
    throw invalid(bare, 'credentials do not belong in a target; use --secret')
  }
  // The URL parser resolves `..` silently, so the text as written is what counts.
  if (/(^|\/|%2f)(\.|%2e){2}(\/|%2f|$)/i.test(text.replace(/^http:\/\/[^/]*/i, ''))) throw unsafe(text)
  if (url.search !== '' || url.hash !== '') {
    throw invalid(text.replace(/[?#].*$/s, ''), 'a target has no ? or # part')
  }
  return {
    kind: 'http',
    text,
    origin: zone === undefined ? url.origin : url.origin.replace(']', `%25${zone}]`),
    hostname: zone === undefined ? url.hostname : url.hostname.replace(']', `%${zone}]`),
    port: url.port === '' ? 80 : Number(url.port),
    basePath: url.pathname.replace(/\/+$/, ''),
  }
}

function invalid(target: string, why: string): FlashproofError {
  return new FlashproofError('target.invalid', why, { target })
}

function unsafe(target: string): FlashproofError {
  return new FlashproofError('target.unsafe-path', 'a path that climbs with “..” is refused', { target })
}
