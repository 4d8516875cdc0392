/** Turns segments of an image, partitions and the size of a flash into the rectangles of a memory map. Pure. */

export interface AddressRange {
  readonly address: number
  readonly sizeBytes: number
}

export interface MapRectangle extends AddressRange {
  /** `segment`: bytes of the image; `gap`: between two of them, `free`: outside of all. */
  readonly kind: 'segment' | 'gap' | 'free'
  readonly x: number
  readonly width: number
  /** Which of the image's segments it is, the first one where it stands for several; null for the others. */
  readonly index: number | null
  /** Drawn smaller than its size: it would leave no room for the image. */
  readonly isShortened: boolean
}

export interface MapTick {
  readonly address: number
  readonly x: number
}

export interface MapLayout {
  readonly rectangles: readonly MapRectangle[]
  readonly ticks: readonly MapTick[]
  /** How many segments share a rectangle with a neighbour because the map is too narrow for each of its own. */
  readonly mergedSegments: number
}

export interface LayoutRequest {
  /** Sorted by address, without overlaps, as an inspection gives them. */
  readonly segments: readonly AddressRange[]
  /** The flash that the image goes into; null where it is not known. Grown where a segment lies outside. */
  readonly flash: AddressRange | null
  /** In the map's own units, such as pixels. */
  readonly width: number
  /** What the smallest rectangle gets, so that it can be seen and hit. */
  readonly minimumWidth: number
  /** Room that an address below the map takes. */
  readonly labelWidth: number
}

/** More are never drawn one by one: no map is that wide. */
const MOST_SEGMENTS = 256
/** A range without bytes takes at most so many times the width of the image's own bytes. */
const MOST_EMPTY_SHARE = 3

const EMPTY: MapLayout = { rectangles: [], ticks: [], mergedSegments: 0 }

/**
 * Lays ranges side by side in the order of their addresses, without overlaps, filling the width exactly. Small ranges
 * get the minimum width, and the others share what is left by their sizes. Where even minimum widths do not fit,
 * neighbours become one rectangle.
 */
export function layoutMemory(request: LayoutRequest): MapLayout {
  const { segments, width, minimumWidth } = request
  if (!(width > 0) || segments.length === 0) return EMPTY
  const capacity = Math.max(1, Math.floor(width / Math.max(minimumWidth, Number.MIN_VALUE)))
  const ranges = fitInto(rangesOf(thinOut(segments), request.flash), capacity)
  const shares = sharesOf(ranges)
  const widths = shareWidth(shares, width, Math.min(minimumWidth, width / ranges.length))
  let x = 0
  const rectangles = ranges.map((range, index) => {
    const isShortened = (shares[index] ?? 0) < range.sizeBytes
    const rectangle = { ...range, x, width: widths[index] ?? 0, isShortened }
    x += rectangle.width
    return rectangle
  })
  const drawn = rectangles.filter(({ kind }) => kind === 'segment').length
  return { rectangles, ticks: ticksOf(rectangles, request), mergedSegments: segments.length - drawn }
}

type KindedRange = Omit<MapRectangle, 'x' | 'width' | 'isShortened'>
type IndexedSegment = AddressRange & { readonly index: number }

/** Joins segments over all but the largest gaps when there are very many. */
function thinOut(segments: readonly AddressRange[]): IndexedSegment[] {
  const indexed = segments.map(({ address, sizeBytes }, index) => ({ address, sizeBytes, index }))
  if (indexed.length <= MOST_SEGMENTS) return indexed
  const gapBefore = (index: number): number => {
    const [before, here] = [segments[index - 1], segments[index]]
    return before === undefined || here === undefined ? 0 : here.address - before.address - before.sizeBytes
  }
  const starts = indexed
    .slice(1)
    .map(({ index }) => ({ index, gapBytes: gapBefore(index) }))
    .sort((left, right) => right.gapBytes - left.gapBytes)
    .slice(0, MOST_SEGMENTS - 1)
  const isStart = new Set(starts.map(({ index }) => index))
  const joined: IndexedSegment[] = []
  for (const segment of indexed) {
    const last = joined.at(-1)
    if (last === undefined || isStart.has(segment.index)) joined.push(segment)
    else joined.splice(-1, 1, { ...last, sizeBytes: segment.address + segment.sizeBytes - last.address })
  }
  return joined
}

