/** `npm run bench [-- SECTION…]`: the goals of the design, measured side by side in one run; medians of paired rounds. */
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { benchDialects } from './dialects.ts'
import { benchFormats } from './formats.ts'
import { benchJournal } from './journal.ts'
import { benchPage } from './page.ts'
import { benchStart } from './start.ts'
import { printRows, type BenchRow } from './table.ts'
import { benchUart } from './uart/index.ts'
import { benchUpload } from './upload.ts'

interface Section {
  readonly title: string
  /** Whether it runs the built command. */
  readonly needsBuild: boolean
  run(rounds: number): BenchRow[] | Promise<BenchRow[]>
}

const sections: Readonly<Record<string, Section>> = {
  start: { title: 'Start', needsBuild: true, run: benchStart },
  formats: { title: 'Formats', needsBuild: true, run: benchFormats },
  upload: { title: 'Chunk uploads over loopback', needsBuild: false, run: benchUpload },
  dialects: { title: 'Dialects over loopback', needsBuild: false, run: rounds => benchDialects(rounds) },
  uart: { title: 'Serial lines at their rate', needsBuild: false, run: benchUart },
  journal: { title: 'Journal', needsBuild: false, run: benchJournal },
  page: { title: 'Page in the browser mode', needsBuild: true, run: benchPage },
}

const rounds = Number(process.env['FLASHPROOF_BENCH_ROUNDS'] ?? 5)
const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !Object.hasOwn(sections, name))
if (unknown.length > 0) {
  console.error(`no section ${unknown.join(', ')}; there are ${Object.keys(sections).join(', ')}`)
  process.exit(2)
}
const chosen = Object.entries(sections).filter(([name]) => wanted.length === 0 || wanted.includes(name))
if (chosen.some(([, section]) => section.needsBuild)) {
  const build = spawnSync('npm', ['run', '-s', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (build.status !== 0) process.exit(1)
}
console.log(
  `Node ${process.version}, ${String(cpus().length)} cores (${cpus()[0]?.model.trim() ?? '?'}), ${String(rounds)} rounds`,
)
for (const [, section] of chosen) printRows(section.title, await section.run(rounds))
