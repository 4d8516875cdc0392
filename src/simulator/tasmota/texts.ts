/** What a Tasmota device writes on its pages, in the language it was built for: success and failure have no other mark. */

export const tasmotaLanguages = ['en', 'de', 'vi', 'fr'] as const
export type TasmotaLanguage = (typeof tasmotaLanguages)[number]

/** Numbers of its upload errors; 5 was given up. */
export type UploadErrorCode = 1 | 2 | 3 | 4 | 6 | 7 | 8 | 9

interface Words {
  readonly firmwareUpgrade: string
  readonly upload: string
  readonly successful: string
  readonly failed: string
  readonly restarts: string
  readonly upgradeStarted: string
  readonly errors: Readonly<Record<UploadErrorCode, string>>
}

const words: Readonly<Record<TasmotaLanguage, Words>> = {
  en: {
    firmwareUpgrade: 'Firmware Upgrade',
    upload: 'Upload',
    successful: 'Successful',
    failed: 'Failed',
    restarts: 'The device restarts in a few seconds',
    upgradeStarted: 'Upgrade started',
    errors: {
      1: 'No file chosen',
      2: 'Not enough space',
      3: 'The file has a wrong first byte',
      4: 'The file is larger than the flash',
      6: 'The upload failed',
      7: 'The upload was aborted',
      8: 'The file is not valid',
      9: 'The file is too large',
    },
  },
  de: {
    firmwareUpgrade: 'Firmware-Update',
    upload: 'Upload',
    successful: 'erfolgreich',
    failed: 'fehlgeschlagen',
    restarts: 'Das Gerät startet in einigen Sekunden neu',
    upgradeStarted: 'Update gestartet',
    errors: {
      1: 'Keine Datei gewählt',
      2: 'Nicht genug Platz',
      3: 'Falsches erstes Byte der Datei',
      4: 'Die Datei ist größer als der Flash',
      6: 'Der Upload ist gescheitert',
      7: 'Der Upload wurde abgebrochen',
      8: 'Die Datei ist ungültig',
      9: 'Die Datei ist zu groß',
    },
  },
  vi: {
    firmwareUpgrade: 'Nâng cấp firmware',
    upload: 'Tải lên',
    successful: 'Thành công',
    failed: 'Thất bại',
    restarts: 'Thiết bị khởi động lại sau vài giây',
    upgradeStarted: 'Bắt đầu nâng cấp',
    errors: {
      1: 'Chưa chọn tệp',
      2: 'Không đủ chỗ',
      3: 'Byte đầu tiên của tệp không đúng',
      4: 'Tệp lớn hơn bộ nhớ flash',
      6: 'Tải lên không được',
      7: 'Đã hủy tải lên',
      8: 'Tệp không hợp lệ',
      9: 'Tệp quá lớn',
    },
  },
  fr: {
    firmwareUpgrade: 'Mise à jour du firmware',
    upload: 'Envoi',
    successful: 'Réussi',
    failed: 'Échoué',
    restarts: 'L’appareil redémarre dans quelques secondes',
    upgradeStarted: 'Mise à jour lancée',
    errors: {
      1: 'Aucun fichier choisi',
      2: 'Pas assez de place',
      3: 'Premier octet du fichier incorrect',
      4: 'Le fichier dépasse la mémoire flash',
      6: 'L’envoi n’a pas abouti',
      7: 'L’envoi a été interrompu',
      8: 'Le fichier n’est pas valable',
      9: 'Le fichier est trop grand',
    },
  },
}

/** The page with the form; visiting it is what arms the upload of firmware. */
export function upgradePage(language: TasmotaLanguage): string {
  const { firmwareUpgrade, upload } = words[language]
  return pageOf(
    firmwareUpgrade,
    `<form method='post' action='u2?fsz=' enctype='multipart/form-data'><input type='file' name='u2'><button>${upload}</button></form>`,
  )
}

export function uploadPage(language: TasmotaLanguage, error: UploadErrorCode | null): string {
  const { upload, successful, failed, restarts, errors } = words[language]
  const [color, word, line] = error === null ? ['008000', successful, restarts] : ['ff0000', failed, errors[error]]
  return pageOf(upload, `<b>${upload} <font color='#${color}'>${word}</font></b><br><br>${line}`)
}

export function upgradeStartedPage(language: TasmotaLanguage): string {
  const { upgradeStarted, restarts } = words[language]
  return pageOf(upgradeStarted, `<b>${upgradeStarted} …</b><br>${restarts}`)
}

export function mainPage(): string {
  return pageOf('Main Menu', '<h2>Tasmota</h2>')
}

function pageOf(title: string, content: string): string {
  return `<!DOCTYPE html><html lang="en"><head><meta charset='utf-8'><title>Tasmota - ${title}</title></head><body><div style='text-align:center;'>${content}</div></body></html>`
}
