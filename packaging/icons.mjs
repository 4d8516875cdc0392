/**
 * Draws the icon files of resources/icon from its two SVG drawings with a Chromium: PNG for Linux, `.ico` for Windows and
 * `.icns` for macOS. Run it with `npm run icons` after a change of a drawing and commit what it wrote.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import sparticuz from '@sparticuz/chromium'
import { icnsFromPngs, icoFromImages } from './icon-containers.ts'

/** Up to this size the drawing on whole pixels is used: the detailed one would blur. */
const LARGEST_SMALL_PX = 48
const SIZES_PX = [16, 24, 32, 48, 64, 128, 256, 512, 1024]
const SYSTEM_CHROMIUM = '/usr/bin/chromium'
const folder = fileURLToPath(new URL('../resources/icon/', import.meta.url))

await main()

async function main() {
  const drawings = {
    detailed: await readFile(`${folder}flashproof.svg`, 'utf8'),
    small: await readFile(`${folder}flashproof-small.svg`, 'utf8'),
  }
  const browser = await launch()
  const images = []
  try {
    const page = await browser.newPage()
    for (const sizePx of SIZES_PX) {
      const svg = sizePx <= LARGEST_SMALL_PX ? drawings.small : drawings.detailed
      const { pngBase64, rgba } = await page.evaluate(render, { svg, sizePx })
      images.push({ sizePx, png: Buffer.from(pngBase64, 'base64'), rgba: Uint8Array.from(rgba) })
    }
  } finally {
    await browser.close()
  }
  await mkdir(`${folder}png`, { recursive: true })
  for (const { sizePx, png } of images) await writeFile(`${folder}png/${sizePx}x${sizePx}.png`, png)
  await writeFile(`${folder}flashproof.ico`, icoFromImages(images.filter(({ sizePx }) => sizePx <= 256)))
  await writeFile(`${folder}flashproof.icns`, icnsFromPngs(images))
}

async function launch() {
  if (existsSync(SYSTEM_CHROMIUM)) {
    return await chromium.launch({ executablePath: SYSTEM_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
  }
  return await chromium.launch({ executablePath: await sparticuz.executablePath(), args: sparticuz.args })
}

/** Runs in the page. Pixels are wanted beside the PNG, since small images of an `.ico` are not PNGs. */
async function render({ svg, sizePx }) {
  const image = new Image()
  // Without a size of its own an SVG is drawn in the size of its view box and then scaled as pixels.
  image.src = `data:image/svg+xml,${encodeURIComponent(svg.replace('<svg ', `<svg width="${sizePx}" height="${sizePx}" `))}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = sizePx
  canvas.height = sizePx
  const context = canvas.getContext('2d')
  context.drawImage(image, 0, 0, sizePx, sizePx)
  const isNeededRaw = sizePx < 256
  return {
    pngBase64: canvas.toDataURL('image/png').split(',')[1],
    rgba: isNeededRaw ? [...context.getImageData(0, 0, sizePx, sizePx).data] : [],
  }
}
