/** The `manifest.json` of ESP Web Tools: one build a chip family. Source: esphome/esp-web-tools, `src/const.ts`. */
import { z } from 'zod'
import { normaliseChipName } from '../esp-image/chips.ts'
import { chooseVariant } from '../variants.ts'
import { badSet, checkedOffset, MOST_PARTS, noSettings, type SetPlan } from './plan.ts'

const Manifest = z.object({
  builds: z
    .array(
      z.object({
        chipFamily: z.string().max(40),
        parts: z
          .array(z.object({ path: z.string(), offset: z.number() }))
          .min(1)
          .max(MOST_PARTS),
      }),
    )
    .min(1)
    .max(64),
})

/**
 * @param variant which build is wanted, where there are several
 * @throws {FlashproofError} format.bad-set with the place in the list, format.variant-needed, format.unknown-variant
 */
export function readManifest(file: string, json: unknown, variant: string | undefined): SetPlan {
  const parsed = Manifest.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const place = issue?.path.join('.') ?? ''
    throw badSet(file, `“${place}” is not as ESP Web Tools wants it`, { field: place })
  }
  const { builds } = parsed.data
  const names = variantNames(builds.map(({ chipFamily }) => chipFamily))
  const index = chooseVariant(file, names, variant)
  const build = builds[index]
  if (build === undefined) throw badSet(file, 'it holds no build')
  const chip = normaliseChipName(build.chipFamily)
  if (chip === null) {
    throw badSet(file, `it has a build for “${build.chipFamily}”, which is not known here`, { chip: build.chipFamily })
  }
  return {
    chip,
    parts: build.parts.map(({ path, offset }) => ({ path, offset: checkedOffset(file, path, offset) })),
    settings: noSettings,
    encrypted: [],
    variant: builds.length === 1 ? null : (names[index] ?? null),
  }
}

/** A second build for one chip is named by its number: `ESP32 (2)`. */
function variantNames(families: readonly string[]): string[] {
  return families.map((family, index) => {
    const earlier = families.slice(0, index).filter(other => other === family).length
    return earlier === 0 ? family : `${family} (${String(earlier + 1)})`
  })
}
