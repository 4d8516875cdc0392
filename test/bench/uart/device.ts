/** Boards on serial lines in a process of their own: starts what it is told, gives their targets, and goes with the bench. */
import { deviceKinds } from '../../../src/simulator/device-kinds.ts'
import { openBareLine, type BareLine } from './bare-line.ts'

export interface UartDeviceTask {
  readonly kind: string
  readonly count: number
  /** Start options of that kind. */
  readonly options: object
  /** A line beside them that has nothing but an exchange on it. */
  readonly bare: BareLine | null
}

export interface UartTargets {
  readonly boards: readonly string[]
  readonly bare: string | null
}

// The bench's own words.
const task = JSON.parse(process.argv[2] ?? '') as UartDeviceTask
const kind = deviceKinds.find(({ id }) => id === task.kind)
if (kind === undefined) throw new Error(`there is no kind ${task.kind}`)
const boards: string[] = []
for (let index = 1; index <= task.count; index++) {
  const name = `bench-${String(index)}`
  const options = { ...task.options, identity: { id: name, name }, faults: [], flashDir: null, seed: index }
  boards.push((await kind.start(options)).target)
}
const bare = task.bare === null ? null : (await openBareLine(task.bare)).target
process.on('disconnect', () => process.exit(0))
const targets: UartTargets = { boards, bare }
process.send?.(targets)
