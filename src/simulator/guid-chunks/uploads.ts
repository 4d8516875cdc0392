/** Uploads that were begun, as the server of seed 5 knows them in RAM: a restart forgets them all. */

export interface UploadPlan {
  readonly fileName: string
  readonly fileBytes: number
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly targetPath: string
}

export class Upload {
  readonly guid: string
  readonly plan: UploadPlan
  owner: string
  /** The random values of its chunks, for the stricter checks. */
  readonly randomValues: number[] = []
  readonly #received = new Set<number>()
  /** Chunks whose bodies are arriving. */
  readonly #underWay = new Set<number>()
  #firstMissing = 0

  constructor(guid: string, owner: string, plan: UploadPlan) {
    this.guid = guid
    this.owner = owner
    this.plan = plan
  }

  /** The whole path of the file in the making. */
  get temporaryPath(): string {
    return `${this.plan.targetPath}/newUploadTemp_${this.guid}.tmp`
  }

  get finalPath(): string {
    return `${this.plan.targetPath}/${this.plan.fileName}`
  }

  get receivedChunks(): number {
    return this.#received.size
  }

  get isWhole(): boolean {
    return this.#received.size === this.plan.totalChunks
  }

  has(chunkNumber: number): boolean {
    return this.#received.has(chunkNumber)
  }

  add(chunkNumber: number): void {
    this.#received.add(chunkNumber)
  }

  /** What a request most likely carries, before its body tells: the first chunk that is neither there nor on its way. */
  nextChunk(): number {
    while (this.#received.has(this.#firstMissing)) this.#firstMissing++
    let chunkNumber = this.#firstMissing
    while (this.#received.has(chunkNumber) || this.#underWay.has(chunkNumber)) chunkNumber++
    return chunkNumber
  }

  setUnderWay(chunkNumber: number, isUnderWay: boolean): void {
    if (isUnderWay) this.#underWay.add(chunkNumber)
    else this.#underWay.delete(chunkNumber)
  }
}
