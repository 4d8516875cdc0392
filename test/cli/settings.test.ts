import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFlashSettings } from '../../src/cli/flash-order.ts'
import { findHome } from '../../src/host/home.ts'
import { chooseLanguage, isUnicodeLocale } from '../../src/cli/language.ts'
import type { FlashCommand } from '../../src/cli/parsed-command.ts'
import { parseCommandLine } from '../../src/cli/program.ts'
import { parseRecipe } from '../../src/cli/recipe.ts'
import { runCli } from '../../src/cli/run.ts'
import { resolveHome } from '../../src/core/journal/home.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { createMemoryHost } from './memory-host.ts'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-settings-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

function flashCommand(...words: readonly string[]): FlashCommand {
  const command = parseCommandLine(['flash', 'app.bin', '--to', 'http://a', ...words])
  if (command.kind !== 'flash') throw new Error('not flash')
  return command
}

const person = { acceptedBy: 'tester', interactive: false }

function recipeError(text: string): FlashproofError {
  try {
    parseRecipe('line.json', text)
  } catch (thrown) {
    if (thrown instanceof FlashproofError) return thrown
  }
  throw new Error(`accepted: ${text}`)
}

describe('a recipe', () => {
  it('sets what the command line does not say, and gives way where it does', () => {
    const recipe = parseRecipe(
      'line.json',
      JSON.stringify({
        name: 'thermostat',
        protocol: 'esp-parts',
        options: { chunkBytes: 4096, keep: true, path: 'a' },
        parallel: 8,
        first: 1,
        stopAfter: 2,
        require: 'stored',
        context: { station: 'bench-2', order: 'old' },
        expectSha256: 'AB'.repeat(32),
        waitDeviceSeconds: 1.5,
      }),
    )
    const command = flashCommand('--parallel', '2', '--set', 'path=b', '--context', 'order=new', '--require', 'running')
    expect(makeFlashSettings(command, recipe, {}, person)).toEqual({
      targets: ['http://a'],
      protocol: 'esp-parts',
      options: { chunkBytes: '4096', keep: 'true', path: 'b' },
      parallel: 2,
      first: 1,
      stopAfter: 2,
      require: 'running',
      context: { station: 'bench-2', order: 'new' },
      expectSha256: 'ab'.repeat(32),
      waitDeviceMs: 1500,
      ...person,
    })
  })

  it.each([
    ['{', 'is not JSON'],
    ['[]', 'must be a JSON object'],
    ['{"targets":["http://a"]}', '“targets”'],
    ['{"accept":["downgrade"]}', '“accept”'],
    ['{"paralel":1}', 'did you mean “parallel”?'],
    ['{"parallel":0}', '1 to 1024'],
    ['{"parallel":"8"}', '1 to 1024'],
    ['{"require":"best"}', 'stored'],
    ['{"expectSha256":"12"}', '64 hexadecimal digits'],
    ['{"waitDeviceSeconds":-1}', '86400'],
    ['{"options":{"a":{}}}', '“options.a”'],
    ['{"secrets":{"password":"hunter2"}}', '“secrets.password”'],
    ['{"options":{"__proto__":"x"}}', '“options.__proto__”'],
    ['{"context":{"__proto__":"x"}}', '“context.__proto__”'],
    ['{"context":{"a b":"x"}}', '“context.a b”'],
    ['{"secrets":{"__proto__":"env:HOME"}}', '“secrets.__proto__”'],
    ['{"__proto__":{"parallel":4}}', '“__proto__”'],
  ])('refuses %s, naming the file and the field', (text, place) => {
    const error = recipeError(text)
    expect(error.code).toBe('usage.invalid-value')
    expect(error.message).toContain('line.json')
    expect(error.message).toContain(place)
    expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2')
  })
})

describe('a secret', () => {
  async function refused(...words: readonly string[]): Promise<string> {
    const host = createMemoryHost()
    expect(await runCli(['flash', 'app.bin', '--to', 'http://a', ...words], host)).toBe(2)
    return host.err()
  }

  it('that cannot be read is refused before anything starts, naming its source', async () => {
    expect(await refused('--secret', 'password=env:NOT_SET')).toContain('NOT_SET')
    expect(await refused('--secret', `password=file:${join(folder, 'nowhere')}`)).toContain('nowhere')
    expect(await refused('--secret', `password=file:${folder}`)).toContain(folder)
  })

  it('that is empty is refused', async () => {
    const path = join(folder, 'empty')
    await writeFile(path, '\n')
    expect(await refused('--secret', `password=file:${path}`)).toContain('empty')
    expect(await refused('--secret', 'password=-')).toContain('empty')
  })
})

describe('the language', () => {
  it('follows FLASHPROOF_LANG, then the locale', () => {
    expect(chooseLanguage({})).toBe('en')
    expect(chooseLanguage({ LANG: 'vi_VN.UTF-8' })).toBe('vi')
    expect(chooseLanguage({ LANG: 'vi_VN.UTF-8', LC_ALL: 'C' })).toBe('en')
    expect(chooseLanguage({ LANG: 'en_US.UTF-8', FLASHPROOF_LANG: 'vi' })).toBe('vi')
    expect(chooseLanguage({ LANG: 'vi_VN', FLASHPROOF_LANG: 'en' })).toBe('en')
    expect(chooseLanguage({ LANG: 'video' })).toBe('en')
  })

  it('of an error line is the chosen one', async () => {
    const host = createMemoryHost({ env: { FLASHPROOF_LANG: 'vi' } })
    expect(await runCli(['flsh'], host)).toBe(2)
    expect(host.err()).toMatch(/^flashproof: .*[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ].*\n$/)
  })

  it('decides about more than ASCII by the character set of the locale', () => {
    expect(isUnicodeLocale({ LANG: 'C.UTF-8' }, 'linux')).toBe(true)
    expect(isUnicodeLocale({ LANG: 'C' }, 'linux')).toBe(false)
    expect(isUnicodeLocale({}, 'linux')).toBe(true)
  })
})

describe('the home folder', () => {
  it('is the one that the worker finds by itself', () => {
    for (const env of [{ FLASHPROOF_HOME: join(folder, 'named') }, { XDG_DATA_HOME: folder }]) {
      expect(findHome(env)).toBe(resolveHome(env))
    }
  })
})
