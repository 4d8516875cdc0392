/** The device of one dialect in a process of its own; tells its target, and what it counted whenever it is asked. */
import { dialects } from './dialects/index.ts'

const dialect = dialects.find(({ id, what }) => `${id} ${what}` === process.argv[2])
if (dialect === undefined) throw new Error(`there is no dialect ${String(process.argv[2])}`)
const device = await dialect.startDevice()
process.on('message', () => {
  process.send?.(device.takeCounts())
})
process.on('disconnect', () => process.exit(0))
process.send?.({ target: device.target })
