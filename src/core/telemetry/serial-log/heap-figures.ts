/**
 * Heap figures out of a line of text, in the ways firmware prints them: as JSON, as `name: number`, as the tables of
 * ESP-IDF and MicroPython. A number that could mean something else is left out rather than guessed.
 */

/**
 * Which memory the figures are of; they are comparable within one alone. `internal`: RAM of the chip (`ESP.getFreeHeap`).
 * `default`: what malloc takes, external RAM included where there is some (`esp_get_free_heap_size`). `gc`: the heap of
 * MicroPython's collector. `summary`: the one that the heading of the table before named. `unsaid`: the text names none.
 */
export type HeapPool = 'internal' | 'default' | 'gc' | 'summary' | 'unsaid'

export interface HeapFigures {
  readonly pool: HeapPool
  readonly freeBytes?: number
  /** Lowest since the start. */
  readonly minFreeBytes?: number
  readonly largestBlockBytes?: number
  readonly totalBytes?: number
}

type Field = Exclude<keyof HeapFigures, 'pool'>

/** 4 GiB: no address of these chips is higher. */
const MAX_BYTES = 2 ** 32

/** Cheap question before the costly ones: most lines have nothing to do with heaps. */
const MAY_HOLD_FIGURES = /heap|mem_free|largest|max_?alloc|GC: total|min_free|^\[\(/i

/** One region in ESP-IDF's table, whose sums follow. */
const ONE_REGION = /^\s*(?:At 0x[0-9a-f]+ len \d|largest_free_block \d+ alloc_blocks)/i

/** @returns the figures that the line holds; null where it holds none */
export function readHeapFigures(message: string): HeapFigures | null {
  if (!MAY_HOLD_FIGURES.test(message) || ONE_REGION.test(message)) return null
  return readJson(message) ?? readTotals(message) ?? readTuples(message) ?? readCollector(message) ?? readNamed(message)
}

/** Written as numbers with units by people: `285,432 bytes`, `178.5 KB`. The separator of thousands is one and the same. */
const GROUPED = /^\d{1,3}([,._])\d{3}(?:\1\d{3})*(?![\d,._]*\d)/
/** A space separates thousands only where the unit ends the number; otherwise two numbers stand side by side. */
const SPACED = /^\d{1,3}(?: \d{3})+(?= ?(?:bytes|B)\b)/i
const PLAIN = /^\d+(?![\d,._]*\d)/
const DECIMAL = /^(\d+)\.(\d{1,2})(?!\d)/
const UNIT = /^\s?(bytes?|b|kib|kb|k|mib|mb|m|%)(?![a-z])/i

/**
 * Reads the byte count at the beginning of a text. Groups of thousands must have three digits: `285,432` and `285.432` are
 * 285432, since bytes have no fractions; `285.432 KB` could mean two things and is left out.
 * @returns null where there is no number, or one that is ambiguous, out of range or a percentage
 */
export function readByteCount(text: string): number | null {
  const start = text.slice(0, 40)
  const whole = SPACED.exec(start) ?? GROUPED.exec(start) ?? PLAIN.exec(start)
  const decimal = DECIMAL.exec(start)
  const matched = whole?.[0] ?? decimal?.[0]
  if (matched === undefined) return null
  const unit = UNIT.exec(start.slice(matched.length))?.[1]?.toLowerCase() ?? 'b'
  const step = unitBytes(unit)
  if (step === null) return null
  const isPlain = /^\d+$/.test(matched)
  if (step === 1 ? whole === null : !isPlain && decimal === null) return null
  const value = step === 1 ? Number(matched.replace(/[,._ ]/g, '')) : Number(matched) * step
  return value < MAX_BYTES ? Math.round(value) : null
}

function unitBytes(unit: string): number | null {
  if (unit.startsWith('b')) return 1
  if (unit.startsWith('k')) return 1024
  return unit.startsWith('m') ? 1024 * 1024 : null
}

/** Names before a number, the most particular first: each stretch of the text is read once. */
const names: readonly (readonly [RegExp, Field])[] = [
  [/getMinFreeHeap\(\)|esp_get_minimum_free_heap_size(?:\(\))?/i, 'minFreeBytes'],
  [
    /\b(?:heap[_ ]min(?:[_ ]free)?|min(?:imum)?[_ ](?:ever[_ ])?free(?:[_ ]heap)?(?:[_ ]size)?|min[_ ]?heap)\b/i,
    'minFreeBytes',
  ],
  [/getMaxAllocHeap\(\)/i, 'largestBlockBytes'],
  [
    /\b(?:largest[_ ](?:free[_ ])?(?:heap[_ ])?block|max[_ ]?alloc(?:[_ ]?heap)?|heap[_ ]largest(?:[_ ]block)?)\b/i,
    'largestBlockBytes',
  ],
  [/getHeapSize\(\)/i, 'totalBytes'],
  [/\b(?:total[_ ]?heap(?:[_ ]size)?|heap[_ ]?total)\b/i, 'totalBytes'],
  [/getFreeHeap\(\)|esp_get_free_heap_size(?:\(\))?|esp_get_free_internal_heap_size(?:\(\))?/i, 'freeBytes'],
  [/gc\.mem_free\(\)|\bmem_free\b/i, 'freeBytes'],
  [/\b(?:free[_ ]?heap(?:[_ ]size)?(?:[_ ]is)?|heap[_ ]?free)\b/i, 'freeBytes'],
  // So short a word is a name only with a sign behind it.
  [/\bheap[_ ]?size(?="?\s{0,16}[:=])/i, 'totalBytes'],
  [/\bheap(?="?\s{0,16}[:=])/i, 'freeBytes'],
]
const ASSIGNED = /^"?\s{0,16}(?:[:=]|\bis\b)?\s{0,16}/

function readNamed(message: string): HeapFigures | null {
  const figures: Partial<Record<Field, number>> = {}
  let rest = message
  for (const [name, field] of names) {
    const match = name.exec(rest)
    if (match === null) continue
    const after = rest.slice(match.index + match[0].length)
    const number = after.slice(ASSIGNED.exec(after)?.[0].length ?? 0)
    const value = readByteCount(number)
    if (value === null || isOfExternalRam(rest.slice(0, match.index))) continue
    figures[field] ??= value
    if (field === 'freeBytes') {
      const total = /^[\d,._]+\s?\/\s?/.exec(number)
      const totalBytes = total === null ? null : readByteCount(number.slice(total[0].length))
      if (totalBytes !== null && totalBytes >= value) figures.totalBytes ??= totalBytes
    }
    // Taken out, so that “min free heap” is not read as “free heap” too.
    rest = `${rest.slice(0, match.index)}\u0000${after}`
  }
  return Object.keys(figures).length === 0 ? null : { pool: namedPool(message), ...figures }
}

function isOfExternalRam(before: string): boolean {
  return /(?:psram|spiram|external)\s?$/i.test(before.slice(-12))
}

function namedPool(message: string): HeapPool {
  if (/get(?:MinFree|MaxAlloc|Free)Heap\(\)|getHeapSize\(\)|internal/i.test(message)) return 'internal'
  if (/esp_get_(?:minimum_)?free_heap_size/i.test(message)) return 'default'
  return /mem_free/i.test(message) ? 'gc' : 'unsaid'
}

const jsonNames: Readonly<Record<string, Field>> = {
  heap: 'freeBytes',
  freeheap: 'freeBytes',
  heapfree: 'freeBytes',
  freeheapbytes: 'freeBytes',
  heapfreebytes: 'freeBytes',
  minfreeheap: 'minFreeBytes',
  heapminfree: 'minFreeBytes',
  heapmin: 'minFreeBytes',
  minheap: 'minFreeBytes',
  largestblock: 'largestBlockBytes',
  largestfreeblock: 'largestBlockBytes',
  heaplargestblock: 'largestBlockBytes',
  heaplargestfreeblock: 'largestBlockBytes',
  maxallocheap: 'largestBlockBytes',
  heapmaxalloc: 'largestBlockBytes',
  heapsize: 'totalBytes',
  heaptotal: 'totalBytes',
  totalheap: 'totalBytes',
}

function readJson(message: string): HeapFigures | null {
  const start = message.indexOf('{')
  const end = message.lastIndexOf('}')
  if (start < 0 || end < start) return null
  let document: unknown
  try {
    document = JSON.parse(message.slice(start, end + 1))
  } catch {
    return null
  }
  const figures: Partial<Record<Field, number>> = {}
  collectJson(document, '', figures, 2)
  return Object.keys(figures).length === 0 ? null : { pool: 'unsaid', ...figures }
}

/** Looks at the document's own numbers and those one object deeper (`{"heap":{"free":1}}`). */
function collectJson(value: unknown, path: string, figures: Partial<Record<Field, number>>, depth: number): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  for (const [key, inner] of Object.entries(value)) {
    const name = `${path}${key}`.toLowerCase().replace(/[_\- ]/g, '')
    const field = Object.hasOwn(jsonNames, name) ? jsonNames[name] : undefined
    if (typeof inner === 'number') {
      if (field !== undefined && Number.isInteger(inner) && inner >= 0 && inner < MAX_BYTES) figures[field] ??= inner
    } else if (depth > 1) {
      collectJson(inner, key.toLowerCase() === 'heap' ? 'heap' : '', figures, depth - 1)
    }
  }
}

/** The last line of ESP-IDF's `heap_caps_print_heap_info`; those of the regions before it are in its sums. */
const TOTALS = /^\s*free (\d+) allocated (\d+) min_free (\d+) largest_free_block (\d+)\s*$/

function readTotals(message: string): HeapFigures | null {
  const match = TOTALS.exec(message)
  if (match === null) return null
  const [free, allocated, min, largest] = match.slice(1).map(Number)
  if (free === undefined || allocated === undefined || min === undefined || largest === undefined) return null
  if (Math.max(free, allocated, min, largest) >= MAX_BYTES) return null
  return {
    pool: 'summary',
    freeBytes: free,
    minFreeBytes: min,
    largestBlockBytes: largest,
    totalBytes: free + allocated,
  }
}

/** MicroPython's `esp32.idf_heap_info`: a tuple (total, free, largest free, lowest free) a region. */
function readTuples(message: string): HeapFigures | null {
  if (!/^\[(?:\(\d+, \d+, \d+, \d+\)(?:, )?)+\]$/.test(message.trim())) return null
  const figures = { totalBytes: 0, freeBytes: 0, largestBlockBytes: 0, minFreeBytes: 0 }
  for (const [, total, free, largest, least] of message.matchAll(/\((\d+), (\d+), (\d+), (\d+)\)/g)) {
    figures.totalBytes += Number(total)
    figures.freeBytes += Number(free)
    figures.largestBlockBytes = Math.max(figures.largestBlockBytes, Number(largest))
    figures.minFreeBytes += Number(least)
  }
  return figures.totalBytes < MAX_BYTES ? { pool: 'default', ...figures } : null
}

/** MicroPython's `micropython.mem_info()`. */
const COLLECTOR = /\bGC: total: (\d{1,9}), used: \d{1,9}, free: (\d{1,9})\b/

function readCollector(message: string): HeapFigures | null {
  const match = COLLECTOR.exec(message)
  return match === null ? null : { pool: 'gc', totalBytes: Number(match[1]), freeBytes: Number(match[2]) }
}
