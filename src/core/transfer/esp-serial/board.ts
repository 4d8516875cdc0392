/** Meets a board: connects, starts the stub, reads who it is and what it has. The same for a question and for a job. */
import type { DeviceIdentity, TelemetrySample } from '../../../shared/contract/models.ts'
import { hasErrorCode } from '../../../shared/errors.ts'
import { isoWithZone, type Clock } from '../../clock.ts'
import { activeOtaRecord } from '../../formats/esp-image/ota-data.ts'
import type { ConnectBoard, ConnectRequest, EspConnection } from './connection.ts'
import type { EspFacts, EspLoader } from './esp-loader.ts'
import { readBoardMap, type BoardMap } from './partition-map.ts'
import type { Board } from './plan.ts'

export function identityOf({ chip, mac }: EspFacts): DeviceIdentity {
  return mac === null ? { chip: chip.name } : { chip: chip.name, mac }
}

/** Reads the table, the choice of the slot and the slots, as far as the loader at hand can. */
export async function readBoard(loader: EspLoader): Promise<Board> {
  const { facts } = loader
  if (facts.flashBytes !== null) await loader.setFlashSize(facts.flashBytes)
  const { abilities } = loader
  const map = abilities.canReadFlash ? await readMapIfAble(loader) : null
  return { facts, abilities: { ...abilities, canReadFlash: map !== null }, map }
}

/** Null where the loader says after all that it knows no reading, as some ROMs do. */
async function readMapIfAble(loader: EspLoader): Promise<BoardMap | null> {
  try {
    return await readBoardMap(loader)
  } catch (thrown) {
    if (hasErrorCode(thrown, 'loader.refused') && thrown.details['isUnsupported'] === true) return null
    throw thrown
  }
}

/** What the board's flash says of the app that it runs, in the shape of telemetry. */
export function sampleOf({ facts, map }: Board, clock: Clock): TelemetrySample {
  const active = map?.active ?? null
  const app = active?.app ?? null
  const state = activeOtaRecord(map?.otaRecords ?? [])?.state
  return {
    at: isoWithZone(clock.nowMs()),
    elapsedMs: 0,
    source: 'esp-serial',
    device: identityOf(facts),
    ...(facts.flashBytes === null ? {} : { flashTotalBytes: facts.flashBytes }),
    ...(active === null ? {} : { otaRunning: active.partition.label }),
    ...(app === null ? {} : { appName: app.projectName, appVersion: app.version, appElfSha256: app.elfSha256 }),
    ...(state === undefined || state === 'undefined' ? {} : { otaState: state }),
  }
}

/** Connects for a question: whatever comes of it, the board is started again and the line closed. */
export async function askBoard<Answer>(
  connect: ConnectBoard,
  request: ConnectRequest,
  ask: (connection: EspConnection) => Promise<Answer>,
): Promise<Answer> {
  const connection = await connect(request)
  try {
    try {
      return await ask(connection)
    } finally {
      await startAgain(connection.loader)
    }
  } finally {
    await connection.link.close()
  }
}

/** Starts the program again where that is still possible; a line that broke meanwhile is told by what broke it. */
export async function startAgain(loader: EspLoader): Promise<void> {
  try {
    await loader.startProgram()
  } catch {
    // The board stays in its bootloader: nothing of it changed.
  }
}
