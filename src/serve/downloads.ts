/** Files on their way to a browser: each under a random address that is good for a while, and once. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { SaveOutcome } from '../shared/contract/index.ts'
import type { Timing } from '../shared/rpc/timing.ts'
import type { ProducedFile } from '../host/saving/file-producer.ts'
import { reportPolicy } from './request-guard.ts'
import { newSecret } from './sessions.ts'

const PATH = '/download/'
const KEPT_MS = 10 * 60_000
/** More than a person has open; whoever asks for more loses the oldest. */
const MOST_KEPT = 64

interface Offer {
  readonly file: ProducedFile
  readonly expiry: AbortController
}

export class Downloads {
  readonly #offers = new Map<string, Offer>()
  readonly #timing: Pick<Timing, 'delay'>

  constructor(timing: Pick<Timing, 'delay'>) {
    this.#timing = timing
  }

  /** Gives the file an address; a page to be printed can be loaded again until it expires, a file once. */
  offer(file: ProducedFile): SaveOutcome {
    const id = newSecret()
    const expiry = new AbortController()
    this.#offers.set(id, { file, expiry })
    this.#timing.delay(KEPT_MS, expiry.signal).then(
      () => this.#remove(id),
      () => undefined,
    )
    const [oldest] = this.#offers.keys()
    if (this.#offers.size > MOST_KEPT && oldest !== undefined) void this.#remove(oldest)
    const url = `${PATH}${id}`
    return file.use === 'print' ? { outcome: 'print', url } : { outcome: 'download', fileName: file.fileName, url }
  }

  /** Answers a request for a path that begins with `/download/`. @returns false when there is no such file (any more) */
  async answer(pathname: string, response: ServerResponse, isHead: boolean): Promise<boolean> {
    const id = pathname.startsWith(PATH) ? pathname.slice(PATH.length) : ''
    const offer = this.#offers.get(id)
    if (offer === undefined) return false
    const { file } = offer
    const isPrint = file.use === 'print'
    // Taken before the first byte: two requests at once get one file.
    if (!isPrint && !isHead) this.#offers.delete(id)
    const { size } = await stat(file.path)
    response.writeHead(200, {
      'content-type': file.mediaType,
      'content-length': size,
      'cache-control': 'no-store',
      ...(isPrint
        ? { 'content-security-policy': reportPolicy }
        : { 'content-disposition': contentDisposition(file.fileName) }),
    })
    if (isHead) response.end()
    else await pipeline(createReadStream(file.path), response).catch(() => undefined)
    if (!isPrint && !isHead) {
      offer.expiry.abort()
      await file.discard()
    }
    return true
  }

  close(): void {
    for (const { expiry } of this.#offers.values()) expiry.abort()
    this.#offers.clear()
  }

  async #remove(id: string): Promise<void> {
    const offer = this.#offers.get(id)
    this.#offers.delete(id)
    offer?.expiry.abort()
    await offer?.file.discard()
  }
}

/** RFC 6266: a plain name for old readers, the whole one in UTF-8. */
function contentDisposition(fileName: string): string {
  const plain = fileName.replace(/[^\w.-]/g, '_')
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(fileName)}`
}
