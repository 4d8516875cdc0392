/** Reads the values of `--secret` when a command runs. They are never printed, logged or put into an error. */
import { readFile } from 'node:fs/promises'
import { FlashproofError } from '../shared/errors.ts'
import { fileError } from './file-error.ts'
import type { SecretSource } from './argument-values.ts'
import type { CommandContext } from './command-context.ts'

const MAX_SECRET_CHARACTERS = 65_536

/**
 * Resolves every source; a last line end is taken off.
 * @throws {FlashproofError} usage.invalid-value, file.not-found, file.not-readable, file.is-directory
 */
export async function resolveSecrets(
  context: CommandContext,
  sources: readonly SecretSource[],
): Promise<Record<string, string>> {
  const values = new Map<string, string>()
  for (const source of sources) {
    const value = (await readSecret(context, source)).replace(/\r?\n$/, '')
    if (value === '' || value.length > MAX_SECRET_CHARACTERS) {
      throw new FlashproofError('usage.invalid-value', `the secret “${source.key}” is empty or too long`, {
        key: source.key,
      })
    }
    values.set(source.key, value)
  }
  return Object.fromEntries(values)
}

async function readSecret(context: CommandContext, source: SecretSource): Promise<string> {
  switch (source.from) {
    case 'environment': {
      const value = context.host.env[source.name]
      if (value !== undefined) return value
      throw new FlashproofError(
        'usage.invalid-value',
        `the secret “${source.key}” names the environment variable ${source.name}, which is not set`,
        { key: source.key, variable: source.name },
      )
    }
    case 'file':
      try {
        return await readFile(source.path, 'utf8')
      } catch (thrown) {
        throw fileError(thrown, source.path)
      }
    case 'standard-input': {
      const { stdin, stderr } = context.host
      if (stdin.isTerminal) stderr.write(context.report.texts.secretPrompt(source.key))
      const line = await stdin.readLine({ isHidden: true, signal: context.interruption.signal })
      return line ?? ''
    }
  }
}
