/**
 * The order of test files: those that take longest begin first, so that no worker is left alone with one of them at the end.
 * Vitest knows durations only from a run before, which a clean clone does not have.
 */
import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Folders and files that took ten seconds or more on two cores, longest first. */
const SLOW = [
  'test/conformance/suite-',
  'test/e2e/page/accessibility.',
  'test/cli/bad-input.',
  'test/e2e/',
  'test/core/transfer/esp-parts/single-faults.',
  'test/worker/worker-process.',
  'test/reference/avahi.',
  'test/core/journal/verify.',
  'test/cli/',
  'test/core/transfer/esp-parts/cut-sweep.',
  'test/core/transfer/esp-serial/virtual-board.',
  'test/core/discovery/mdns-network.',
  'test/conformance/',
]

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const path = relative(this.ctx.config.root, moduleId).replaceAll('\\', '/')
      const place = SLOW.findIndex(start => path.startsWith(start))
      return place < 0 ? SLOW.length : place
    }
    return sorted.toSorted((left, right) => placeOf(left) - placeOf(right))
  }
}
