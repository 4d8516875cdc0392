/** Texts of the service report in both languages. */
import type { LocalText } from '../../shared/messages/index.ts'

export const reportTexts = {
  title: { en: 'Service report: firmware update', vi: 'Phiếu dịch vụ: cập nhật firmware' },
  practice: {
    en: 'PRACTICE: virtual devices only. No real board was written.',
    vi: 'LUYỆN TẬP: chỉ có thiết bị ảo. Không ghi vào bo mạch thật nào.',
  },
  site: { en: 'Site / station', vi: 'Địa điểm / trạm' },
  date: { en: 'Date', vi: 'Ngày' },
  order: { en: 'Order', vi: 'Lệnh sản xuất' },
  operator: { en: 'Operator', vi: 'Người thực hiện' },
  firmware: { en: 'Firmware', vi: 'Firmware' },
  boards: { en: 'Boards', vi: 'Bo mạch' },
  board: { en: 'Board', vi: 'Bo mạch' },
  before: { en: 'Before', vi: 'Trước' },
  after: { en: 'After', vi: 'Sau' },
  notSaid: { en: 'not said', vi: 'không cho biết' },
  proof: { en: 'Proof', vi: 'Bằng chứng' },
  boardNow: { en: 'Board now', vi: 'Bo mạch hiện tại' },
  time: { en: 'Time', vi: 'Thời gian' },
  shown: { en: 'Shown: {levels}', vi: 'Đã cho thấy: {levels}' },
  contradicted: { en: 'Contradicted: {levels}', vi: 'Mâu thuẫn: {levels}' },
  summary: { en: '{proven} of {all} boards proven', vi: '{proven} trên {all} bo mạch đã chứng minh' },
  note: { en: 'Note', vi: 'Ghi chú' },
  unitSerial: { en: 'Serial number', vi: 'Số sê-ri' },
  meaning: {
    en: '“Proven” means that what lies in the flash of the board was compared with this firmware, or that the board runs exactly it after a new start. Anything less is named for what it is.',
    vi: '“Đã chứng minh” nghĩa là nội dung trong flash của bo mạch đã được so với firmware này, hoặc bo mạch đang chạy đúng firmware này sau khi khởi động lại. Mức thấp hơn được gọi đúng tên của nó.',
  },
  seal: { en: 'Record of this station', vi: 'Sổ ghi của trạm này' },
  records: { en: 'Records', vi: 'Bản ghi' },
  headHash: { en: 'Head hash', vi: 'Mã băm đầu chuỗi' },
  noHeadHash: { en: 'no record is sealed yet', vi: 'chưa có bản ghi nào được niêm phong' },
  sealMeaning: {
    en: 'Kept outside this computer, this hash shows later whether a record was changed or removed.',
    vi: 'Khi được lưu ngoài máy tính này, mã băm sẽ cho biết sau này có bản ghi nào bị sửa hoặc bị xóa hay không.',
  },
  technician: { en: 'Technician', vi: 'Kỹ thuật viên' },
  customer: { en: 'Customer', vi: 'Khách hàng' },
  signature: { en: 'name, date, signature', vi: 'tên, ngày, chữ ký' },
  madeBy: { en: 'Made by Flashproof {version}', vi: 'Lập bằng Flashproof {version}' },
} as const satisfies Readonly<Record<string, LocalText>>

export type ReportText = keyof typeof reportTexts
