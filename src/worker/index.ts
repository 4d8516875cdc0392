/** The background process: connects to whoever started it, opens the station, answers the contract until it is stopped. */
import { asFlashproofError, type FlashproofError } from '../shared/errors.ts'
import { createSnapshotFeed } from '../shared/rpc/job-feed.ts'
import { serve, type Server } from '../shared/rpc/server.ts'
import { systemClock } from '../core/clock.ts'
import { resolveHome } from '../core/journal/home.ts'
import { createHandlers } from './handlers.ts'
import { connectToParent } from './link-to-parent.ts'
import { createRefusingHandlers } from './refusing-handlers.ts'
import { openStation, type Station } from './station.ts'
import { appVersion } from './version.ts'

/** A parent that died cannot ask to stop; the jobs are journaled, then this process ends. */
const ORPHAN_DEADLINE_MS = 15_000
/** After this long without a parent a completion under way is cut off, so that there is time to journal it. */
const ORPHAN_REQUEST_MS = 10_000
/** A listener that takes nothing any more does not keep this process from its end. */
const LAST_STATES_MS = 2000

const link = connectToParent()
// Assigned as soon as the server stands; nothing is emitted before.
const told: { server: Server | null } = { server: null }
const feed = createSnapshotFeed(jobs => told.server?.emitAcknowledged('jobs.changed', { jobs }) ?? Promise.resolve(), {
  timing: systemClock,
})

function open(): Station | FlashproofError {
  try {
    return openStation({
      home: resolveHome(process.env),
      command: process.env['FLASHPROOF_COMMAND'] ?? 'flashproof',
      emit: (name, payload) => {
        // The end of a batch must not overtake the last states of its jobs.
        if (name === 'batch.ended') void feed.flush().then(() => told.server?.emit(name, payload))
        else told.server?.emit(name, payload)
      },
      onSnapshot: snapshot => {
        feed.push(snapshot)
      },
    })
  } catch (thrown) {
    return asFlashproofError(thrown)
  }
}

const opened = open()
const station = opened instanceof Error ? null : opened

let isStopping: Promise<void> | null = null
function stop(longestRequestMs?: number): Promise<void> {
  isStopping ??= (station?.close(longestRequestMs) ?? Promise.resolve()).then(() =>
    Promise.race([feed.flush(), systemClock.delay(LAST_STATES_MS)]),
  )
  return isStopping
}

async function stopAndExit(): Promise<void> {
  await stop()
  // The answer leaves first, then the process.
  setImmediate(() => void link.flush().then(() => process.exit(0)))
}

const server = serve(link, {
  handlers:
    opened instanceof Error
      ? createRefusingHandlers(opened, stopAndExit)
      : createHandlers({
          station: opened,
          emit: (name, payload) => {
            server.emit(name, payload)
          },
          stop: stopAndExit,
        }),
  answers: ['worker'],
  caller: 'host',
})
told.server = server
server.emit('worker.ready', { version: appVersion, pid: process.pid })
station?.watchSleep()
station?.keepHouse().catch((error: unknown) => {
  process.stderr.write(`flashproof worker: ${asFlashproofError(error).message}\n`)
})

link.onClose(() => {
  setTimeout(() => process.exit(1), ORPHAN_DEADLINE_MS).unref()
  void stop(ORPHAN_REQUEST_MS)
    .catch((error: unknown) => {
      process.stderr.write(`flashproof worker: ${asFlashproofError(error).message}\n`)
    })
    .finally(() => process.exit(0))
})
