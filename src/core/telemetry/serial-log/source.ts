/** The log of a serial line as a source of telemetry: what firmware prints of its heap, its starts and its version. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { Endpoint, SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import { openByteLink } from '../../links/open-byte-link.ts'
import type { TelemetrySource } from '../telemetry-source.ts'
import { SerialWatch } from './serial-watch.ts'

/** @param open how a line is opened; tests bring their own */
export function serialLogSource(open: typeof openByteLink = openByteLink): TelemetrySource {
  return {
    id: 'serial-log',
    accepts: isLine,
    watch(endpoint, options, listeners) {
      if (!isLine(endpoint)) {
        const problem = `a serial log is read from serial:, tcp:// and rfc2217:// targets, not from ${endpoint.text}`
        throw new FlashproofError('protocol.endpoint-not-accepted', problem, { target: endpoint.text })
      }
      const watch = new SerialWatch(endpoint, { ...options, open }, listeners)
      return { ended: watch.run(), line: watch }
    },
  }
}

function isLine(endpoint: Endpoint): endpoint is SerialEndpoint | SocketEndpoint {
  return endpoint.kind === 'serial' || endpoint.kind === 'tcp' || endpoint.kind === 'rfc2217'
}
