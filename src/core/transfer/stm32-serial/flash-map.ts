/** The pages of one chip's flash: numbers as the loader counts them, addresses, sizes. */
import { FlashproofError } from '../../../shared/errors.ts'
import { FLASH_START, productName, productOf, type PageRun } from './products.ts'

export interface Page {
  /** As ERASE names it. */
  readonly number: number
  readonly address: number
  readonly sizeBytes: number
}

export class FlashMap {
  /** One past the last address. */
  readonly endAddress: number
  /** In the order of their addresses. */
  readonly pages: readonly Page[]

  /** @param pages the last run goes on to the end; a page that would reach past it is left out */
  constructor(endAddress: number, pages: readonly PageRun[]) {
    this.pages = [...pagesUntil(endAddress, pages)]
    const last = this.pages.at(-1)
    this.endAddress = last === undefined ? FLASH_START : last.address + last.sizeBytes
  }

  /** Pages that share at least one address with `[start, end)`, which lies in the flash. */
  touching(start: number, end: number): Page[] {
    return this.pages.filter(page => page.address < end && page.address + page.sizeBytes > start)
  }
}

function* pagesUntil(endAddress: number, runs: readonly PageRun[]): Generator<Page> {
  let number = 0
  let address = FLASH_START
  for (const { count, sizeBytes } of runs) {
    for (let index = 0; index < count && address + sizeBytes <= endAddress; index++) {
      yield { number, address, sizeBytes }
      number++
      address += sizeBytes
    }
  }
}

/**
 * The flash of the chip at hand: what the table says of its family, unless a person states it.
 * @param stated sizes of the flash and of a page; null: not stated
 * @throws {FlashproofError} loader.unknown-chip naming the two options, where the table has no such product
 */
export function flashMapOf(
  productId: number,
  stated: { readonly flashBytes: number | null; readonly pageBytes: number | null },
): FlashMap {
  const product = productOf(productId)
  const { flashBytes, pageBytes } = stated
  const endAddress = flashBytes === null ? product?.flashEnd : FLASH_START + flashBytes
  const runs = pageBytes === null ? product?.pages : [{ count: Infinity, sizeBytes: pageBytes }]
  if (endAddress !== undefined && runs !== undefined) return new FlashMap(endAddress, runs)
  const message = `${productName(productId)}: size and pages of its flash are not known here; state flashBytes and pageBytes as its data sheet has them`
  throw new FlashproofError('loader.unknown-chip', message, {
    productId: `0x${productId.toString(16)}`,
    options: ['flashBytes', 'pageBytes'],
  })
}
