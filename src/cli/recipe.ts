/** Reads a recipe: a JSON file with the settings of a product line, so that a batch is started the same way each time. */
import { readFile } from 'node:fs/promises'
import type { EvidenceLevel } from '../shared/contract/index.ts'
import { FlashproofError } from '../shared/errors.ts'
import { isPlainKey, plainKeyRule } from '../shared/plain-key.ts'
import { fileError } from './file-error.ts'
import type { KeyValue, SecretSource } from './argument-values.ts'
import { parseValue } from './argument-values.ts'
import { levelNames } from './grammar.ts'
import { nearestWord } from './nearest-word.ts'

/** Never holds a target or an accepted decision: both are somebody's choice at the bench. */
export interface Recipe {
  readonly protocol?: string
  readonly options: readonly KeyValue[]
  readonly secrets: readonly SecretSource[]
  readonly parallel?: number
  readonly first?: number
  readonly stopAfter?: number
  readonly require?: EvidenceLevel
  readonly context: readonly KeyValue[]
  readonly expectSha256?: string
  readonly waitDeviceMs?: number
}

const fieldNames = [
  'name',
  'protocol',
  'options',
  'secrets',
  'parallel',
  'first',
  'stopAfter',
  'require',
  'context',
  'expectSha256',
  'waitDeviceSeconds',
]
const MAX_RECIPE_BYTES = 1_048_576

/** @throws {FlashproofError} usage.invalid-value naming the file and the field; file.not-found, file.not-readable */
export async function readRecipe(path: string): Promise<Recipe> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    throw fileError(thrown, path)
  }
  return parseRecipe(path, text)
}

export function parseRecipe(path: string, text: string): Recipe {
  const fields = parseObject(path, text)
  for (const key of Object.keys(fields)) {
    if (fieldNames.includes(key)) continue
    const nearest = nearestWord(key, fieldNames)
    throw wrong(path, key, `is no field of a recipe${nearest === undefined ? '' : `; did you mean “${nearest}”?`}`)
  }
  const [protocol, parallel, first, stopAfter] = [
    textField(path, fields, 'protocol'),
    countField(path, fields, 'parallel'),
    countField(path, fields, 'first'),
    countField(path, fields, 'stopAfter'),
  ]
  const required = textField(path, fields, 'require')
  const require = levelNames.find(level => level === required)
  if (required !== undefined && require === undefined) {
    throw wrong(path, 'require', `must be one of ${levelNames.join(', ')}`)
  }
  const sha256 = textField(path, fields, 'expectSha256')?.toLowerCase()
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw wrong(path, 'expectSha256', 'must be 64 hexadecimal digits')
  }
  const waitSeconds = fields['waitDeviceSeconds']
  if (waitSeconds !== undefined && !isNumberIn(waitSeconds, 0, 86_400)) {
    throw wrong(path, 'waitDeviceSeconds', 'must be seconds from 0 to 86400')
  }
  return {
    ...(protocol === undefined ? {} : { protocol }),
    options: pairsField(path, fields, 'options'),
    secrets: pairsField(path, fields, 'secrets').map(pair => secretSource(path, pair)),
    ...(parallel === undefined ? {} : { parallel }),
    ...(first === undefined ? {} : { first }),
    ...(stopAfter === undefined ? {} : { stopAfter }),
    ...(require === undefined ? {} : { require }),
    context: pairsField(path, fields, 'context'),
    ...(sha256 === undefined ? {} : { expectSha256: sha256 }),
    ...(waitSeconds === undefined ? {} : { waitDeviceMs: Math.round(waitSeconds * 1000) }),
  }
}

type Fields = Readonly<Record<string, unknown>>

function parseObject(path: string, text: string): Fields {
  if (text.length > MAX_RECIPE_BYTES) throw wrong(path, null, 'is larger than 1 MiB')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (thrown) {
    throw wrong(path, null, `is not JSON (${thrown instanceof Error ? thrown.message : 'unreadable'})`)
  }
  if (!isObject(value)) throw wrong(path, null, 'must be a JSON object')
  return value
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumberIn(value: unknown, minimum: number, maximum: number): value is number {
  return typeof value === 'number' && value >= minimum && value <= maximum
}

function textField(path: string, fields: Fields, key: string): string | undefined {
  const value = fields[key]
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw wrong(path, key, 'must be a text')
}

function countField(path: string, fields: Fields, key: string): number | undefined {
  const value = fields[key]
  if (value === undefined || (isNumberIn(value, 1, 1024) && Number.isInteger(value))) return value
  throw wrong(path, key, 'must be a whole number from 1 to 1024')
}

function pairsField(path: string, fields: Fields, key: string): KeyValue[] {
  const value = fields[key] ?? {}
  if (!isObject(value)) throw wrong(path, key, 'must be an object')
  return Object.entries(value).map(([name, content]) => {
    if (!isPlainKey(name)) throw wrong(path, `${key}.${name}`, `must be named by a plain word (${plainKeyRule})`)
    if (typeof content === 'string') return { key: name, value: content }
    if (typeof content === 'number' || typeof content === 'boolean') return { key: name, value: String(content) }
    throw wrong(path, `${key}.${name}`, 'must be a text, a number or true or false')
  })
}

function secretSource(path: string, pair: KeyValue): SecretSource {
  const grammar = { kind: 'secret', name: 'secret', placeholder: 'KEY=SOURCE', help: '' } as const
  try {
    const parsed = parseValue(grammar, `${pair.key}=${pair.value}`)
    if (typeof parsed === 'object' && 'from' in parsed) return parsed
  } catch {
    // The general message speaks of the command line; the one below names the file.
  }
  throw wrong(path, `secrets.${pair.key}`, 'must be env:NAME, file:PATH or - (never the secret itself)')
}

function wrong(path: string, field: string | null, problem: string): FlashproofError {
  const place = field === null ? `the recipe ${path}` : `“${field}” in the recipe ${path}`
  return new FlashproofError('usage.invalid-value', `${place} ${problem}`, { path, field })
}
