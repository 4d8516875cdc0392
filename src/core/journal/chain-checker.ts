/** Follows links of the chain one after another and collects what does not hold; the same for a journal and an export. */
import type { ChainReport } from '../../shared/contract/commands.ts'
import { type ChainEntry, type ChainLink, detailTables, FIRST_PREVIOUS_HASH, headMessage, linkHash } from './chain.ts'
import { isSignatureValid } from './station-key.ts'

type Problem = ChainReport['problems'][number]

const MAXIMUM_PROBLEMS = 200

export class ChainChecker {
  readonly #isWhole: boolean
  readonly #publicKey: string | null
  readonly #problems: Problem[] = []
  readonly #notes: string[] = []
  #hiddenProblems = 0
  #records = 0
  #last: { readonly sequence: number; readonly hash: string } = { sequence: 0, hash: FIRST_PREVIOUS_HASH }
  #signed = 0
  #unsignedAfterSigned = false
  #badSignatures = 0

  /** `isWhole`: the links must begin with number 1 and leave none out. */
  constructor(options: { readonly isWhole: boolean; readonly publicKey: string | null }) {
    this.#isWhole = options.isWhole
    this.#publicKey = options.publicKey
  }

  get records(): number {
    return this.#records
  }

  get last(): { readonly sequence: number; readonly hash: string } {
    return this.#last
  }

  problem(text: string, sequence: number | null = null, jobId: string | null = null): void {
    if (this.#problems.length < MAXIMUM_PROBLEMS) this.#problems.push({ sequence, jobId, text })
    else this.#hiddenProblems++
  }

  note(text: string): void {
    this.#notes.push(text)
  }

  /** Checks one link; returns its entry when that can be read and is what was sealed. */
  follow(link: ChainLink): ChainEntry | null {
    this.#records++
    const entry = parseEntry(link.entry)
    const jobId = entry?.record.jobId ?? null
    const say = (text: string): void => {
      this.problem(text, link.sequence, jobId)
    }
    if (entry === null) say(`Record ${String(link.sequence)} cannot be read`)
    else if (entry.sequence !== link.sequence) {
      say(`Record ${String(link.sequence)} says of itself that it is number ${String(entry.sequence)}`)
    }
    const isSealed = linkHash(link.previousHash, link.entry) === link.recordHash
    if (!isSealed) say(`Record ${String(link.sequence)} was changed: its hash does not fit its content`)
    this.#followOrder(link, say)
    this.#checkSignature(link, say)
    this.#last = { sequence: link.sequence, hash: link.recordHash }
    return isSealed ? entry : null
  }

  report(head: { readonly hash: string | null; readonly sequence: number }): ChainReport {
    if (this.#hiddenProblems > 0) this.note(`${String(this.#hiddenProblems)} more problems are not listed`)
    return {
      valid: this.#problems.length === 0,
      records: this.#records,
      headHash: head.hash,
      headSequence: head.sequence,
      signature: this.#signatureState(),
      problems: this.#problems,
      notes: this.#notes,
    }
  }

  #followOrder(link: ChainLink, say: (text: string) => void): void {
    const { sequence, hash } = this.#last
    const isNext = link.sequence === sequence + 1
    if (!Number.isInteger(link.sequence) || link.sequence <= sequence) {
      say(`Record ${String(link.sequence)} follows record ${String(sequence)}`)
    } else if (this.#isWhole && !isNext) {
      say(
        link.sequence === sequence + 2
          ? `Record ${String(sequence + 1)} is missing`
          : `Records ${String(sequence + 1)} to ${String(link.sequence - 1)} are missing`,
      )
    } else if (isNext && link.previousHash !== hash) {
      say(`Record ${String(link.sequence)} does not follow from record ${String(sequence)}: their hashes do not meet`)
    }
  }

  #checkSignature(link: ChainLink, say: (text: string) => void): void {
    if (link.signature === null) {
      if (this.#signed > 0 && !this.#unsignedAfterSigned) {
        this.#unsignedAfterSigned = true
        say(`Record ${String(link.sequence)} is not signed although earlier ones are`)
      }
      return
    }
    this.#signed++
    if (this.#publicKey === null) return
    if (isSignatureValid(this.#publicKey, headMessage(link.sequence, link.recordHash), link.signature)) return
    this.#badSignatures++
    say(`The signature of record ${String(link.sequence)} is not the station key's`)
  }

  #signatureState(): ChainReport['signature'] {
    if (this.#badSignatures > 0 || this.#unsignedAfterSigned) return 'invalid'
    if (this.#signed === 0) return 'none'
    if (this.#publicKey !== null) return 'valid'
    this.note('Records are signed, but the public key is not here: the signatures were not checked')
    return 'none'
  }
}

function parseEntry(text: string): ChainEntry | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    if (!('sequence' in value) || !('record' in value) || !('digests' in value)) return null
    const { record, digests } = value
    if (typeof record !== 'object' || record === null || !('jobId' in record)) return null
    if (typeof digests !== 'object' || digests === null) return null
    if (!detailTables.every(table => isRowsDigest(new Map(Object.entries(digests)).get(table)))) return null
    // Its hash decides whether it is what was sealed; the members that are used were looked at above.
    return value as ChainEntry
  } catch {
    return null
  }
}

function isRowsDigest(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'count' in value && 'lastId' in value && 'sha256' in value
}
