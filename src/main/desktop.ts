/** The desktop app when it is ready: wires Electron's parts to the engine, the page and the person. */
import type * as Electron from 'electron'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createEngine, type Engine } from '../host/engine.ts'
import { homeFoldersOf } from '../host/home-folders.ts'
import { openPageSession, type PageSession } from '../host/page-session.ts'
import { createStationHost, type StationHost } from '../host/station-host.ts'
import type { EventOf, Preferences } from '../shared/contract/index.ts'
import { asFlashproofError } from '../shared/errors.ts'
import type { Language } from '../shared/messages/index.ts'
import type { MessageLink } from '../shared/rpc/message-link.ts'
import { createTiming, type Timing } from '../shared/rpc/timing.ts'
import { createPageHandler } from './app-protocol.ts'
import { batchNotification, countOutcomes, needsAttention } from './batch-outcome.ts'
import type { BeforeReady } from './before-ready.ts'
import { closeQuestion } from './close-question.ts'
import { Credentials, hasSafeStorage } from './credentials.ts'
import { createDialogs, type Dialogs } from './dialogs.ts'
import { Ending } from './ending.ts'
import type { EngineProcesses } from './engine-processes.ts'
import { createFileDelivery } from './file-delivery.ts'
import { watchJobs, type JobWatch } from './job-watch.ts'
import { lockDownSession } from './lock-down.ts'
import type { LogFile } from './log-file.ts'
import { showPage } from './main-window.ts'
import { buildMenu } from './menu.ts'
import { PAGE_SCHEME } from './page-address.ts'
import { createPageLinks } from './page-links.ts'
import { createPdfPrinter } from './pdf-printer.ts'
import { keepAwake, pauseAroundSleep } from './power.ts'
import { describeSelfTest, runSelfTest } from './self-test.ts'
import { taskbarProgress } from './taskbar.ts'
import { chooseLanguage, textsIn, type Texts } from './texts.ts'
import { TrayIcon } from './tray-icon.ts'
import { windowOptions } from './window-options.ts'
import { keepWindowState, placeWindow, readWindowState, writeWindowState } from './window-state.ts'

export interface DesktopOptions {
  readonly electron: typeof Electron
  readonly beforeReady: BeforeReady
  readonly processes: EngineProcesses
  /** FLASHPROOF_HOME. */
  readonly home: string
  readonly version: string
  readonly log: LogFile
  /** The folder of the build: page, preload and the entries of the other processes. */
  readonly builtFolder: string
  readonly iconFolder: string
  /** Virtual boards from the start. */
  readonly isSimulating: boolean
  /** Gives the checks of this installation, where this version was never checked on this computer. */
  readonly onInstallationGood: (() => void) | null
}

/** Calls back once after the delay; returns what takes it back. */
export function after(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs)
  return () => {
    clearTimeout(timer)
  }
}

export class Desktop {
  readonly #options: DesktopOptions
  readonly #timing: Timing = createTiming(() => performance.now())
  readonly #engine: Engine
  readonly #dialogs: Dialogs
  readonly #host: StationHost
  readonly #jobs: JobWatch
  readonly #ending: Ending
  readonly #tray: TrayIcon
  readonly #sessions = new Set<PageSession>()
  #window: Electron.BrowserWindow | null = null
  #language: Language
  #theme: Preferences['theme'] = 'system'
  /** A batch ended with something that is not proven, and nobody has looked since. */
  #needsLook = false

