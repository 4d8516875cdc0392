/** What the preview's build gives in place of a file: the engine's own protocols and formats. */
declare module 'virtual:catalog' {
  import type { ResponseOf } from '../../../src/shared/contract/index.ts'
  export const catalog: ResponseOf<'catalog.get'>
}
