/** One key for each way to a board, however it was written: two jobs on one key would talk into each other. */
import { realpathSync } from 'node:fs'
import type { Endpoint } from '../discovery/target.ts'

/** Spelling, a slash at the end, and names that lead to the same port make no difference. */
export function endpointKey(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'http':
      return `${endpoint.origin}${endpoint.basePath}`.toLowerCase()
    case 'serial':
      return `serial:${realPort(endpoint.path)}`
    case 'tcp':
    case 'rfc2217':
    case 'udp':
      return `${endpoint.kind}://${endpoint.hostname}:${String(endpoint.port)}`.toLowerCase()
    case 'pull':
      return `pull:${endpoint.deviceId}`.toLowerCase()
  }
}

/** `/dev/serial/by-id/…` is a link to the port; a port that is not there yet keeps the name that it was given. */
function realPort(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
