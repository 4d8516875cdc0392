/** What the linter holds the sources to. The layers come from the table that the import-graph test reads too. */
import { relative, sep } from 'node:path'
import vue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'
import { explainForbiddenImport } from './test/layer-table.ts'

const root = import.meta.dirname

/** Forbids imports against the table of layers, with a message that names the allowed way. */
const layers = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const fromPath = relative(root, context.filename).split(sep).join('/')
    const check = (node, source, isTypeOnly) => {
      if (typeof source?.value !== 'string') return
      const message = explainForbiddenImport(fromPath, source.value, isTypeOnly)
      if (message !== null) context.report({ node, message })
    }
    return {
      ImportDeclaration: node =>
        check(
          node,
          node.source,
          node.importKind === 'type' ||
            (node.specifiers.length > 0 && node.specifiers.every(specifier => specifier.importKind === 'type')),
        ),
      ExportNamedDeclaration: node => check(node, node.source, node.exportKind === 'type'),
      ExportAllDeclaration: node => check(node, node.source, node.exportKind === 'type'),
      ImportExpression: node => check(node, node.source, false),
      TSImportType: node => check(node, node.source, true),
    }
  },
}

/** Faults that the compiler does not see. */
const plainRules = {
  eqeqeq: 'error',
  'no-alert': 'error',
  'no-cond-assign': 'error',
  'no-debugger': 'error',
  'no-duplicate-imports': ['error', { allowSeparateTypeImports: true }],
  'no-empty': 'error',
  'no-eval': 'error',
  'no-irregular-whitespace': 'error',
  'no-loss-of-precision': 'error',
  'no-misleading-character-class': 'error',
  'no-new-func': 'error',
  'no-prototype-builtins': 'error',
  'no-self-compare': 'error',
  'no-template-curly-in-string': 'error',
  'no-unreachable-loop': 'error',
  'no-unsafe-finally': 'error',
  'no-useless-escape': 'error',
  'no-useless-rename': 'error',
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
  'prefer-object-has-own': 'error',
}

const noDefaultExport = [
  'error',
  { restrictDefaultExports: { direct: true, named: true, defaultFrom: true, namedFrom: true, namespaceFrom: true } },
]

export default tseslint.config(
  { ignores: ['node_modules/', 'out/', 'dist/', 'coverage/', '.tsbuild/', 'test/fixtures/', '**/*.d.ts'] },
  // A rule that is wrong is changed here, for everybody, with its reason.
  { linterOptions: { noInlineConfig: true } },
  { rules: plainRules },
  {
    files: ['**/*.ts', '**/*.vue'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.node.json', './tsconfig.web.json'],
        tsconfigRootDir: root,
        extraFileExtensions: ['.vue'],
      },
    },
    plugins: { flashproof: { rules: { layers } } },
    rules: {
      'flashproof/layers': 'error',
      'no-restricted-exports': noDefaultExport,
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Environment variables and parsed JSON are read with brackets: the name is not known to the types.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // Abort reasons and caught values are passed on as they came.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // A function of an interface that others fill asynchronously may be async without waiting itself.
      '@typescript-eslint/require-await': 'off',
      // Types of other packages promise more than they keep (`isTTY` is missing on a pipe), so converting is no mistake.
      '@typescript-eslint/no-unnecessary-type-conversion': 'off',
      // A recursive type cannot be written as a Record.
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  { files: ['src/**/*.ts', 'src/**/*.vue'], rules: { 'no-console': 'error' } },
  ...vue.configs['flat/recommended-error'].map(config => ({ ...config, files: ['**/*.vue'] })),
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      // A single-file component is its module's default export, whose type vue-tsc derives.
      'no-restricted-exports': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      // The linter sees other components and their exposed functions without types; vue-tsc checks them.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // Props with a default look as if they were always given.
      '@typescript-eslint/no-useless-default-assignment': 'off',
      // A static style attribute in hoisted markup breaks the content security policy.
      'vue/no-static-inline-styles': 'error',
      'vue/no-v-html': 'error',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/require-explicit-slots': 'off',
      // Optional props are undefined where they were not given; defaults stand in the destructuring.
      'vue/require-default-prop': 'off',
      // Prettier sets lines.
      'vue/html-indent': 'off',
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Vitest's matchers (expect.objectContaining and its like) are typed as any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  { files: ['*.config.ts', '*.config.mjs'], rules: { 'no-restricted-exports': 'off' } },
)
