/** Takes pictures of one state of the page in each size and theme that the documents show. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { smallPng } from './small-png.ts'

interface Look {
  readonly size: string
  readonly width: number
  readonly height: number
  readonly theme: 'light' | 'dark'
}

const themes = ['light', 'dark'] as const
const small = { size: '1280', width: 1280, height: 800 }
const large = { size: '1920', width: 1920, height: 1080 }
const allLooks: readonly Look[] = [small, large].flatMap(size => themes.map(theme => ({ ...size, theme })))
const smallLooks = allLooks.filter(look => look.size === small.size)

/** Lines are drawn anew and animations end after a change of size or theme. */
const SETTLE_MS = 450

export interface Camera {
  /** A view in both sizes and themes: `NAME-SIZE-THEME.png`. */
  view(page: Page, name: string): Promise<void>
  /** A dialog or a part of a view: both themes in the small size. */
  part(page: Page, name: string): Promise<void>
  /** Writes the files; not before, because boards at work do not wait for it. */
  develop(): void
}

export function cameraInto(folder: string): Camera {
  const shots: { readonly path: string; readonly png: Buffer }[] = []

  async function take(page: Page, name: string, looks: readonly Look[]): Promise<void> {
    for (const { size, width, height, theme } of looks) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      await page.waitForTimeout(SETTLE_MS)
      const png = await page.screenshot({ animations: 'disabled' })
      shots.push({ path: join(folder, `${name}-${size}-${theme}.png`), png })
    }
    await page.setViewportSize({ width: small.width, height: small.height })
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
    process.stdout.write(`${name}\n`)
  }
  return {
    view: (page, name) => take(page, name, allLooks),
    part: (page, name) => take(page, name, smallLooks),
    develop() {
      for (const { path, png } of shots.splice(0)) writeFileSync(path, smallPng(png))
    },
  }
}
