/** Handlers for every command of the worker: those a test gives, the other ones fail. */
import { commands, type Answerer, type Handlers } from '../../src/shared/contract/index.ts'
import { FlashproofError } from '../../src/shared/errors.ts'

const answerers: Readonly<Record<string, { readonly answeredBy: Answerer }>> = commands

export function fakeWorkerHandlers(given: Partial<Handlers<'worker'>> = {}): Handlers<'worker'> {
  const refusing = Object.entries(answerers)
    .filter(([, { answeredBy }]) => answeredBy === 'worker')
    .map(([name]) => [
      name,
      () => {
        throw new FlashproofError('internal.unexpected', `the test gave no handler for ${name}`)
      },
    ])
  // One entry for each key of the table that the type is derived from.
  return { ...(Object.fromEntries(refusing) as Handlers<'worker'>), ...given }
}
