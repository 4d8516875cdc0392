/** Why the start button cannot be used now: the first reason, in the order in which a person would clear them. Pure. */

export interface StartState {
  readonly isWatching: boolean
  readonly isEngineReady: boolean
  readonly hasFirmware: boolean
  readonly areOptionsValid: boolean
  readonly tickedCount: number
  /** Ticked and not at work. */
  readonly freeCount: number
  /** Free and not refused. */
  readonly possibleCount: number
}

export type StartObstacle = 'Watching' | 'Engine' | 'Firmware' | 'Options' | 'Tick' | 'Busy' | 'Refused'

export function startObstacle(state: StartState): StartObstacle | null {
  if (!state.isEngineReady) return 'Engine'
  if (state.isWatching) return 'Watching'
  if (!state.hasFirmware) return 'Firmware'
  if (state.tickedCount === 0) return 'Tick'
  if (!state.areOptionsValid) return 'Options'
  if (state.freeCount === 0) return 'Busy'
  if (state.possibleCount === 0) return 'Refused'
  return null
}
