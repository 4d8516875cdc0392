// @vitest-environment happy-dom
import { mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, describe, expect, it } from 'vitest'
import OptionForm from '../../../src/renderer/components/transfer/OptionForm.vue'
import { setLanguage } from '../../../src/renderer/texts/text.ts'
import { changedOptions, faultyOptions } from '../../../src/renderer/transfer/option-form.ts'
import { fakeCatalog } from '../fake-models.ts'

const specs = fakeCatalog.protocols[0]?.options ?? []

function open(values: Readonly<Record<string, string | number | boolean>> = {}): VueWrapper {
  return mount(OptionForm, { props: { specs, values, secrets: {}, faults: faultyOptions(specs, values) } })
}

/** The control that the label names. */
function control(form: VueWrapper, label: string): Element {
  const found = form.findAll('label').find(candidate => candidate.text() === label)
  const id = found?.attributes('for')
  const control = id === undefined ? found?.find('input') : form.find(`[id="${id}"]`)
  if (control?.exists() !== true) throw new Error(`no control is named ${label}`)
  return control.element
}

afterEach(() => {
  setLanguage('en')
})

describe('the options form', () => {
  it('makes a named control of every option, at its default', () => {
    const form = open()
    expect(control(form, 'Chunk size (bytes)')).toHaveProperty('value', 'auto')
    expect(control(form, 'Manner').tagName).toBe('SELECT')
    expect(control(form, 'Restart afterwards')).toHaveProperty('checked', true)
    expect(control(form, 'Password')).toHaveProperty('type', 'password')
    expect(form.findAll('.option')).toHaveLength(specs.length)
  })

  it('says what is wrong at the field, in the chosen language', () => {
    const values = { chunkBytes: '100' }
    const form = open(values)
    const input = control(form, 'Chunk size (bytes)')
    expect(input.getAttribute('aria-invalid')).toBe('true')
    const faultId = input.getAttribute('aria-describedby')?.split(' ').at(-1) ?? ''
    expect(form.find(`[id="${faultId}"]`).text()).toBe('A whole number from 512 to 16384, or auto')
    setLanguage('vi')
    expect(open(values).text()).toContain('Số nguyên từ 512 đến 16384, hoặc auto')
  })

  it('tells of changes by key, and of secrets apart from them', async () => {
    const form = open()
    await form.find('input[type=text]').setValue('1024')
    await form.find('select').setValue('careful')
    await form.find('input[type=checkbox]').setValue(false)
    await form.find('input[type=password]').setValue('hunter2')
    expect(form.emitted('change')).toEqual([
      ['chunkBytes', '1024'],
      ['mode', 'careful'],
      ['isRestarted', false],
    ])
    expect(form.emitted('changeSecret')).toEqual([['password', 'hunter2']])
  })
})

describe('checking options', () => {
  it('counts an emptied number as left at its default', () => {
    expect(faultyOptions(specs, { chunkBytes: '' }).size).toBe(0)
    expect(changedOptions(specs, { chunkBytes: '' })).toEqual({})
  })

  it('gives numbers as numbers, and leaves defaults and secrets out', () => {
    const raw = { chunkBytes: '2048', mode: 'plain', targetPath: 'a.bin', password: 'x' }
    expect(changedOptions(specs, raw)).toEqual({ chunkBytes: 2048, targetPath: 'a.bin' })
  })

  it('finds what is too long and what is no choice', () => {
    const raw = { targetPath: 'x'.repeat(201), mode: 'wild' }
    expect([...faultyOptions(specs, raw)].sort()).toEqual(['mode', 'targetPath'])
  })
})
