/** THE LIST of telemetry sources. */
import { httpJsonSource } from './http-json.ts'
import type { TelemetrySource } from './telemetry-source.ts'

export const telemetrySources: readonly TelemetrySource[] = [httpJsonSource()]
