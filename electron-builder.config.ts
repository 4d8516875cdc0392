// What goes into the installers and what they do on a computer; the reasons are in docs/decisions/0008-packaging.md.
import process from 'node:process'
import type { Configuration } from 'electron-builder'

/** What a build may be told from outside. Every name is described in docs/shipping.md. */
export interface PackagingOptions {
  /** The folder with the built app, as `electron-vite build` leaves it. */
  readonly builtFolder: string
  /** Signs and, on macOS, has the app notarised; fails where a certificate is missing. */
  readonly isSigned: boolean
  /** What the deb says about where its maker is found. */
  readonly homepage: string | undefined
  /** `Name <address>` of who answers for the deb. */
  readonly maintainer: string | undefined
}

const SERIAL_BINDING = 'node_modules/@serialport/bindings-cpp'

// Placeholders that electron-builder fills in.
const ARCH = placeholder('arch')
const VERSION = placeholder('version')
const EXTENSION = placeholder('ext')

/** Electron is built against glibc, and nothing is compiled on the computer that it is installed on. */
const NEEDED_ONLY_TO_COMPILE = [
  `${SERIAL_BINDING}/prebuilds/**/*.musl.node`,
  `${SERIAL_BINDING}/src/**`,
  `${SERIAL_BINDING}/binding.gyp`,
  '**/node_modules/node-addon-api/**',
  '**/node_modules/node-gyp-build/{bin,build-test,optional}.js',
]

type Files = NonNullable<Exclude<Configuration['files'], string>>

