import { describe, expect, it } from 'vitest'
import { batchNotification, countOutcomes } from '../../src/main/batch-outcome.ts'
import { closeAnswers, closeQuestion } from '../../src/main/close-question.ts'
import { firmwareFilters } from '../../src/main/dialogs.ts'
import { taskbarProgress } from '../../src/main/taskbar.ts'
import { chooseLanguage, mainTexts, textsIn } from '../../src/main/texts.ts'
import { describeTray, TrayIcon } from '../../src/main/tray-icon.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'

const english = textsIn('en')

describe('the words of the shell', () => {
  it.each(Object.entries(mainTexts))('have %s in both languages, with the same gaps to fill', (_key, text) => {
    const gaps = (words: string): string[] => (words.match(/\{\w+\}/g) ?? []).toSorted()
    expect(text.en.trim()).not.toBe('')
    expect(text.vi.trim()).not.toBe('')
    expect(gaps(text.vi)).toEqual(gaps(text.en))
  })

  it('follow the settings, else the system', () => {
    expect(chooseLanguage('vi', 'en-US')).toBe('vi')
    expect(chooseLanguage('system', 'vi-VN')).toBe('vi')
    expect(chooseLanguage('system', 'vi')).toBe('vi')
    expect(chooseLanguage('system', 'fr-FR')).toBe('en')
    expect(chooseLanguage('system', '')).toBe('en')
  })
})

describe('the question before the end', () => {
  const jobs = [
    fakeSnapshot({ boardNow: 'old-firmware', unplug: 'safe' }),
    fakeSnapshot({ boardNow: 'old-firmware', unplug: 'safe' }),
    fakeSnapshot({ boardNow: 'unknown', unplug: 'keep-powered', completion: 'sent' }),
  ]

  it('offers three answers and a way back, and says of each what the boards will be', () => {
    const question = closeQuestion(jobs, 'en')
    expect(question.message).toBe('3 boards are not finished.')
    expect(question.buttons).toEqual(['Keep Running in the Tray', 'Pause and Quit', 'Cancel Safely', 'Back'])
    const paragraphs = question.detail.split('\n\n')
    const boards = '2 × Old firmware, safe to unplug; 1 × Unknown, keep powered'
    expect(paragraphs[0]).toBe(`On the boards now: ${boards}.`)
    expect(paragraphs[1]).toContain('finished without the window')
    expect(paragraphs[2]).toContain(boards)
    expect(paragraphs[3]).toContain(boards)
    expect(paragraphs[4]).toContain('1 already past the last part')
  })

  it('changes nothing when it is closed, and loses no board on Enter', () => {
    const { cancelId, defaultId } = closeQuestion(jobs, 'en')
    expect([closeAnswers[cancelId], closeAnswers[defaultId]]).toEqual(['stay', 'keep-running'])
  })

  it('speaks Vietnamese', () => {
    const question = closeQuestion(jobs.slice(0, 1), 'vi')
    expect(question.message).toBe('Còn 1 bo mạch chưa xong.')
    expect(question.detail).toContain('1 × Firmware cũ, có thể rút an toàn')
  })
})

describe('the end of a batch', () => {
  const jobs = [
    fakeSnapshot({ state: 'finished', verdict: 'proven' }),
    fakeSnapshot({ state: 'finished', verdict: 'proven' }),
    fakeSnapshot({ state: 'finished', verdict: 'unproven' }),
    fakeSnapshot({ state: 'failed' }),
  ]

  it('is told in the words of the bench', () => {
    expect(batchNotification(jobs, english)).toEqual({
      title: 'Batch ended',
      body: 'Proven 2 · Not proven 1 · Failed 1',
    })
  })

  it('counts nothing as proven that is not, and tells what was stopped', () => {
    const others = [
      fakeSnapshot({ state: 'finished', verdict: 'acknowledged' }),
      fakeSnapshot({ state: 'cancelled' }),
      fakeSnapshot({ state: 'transferring' }),
    ]
    expect(countOutcomes(others)).toEqual({ proven: 0, below: 1, unproven: 0, failed: 0, stopped: 1 })
    expect(batchNotification(others, english).body).toBe(
      'Proven 0 · Less than proven 1 · Not proven 0 · Failed 0 · Stopped 1',
    )
  })

  it('is marked as practice when every board was virtual', () => {
    const practice = jobs.map(job => ({ ...job, simulated: true }))
    expect(batchNotification(practice, english).title).toBe('PRACTICE: batch ended')
  })
})

describe('the taskbar', () => {
  it('shows the bytes of all boards of the batches that run', () => {
    const jobs = [
      fakeSnapshot({ doneBytes: 500, totalBytes: 1000 }),
      fakeSnapshot({ state: 'finished', verdict: 'proven', doneBytes: 1000, totalBytes: 1000 }),
    ]
    expect(taskbarProgress(jobs, false)).toEqual({ ratio: 0.75, mode: 'normal' })
  })

  it('turns to a fault when something is not proven, and keeps it until somebody looked', () => {
    const jobs = [fakeSnapshot({ doneBytes: 0 }), fakeSnapshot({ state: 'finished', verdict: 'unproven' })]
    expect(taskbarProgress(jobs, false)).toEqual({ ratio: 0.5, mode: 'error' })
    expect(taskbarProgress([], true)).toEqual({ ratio: 1, mode: 'error' })
  })

  it('shows a pause, and nothing when nothing runs', () => {
    expect(taskbarProgress([fakeSnapshot({ state: 'paused' })], false).mode).toBe('paused')
    expect(taskbarProgress([], false)).toEqual({ ratio: -1, mode: 'none' })
    expect(taskbarProgress([fakeSnapshot({ totalBytes: 0 })], false)).toEqual({ ratio: 0, mode: 'normal' })
  })
})

describe('the tray', () => {
  it('tells how many boards run and how far they are', () => {
    expect(describeTray([fakeSnapshot({ doneBytes: 512 })], english)).toBe('Flashproof: 1 running, 50%')
    expect(describeTray([], english)).toBe('Flashproof: nothing is running')
  })

  it('says when the system has no place for it, so that the window is not lost', () => {
    const options = { texts: () => english, showWindow: () => undefined, quit: () => undefined, note: () => undefined }
    const none = new TrayIcon({
      ...options,
      create: () => {
        throw new Error('no tray')
      },
    })
    expect(none.show([])).toBe(false)
    const tips: string[] = []
    let destroyed = 0
    const some = new TrayIcon({
      ...options,
      create: () => ({ setToolTip: tip => tips.push(tip), on: () => undefined, destroy: () => destroyed++ }),
    })
    expect(some.show([])).toBe(true)
    some.remove()
    some.update([])
    expect([tips.length, destroyed]).toEqual([1, 1])
  })
})

describe('the file dialog', () => {
  it('offers every ending that some format has once, and every file', () => {
    const label = { en: 'x', vi: 'x' }
    const formats = [
      { id: 'one', label, extensions: ['.a', 'b'], canWrite: true },
      { id: 'two', label, extensions: ['b'], canWrite: false },
    ]
    expect(firmwareFilters(formats, english)).toEqual([
      { name: 'Firmware', extensions: ['a', 'b'] },
      { name: 'All files', extensions: ['*'] },
    ])
  })
})
