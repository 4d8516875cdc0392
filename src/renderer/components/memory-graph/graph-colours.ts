/** The colours of the graph, read from the theme: a canvas does not know CSS variables. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'

const variables = {
  text: '--text-dim',
  grid: '--line',
  free: '--series-free',
  minimum: '--series-minimum',
  largest: '--series-largest',
  flash: '--series-flash',
  mark: '--line-strong',
  window: '--surface-2',
} as const

export type GraphColours = Readonly<Record<keyof typeof variables, string>>

/** Follows changes of the theme as long as the current scope lives. */
export function useGraphColours(): Readonly<ShallowRef<GraphColours>> {
  const colours = shallowRef(readColours())
  const renew = (): void => {
    colours.value = readColours()
  }
  const observer = new MutationObserver(renew)
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
  const isSystemDark = window.matchMedia('(prefers-color-scheme: dark)')
  isSystemDark.addEventListener('change', renew)
  onScopeDispose(() => {
    observer.disconnect()
    isSystemDark.removeEventListener('change', renew)
  })
  return colours
}

function readColours(): GraphColours {
  const style = getComputedStyle(document.documentElement)
  const read = (name: string): string => style.getPropertyValue(name).trim() || '#808080'
  return {
    text: read(variables.text),
    grid: read(variables.grid),
    free: read(variables.free),
    minimum: read(variables.minimum),
    largest: read(variables.largest),
    flash: read(variables.flash),
    mark: read(variables.mark),
    window: read(variables.window),
  }
}

/** A colour of the theme made see-through. @param colour `#rrggbb` */
export function translucent(colour: string, alpha: number): string {
  const hex = Math.round(alpha * 255).toString(16)
  return /^#[0-9a-f]{6}$/i.test(colour) ? `${colour}${hex.padStart(2, '0')}` : colour
}
