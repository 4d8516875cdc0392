/** Finds the functions of a few addresses in `.symtab`. Source: System V ABI; names of C++ by the Itanium C++ ABI. */
import { textAt } from '../../formats/elf/sections.ts'

export interface FunctionPlace {
  readonly name: string
  /** Bytes from the beginning of the function. */
  readonly offset: number
}

interface Best {
  value: number
  sizeBytes: number
  nameAt: number
}

const SYMBOL_BYTES = 16
const TYPE_NONE = 0
const TYPE_FUNCTION = 2
/** Assembler gives no sizes: such a symbol reaches to the next one, and not further than this. */
const MOST_UNSIZED_BYTES = 4096

/**
 * Looks every address up.
 * @param isThumb whether the lowest bit of a function's address says which instruction set it uses (ARM)
 * @returns by address; one that lies in no function is missing
 */
export function findFunctions(
  symbols: Uint8Array,
  names: Uint8Array,
  addresses: readonly number[],
  isThumb: boolean,
): ReadonlyMap<number, FunctionPlace> {
  const best = new Map<number, Best>()
  const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength)
  for (let at = 0; at + SYMBOL_BYTES <= view.byteLength; at += SYMBOL_BYTES) {
    const type = view.getUint8(at + 12) & 0xf
    const section = view.getUint16(at + 14, true)
    if ((type !== TYPE_FUNCTION && type !== TYPE_NONE) || section === 0) continue
    const value = isThumb && type === TYPE_FUNCTION ? view.getUint32(at + 4, true) & ~1 : view.getUint32(at + 4, true)
    const candidate = { value: value >>> 0, sizeBytes: view.getUint32(at + 8, true), nameAt: view.getUint32(at, true) }
    for (const address of addresses) {
      if (covers(candidate, address) && isBetter(candidate, best.get(address))) best.set(address, candidate)
    }
  }
  return new Map(
    [...best].map(([address, { value, nameAt }]) => [
      address,
      { name: readableName(textAt(names, nameAt)), offset: address - value },
    ]),
  )
}

function covers({ value, sizeBytes }: Best, address: number): boolean {
  return address >= value && address < value + (sizeBytes === 0 ? MOST_UNSIZED_BYTES : sizeBytes)
}

/** One with a size was made for the question; of two the closer one counts. */
function isBetter(candidate: Best, known: Best | undefined): boolean {
  if (known === undefined) return true
  const isSized = candidate.sizeBytes > 0
  if (isSized !== known.sizeBytes > 0) return isSized
  return candidate.value > known.value
}

/**
 * Reads a plain C++ name: `_ZN4WiFi5beginEPKc` is `WiFi::begin`. Parameters are left out; names with templates or
 * abbreviations stay as they are.
 */
export function readableName(name: string): string {
  const nested = /^_ZN[KVOR]*(\d.*)$/.exec(name)
  if (nested !== null) return readParts(nested[1] ?? '', true) ?? name
  const plain = /^_ZL?(\d.*)$/.exec(name)
  return plain === null ? name : (readParts(plain[1] ?? '', false) ?? name)
}

function readParts(text: string, isNested: boolean): string | null {
  const parts: string[] = []
  let rest = text
  do {
    const length = /^\d{1,3}/.exec(rest)?.[0]
    if (length === undefined) break
    const part = rest.slice(length.length, length.length + Number(length))
    if (part.length !== Number(length) || part === '') return null
    parts.push(part.startsWith('_GLOBAL__N') ? '(anonymous)' : part)
    rest = rest.slice(length.length + Number(length))
  } while (isNested)
  const last = parts.at(-1)
  if (last === undefined || rest.startsWith('I')) return null
  if (!isNested || rest.startsWith('E')) return parts.join('::')
  const special = /^[CD][0-5]E/.exec(rest)
  if (special === null) return null
  return [...parts, rest.startsWith('C') ? last : `~${last}`].join('::')
}
