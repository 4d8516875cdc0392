/** The report's drawings as inline SVG: evidence ladder, progress curve, memory graph. Colours come from its style sheet. */
import { EvidenceLevel, evidenceLevels, type TelemetrySample } from '../../../shared/contract/models.ts'
import type { JobRecord } from '../../../shared/contract/record.ts'
import { messagesFor } from '../../../shared/messages/index.ts'
import { formatBytes, formatDuration } from '../../../shared/units.ts'
import { escapeHtml } from './html-text.ts'

const { words } = messagesFor('en')

export interface CurvePoint {
  readonly elapsedMs: number
  readonly value: number
}

const WIDTH = 340
const HEIGHT = 132
const LEFT = 52
const RIGHT = 10
const TOP = 10
const BOTTOM = 22

/** The six levels from left to right: reached ones filled, contradicted ones crossed, the required one marked. */
export function evidenceLadder(record: JobRecord): string {
  const step = 112
  const y = 20
  const levels = evidenceLevels.map((level, index) => {
    const facts = record.evidence.filter(fact => fact.level === level)
    const isContradicted = facts.some(fact => fact.matches === false)
    const tone = isContradicted ? 'red' : facts.length === 0 ? 'none' : isProvenBy(record, level) ? 'green' : 'amber'
    const x = 56 + index * step
    const mark = isContradicted
      ? `<path class="mark" d="M${String(x - 4)} ${String(y - 4)}l8 8m0 -8l-8 8"/>`
      : facts.length > 0
        ? `<path class="mark" d="M${String(x - 4)} ${String(y)}l3 3.5l5.5 -6.5"/>`
        : ''
    const required =
      record.required === level ? `<text class="small strong" x="${String(x)}" y="66">required</text>` : ''
    return (
      `<circle class="step ${tone}" cx="${String(x)}" cy="${String(y)}" r="9"/>${mark}` +
      `<text x="${String(x)}" y="44">${escapeHtml(words[`level.${level}`])}</text>` +
      `<text class="small" x="${String(x)}" y="55">${escapeHtml([...new Set(facts.map(fact => fact.basis))].join(', '))}</text>${required}`
    )
  })
  const line = `<line class="rail" x1="56" y1="${String(y)}" x2="${String(56 + step * 5)}" y2="${String(y)}"/>`
  return `<svg class="ladder" viewBox="0 0 672 70" role="img" aria-label="Evidence">${line}${levels.join('')}</svg>`
}

function isProvenBy(record: JobRecord, level: EvidenceLevel): boolean {
  if (record.verdict !== 'proven' || record.provenLevel === null) return false
  return evidenceLevels.indexOf(level) <= evidenceLevels.indexOf(record.provenLevel)
}

/** Acknowledged bytes over time; a drop is a transfer that began anew. */
export function progressChart(points: readonly CurvePoint[], totalBytes: number): string {
  if (points.length < 2) return emptyChart('Progress', 'no parts were counted')
  const scale = chartScale(points, Math.max(totalBytes, 1))
  const path = linePath(points, scale)
  const last = points.at(-1)
  const area = `${path}L${coordinate(scale.x(last?.elapsedMs ?? 0))} ${String(HEIGHT - BOTTOM)}L${coordinate(scale.x(points[0]?.elapsedMs ?? 0))} ${String(HEIGHT - BOTTOM)}Z`
  return chart(
    'Progress',
    `${formatBytes(last?.value ?? 0)} of ${formatBytes(totalBytes)} acknowledged`,
    `${axes(scale, value => formatBytes(value))}<path class="area" d="${area}"/><path class="line" d="${path}"/>`,
  )
}