/** Writes the configuration. A pure function of its options, so that a build can be tried with stand-ins. */
export function createConfiguration(options: PackagingOptions): Configuration {
  const { builtFolder, isSigned } = options
  return {
    appId: 'app.flashproof.workstation',
    productName: 'Flashproof',
    copyright: 'Copyright © 2026 The Flashproof authors',
    directories: { output: 'dist', buildResources: 'resources' },
    // Nothing updates itself and nothing is uploaded.
    publish: null,
    // The prebuilt bindings of `serialport` use Node-API alone: what is compiled here would replace them.
    npmRebuild: false,
    nodeGypRebuild: false,
    electronLanguages: ['en-US', 'vi'],
    // The archive's hash is in the executable. Only what the system itself has to load lies beside the archive.
    asar: { smartUnpack: false },
    asarUnpack: [`${SERIAL_BINDING}/prebuilds/**/*.node`],
    electronFuses: {
      runAsNode: false,
      enableCookieEncryption: true,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      loadBrowserProcessSpecificV8Snapshot: false,
      grantFileProtocolExtraPrivileges: false,
      // Changing fuses breaks the signature that macOS on Apple silicon insists on; signing afterwards makes a new one.
      resetAdHocDarwinSignature: !isSigned,
    },
    extraResources: [
      { from: 'resources/icon/png', to: 'icons', filter: ['{16,32,256}x*.png'] },
      { from: 'docs', to: 'documentation', filter: ['*.md'] },
    ],
    // Lays out the `flashproof` command and refuses a package that lacks something or holds too much.
    afterPack: './packaging/after-pack.ts',
    extraMetadata: {
      // The deb wants one; what is installed with it is a page that is surely there.
      homepage: options.homepage ?? 'file:///opt/Flashproof/resources/documentation/shipping.md',
    },
    fileAssociations: [
      {
        ext: 'hex',
        name: 'Intel HEX firmware',
        description: 'Intel HEX firmware',
        mimeType: 'text/x-hex',
        role: 'Viewer',
      },
      {
        ext: 's19',
        name: 'Motorola S-record firmware',
        description: 'Motorola S-record firmware',
        mimeType: 'text/x-srecord',
        role: 'Viewer',
      },
      { ext: 'uf2', name: 'UF2 firmware', description: 'UF2 firmware', mimeType: 'application/x-uf2', role: 'Viewer' },
    ],
    win: {
      icon: 'resources/icon/flashproof.ico',
      target: [
        { target: 'nsis', arch: ['x64'] },
        { target: 'portable', arch: ['x64'] },
      ],
      files: filesFor(builtFolder, `win32-${ARCH}`),
      extraResources: [{ from: 'resources/command/flashproof.cmd', to: 'command/flashproof.cmd' }],
      requestedExecutionLevel: 'asInvoker',
      signExecutable: isSigned,
      forceCodeSigning: isSigned,
    },
    nsis: {
      // One click installs for the user alone: no question about all users, so nothing asks for an administrator.
      oneClick: true,
      perMachine: false,
      packElevateHelper: false,
      deleteAppDataOnUninstall: false,
      differentialPackage: false,
      createDesktopShortcut: true,
      runAfterFinish: true,
      license: 'LICENSE',
      artifactName: `Flashproof-${VERSION}-windows-${ARCH}-setup.${EXTENSION}`,
    },
    portable: {
      requestExecutionLevel: 'user',
      artifactName: `Flashproof-${VERSION}-windows-${ARCH}-portable.${EXTENSION}`,
    },
    mac: {
      icon: 'resources/icon/flashproof.icns',
      category: 'public.app-category.developer-tools',
      target: [{ target: 'dmg', arch: ['universal'] }],
      files: filesFor(builtFolder, 'darwin-*'),
      extraResources: [{ from: 'resources/command/flashproof', to: 'command/flashproof' }],
      hardenedRuntime: isSigned,
      gatekeeperAssess: false,
      entitlements: 'resources/mac/entitlements.plist',
      entitlementsInherit: 'resources/mac/entitlements.plist',
      // "-" is a signature without an identity: it lets the app start on the computer that built it, nothing more.
      ...(isSigned ? {} : { identity: '-' }),
      notarize: isSigned,
      forceCodeSigning: isSigned,
      extendInfo: {
        NSLocalNetworkUsageDescription: 'Flashproof looks for boards on the local network and sends firmware to them.',
      },
    },
    dmg: { artifactName: `Flashproof-${VERSION}-macos-${ARCH}.${EXTENSION}`, writeUpdateInfo: false },
    linux: {
      icon: 'resources/icon/png',
      executableName: 'flashproof-app',
      category: 'Development',
      synopsis: 'Firmware-update workstation',
      maintainer: options.maintainer ?? 'Flashproof maintainers',
      syncDesktopName: true,
      target: [
        { target: 'AppImage', arch: ['x64', 'arm64'] },
        { target: 'deb', arch: ['x64', 'arm64'] },
      ],
      files: filesFor(builtFolder, `linux-${ARCH}`),
      extraResources: [
        { from: 'resources/command/flashproof', to: 'command/flashproof' },
        { from: 'resources/linux/60-flashproof-serial.rules', to: 'udev/60-flashproof-serial.rules' },
      ],
    },
    appImage: { artifactName: `Flashproof-${VERSION}-linux-${ARCH}.${EXTENSION}` },
    deb: {
      packageName: 'flashproof',
      packageCategory: 'electronics',
      artifactName: `flashproof_${VERSION}_${ARCH}.${EXTENSION}`,
      depends: [
        'libgtk-3-0',
        'libnotify4',
        'libnss3',
        'libxtst6',
        'xdg-utils',
        'libatspi2.0-0',
        'libsecret-1-0',
        'udev',
      ],
      recommends: ['libayatana-appindicator3-1'],
      afterInstall: 'resources/linux/after-install.sh',
      afterRemove: 'resources/linux/after-remove.sh',
    },
  }
}

/**
 * Names what goes into the archive. Each system has the whole list: patterns that only leave something out, in a list of their
 * own, would bring in everything else.
 * @param bindings the folder of `serialport`'s compiled parts for the system and processor
 */
function filesFor(builtFolder: string, bindings: string): Files {
  return [
    { from: builtFolder, to: 'out', filter: ['**/*', '!**/*.map'] },
    'package.json',
    'LICENSE',
    `!${SERIAL_BINDING}/prebuilds/!(${bindings})/**`,
    ...NEEDED_ONLY_TO_COMPILE.map(path => `!${path}`),
    '!**/node_modules/**/*.{map,ts,mts,cts}',
    '!**/node_modules/**/!(license|LICENSE).md',
    '!**/node_modules/**/.*',
  ]
}

function placeholder(name: string): string {
  return `$` + `{${name}}`
}

export default createConfiguration({
  builtFolder: 'out',
  isSigned: process.env['FLASHPROOF_SIGN'] === '1',
  homepage: process.env['FLASHPROOF_HOMEPAGE'],
  maintainer: process.env['FLASHPROOF_MAINTAINER'],
})
