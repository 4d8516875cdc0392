/** THE LIST of telemetry sources. */
import { FlashproofError } from '../../shared/errors.ts'
import type { Endpoint } from '../discovery/target.ts'
import { httpJsonSource } from './http-json.ts'
import { askedOverHttp } from './http-watch.ts'
import { serialLogSource } from './serial-log/source.ts'
import type { TelemetrySource } from './telemetry-source.ts'

export const telemetrySources: readonly TelemetrySource[] = [askedOverHttp(httpJsonSource()), serialLogSource()]

/** @throws {FlashproofError} protocol.endpoint-not-accepted for an endpoint that no source watches */
export function telemetrySourceFor(endpoint: Endpoint): TelemetrySource {
  const source = telemetrySources.find(candidate => candidate.accepts(endpoint))
  if (source !== undefined) return source
  const problem = `a monitor watches http://, serial:, tcp:// and rfc2217:// targets, not ${endpoint.text}`
  throw new FlashproofError('protocol.endpoint-not-accepted', problem, { target: endpoint.text })
}
