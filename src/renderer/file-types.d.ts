/** What the imports of other files than scripts give. The type checker reads components themselves; the linter reads this. */
declare module '*.css'

declare module '*.vue' {
  import type { DefineComponent } from 'vue'
  const component: DefineComponent
  export default component
}
