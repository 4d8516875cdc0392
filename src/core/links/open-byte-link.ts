/** Opens the serial line that a target names, whatever carries it. */
import { FlashproofError } from '../../shared/errors.ts'
import type { SerialEndpoint, SocketEndpoint } from '../discovery/target.ts'
import type { ByteLink, LineSettings, LinkWaiting } from './byte-link.ts'
import { openRawTcpPort } from './raw-tcp-port.ts'
import { openRfc2217Port } from './rfc2217-port.ts'

/**
 * Opens a line with both modem lines released.
 * @param waiting for the opening; `usedFor` says to others, and to people, who has the port
 * @throws {FlashproofError} serial.port-missing, serial.port-busy, serial.permission-denied, serial.driver-missing,
 *   serial.held-by-service, serial.failed; serial.not-rfc2217; network.refused, network.unreachable,
 *   network.name-not-found, network.reset; target.invalid for a target that carries no bytes; the signal's reason
 */
export async function openByteLink(
  endpoint: SerialEndpoint | SocketEndpoint,
  settings: LineSettings,
  waiting: LinkWaiting & { readonly usedFor: string },
): Promise<ByteLink> {
  switch (endpoint.kind) {
    case 'tcp':
      return openRawTcpPort(endpoint, settings, waiting)
    case 'rfc2217':
      return openRfc2217Port(endpoint, settings, waiting)
    default:
      throw new FlashproofError('target.invalid', `${endpoint.text} is no serial line`, { target: endpoint.text })
  }
}
