/** Opens the serial line that a target names, whatever carries it, for one user at a time. */
import { FlashproofError } from '../../shared/errors.ts'
import type { SerialEndpoint, SocketEndpoint } from '../discovery/target.ts'
import type { BufferedLink } from './buffered-link.ts'
import type { ByteLink, LineSettings, LinkWaiting } from './byte-link.ts'
import { portDesk, portKey, type PortUser } from './port-desk.ts'
import { openRawTcpPort } from './raw-tcp-port.ts'
import { openRfc2217Port } from './rfc2217-port.ts'
import { openSerialPort, type SerialPortOptions } from './serial-port.ts'

/**
 * Opens a line with both modem lines released. It counts as used until the link is closed, also when the board went away.
 * @param waiting for the opening; `usedFor` says to others, and to people, who has the port; a user with `onYield` gives
 *   way to one without
 * @throws {FlashproofError} serial.port-missing, serial.port-busy, serial.permission-denied, serial.driver-missing,
 *   serial.held-by-service, serial.failed; serial.not-rfc2217; network.refused, network.unreachable,
 *   network.name-not-found, network.reset; target.invalid for a target that is no line; the signal's reason
 */
export async function openByteLink(
  endpoint: SerialEndpoint | SocketEndpoint,
  settings: LineSettings,
  waiting: LinkWaiting & PortUser & SerialPortOptions,
): Promise<ByteLink> {
  if (endpoint.kind === 'udp') {
    throw new FlashproofError('target.invalid', `${endpoint.text} is no serial line`, { target: endpoint.text })
  }
  waiting.signal?.throwIfAborted()
  const release = await portDesk.take(portKey(endpoint), waiting)
  try {
    const link = await open(endpoint, settings, waiting)
    link.onClosed = release
    return link
  } catch (error) {
    release()
    throw error
  }
}

function open(
  endpoint: SerialEndpoint | SocketEndpoint,
  settings: LineSettings,
  waiting: LinkWaiting & SerialPortOptions,
): Promise<BufferedLink> {
  switch (endpoint.kind) {
    case 'serial':
      return openSerialPort(endpoint, settings, waiting, waiting)
    case 'rfc2217':
      return openRfc2217Port(endpoint, settings, waiting)
    default:
      return openRawTcpPort(endpoint, settings, waiting)
  }
}
