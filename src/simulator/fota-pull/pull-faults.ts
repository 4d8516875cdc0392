/** The named faults of devices that pull their firmware. */
import { connectionFaults } from '../faults/connection-faults.ts'
import { defineFault } from '../faults/fault-parameters.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { storageFaults } from '../faults/storage-faults.ts'

export interface Manifest {
  readonly version: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly chunkBytes: number
  readonly macMode: 'chunk' | 'bound'
}

/** One request for a chunk, and what becomes of the answer; or the end of all requests. */
export type PullStep = { readonly action: 'write' | 'discard'; readonly chunk: number } | { readonly action: 'stall' }

/** What only a pulling device asks its faults. */
export interface PullFaultHooks {
  readonly neverAsks?: boolean
  readonly neverReports?: boolean
  /** Changes the manifest that it goes by. */
  manifest?(manifest: Manifest): Manifest
  /** Changes which chunks it asks for. */
  plan?(steps: readonly PullStep[]): readonly PullStep[]
  key?(key: Buffer): Buffer
  deviceId?(id: string): string
  /** What it does instead of restarting into the new image. */
  readonly insteadOfInstalling?: 'claims-success' | 'boots-old'
  /** The new firmware does not stay up: after so many boots its own manager goes back. */
  readonly failingBoots?: number
  /** Says after the restart that the new version runs, whatever does. */
  readonly claimsNewVersion?: boolean
}

const chunk = (at: number, summary: string) => ({ type: 'number', default: at, minimum: 0, summary }) as const

const ownFaults = {
  reorders: defineFault({
    summary: 'asks for two neighbouring chunks in the wrong order and writes them so',
    parameters: { chunk: chunk(3, 'the first of the two') },
    primary: 'chunk',
    create: values => ({
      fotaPull: {
        plan: steps => {
          const { chunk: at } = values
          const [left, right] = [steps[at], steps[at + 1]]
          if (left === undefined || right === undefined) return steps
          return [...steps.slice(0, at), right, left, ...steps.slice(at + 2)]
        },
      },
    }),
  }),
  repeats: defineFault({
    summary: 'asks for a chunk twice',
    parameters: {
      chunk: chunk(3, 'the chunk'),
      writes: { type: 'choice', default: 'once', choices: ['once', 'twice'], summary: 'how often it writes it' },
    },
    primary: 'chunk',
    create: values => ({
      fotaPull: {
        plan: steps =>
          steps.flatMap(step =>
            step.action === 'write' && step.chunk === values.chunk
              ? [{ ...step, action: values.writes === 'once' ? 'discard' : 'write' }, step]
              : [step],
          ),
      },
    }),
  }),
  'asks-beyond-end': defineFault({
    summary: 'asks for chunks behind the last one, and does not mind that there are none',
    parameters: { count: { type: 'number', default: 2, minimum: 1, summary: 'how many' } },
    primary: 'count',
    create: ({ count }) => ({
      fotaPull: {
        plan: steps => [
          ...steps,
          ...Array.from({ length: count }, (_, index) => ({ action: 'discard' as const, chunk: steps.length + index })),
        ],
      },
    }),
  }),
  stalls: defineFault({
    summary: 'stops asking at a chunk, without a word',
    parameters: { chunk: chunk(8, 'the first chunk that it does not ask for') },
    primary: 'chunk',
    create: values => ({
      fotaPull: { plan: steps => [...steps.slice(0, values.chunk), { action: 'stall' }] },
    }),
  }),
  'never-asks': defineFault({
    summary: 'never sends a request, as behind a firewall',
    parameters: {},
    primary: null,
    create: () => ({ fotaPull: { neverAsks: true } }),
  }),
  'no-status': defineFault({
    summary: 'never reports its status',
    parameters: {},
    primary: null,
    create: () => ({ fotaPull: { neverReports: true } }),
  }),
  'wrong-psk': defineFault({
    summary: 'has another key, so that no chunk is authentic to it',
    parameters: {},
    primary: null,
    create: () => ({ fotaPull: { key: key => Buffer.from(key).reverse() } }),
  }),
  'other-device-id': defineFault({
    summary: 'names itself with the Device-ID of another device',
    parameters: { id: { type: 'text', default: 'esp32-other', summary: 'that ID' } },
    primary: 'id',
    create: ({ id }) => ({ fotaPull: { deviceId: () => id } }),
  }),
  'mixed-version': defineFault({
    summary: 'goes by a manifest of an older, shorter release while it pulls the chunks of this one',
    parameters: { version: { type: 'text', default: '0.9.0', summary: 'version of the older release' } },
    primary: 'version',
    create: ({ version }) => ({
      fotaPull: {
        manifest: manifest => ({
          ...manifest,
          version,
          sizeBytes: Math.max(1, manifest.sizeBytes - manifest.chunkBytes),
        }),
      },
    }),
  }),
  liar: defineFault({
    summary: 'reports the new version as running without having restarted into it',
    parameters: {},
    primary: null,
    create: () => ({ fotaPull: { insteadOfInstalling: 'claims-success' } }),
  }),
  'old-version': defineFault({
    summary: 'restarts into what it ran before and reports success with that version',
    parameters: {},
    primary: null,
    create: () => ({ fotaPull: { insteadOfInstalling: 'boots-old' } }),
  }),
  'boot-loops': defineFault({
    summary:
      'new firmware restarts again and again and reports each failed boot; after the last it goes back by itself',
    parameters: { boots: { type: 'number', default: 3, minimum: 1, summary: 'boots until it goes back' } },
    primary: 'boots',
    create: ({ boots }) => ({ fotaPull: { failingBoots: boots } }),
  }),
  'stores-garbage': defineFault({
    summary: 'stores other bytes, and reports success and the new version all the same',
    parameters: {},
    primary: null,
    create: (_values, random) => ({
      storeInstead: (_index, bytes) => {
        const changed = Uint8Array.from(bytes)
        const at = random.integer(changed.length)
        if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(8))
        return changed
      },
      update: { skipsSelfCheck: true },
      fotaPull: { claimsNewVersion: true },
    }),
  }),
} as const

const { slow, cut, reboot } = connectionFaults
const { rollback, 'hostile-name': hostileName, 'bad-self-check': badSelfCheck } = storageFaults

export const fotaPullFaults: FaultTable = {
  slow,
  cut,
  'drop-reply': connectionFaults['drop-reply'],
  'reset-at-byte': connectionFaults['reset-at-byte'],
  'no-answer': connectionFaults['no-answer'],
  reboot,
  ...ownFaults,
  'bad-self-check': badSelfCheck,
  rollback,
  'other-device-after-reboot': storageFaults['other-device-after-reboot'],
  'hostile-name': hostileName,
}