/** Free heap, its lowest mark and the largest free block over time. */
export function memoryChart(samples: readonly TelemetrySample[]): string {
  const pick = (field: 'heapFreeBytes' | 'heapMinFreeBytes' | 'heapLargestBlockBytes'): CurvePoint[] =>
    samples.flatMap(sample => {
      const value = sample[field]
      return value === undefined ? [] : [{ elapsedMs: sample.elapsedMs, value }]
    })
  const free = pick('heapFreeBytes')
  if (free.length < 2) return emptyChart('Memory', 'the device reported none')
  const lowest = pick('heapMinFreeBytes')
  const block = pick('heapLargestBlockBytes')
  const scale = chartScale([...free, ...lowest, ...block], Math.max(...free.map(point => point.value)))
  const curve = (points: readonly CurvePoint[], name: string): string =>
    points.length < 2 ? '' : `<path class="line ${name}" d="${linePath(points, scale)}"/>`
  const least = Math.min(...free.map(point => point.value), ...lowest.map(point => point.value))
  const legend = [
    'free',
    block.length < 2 ? '' : '<tspan class="key-block">largest block</tspan>',
    lowest.length < 2 ? '' : '<tspan class="key-lowest">lowest</tspan>',
  ].filter(part => part !== '')
  return chart(
    'Memory',
    `lowest ${formatBytes(least)} free`,
    `${axes(scale, value => formatBytes(value))}${curve(lowest, 'lowest')}${curve(block, 'block')}${curve(free, 'free')}` +
      `<text class="legend" x="${String(WIDTH - RIGHT)}" y="${String(HEIGHT - BOTTOM - 6)}">${legend.join(' · ')}</text>`,
  )
}

interface Scale {
  readonly maximumMs: number
  readonly maximum: number
  x(elapsedMs: number): number
  y(value: number): number
}

function chartScale(points: readonly CurvePoint[], maximumValue: number): Scale {
  const maximumMs = points.reduce((highest, point) => Math.max(highest, point.elapsedMs), 1)
  const maximum = points.reduce((highest, point) => Math.max(highest, point.value), maximumValue)
  return {
    maximumMs,
    maximum,
    x: elapsedMs => LEFT + (elapsedMs / maximumMs) * (WIDTH - LEFT - RIGHT),
    y: value => HEIGHT - BOTTOM - (value / maximum) * (HEIGHT - TOP - BOTTOM),
  }
}

function coordinate(value: number): string {
  return value.toFixed(1)
}

function linePath(points: readonly CurvePoint[], scale: Scale): string {
  return points
    .map(
      (point, index) =>
        `${index === 0 ? 'M' : 'L'}${coordinate(scale.x(point.elapsedMs))} ${coordinate(scale.y(point.value))}`,
    )
    .join('')
}

function axes(scale: Scale, label: (value: number) => string): string {
  const base = HEIGHT - BOTTOM
  const grid = [0, 0.5, 1].map(share => {
    const y = coordinate(scale.y(scale.maximum * share))
    return (
      `<line class="grid" x1="${String(LEFT)}" y1="${y}" x2="${String(WIDTH - RIGHT)}" y2="${y}"/>` +
      `<text class="axis-y" x="${String(LEFT - 6)}" y="${y}" dy="3">${escapeHtml(share === 0 ? '0' : label(scale.maximum * share))}</text>`
    )
  })
  return (
    grid.join('') +
    `<text class="axis-x" x="${String(LEFT)}" y="${String(base + 14)}">0</text>` +
    `<text class="axis-end" x="${String(WIDTH - RIGHT)}" y="${String(base + 14)}">${escapeHtml(formatDuration(scale.maximumMs))}</text>`
  )
}

function chart(title: string, caption: string, content: string): string {
  return (
    `<figure><figcaption><b>${escapeHtml(title)}</b> ${escapeHtml(caption)}</figcaption>` +
    `<svg viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" role="img" aria-label="${escapeHtml(`${title}: ${caption}`)}">${content}</svg></figure>`
  )
}

function emptyChart(title: string, text: string): string {
  return (
    `<figure><figcaption><b>${escapeHtml(title)}</b></figcaption>` +
    `<div class="nothing">${escapeHtml(text)}</div></figure>`
  )
}