  constructor(options: DesktopOptions) {
    const { electron, home } = options
    this.#options = options
    this.#language = chooseLanguage('system', electron.app.getLocale())
    this.#engine = createEngine({
      spawn: () => options.processes.spawnWorker({ home, command: 'flashproof (window)' }),
      timing: this.#timing,
      onState: state => {
        const isFault = state.state === 'pausing' || state.state === 'gave-up'
        options.log.write(
          isFault ? 'error' : 'info',
          `engine ${'text' in state ? `${state.state}: ${state.text}` : state.state}`,
        )
      },
      onListenerError: thrown => {
        options.log.write('error', `a listener of events failed: ${describeThrown(thrown)}`)
      },
    })
    this.#dialogs = createDialogs(
      electron.dialog,
      () => this.#window,
      () => this.#texts(),
    )
    this.#host = this.#createHost()
    this.#jobs = watchJobs(this.#engine)
    this.#tray = this.#createTray()
    this.#ending = this.#createEnding()
  }

  /** Shows the window and starts the engine. Never rejects: what fails is shown in the window. */
  async run(): Promise<void> {
    const { electron, beforeReady, builtFolder } = this.#options
    lockDownSession(electron.session.defaultSession, what => {
      this.#note(`refused ${what}`)
    })
    const pageFolder = join(builtFolder, 'page')
    electron.protocol.handle(PAGE_SCHEME, createPageHandler({ folder: pageFolder, readFile: path => readFile(path) }))
    const pages = createPageLinks({
      messages: electron.ipcMain,
      openPage: link => {
        this.#openSession(link)
      },
      openFile: path => this.#engine.firmware.open({ path }),
      onRefused: what => {
        this.#note(`refused ${what}`)
      },
    })
    this.#followPreferences()
    this.#followJobs()
    this.#followPower()
    this.#showMenu()
    this.#window = this.#openWindow()
    pages.attach(this.#window.webContents)
    this.#showPage(this.#window)
    beforeReady.begin({
      showWindow: () => {
        this.#showWindow()
      },
      mayQuit: () => this.#ending.hasEnded(),
      requestEnd: () => {
        void this.#ending.request()
      },
    })
    await this.#startEngine(pageFolder)
  }

  #createHost(): StationHost {
    const { electron, home, version, processes } = this.#options
    const { app, safeStorage } = electron
    const locale = app.getLocale()
    return createStationHost({
      engine: this.#engine,
      home,
      about: { kind: 'desktop', version, platform: process.platform, locale: locale === '' ? 'en' : locale },
      startSimulator: devices => processes.startSimulator(devices),
      makeDemoFirmware: image => processes.makeDemoFirmware(image),
      chooseFirmware: async () => {
        const { formats } = await this.#engine.client.call('catalog.get', {})
        return await this.#dialogs.chooseFirmware(formats)
      },
      chooseElf: () => this.#dialogs.chooseElf(),
      deliver: createFileDelivery({
        askWhere: dialogOptions => this.#dialogs.askWhere(dialogOptions),
        printToPdf: createPdfPrinter(windowSettings => new electron.BrowserWindow(windowSettings)),
        texts: () => this.#texts(),
        firstFolder: app.getPath('documents'),
      }),
      ...(hasSafeStorage(safeStorage, process.platform)
        ? { credentials: new Credentials({ path: join(home, 'credentials.json'), storage: safeStorage }) }
        : {}),
    })
  }

  #createTray(): TrayIcon {
    const { electron, iconFolder } = this.#options
    return new TrayIcon({
      create: items => {
        const tray = new electron.Tray(join(iconFolder, process.platform === 'darwin' ? '16x16.png' : '32x32.png'))
        tray.setContextMenu(electron.Menu.buildFromTemplate([...items]))
        return tray
      },
      texts: () => this.#texts(),
      showWindow: () => {
        this.#showWindow()
      },
      quit: () => {
        void this.#ending.request()
      },
      note: text => {
        this.#note(text)
      },
    })
  }

  #createEnding(): Ending {
    return new Ending({
      jobs: this.#jobs,
      client: this.#engine.client,
      ask: jobs => {
        this.#showWindow()
        return this.#dialogs.askBeforeEnd(closeQuestion(jobs, this.#language))
      },
      hideToTray: () => {
        // Without an icon a hidden window could not be found again.
        if (this.#tray.show(this.#jobs.current())) this.#window?.hide()
        else this.#window?.minimize()
      },
      stopEngine: async () => {
        await this.#engine.stop()
        await this.#host.close()
      },
      quit: () => {
        this.#tray.remove()
        this.#options.electron.app.quit()
      },
      after,
      note: text => {
        this.#note(text)
      },
    })
  }

  #openSession(link: MessageLink): void {
    const { electron } = this.#options
    const session = openPageSession(link, {
      engine: this.#engine,
      handlers: this.#host.handlersFor({ control: () => 'control', takeControl: () => undefined }),
      timing: this.#timing,
      mayChange: () => true,
      onMonitor: (target, monitorId) => this.#host.crashPrograms.started(target, monitorId),
      checksOutgoing: !electron.app.isPackaged,
    })
    this.#sessions.add(session)
    link.onClose(() => {
      this.#sessions.delete(session)
    })
  }

  #openWindow(): Electron.BrowserWindow {
    const { electron, home, builtFolder, iconFolder } = this.#options
    const statePath = join(home, 'window.json')
    const { screen, nativeTheme, app } = electron
    const primary = screen.getPrimaryDisplay()
    const others = screen.getAllDisplays().filter(({ id }) => id !== primary.id)
    const placement = placeWindow(
      readWindowState(statePath),
      [primary, ...others].map(({ workArea }) => workArea),
    )
    const window = new electron.BrowserWindow(
      windowOptions({
        placement,
        preloadPath: join(builtFolder, 'preload', 'index.cjs'),
        iconPath: join(iconFolder, '256x256.png'),
        isDark: nativeTheme.shouldUseDarkColors,
        isPackaged: app.isPackaged,
      }),
    )
    if (placement.isMaximised) window.once('show', () => window.maximize())
    keepWindowState(window, {
      write: state => {
        writeWindowState(statePath, state)
      },
      after,
    })
    window.on('close', event => {
      if (this.#ending.hasEnded()) return
      event.preventDefault()
      void this.#ending.request()
    })
    window.on('focus', () => {
      this.#needsLook = false
      this.#updateTaskbar()
    })
    window.on('session-end', () => {
      void this.#ending.finish()
    })
    window.on('closed', () => {
      this.#window = null
    })
    return window
  }

  #showPage(window: Electron.BrowserWindow): void {
    showPage(window, {
      monotonicMs: () => this.#timing.monotonicMs(),
      after,
      note: text => {
        this.#note(text)
      },
      onGaveUp: reason => {
        this.#options.log.write('error', `the page cannot be shown: ${reason}`)
        this.#options.electron.dialog.showErrorBox(this.#texts()('startFailed'), reason)
      },
    })
  }

  #showWindow(): void {
    const window = this.#window
    if (window === null) return
    if (window.isMinimized()) window.restore()
    window.show()
    window.focus()
    this.#tray.remove()
  }

  #showMenu(): void {
    const { electron, home, version } = this.#options
    const { app, Menu, shell } = electron
    const texts = this.#texts()
    const menu = buildMenu({
      platform: process.platform,
      isPackaged: app.isPackaged,
      theme: this.#theme,
      texts,
      choose: action => {
        this.#showWindow()
        for (const session of this.#sessions) session.tell('menu.chosen', { action })
      },
      chooseTheme: theme => {
        this.#engine.client.call('settings.set', { theme }).catch((thrown: unknown) => {
          this.#note(`the theme could not be kept: ${describeThrown(thrown)}`)
        })
      },
      showAbout: () => {
        const { electron: electronVersion, chrome, node } = process.versions
        const detail = texts('aboutText', { version, electron: electronVersion, chromium: chrome, node, home })
        void this.#dialogs.tell({ type: 'info', title: texts('about'), message: 'Flashproof', detail })
      },
      showLogFolder: () => {
        void shell.openPath(homeFoldersOf(home).logs)
      },
    })
    Menu.setApplicationMenu(Menu.buildFromTemplate(menu))
  }

  #followPreferences(): void {
    const { client } = this.#engine
    client.subscribe('settings.changed', ({ settings }) => {
      this.#applyPreferences(settings)
    })
    this.#engine.onState(({ state }) => {
      if (state !== 'ready') return
      client.call('settings.get', {}).then(
        settings => {
          this.#applyPreferences(settings)
        },
        (thrown: unknown) => {
          this.#note(`the settings could not be read: ${describeThrown(thrown)}`)
        },
      )
    })
  }

  #applyPreferences({ language, theme }: Pick<Preferences, 'language' | 'theme'>): void {
    const { app, nativeTheme } = this.#options.electron
    const chosen = chooseLanguage(language, app.getLocale())
    nativeTheme.themeSource = theme
    if (chosen === this.#language && theme === this.#theme) return
    this.#language = chosen
    this.#theme = theme
    this.#showMenu()
  }

  #followJobs(): void {
    this.#jobs.onChange(() => {
      this.#updateTaskbar()
      this.#tray.update(this.#jobs.current())
    })
    const { client } = this.#engine
    client.subscribe('batch.ended', event => this.#tellBatchEnded(event))
    client.subscribe('decision.asked', () => {
      if (this.#window?.isFocused() === false) this.#window.flashFrame(true)
    })
  }

  async #tellBatchEnded({ batchId }: EventOf<'batch.ended'>): Promise<void> {
    const { Notification } = this.#options.electron
    const jobs = await this.#jobs.batch(batchId)
    if (needsAttention(countOutcomes(jobs)) && this.#window?.isFocused() !== true) this.#needsLook = true
    this.#updateTaskbar()
    if (!Notification.isSupported()) return
    const notification = new Notification(batchNotification(jobs, this.#texts()))
    notification.on('click', () => {
      this.#showWindow()
    })
    notification.show()
  }

  #updateTaskbar(): void {
    const { ratio, mode } = taskbarProgress(this.#jobs.current(), this.#needsLook)
    if (this.#window?.isDestroyed() === false) this.#window.setProgressBar(ratio, { mode })
  }

  #followPower(): void {
    const { powerMonitor, powerSaveBlocker } = this.#options.electron
    keepAwake(this.#jobs, powerSaveBlocker)
    pauseAroundSleep({
      monitor: powerMonitor,
      jobs: this.#jobs,
      client: this.#engine.client,
      after,
      note: text => {
        this.#note(text)
      },
    })
    powerMonitor.on('shutdown', () => {
      void this.#ending.finish()
    })
  }

  async #startEngine(pageFolder: string): Promise<void> {
    const { onInstallationGood, isSimulating, beforeReady } = this.#options
    try {
      await this.#engine.start()
      if (isSimulating) await this.#host.practice.start()
    } catch (thrown) {
      // The page shows the engine's state; this is for the log.
      this.#note(`the start failed: ${describeThrown(thrown)}`)
    }
    beforeReady.inbox.deliverTo(path => {
      void this.#engine.firmware.openAndAnnounce(path)
    })
    if (onInstallationGood !== null) await this.#checkInstallation(pageFolder, onInstallationGood)
  }

  async #checkInstallation(pageFolder: string, onGood: () => void): Promise<void> {
    const lines = await runSelfTest({
      startEngine: () => this.#engine.start(),
      client: this.#engine.client,
      pageFolder,
    })
    this.#note(`self-test: ${describeSelfTest(lines)}`)
    const failed = lines.filter(({ isOk }) => !isOk)
    if (failed.length === 0) onGood()
    else
      await this.#dialogs.tell({
        type: 'warning',
        message: this.#texts()('selfTestFailed'),
        detail: describeSelfTest(failed),
      })
  }

  #texts(): Texts {
    return textsIn(this.#language)
  }

  #note(text: string): void {
    this.#options.log.write('info', text)
  }
}

/** For the log: the stack where there is one. */
export function describeThrown(thrown: unknown): string {
  const { code, message } = asFlashproofError(thrown)
  return thrown instanceof Error && code === 'internal.unexpected' ? (thrown.stack ?? message) : `${code}: ${message}`
}
