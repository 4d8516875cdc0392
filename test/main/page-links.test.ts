import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../src/shared/errors.ts'
import type { MessageLink } from '../../src/shared/rpc/message-link.ts'
import type { FirmwareSummary } from '../../src/shared/contract/index.ts'
import { createPageLinks, type AdoptAnswer, type PageMessages, type SendingEvent } from '../../src/main/page-links.ts'

const ownFrame = { url: 'app://flashproof/index.html', parent: null }

function bench(openFile: (path: string) => Promise<FirmwareSummary> = () => Promise.reject(new Error('unexpected'))) {
  const refused: string[] = []
  const opened: { readonly link: MessageLink; readonly messages: unknown[]; isClosed: boolean }[] = []
  const sent: unknown[] = []
  const listeners = new Map<string, (details: { isMainFrame: boolean; isSameDocument: boolean }) => void>()
  let onCall: (event: SendingEvent, message: unknown) => void = () => undefined
  let onAdopt: (event: SendingEvent, path: unknown) => Promise<unknown> = () => Promise.resolve()
  const messages: PageMessages = {
    on: (channel, listener) => {
      expect(channel).toBe('station:call')
      onCall = listener
    },
    handle: (channel, listener) => {
      expect(channel).toBe('station:adopt')
      onAdopt = listener
    },
  }
  const contents = {
    id: 7,
    isDestroyed: () => false,
    send: (channel: string, message: unknown) => sent.push([channel, message]),
    on: (event: string, listener: (details: { isMainFrame: boolean; isSameDocument: boolean }) => void) =>
      listeners.set(event, listener),
  }
  const links = createPageLinks({
    messages,
    openPage(link) {
      const page = { link, messages: [] as unknown[], isClosed: false }
      link.onMessage(message => page.messages.push(message))
      link.onClose(() => {
        page.isClosed = true
      })
      opened.push(page)
    },
    openFile,
    onRefused: what => refused.push(what),
  })
  links.attach(contents)
  return {
    refused,
    opened,
    sent,
    happen: (event: string, details = { isMainFrame: true, isSameDocument: false }) => listeners.get(event)?.(details),
    call: (message: unknown, frame: SendingEvent['senderFrame'] = ownFrame, id = 7) => {
      onCall({ sender: { id }, senderFrame: frame }, message)
    },
    adopt: async (path: unknown, frame: SendingEvent['senderFrame'] = ownFrame) =>
      // The answer's type is erased by Electron's own interface.
      (await onAdopt({ sender: { id: 7 }, senderFrame: frame }, path)) as AdoptAnswer,
  }
}

describe('the router of pages', () => {
  it('passes messages of the window’s page on and sends back on one channel', () => {
    const { happen, call, opened, sent } = bench()
    happen('did-navigate')
    call({ kind: 'call', id: 1 })
    expect(opened[0]?.messages).toEqual([{ kind: 'call', id: 1 }])
    opened[0]?.link.post({ kind: 'result', id: 1 })
    expect(sent).toEqual([['station:event', { kind: 'result', id: 1 }]])
  })

  it.each([
    ['a frame that is gone', null, 7],
    ['another address', { url: 'https://example.invalid/', parent: null }, 7],
    ['a frame inside the page', { url: 'app://flashproof/index.html', parent: {} }, 7],
    ['a blank frame', { url: 'about:blank', parent: null }, 7],
    ['a window that is not ours', ownFrame, 8],
  ])('refuses a call of %s', (_name, frame, id) => {
    const { happen, call, opened, refused } = bench()
    happen('did-navigate')
    call({ kind: 'call', id: 1 }, frame, id)
    expect(opened[0]?.messages).toEqual([])
    expect(refused).toHaveLength(1)
  })

  it('ends the link when the page is reloaded and gives the new page a fresh one', () => {
    const { happen, call, opened, sent } = bench()
    happen('did-navigate')
    happen('did-start-navigation')
    expect(opened[0]?.isClosed).toBe(true)
    happen('did-navigate')
    call('hello')
    expect(opened.map(({ messages }) => messages)).toEqual([[], ['hello']])
    opened[0]?.link.post('too late')
    expect(sent).toEqual([])
  })

  it('keeps the link while only the place inside the page changes, or a frame in it loads', () => {
    const { happen, opened } = bench()
    happen('did-navigate')
    happen('did-start-navigation', { isMainFrame: true, isSameDocument: true })
    happen('did-start-navigation', { isMainFrame: false, isSameDocument: false })
    expect(opened.map(({ isClosed }) => isClosed)).toEqual([false])
  })

  it.each(['render-process-gone', 'destroyed'])('ends the link at %s', event => {
    const { happen, opened } = bench()
    happen('did-navigate')
    happen(event)
    expect(opened[0]?.isClosed).toBe(true)
  })

  it('opens a dropped file and keeps its path to itself', async () => {
    const paths: string[] = []
    // The summary's content does not matter here.
    const firmware = { firmwareId: 'f1' } as FirmwareSummary
    const { adopt } = bench(path => {
      paths.push(path)
      return Promise.resolve(firmware)
    })
    expect(await adopt('/home/me/app.hex')).toEqual({ firmware })
    expect(paths).toEqual(['/home/me/app.hex'])
  })

  it('answers with the error of a file that cannot be opened, or that is none', async () => {
    const { adopt } = bench(() => Promise.reject(new FlashproofError('file.empty', 'the file is empty')))
    expect(await adopt('/x')).toMatchObject({ error: { code: 'file.empty' } })
    expect(await adopt('')).toMatchObject({ error: { code: 'host.file-refused' } })
    expect(await adopt({ path: '/x' })).toMatchObject({ error: { code: 'host.file-refused' } })
  })

  it('takes a file from nobody else', async () => {
    const { adopt } = bench()
    expect(await adopt('/x', { url: 'https://example.invalid/', parent: null })).toMatchObject({
      error: { code: 'contract.forbidden' },
    })
    expect(await adopt('/x', null)).toMatchObject({ error: { code: 'contract.forbidden' } })
  })
})
