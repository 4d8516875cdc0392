/** Which evidence level is in force for one device, and whether it can be reached at all: for every protocol alike. */
import { evidenceLevels, type EvidenceLevel } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { messagesFor, type LocalText } from '../../shared/messages/index.ts'
import { defaultRequiredLevel, type Reach } from './evidence.ts'
import type { RequiredLevel } from './judgement.ts'

/**
 * @param wanted what a person or a recipe asked for; null: the default for this device
 * @param cannotProve the calm sentence for a device that cannot prove what lies in its flash: what is normal for it, and
 *   what would raise it
 */
export function judgeRequired(reach: Reach, wanted: EvidenceLevel | null, cannotProve: LocalText): RequiredLevel {
  if (wanted === null) {
    const level = defaultRequiredLevel(reach)
    if (level === 'stored') return { level, judgements: [] }
    return { level, judgements: [{ kind: 'warning', code: 'cannot-prove', text: cannotProve }] }
  }
  if (reach[wanted] === 'yes') return { level: wanted, judgements: [] }
  if (reach[wanted] === 'unknown') {
    const text = {
      en: `Whether this device can reach “${wanted}” shows only at the end.`,
      vi: `Thiết bị này có đạt được “${messagesFor('vi').words[`level.${wanted}`]}” hay không, cuối cùng mới biết.`,
    }
    return { level: wanted, judgements: [{ kind: 'warning', code: 'required-unknown', text }] }
  }
  const reachable = evidenceLevels.filter(level => reach[level] === 'yes')
  const error = new FlashproofError('require.unreachable-level', `this device and image cannot reach “${wanted}”`, {
    required: wanted,
    reachable,
  })
  const best = reachable.at(-1) ?? 'sent'
  const inWords = (language: 'en' | 'vi', level: EvidenceLevel): string => messagesFor(language).words[`level.${level}`]
  const text = {
    en: `This device and image cannot give “${inWords('en', wanted)}”; the most is “${inWords('en', best)}”. Require less, or use firmware that proves more.`,
    vi: `Thiết bị và phần sụn này không cho được “${inWords('vi', wanted)}”; cao nhất là “${inWords('vi', best)}”. Hãy yêu cầu mức thấp hơn hoặc dùng phần sụn chứng minh được nhiều hơn.`,
  }
  return { level: wanted, judgements: [{ kind: 'refusal', error, text }] }
}
