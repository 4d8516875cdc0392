/** The named faults of the `esp-parts` boards, and how the faults of one device of any kind act together. */
import { FlashproofError } from '../../shared/errors.ts'
import type { VirtualIdentity } from '../board/identity.ts'
import { answerFaults } from './answer-faults.ts'
import { connectionFaults } from './connection-faults.ts'
import type { BodyCut, FaultHooks, FirstStep, HashAnswer, Reply, RequestPoint } from './fault-hooks.ts'
import type { ParameterSpec, ValuesOf } from './fault-parameters.ts'
import { storageFaults } from './storage-faults.ts'

export const faultTable = { ...connectionFaults, ...answerFaults, ...storageFaults } as const

export type FaultName = keyof typeof faultTable

/** A fault with the parameters that differ from its defaults, such as `{ name: 'reboot', chunk: 40 }`. */
export type FaultSpec = {
  [Name in FaultName]: { readonly name: Name } & Partial<ValuesOf<(typeof faultTable)[Name]['parameters']>>
}[FaultName]

export const faultNames = Object.keys(faultTable) as readonly FaultName[]

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(faultTable, name)
}

/** A fault of any kind of device, with the parameters that differ from its defaults. */
export interface NamedFault {
  readonly name: string
}

/** What a table of faults holds, whatever its parameters are. */
export interface FaultEntry {
  readonly summary: string
  readonly parameters: Readonly<Record<string, ParameterSpec>>
  readonly primary: string | null
  instantiate(name: string, given: object, seed: number): FaultHooks
}

export type FaultTable = Readonly<Record<string, FaultEntry>>

/** The faults of one device as one: each hook asks them in the order in which they were named. */
export class FaultSet<Fault extends NamedFault = NamedFault> {
  readonly specs: readonly Fault[]
  readonly #all: readonly FaultHooks[]

  /**
   * @param table the faults that a device of this kind can have
   * @throws {FlashproofError} option.invalid for an unknown fault, an unknown parameter or a value out of range
   */
  constructor(specs: readonly Fault[], seed: number, table: FaultTable = faultTable) {
    this.specs = specs
    this.#all = specs.map(spec => {
      const entry = Object.hasOwn(table, spec.name) ? table[spec.name] : undefined
      if (entry === undefined) throw unknownFault(spec.name, Object.keys(table))
      return entry.instantiate(spec.name, spec, seed)
    })
  }

  /** The hooks one by one: for those that only one kind of device asks. */
  get all(): readonly FaultHooks[] {
    return this.#all
  }

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  get keepsOldTailBytes(): number {
    return Math.max(0, ...this.#all.map(fault => fault.keepsOldTailBytes ?? 0))
  }

  get leaksBytesPerRequest(): number {
    let sum = 0
    for (const fault of this.#all) sum += fault.leaksBytesPerRequest ?? 0
    return sum
  }

  bootsLaterByMs(): number {
    return this.#all.reduce((sum, fault) => sum + (fault.bootsLaterByMs?.() ?? 0), 0)
  }

  get newFirmwarePanicsAfterMs(): number | null {
    return this.#all.find(fault => fault.newFirmwarePanicsAfterMs !== undefined)?.newFirmwarePanicsAfterMs ?? null
  }

  onRequest(point: RequestPoint): FirstStep {
    for (const fault of this.#all) {
      const step = fault.onRequest?.(point) ?? 'serve'
      if (step !== 'serve') return step
    }
    return 'serve'
  }

  cutBody(point: RequestPoint, contentBytes: number, receivedBytes: number): BodyCut | null {
    for (const fault of this.#all) {
      const cut = fault.cutBody?.(point, contentBytes, receivedBytes) ?? null
      if (cut !== null) return cut
    }
    return null
  }

  onChunk(target: string, index: number, bytes: Uint8Array, declaredSha256: string | null): void {
    for (const fault of this.#all) fault.onChunk?.(target, index, bytes, declaredSha256)
  }

  replyInstead(point: RequestPoint): Reply | null {
    for (const fault of this.#all) {
      const reply = fault.replyInstead?.(point) ?? null
      if (reply !== null) return reply
    }
    return null
  }

  storeInstead(index: number, bytes: Uint8Array): Uint8Array {
    return this.#all.reduce((stored, fault) => fault.storeInstead?.(index, stored) ?? stored, bytes)
  }

  delayMs(point: RequestPoint, bodyBytes: number): number {
    return this.#all.reduce((sum, fault) => sum + (fault.delayMs?.(point, bodyBytes) ?? 0), 0)
  }

  rewriteReply(point: RequestPoint, reply: Reply): Reply {
    return this.#all.reduce((answer, fault) => fault.rewriteReply?.(point, answer) ?? answer, reply)
  }

  losesReply(point: RequestPoint): boolean {
    let isLost = false
    for (const fault of this.#all) isLost = fault.losesReply?.(point) === true || isLost
    return isLost
  }

  answerHash(target: string, honest: HashAnswer): HashAnswer {
    return this.#all.reduce((answer, fault) => fault.answerHash?.(target, answer) ?? answer, honest)
  }

  onFirstBoot(image: Uint8Array): Uint8Array {
    return this.#all.reduce((bytes, fault) => fault.onFirstBoot?.(bytes) ?? bytes, image)
  }

  /** @param boots how often the board has booted since its power-on */
  identify(identity: VirtualIdentity, boots: number): VirtualIdentity {
    return this.#all.reduce((shown, fault) => fault.identify?.(shown, boots) ?? shown, identity)
  }

  disguise(text: string): string {
    return this.#all.reduce((shown, fault) => fault.disguise?.(shown) ?? shown, text)
  }
}

function unknownFault(name: string, known: readonly string[]): FlashproofError {
  return new FlashproofError('option.invalid', `no fault is called "${name}"; the faults are ${known.join(', ')}`, {
    fault: name,
    knownFaults: known,
  })
}
