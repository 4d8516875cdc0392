/** Which open question of a job the person is looking at; a new one comes forward by itself, an old one waits. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { useStation } from '../bridge/bridge.ts'
import { useBatch } from './batch.ts'

export const useQuestions = defineStore('questions', () => {
  const { client } = useStation()
  const batch = useBatch()
  const isOpen = shallowRef(false)
  const chosenJobId = shallowRef<string | null>(null)
  /** The question that is shown: the chosen one, else the oldest. */
  const current = computed(() => {
    if (!isOpen.value) return null
    return batch.questions.find(question => question.job.jobId === chosenJobId.value) ?? batch.questions[0] ?? null
  })

  function open(jobId: string | null): void {
    chosenJobId.value = jobId
    isOpen.value = true
  }

  /** Leaves the questions open for later. */
  function close(): void {
    isOpen.value = false
    chosenJobId.value = null
  }

  /** @param mayComeForward whether nothing else has the person's attention @returns stops listening */
  function start(mayComeForward: () => boolean): () => void {
    return client.subscribe('decision.asked', ({ jobId }) => {
      if (!isOpen.value && mayComeForward()) open(jobId)
    })
  }

  return { current, isOpen, open, close, start }
})