/** Sizes, with what holds no bytes cut down to what still leaves room for the image. */
function sharesOf(ranges: readonly KindedRange[]): number[] {
  const drawn = ranges.filter(({ kind }) => kind === 'segment').reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const most = Math.max(1, drawn * MOST_EMPTY_SHARE)
  return ranges.map(({ kind, sizeBytes }) => (kind === 'segment' ? sizeBytes : Math.min(sizeBytes, most)))
}

/** The segments with what lies before, between and behind them. */
function rangesOf(segments: readonly IndexedSegment[], flash: AddressRange | null): KindedRange[] {
  const ranges: KindedRange[] = []
  const put = (kind: MapRectangle['kind'], from: number, to: number, index: number | null): void => {
    if (to > from) ranges.push({ kind, address: from, sizeBytes: to - from, index })
  }
  const [first] = segments
  let end = Math.min(flash?.address ?? Infinity, first?.address ?? Infinity)
  for (const [place, { address, sizeBytes, index }] of segments.entries()) {
    put(place === 0 ? 'free' : 'gap', end, address, null)
    put('segment', address, address + sizeBytes, index)
    end = Math.max(end, address + sizeBytes)
  }
  if (flash !== null) put('free', end, flash.address + flash.sizeBytes, null)
  return ranges
}

/** Joins neighbours, the smallest first, until no more than `capacity` are left; a joined one counts as a segment if any of its parts was one. */
function fitInto(ranges: readonly KindedRange[], capacity: number): KindedRange[] {
  const fitted = [...ranges]
  while (fitted.length > capacity) {
    const sizes = fitted.slice(1).map((range, index) => range.sizeBytes + (fitted[index]?.sizeBytes ?? 0))
    const at = sizes.indexOf(Math.min(...sizes))
    const [left, right] = [fitted[at], fitted[at + 1]]
    if (left === undefined || right === undefined) break
    fitted.splice(at, 2, join(left, right))
  }
  return fitted
}

function join(left: KindedRange, right: KindedRange): KindedRange {
  const kind = left.kind === 'segment' || right.kind === 'segment' ? 'segment' : left.kind
  const sizeBytes = right.address + right.sizeBytes - left.address
  return { kind, address: left.address, sizeBytes, index: left.index ?? right.index }
}

/** Widths by size, none below the minimum, together exactly `width`. */
function shareWidth(sizes: readonly number[], width: number, minimum: number): number[] {
  const isSmall = sizes.map(() => false)
  for (;;) {
    const large = sizes.filter((_, index) => isSmall[index] !== true)
    const room = width - minimum * (sizes.length - large.length)
    const total = large.reduce((sum, size) => sum + size, 0)
    const scaled = sizes.map((size, index) => (isSmall[index] === true ? minimum : (size / total) * room))
    // Each round may push further ones below the minimum, so at most one round for each range.
    const grown = scaled.map((share, index) => isSmall[index] !== true && share < minimum)
    if (!grown.includes(true)) return scaled
    for (const [index, isGrown] of grown.entries()) if (isGrown) isSmall[index] = true
    if (!isSmall.includes(false)) return sizes.map(() => width / sizes.length)
  }
}

/** The addresses where something begins and the end of all, as far as their labels have room. */
function ticksOf(rectangles: readonly MapRectangle[], { width, labelWidth }: LayoutRequest): MapTick[] {
  const last = rectangles.at(-1)
  const [first] = rectangles
  if (first === undefined || last === undefined) return []
  const end: MapTick = { address: last.address + last.sizeBytes, x: width }
  const ticks: MapTick[] = [{ address: first.address, x: 0 }]
  const hasRoomForEnd = width >= 2 * labelWidth
  // The first label begins at the left edge and the last one ends at the right edge; those between are centred.
  let taken = labelWidth
  const limit = width - (hasRoomForEnd ? labelWidth : 0)
  for (const { address, x } of rectangles.slice(1)) {
    if (x - labelWidth / 2 < taken || x + labelWidth / 2 > limit) continue
    ticks.push({ address, x })
    taken = x + labelWidth / 2
  }
  return hasRoomForEnd ? [...ticks, end] : ticks
}
