/** How the faults are drawn that every virtual server for files has. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import type { CutPoint, FaultExpectation } from './transfer-harness.ts'

type Fault = NamedFault & Readonly<Record<string, string | number>>

export const fault = (name: string, parameters: Readonly<Record<string, string | number>> = {}): Fault => ({
  name,
  ...parameters,
})
export const passes = (draw: FaultExpectation['draw'], mayEndUnknown = false): FaultExpectation => ({
  kind: 'passes',
  draw,
  mayEndUnknown,
})
export const stays = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'stays', draw })

const cutPlaces = ['before-request', 'in-body', 'after-process'] as const

/** @param mayEndUnknown whether a server that completed the upload forgets it, so that a lost last answer stays lost */
export function fileServerFaults(mayEndUnknown: boolean): Readonly<Record<string, FaultExpectation>> {
  return {
    slow: passes(({ random }) =>
      fault('slow', { ms: random.integer(10), bytesPerSecond: random.integer(2) * 4_000_000 }),
    ),
    'drop-reply': passes(
      ({ random, chunkCount }) => fault('drop-reply', { chunk: random.integer(chunkCount), times: 1 }),
      mayEndUnknown,
    ),
    'reset-at-byte': passes(
      ({ random, sizeBytes }) => fault('reset-at-byte', { byte: random.integer(sizeBytes) }),
      mayEndUnknown,
    ),
    cut: passes(
      ({ random, chunkCount }) =>
        fault('cut', { chunk: random.integer(chunkCount), at: cutPlaces[random.integer(3)] ?? 'in-body' }),
      mayEndUnknown,
    ),
    'no-answer': passes(
      ({ random, chunkCount }) => fault('no-answer', { chunk: random.integer(chunkCount) }),
      mayEndUnknown,
    ),
    reboot: passes(({ random, chunkCount }) => fault('reboot', { chunk: random.integer(chunkCount) }), mayEndUnknown),
    'html-instead-of-json': passes(
      ({ random, chunkCount }) => fault('html-instead-of-json', { chunk: random.integer(chunkCount) }),
      mayEndUnknown,
    ),
    'lost-last-reply': passes(() => fault('lost-last-reply'), mayEndUnknown),
    'disk-full': stays(({ random, chunkCount }) => fault('disk-full', { part: random.integer(chunkCount) })),
    'short-body': stays(({ random, chunkCount }) => fault('short-body', { chunk: random.integer(chunkCount) })),
    'stores-garbage': stays(({ random, chunkCount }) => fault('stores-garbage', { chunk: random.integer(chunkCount) })),
    'wrong-chip': stays(() => fault('wrong-chip')),
    'other-device-after-reboot': stays(() => fault('other-device-after-reboot')),
    'hostile-name': passes(() => fault('hostile-name')),
  }
}

/** Every edge and the middle of every chunk. @param isForgotten as `mayEndUnknown` above: the last chunk's answer stays lost */
export function chunkCuts(chunkCount: number, isForgotten: boolean): CutPoint[] {
  return Array.from({ length: chunkCount }, (_, chunk) => chunk).flatMap(chunk =>
    cutPlaces.map(at => ({
      name: `a cut ${at} of chunk ${String(chunk)}`,
      fault: fault('cut', { chunk, at }),
      mayEndUnknown: isForgotten && chunk === chunkCount - 1,
    })),
  )
}
