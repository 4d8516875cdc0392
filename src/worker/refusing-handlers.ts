/** Handlers of a worker that could not open its home: every question is answered with the reason, and it can be stopped. */
import { commands, type Handlers } from '../shared/contract/index.ts'
import type { FlashproofError } from '../shared/errors.ts'

export function createRefusingHandlers(reason: FlashproofError, stop: () => Promise<void>): Handlers<'worker'> {
  const refuse = (): never => {
    throw reason
  }
  const refusals = Object.fromEntries(Object.keys(commands).map(name => [name, refuse]))
  // The names are the contract's own, so every command that a worker answers is among them; others are not looked up.
  const all = refusals as Partial<Handlers<'worker'>> as Handlers<'worker'>
  return {
    ...all,
    'worker.stop': async () => {
      await stop()
      return {}
    },
  }
}
