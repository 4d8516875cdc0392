/** Makes the worker's order from the words of `flash` and its recipe. Pure; what is on the command line wins. */
import type { RequestOf } from '../shared/contract/index.ts'
import type { KeyValue } from './argument-values.ts'
import type { FlashCommand } from './parsed-command.ts'
import type { Recipe } from './recipe.ts'

export type FlashSettings = Omit<RequestOf<'job.start'>, 'firmwareId'>

export function makeFlashSettings(
  command: FlashCommand,
  recipe: Recipe | null,
  secrets: Readonly<Record<string, string>>,
  person: { readonly acceptedBy: string; readonly interactive: boolean },
): FlashSettings {
  const options = toRecord([...(recipe?.options ?? []), ...command.options])
  const context = toRecord([...(recipe?.context ?? []), ...command.context])
  return withoutUndefined({
    targets: [...command.targets],
    protocol: command.protocol ?? recipe?.protocol,
    options: Object.keys(options).length === 0 ? undefined : options,
    secrets: Object.keys(secrets).length === 0 ? undefined : { ...secrets },
    parallel: command.parallel ?? recipe?.parallel,
    first: command.first ?? recipe?.first,
    stopAfter: command.stopAfter ?? recipe?.stopAfter,
    require: command.require ?? recipe?.require,
    context: Object.keys(context).length === 0 ? undefined : context,
    expectSha256: command.expectSha256 ?? recipe?.expectSha256,
    accept: command.accept.length === 0 ? undefined : [...command.accept],
    ...person,
    waitDeviceMs: command.waitDeviceMs ?? recipe?.waitDeviceMs,
    dryRun: command.isDryRun ? true : undefined,
  })
}

/** Later pairs win: the command line comes after the recipe. Every key was checked to be a plain word. */
function toRecord(pairs: readonly KeyValue[]): Record<string, string> {
  return Object.fromEntries(pairs.map(pair => [pair.key, pair.value]))
}

type Defined<Value> = { [Key in keyof Value as undefined extends Value[Key] ? never : Key]: Value[Key] } & {
  [Key in keyof Value as undefined extends Value[Key] ? Key : never]?: Exclude<Value[Key], undefined>
}

function withoutUndefined<Value extends object>(value: Value): Defined<Value> {
  // Dropping the undefined entries is exactly what the mapped type says; the compiler cannot follow `fromEntries`.
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Defined<Value>
}
