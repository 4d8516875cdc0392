/** Gives the person files: saved by a dialog on the desktop, as a download or a page to print in a browser. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { RequestOf, ResponseOf } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'

export type SaveRequest = RequestOf<'file.save'>
export type SaveOutcome = ResponseOf<'file.save'>

/** Follows an address as a click on a link would. */
type FollowLink = (link: { readonly url: string; readonly downloadName: string | null }) => void

export const useSaving = defineStore('saving', () => {
  const { client } = useStation()
  /** Whether a file is being made now. */
  const isBusy = shallowRef(false)

  /** @returns what became of it @throws {FlashproofError} whatever keeps the file from being made */
  async function save(request: SaveRequest, follow: FollowLink = followLink): Promise<SaveOutcome> {
    isBusy.value = true
    try {
      const outcome = await client.call('file.save', request)
      if (outcome.outcome === 'download') follow({ url: outcome.url, downloadName: outcome.fileName })
      if (outcome.outcome === 'print') follow({ url: outcome.url, downloadName: null })
      return outcome
    } finally {
      isBusy.value = false
    }
  }

  return { isBusy, save }
})

function followLink({ url, downloadName }: Parameters<FollowLink>[0]): void {
  const link = document.createElement('a')
  link.href = url
  link.rel = 'noopener'
  if (downloadName === null) link.target = '_blank'
  else link.download = downloadName
  document.body.append(link)
  link.click()
  link.remove()
}
