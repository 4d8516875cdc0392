/**
 * Makes the pictures in docs/screenshots from the real workstation: the browser mode, virtual boards, a real Chromium.
 * With a word, only the pictures of that story are made: `npm run screenshots -- failed`.
 */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { findBrowser, launchBrowser } from '../e2e/page/browser.ts'
import { cameraInto } from './camera.ts'
import { busyStory } from './busy-story.ts'
import { emptyStory } from './empty-story.ts'
import { dialectsStory } from './dialects-story.ts'
import { failedStory } from './failed-story.ts'
import { serialStory } from './serial-story.ts'

const stories = {
  empty: emptyStory,
  busy: busyStory,
  failed: failedStory,
  dialects: dialectsStory,
  serial: serialStory,
}
const wanted = process.argv.slice(2)
const executable = await findBrowser()
if (executable === null) {
  process.stderr.write('No Chromium starts here, so no pictures can be taken.\n')
  process.exit(1)
}
const folder = fileURLToPath(new URL('../../docs/screenshots', import.meta.url))
mkdirSync(folder, { recursive: true })
const browser = await launchBrowser(executable)
try {
  for (const [name, tell] of Object.entries(stories)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const camera = cameraInto(folder)
    try {
      await tell(browser, camera)
    } finally {
      camera.develop()
    }
  }
} finally {
  await browser.close()
}
