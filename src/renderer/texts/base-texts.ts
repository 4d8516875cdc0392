/** Words that every part of the window uses. */
import type { TextCatalogue } from './text.ts'

export const baseTexts = {
  close: { en: 'Close', vi: 'Đóng' },
  cancel: { en: 'Cancel', vi: 'Hủy' },
  save: { en: 'Save', vi: 'Lưu' },
  copy: { en: 'Copy', vi: 'Sao chép' },
  copied: { en: 'Copied', vi: 'Đã sao chép' },
  retry: { en: 'Try again', vi: 'Thử lại' },
  more: { en: 'More', vi: 'Thêm' },
} satisfies TextCatalogue
