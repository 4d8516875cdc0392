import { afterEach, expect, it } from 'vitest'
import { forkSimulator, type SimulatorProcess } from '../../src/host/simulator-process.ts'

let simulator: SimulatorProcess | null = null

afterEach(async () => {
  await simulator?.stop()
  simulator = null
})

it('says of each virtual device what is wrong with it on purpose', async () => {
  simulator = await forkSimulator({ devices: 'esp-parts,esp-parts+reboot@40+liar', flashFolder: undefined })
  expect(simulator.devices.map(({ name, faults }) => [name, faults])).toEqual([
    ['esp32-1', []],
    ['esp32-2', ['reboot', 'liar']],
  ])
})
